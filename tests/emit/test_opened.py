from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.config import Config
from detector.emit.incident import Incidents
from detector.emit.opened import Opened
from tests.emit.signals import NOON, frame, signal

TURNS = st.lists(st.tuples(st.sampled_from(["hear", "drop", "quiet"]), st.integers(0, 4), st.integers(0, 50)))


def episode_of(name: str, minute: int):
    incidents = Incidents(Config())
    incidents.admit(frame(signal(minute, name, level="high")), lambda *_: 0, None)
    return next(iter(incidents._open.by_key.values()))


@settings(max_examples=30, deadline=None)
@given(TURNS)
def test_those_that_are_quiet_are_found_as_by_looking_at_all(turns):
    opened = Opened()
    for turn, number, minute in turns:
        held = opened.by_key.get(f"user.name=u{number}")
        if turn == "hear" and held is None:
            opened.add(episode_of(f"u{number}", minute))
        elif turn == "hear":
            held.last = max(held.last, NOON + timedelta(minutes=minute))
        elif turn == "drop" and held is not None:
            opened.drop(held)
        elif turn == "quiet":
            since = NOON + timedelta(minutes=minute)
            expected = sorted((one.last, one.key) for one in opened.by_key.values() if one.last <= since)
            found = opened.quiet(since)
            assert [(one.last, one.key) for one in found] == expected
            for one in found:
                opened.drop(one)


def test_what_was_dropped_and_opened_anew_is_found_once():
    opened = Opened()
    for minute in (0, 5):
        episode = episode_of("u1", minute)
        opened.add(episode)
        if not minute:
            opened.drop(episode)
    assert opened.quiet(NOON + timedelta(minutes=4)) == []
    assert opened.quiet(NOON + timedelta(minutes=5)) == [episode]


def test_those_of_several_accounts_are_found_by_any_of_them_until_they_close():
    opened, episode = Opened(), episode_of("u1", 0)
    opened.add(episode)
    assert opened.naming("u2") == set()
    episode.together = ["u2", "u3"]
    opened.note(episode)
    assert opened.naming("u2") == {episode.id}
    assert Opened([episode]).naming("u3") == {episode.id}
    opened.drop(episode)
    assert opened.naming("u2") == set()
