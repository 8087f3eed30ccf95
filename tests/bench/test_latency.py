"""From a line written to its alert in a file, at 5,000 lines a second: pytest -m bench -s tests/bench.

On a machine that others use the median tells of them; `cores` is processor time, and tells of the detector alone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

import pytest

RATE = 5_000
SECONDS, WARM_S = 60, 15
TICKS = 50
ACCOUNTS = 30_000
THEFT_EVERY_S, THEFT_LINES = 0.5, 90
MOST_MEDIAN_S, MOST_P99_S, MOST_CORES = 1.0, 3.0, 0.5
CONFIG = """
input: {max_lateness_s: 0}
portal:
  subjects:
    - path: '^/patients/([^/]+)'
  actions:
    - {action: logon, method: [POST], path: '^/login$', success: [302], failure: [401]}
    - {action: record_view, method: [GET], path: '^/patients/[^/]+/rights$'}
    - {action: claim, method: [POST], path: '^/claims$'}
sinks:
  - {kind: file, path: FOLDER/alerts.jsonl}
"""
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36"
)
WORK = (("GET", "/patients/{person}/rights", 200), ("POST", "/claims", 201), ("GET", "/static/app.js", 304))


class Portal:
    """Writes what 30,000 accounts do, and every half second a thief who reads faster than anyone can."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("ab", buffering=0)
        self.count = self.thefts = 0

    def write(self, seconds: float) -> None:
        """Write at `RATE` lines a second, in `TICKS` pieces each; every line bears the time it was written at."""
        began = time.time()
        for tick in range(round(seconds * TICKS)):
            time.sleep(max(0.0, began + tick / TICKS - time.time()))
            self.file.write(b"".join(self.lines(RATE // TICKS, theft=tick % round(THEFT_EVERY_S * TICKS) == 0)))

    def lines(self, count: int, *, theft: bool) -> list[bytes]:
        if theft:
            self.thefts += 1
        return [self.line(stolen=theft and place < THEFT_LINES) for place in range(count)]

    def line(self, *, stolen: bool) -> bytes:
        self.count += 1
        account = self.count * 7919 % ACCOUNTS if not stolen else ACCOUNTS + self.thefts
        method, path, status = WORK[0 if stolen else self.count % 3]
        told = {
            "time": datetime.now(UTC).isoformat(),
            "remote_addr": f"203.0.{self.thefts % 250}.66" if stolen else f"198.51.100.{account % 250}",
            "remote_user": f"ph{100_000 + account}",
            "request_method": method,
            "request_uri": path.format(person=5 * 10**12 + self.count),
            "status": status,
            "body_bytes_sent": 4_000,
            "http_user_agent": BROWSER,
        }
        return json.dumps(told).encode() + b"\n"


def cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def arrivals(path: Path, seen: dict[str, float]) -> None:
    """Note how long each alert that is new in the file took. Opened ones: the others may say the same again."""
    now = time.time()
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if line.endswith(b"\n"):
            alert = json.loads(line)
            seen.setdefault(alert["event"]["id"], now - datetime.fromisoformat(alert["@timestamp"]).timestamp())


@pytest.mark.bench
def test_an_alert_is_in_the_file_within_a_second_of_its_line(tmp_path):
    (tmp_path / "detector.yml").write_text(CONFIG.replace("FOLDER", str(tmp_path)), "utf-8")
    log = tmp_path / "access.log"
    log.touch()
    command = [sys.executable, "-m", "detector", "tail", "--config", tmp_path / "detector.yml"]
    portal, seen = Portal(log), {}
    with subprocess.Popen([*command, "--state", tmp_path / "state", log], stderr=subprocess.PIPE) as detector:
        try:
            figures = measure(portal, detector.pid, tmp_path / "alerts.jsonl", seen)
        finally:
            detector.send_signal(signal.SIGTERM)
            told = detector.stderr.read().decode()[-2_000:]
    cores, took = figures
    assert len(took) > SECONDS / THEFT_EVERY_S * 0.9, told
    slowest = quantiles(took, n=100)[98]
    print(f"\n{len(took)} alerts: median {median(took):.2f} s, p99 {slowest:.2f} s, {cores:.2f} cores")
    assert median(took) < MOST_MEDIAN_S
    assert slowest < MOST_P99_S
    assert cores < MOST_CORES


def measure(portal: Portal, process: int, alerts: Path, seen: dict[str, float]) -> tuple[float, list[float]]:
    """Return cores used and seconds from line to alert, behind the time it takes to start."""
    done = Event()

    def watch() -> None:
        while not done.wait(0.01):
            arrivals(alerts, seen)

    watcher = Thread(target=watch)
    watcher.start()
    portal.write(WARM_S)
    warm, began, used = len(seen), time.time(), cpu_s(process)
    portal.write(SECONDS)
    cores = (cpu_s(process) - used) / (time.time() - began)
    time.sleep(3)
    done.set()
    watcher.join()
    return cores, list(seen.values())[warm:]
