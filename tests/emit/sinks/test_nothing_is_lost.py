"""Alerts through file and syslog while everybody is killed. The long way: pytest -m slow tests/emit."""

import contextlib
import json

import pytest

from detector.config import ToFile
from tests.emit.sinks.battery import QUICK, Rig
from tests.emit.sinks.certificates import make_certificates
from tests.emit.sinks.syslog_servers import Rsyslog, SyslogNg, running
from tests.emit.sinks.test_syslog import options_of
from tests.emit.sinks.torment import torment

WAYS = ["file", "rsyslog tcp", "rsyslog tls", "syslog-ng tcp", "syslog-ng tls"]


@contextlib.contextmanager
def rig_of(way, folder):
    if way == "file":
        path = folder / "alerts.jsonl"
        options = {"path": path, "rotate": {"max_bytes": 300_000, "keep": 10_000}} | QUICK

        def documents():
            older = sorted(folder.glob("alerts.jsonl.*"), key=lambda one: -int(one.suffix[1:]))
            for one in (*older, path):
                yield from map(json.loads, one.read_bytes().splitlines())

        yield Rig(options=lambda **more: ToFile(**options | more), received=list, documents=documents)
        return
    name, transport = way.split()
    certificates = make_certificates(folder)
    with running({"rsyslog": Rsyslog, "syslog-ng": SyslogNg}[name], folder, transport, certificates) as server:
        yield Rig(
            options=lambda **more: options_of(server, **more),
            received=server.ids,
            documents=server.documents,
            stop=server.stop,
            start=server.start,
        )


@pytest.mark.parametrize("way", ["file", "rsyslog tls", "syslog-ng tcp"])
def test_two_thousand_alerts_through_kills(way, tmp_path):
    with rig_of(way, tmp_path) as rig:
        torment(rig, tmp_path, count=2000, faults=2)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_hundred_thousand_alerts_through_kills(way, tmp_path):
    with rig_of(way, tmp_path) as rig:
        torment(rig, tmp_path, count=100_000, faults=40, batch_count=400)
