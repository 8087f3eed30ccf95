"""The header of a message is taken off, as servers and daemons write it, and nothing of the message with it."""

import polars as pl
import pytest

from detector.collect.formats.envelope import opened, received

MESSAGES = (
    '{"msec":"1772442900.250","remote_addr":"198.51.100.7","request_uri":"/a: [b] <13>"}',
    '198.51.100.7 - dr.martin [02/Mar/2026:09:15:00 +0000] "GET /b HTTP/2.0" 200 812 "-" "-"',
    "2001:db8::7 - - [02/Mar/2026:09:15:00 +0000] x",
)
HEADS = [
    "<190>Nov 22 11:00:00 host nginx: ",
    "<190>Nov 22 11:00:00 nginx: ",  # nginx, nohostname
    "<134>Nov  2 11:00:00 haproxy[123]: ",  # HAProxy, format local
    "<134>Nov 22 11:00:00 2001:db8::1 haproxy[123]: ",
    "<134>1 2026-11-22T11:00:00.123+00:00 host haproxy 123 - - ",
    r'<165>1 2026-11-22T11:00:00Z host app - ID47 [ex@32473 a="x\]y" b="q\"z] - "][foo@1 c="d"] ',
    "<165>1 - - - - - - ",
    "<165>1 2026-11-22T11:00:00.123456Z host app 1 ID47 [e@1] \ufeff",
    "<165>1 2026-11-22T11:00:00Z host app 1 - - \ufeff",
    "2026-11-22T11:00:00.123456+01:00 host nginx: ",  # rsyslog, in a file
    "Nov 22 11:00:00 host nginx[1]: ",
    "<134>",  # HAProxy, format priority
    "<0>",
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("message", MESSAGES)
def test_a_header_is_taken_off(head, message):
    assert opened(pl.Series([head + message])).to_list() == [message]
    if head.startswith("<"):
        assert received(pl.DataFrame({"line": [head + message]}))["line"].to_list() == [message]


@pytest.mark.parametrize("line", [*MESSAGES, "<192>x", "<999>Nov 22 11:00:00 host nginx: x", "", "<>", "<134", "-"])
def test_what_has_no_header_stays(line):
    assert opened(pl.Series([line])).to_list() == [None]
    assert received(pl.DataFrame({"line": [line]}))["line"].to_list() == [line]


def test_structured_data_that_does_not_end_takes_no_message_with_it():
    line = '<165>1 2026-11-22T11:00:00Z host app - - [a b="c] message'
    assert opened(pl.Series([line])).to_list() == ['1 2026-11-22T11:00:00Z host app - - [a b="c] message']
