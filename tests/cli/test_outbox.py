"""Alerts that do not arrive: what a run says, and what `detector outbox` shows and does beside it."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from detector.cli import main
from tests.cli.test_batch import batch, ids

SINKS = """
sinks:
  - kind: syslog
    name: siem
    transport: tcp
    host: 127.0.0.1
    port: {port}
    retry: {{first_s: 0.05, max_s: 0.1}}
outbox: {{max_bytes: 1048576, drain_s: 0.3}}
"""


@pytest.fixture
def siem(tmp_path):
    """A port where nobody listens yet, and the configuration that names it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "detector.yml").write_text(SINKS.format(port=port))
    return port


def outbox(*arguments, given=None):
    return CliRunner().invoke(main, ["outbox", *map(str, arguments)], input=given)


def listed(state):
    return json.loads(outbox("list", "--state", state, "-o", "json").stdout)


def heard(server, got):
    """Take what one connection brings."""
    server.settimeout(30)
    connection, _ = server.accept()
    with connection:
        while part := connection.recv(65536):
            got.append(part)


def test_what_a_batch_cannot_deliver_is_said_kept_and_delivered_by_the_next(log, tmp_path, siem):
    arguments = ["--config", tmp_path / "detector.yml", "--state", tmp_path / "state"]
    first = batch(log, *arguments)
    assert first.exit_code == 5, first.output
    assert re.search(r"WARNING: Alerts not delivered to siem \(.*refused\): \d+\. They wait in the state", first.stderr)
    (standing,) = listed(tmp_path / "state")["sinks"]
    assert (standing["name"], standing["delivered"]) == ("siem", 0)
    assert standing["pending"] > 0
    assert "refused" in standing["last_fault"]
    got, empty = [], tmp_path / "empty.log"
    empty.write_text("")
    settings = tmp_path / "detector.yml"
    settings.write_text(settings.read_text().replace("drain_s: 0.3", "drain_s: 60"))
    with socket.create_server(("127.0.0.1", siem)) as server:
        receiver = threading.Thread(target=heard, args=(server, got))
        receiver.start()
        second = batch(empty, *arguments)
        receiver.join(30)
    assert second.exit_code == 0, second.output
    said = re.findall(r' id="([0-9a-f]{32})"', b"".join(got).decode())
    assert said == ids(batch(log).stdout)
    assert listed(tmp_path / "state")["sinks"][0]["pending"] == 0


def test_without_a_state_they_are_lost_and_that_is_said(log, tmp_path, siem):
    result = batch(log, "--config", tmp_path / "detector.yml")
    assert result.exit_code == 5, result.output
    assert "This run has no --state: they are lost." in result.stderr


def test_it_works_beside_a_tail_that_goes_on_and_ends_when_told(log, tmp_path, siem):
    state = tmp_path / "state"
    arguments = ["--config", tmp_path / "detector.yml", "--state", state, "--from-start"]
    command = [sys.executable, "-m", "detector", "tail", log, *arguments]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(90, process.kill)
    guard.start()
    while "sink fails" not in process.stderr.readline():
        assert process.poll() is None
    shown = outbox("list", "--state", state)
    assert "refused" in shown.stdout
    assert listed(state)["sinks"][0]["pending"] > 0
    asked = outbox("drop", "--state", state, "--sink", "siem", "--pending", given="n\n")
    assert (asked.exit_code, listed(state)["sinks"][0]["dropped"]) == (1, 0)
    dropped = outbox("drop", "--state", state, "--sink", "siem", "--pending", given="y\n")
    assert re.search(r"dropped: 0 dead letters, [1-9]\d* waiting alerts", dropped.output)
    assert listed(state)["sinks"][0]["pending"] == 0
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    guard.cancel()
    assert process.returncode == 0, said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["list", "--state", "nowhere"], 3, "no state directory"),
        (["drop", "--state", "nowhere", "--pending"], 2, "--pending needs --sink"),
        (["retry"], 2, "Missing option '--state'"),
    ],
)
def test_faults_are_a_message_and_a_code(arguments, code, said):
    result = outbox(*arguments)
    assert (result.exit_code, said in result.output) == (code, True)
