from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from detector import schema
from detector.context.session import DAYS, Sessions

START = datetime(2026, 3, 2, tzinfo=UTC)
lines = st.lists(
    st.tuples(st.sampled_from(["s1", "s2", None]), st.sampled_from(["ann", "bob", None]), st.booleans()), max_size=40
)


def events(said):
    return schema.conform(
        pl.DataFrame(
            {
                "@timestamp": [START + timedelta(seconds=row) for row in range(len(said))],
                "portal.session": [session for session, _, _ in said],
                "user.name": [name for _, name, _ in said],
                "portal.action": ["logon" if name and logon else "record_view" for _, name, logon in said],
            },
            schema={"@timestamp": schema.TIME}
            | dict.fromkeys(("portal.session", "user.name", "portal.action"), pl.String),
        ),
        schema.EVENT,
    )


@given(lines, st.integers(0, 40))
def test_a_session_belongs_to_who_logged_on_in_it_however_lines_are_cut(said, cut):
    whole = Sessions(10).attribute(events(said))["user.name"].to_list()
    sessions, parts = Sessions(10), []
    for part in (said[:cut], said[cut:]):
        parts += sessions.attribute(events(part))["user.name"].to_list()
        saved, sessions = sessions.snapshot(), Sessions(10)
        sessions.restore(saved)
    owners, slow = {}, []
    for session, name, logon in said:
        if name and logon and session:
            owners[session] = name
        slow.append(name or (owners.get(session) if session else None))
    assert parts == slow
    assert whole == slow


def test_sessions_are_bounded_and_the_evicted_counted():
    sessions = Sessions(10)
    sessions.attribute(events([(f"s{number}", "ann", True) for number in range(15)]))
    assert sessions.owners.height == 9
    assert sessions.evicted_count == 6


@given(lines, st.integers(1, 3))
def test_however_few_sessions_memory_holds_none_is_forgotten(said, most):
    few, many = Sessions(most), Sessions(1_000)
    for place in range(0, len(said), 3):
        part = events(said[place : place + 3])
        assert few.attribute(part)["user.name"].to_list() == many.attribute(part)["user.name"].to_list()


def test_a_log_on_that_failed_gives_the_session_to_nobody():
    said = events([("s1", "ann", True), ("s1", "bob", True), ("s1", None, False)])
    failed = pl.Series("event.outcome", ["success", "failure", "success"])
    assert Sessions(10).attribute(said.with_columns(failed))["user.name"].to_list() == ["ann", "bob", "ann"]


def test_a_session_is_forgotten_a_month_after_its_log_on():
    few, many = Sessions(1), Sessions(10)
    for one in (few, many):
        one.attribute(events([("s1", "ann", True), ("s2", "bob", True), ("s3", "eve", True)]))
        one.close_day(START + timedelta(days=DAYS, seconds=2))
        told = one.attribute(events([("s1", None, False), ("s2", None, False), ("s3", None, False)]))
        assert told["user.name"].to_list() == [None, None, "eve"]
