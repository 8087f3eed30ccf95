"""What all tests share: property tests are judged by what they find, not by how busy the machine is."""

from hypothesis import settings

settings.register_profile("shared_machine", deadline=None)
settings.load_profile("shared_machine")
