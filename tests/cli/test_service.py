"""`tail` as a service: what a manager hears of it, reloads, stops at any moment; with the real command as a process."""

import json
import os
import queue
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress

import pytest

from tests.cli.in_process import tail
from tests.cli.test_batch import batch, ids
from tests.collect.receive.inlet import until

LIMIT_S = 60


class Manager:
    """A service manager's socket: what was told, in its order."""

    def __init__(self, address: str) -> None:
        self.mail = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.mail.bind(address)
        self.told = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while told := self.mail.recv(65536):
            self.told.put(told.decode())

    def heard(self, sign: str) -> str:
        """Wait for a message that holds `sign`."""
        while sign not in (told := self.told.get(timeout=LIMIT_S)):
            pass
        return told


@pytest.fixture
def manager(request, tmp_path):
    name = (
        f"{tmp_path}/notify"
        if getattr(request, "param", "path") == "path"
        else f"\0detector-{os.getpid()}-{tmp_path.name}"
    )
    found = Manager(name)
    found.name = name.replace("\0", "@")
    yield found
    found.mail.shutdown(socket.SHUT_RD)
    found.mail.close()


@pytest.fixture
def started():
    """Start commands, and leave none behind."""
    processes = []

    def start(arguments, **environment):
        process = subprocess.Popen(arguments, stderr=subprocess.PIPE, env={**os.environ, **environment})
        processes.append((process, threading.Timer(LIMIT_S, process.kill)))
        processes[-1][1].start()
        return process

    yield start
    for process, guard in processes:
        guard.cancel()
        process.kill()
        process.wait()
        process.stderr.close()


def until_said(process, sign: bytes) -> bytes:
    said = b""
    while sign not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def test_a_manager_hears_of_start_watchdog_reloads_and_stop(log, tmp_path, manager, started):
    settings = tmp_path / "c.yml"
    settings.write_text("log: {format: json}\n")
    live = tail(log, tmp_path, "--from-start", "--config", str(settings), "--rejects", str(tmp_path / "r.jsonl"))
    process = started(live, NOTIFY_SOCKET=manager.name, WATCHDOG_USEC="800000")
    manager.heard("READY=1")
    assert (tmp_path / "state" / "lock").exists()
    manager.heard("lines/s")
    for _ in range(3):
        manager.heard("WATCHDOG=1")
    until(lambda: any(one.stat().st_size for one in tmp_path.glob("alerts.jsonl")))
    (tmp_path / "alerts.jsonl").rename(tmp_path / "alerts.1")
    (tmp_path / "r.jsonl").rename(tmp_path / "r.1")

    settings.write_text("models:\n  none_of_these: 1\nincidents: {quiet_s: soon}\n")
    process.send_signal(signal.SIGHUP)
    assert manager.heard("RELOADING=1").startswith("RELOADING=1\nMONOTONIC_USEC=")
    manager.heard("READY=1")
    status = manager.heard("STATUS=")
    assert f"the former stays: {settings}:2: " in status
    assert "(and 1 more)" in status
    faults = [json.loads(until_said(process, b'"fault"').splitlines()[-1]) for _ in range(2)]
    assert {one["log.level"] for one in faults} == {"error"}
    assert [one["labels"]["fault"].split(": ")[0] for one in faults] == [f"{settings}:2", f"{settings}:3"]

    settings.write_text("")
    process.send_signal(signal.SIGHUP)
    manager.heard("RELOADING=1")
    manager.heard("READY=1")
    assert "the former stays" not in manager.heard("STATUS=")
    assert (tmp_path / "r.jsonl").exists()
    process.send_signal(signal.SIGTERM)
    manager.heard("STOPPING=1")
    assert process.wait() == 0
    found = ids("".join(one.read_text() for one in tmp_path.glob("alerts.*")))
    assert 0 < len(found) == len(set(found))


def test_the_journal_is_told_how_grave_a_line_is(log, tmp_path, started):
    arguments = tail(tmp_path / "later.log", tmp_path, "--idle-exit", "0")
    reading, writing = os.pipe()
    found = os.fstat(writing)
    told = f"{found.st_dev}:{found.st_ino}"
    subprocess.run(arguments, stderr=writing, env={**os.environ, "JOURNAL_STREAM": told}, check=True)
    assert os.read(reading, 65536).startswith(b"<4>time=")
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("manager", ["abstract"], indirect=True)
def test_the_second_stop_is_at_once(log, tmp_path, manager, started):
    """A sink that hangs holds the end of the run up; whoever asks twice does not wait for it."""
    os.mkfifo(tmp_path / "alerts.jsonl")
    holder = os.open(tmp_path / "alerts.jsonl", os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:  # nobody reads the pipe, and it is full
            os.write(holder, bytes(4096))
    process = started(tail(log, tmp_path, "--from-start"), NOTIFY_SOCKET=manager.name, JOURNAL_STREAM="1:1")
    manager.heard("alerts wait")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 0
    assert b"<4>" not in said
    assert said.endswith(b"stopped at once: what is not saved is read again\n")
    os.close(holder)


HUNG_UP = """
import os, signal
from detector import cli

answer = cli.main
def hung_up(**how):
    os.kill(os.getpid(), signal.SIGHUP)
    answer(**how)
cli.main = hung_up

from detector.__main__ import main
main()
"""
"""The command, asked to reload when it has hardly begun."""


def test_a_reload_asked_before_a_start_is_no_reason_to_die(log, tmp_path, started):
    process = started([sys.executable, "-c", HUNG_UP, *tail(log, tmp_path, "--from-start", "--once")[3:]])
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert ids((tmp_path / "alerts.jsonl").read_text())


def test_a_stop_before_anything_is_read_ends_a_start(log, tmp_path, started):
    os.mkfifo(tmp_path / "c.yml")
    process = started(tail(log, tmp_path, "--config", str(tmp_path / "c.yml")))
    with (tmp_path / "c.yml").open("wb"):  # opens when the command reads
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert process.stderr.read() == b"detector: stopped before it began\n"


def test_a_stop_waits_for_nobody_to_read_what_is_said(tmp_path):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:  # until it is full
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    process = subprocess.Popen(tail(tmp_path / "later.log", tmp_path), stderr=writing)  # of which it would warn
    try:
        until((tmp_path / "state").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


def kept(folder):
    """All rows that a state holds, as SQL."""
    with closing(sqlite3.connect(folder / "state.sqlite")) as database:
        return sorted(line for line in database.iterdump() if line.startswith("INSERT"))


def test_an_interrupted_batch_says_so_and_leaves_the_state_as_it_was(log, tmp_path, started):
    slow = tmp_path / "slow.log"
    os.mkfifo(slow)
    command = [sys.executable, "-m", "detector", "batch", "--state", str(tmp_path / "state")]
    command += ["--alerts", str(tmp_path / "a.jsonl")]
    assert batch(*command[4:], log).exit_code == 0
    before = kept(tmp_path / "state")
    process = started([*command, str(slow)])
    with slow.open("wb") as writer:  # opens when the command reads
        process.send_signal(signal.SIGINT)
        writer.flush()
    assert process.wait() == 130
    said = process.stderr.read().decode()
    assert "interrupted; the state is as it was before" in said
    assert "Traceback" not in said
    assert len(before) > 20
    assert kept(tmp_path / "state") == before
