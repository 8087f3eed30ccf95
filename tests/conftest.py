"""What all tests share: property tests are judged by what they find, not by how busy the machine is.

They try the same examples on every run, so that no change fails by another's luck. `HYPOTHESIS_TIMES=30 pytest` is how
luck is sought: thirty times as many examples, other ones on every run.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("HYPOTHESIS_TIMES", "0"))

settings.register_profile("other_examples", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same_examples", settings.get_profile("other_examples"), derandomize=True, max_examples=25)
settings.load_profile("other_examples" if TIMES else "same_examples")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for test in {getattr(item, "obj", None) for item in items} if TIMES else ():
        if (own := getattr(test, "_hypothesis_internal_use_settings", None)) is not None:  # there is no public name
            test._hypothesis_internal_use_settings = settings(own, max_examples=own.max_examples * TIMES)
