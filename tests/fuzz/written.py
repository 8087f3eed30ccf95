"""An alert whose every text an attacker worded is one line in every format, and reads back as that format says."""

import json
from dataclasses import replace

from detector.emit.alert import FORMATS, Alert, render
from detector.emit.alert.fit import MOST_BYTES
from tests.emit.alert.reading import read_cef, read_leef
from tests.emit.alert.samples import WRITTEN, alerts
from tests.emit.alert.test_cef import assert_cef
from tests.emit.alert.test_leef import assert_leef

OF_AN_ALERT = 12
"""Lines of the input that word one alert."""
READ_BACK = {
    "cef": lambda line: assert_cef(read_cef(line)),
    "leef": lambda line: assert_leef(read_leef(line)),
}


def written(data: bytes) -> int:
    """Word an alert by every few lines, write it in all formats, and read it back."""
    words = data.decode("utf-8", "replace").split("\n")
    shapes = alerts()
    for at in range(0, len(words), OF_AN_ALERT):
        alert = _worded(shapes[at % len(shapes)], words[at : at + OF_AN_ALERT])
        for form in FORMATS:
            _check(form, render(form, alert, WRITTEN))
    return len(words)


def _worded(alert: Alert, words: list[str]) -> Alert:
    first, second, *others = (words * 3)[: max(3, len(words))]
    return replace(
        alert,
        account=first,
        users=tuple(words),
        source_ip=second,
        ips=(*alert.ips, *words),
        client=others[0],
        network=second,
        message=first + "\n" + second,
        next_step=others[-1],
        rule_id=first or "-",
        rule_name=second or "-",
        reasons=tuple(replace(one, feature=word, text=word + first) for one in alert.reasons for word in words),
    )


def _check(form: str, line: bytes) -> None:
    text = line.decode()
    assert len(line) <= MOST_BYTES, f"{form}: longer than fits"
    assert (text.replace("\t", "") if form == "leef" else text).isprintable(), f"{form}: a character that steers"
    if form in READ_BACK:
        READ_BACK[form](text)
    elif form != "text":
        assert line.isascii(), f"{form}: not ASCII"
        assert isinstance(json.loads(line), dict), f"{form}: no object"
