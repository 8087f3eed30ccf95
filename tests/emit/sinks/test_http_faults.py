"""Every fault there is on the way to a receiver over HTTP: no alert is lost, none altered, repeats have the same id."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import yaml

from detector import clock, config
from detector.emit.alert import Alert, render
from detector.emit.sinks import open_sink
from tests.emit.queue import State
from tests.emit.signals import NOON, some
from tests.emit.sinks.battery import QUICK, deliver, until
from tests.emit.sinks.http_receiver import Receiver
from tests.emit.sinks.http_vendors import TOKEN, Elasticsearch, Sentinel, SplunkHec, Webhook

ROOT = Path(__file__).parents[3]
FAULTS = (429, 503, 500, "reset_reading", "reset_answering", "cut", "lie", "slow_read", "drip")
"""Those that pass by themselves."""

ONE = some(1)[0]


def many(count: int) -> list[Alert]:
    """Alerts of as many accounts, with names that formats must escape."""
    names = ("u%d", 'o"neill\\%d', "zoë %d", "a\tb\u202e%d")
    return [
        replace(
            ONE,
            id=hashlib.sha256(str(n).encode()).hexdigest()[:32],
            incident_id=f"incident-{n}",
            account=names[n % 4] % n,
            users=(names[n % 4] % n,),
            message=f"account {names[n % 4] % n} displayed {n} records in 5 min, usually 6",
        )
        for n in range(count)
    ]


def content(document: Any) -> bytes:
    """Return the digest of a document without the moment of writing, which each repeat has anew."""
    document.pop("created", None)
    for part, name in (("event", "created"), ("AdditionalFields", "Created")):
        if isinstance(document.get(part), dict):
            document[part].pop(name)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()


def asked(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "timeout_s": 1.0, "retry": QUICK["retry"]} | more


def to_hec(receiver: Receiver, secret: dict[str, str]) -> dict[str, Any]:
    return asked(receiver.url, kind="splunk_hec", token=secret)


def to_hec_acknowledged(receiver: Receiver, secret: dict[str, str]) -> dict[str, Any]:
    return to_hec(receiver, secret) | {"acknowledge": True, "acknowledge_s": 2.0}


def to_elasticsearch(receiver: Receiver, secret: dict[str, str]) -> dict[str, Any]:
    return asked(receiver.url, kind="elasticsearch", api_key=secret)


def to_webhook(receiver: Receiver, secret: dict[str, str]) -> dict[str, Any]:
    return asked(receiver.url, kind="webhook", signature={"secret": secret})


def to_sentinel(receiver: Receiver, secret: dict[str, str]) -> dict[str, Any]:
    named = {"rule": Sentinel.rule, "tenant": "contoso.example.org", "client_id": Sentinel.client}
    return asked(receiver.url, kind="sentinel", authority=receiver.url, client_secret=secret, **named)


class Target(NamedTuple):
    receiver: Callable[[], Receiver]
    options: Callable[[Receiver, dict[str, str]], dict[str, Any]]
    secret: str
    form: str
    inside: Callable[[Any], Any] = lambda document: document
    faulty: float = 0.03
    """Of the requests of the long run: a webhook has one an alert."""


TARGETS = {
    "splunk_hec": Target(SplunkHec, to_hec, TOKEN, "cim", lambda event: event["event"]),
    "splunk_hec acknowledged": Target(
        lambda: SplunkHec(acknowledgement=True), to_hec_acknowledged, TOKEN, "cim", lambda event: event["event"]
    ),
    "elasticsearch": Target(Elasticsearch, to_elasticsearch, Elasticsearch.api_key, "ecs"),
    "webhook": Target(Webhook, to_webhook, Webhook.secret, "ecs", faulty=0.003),
    "sentinel": Target(Sentinel, to_sentinel, Sentinel.secret, "asim"),
}


class Trial:
    """A receiver that is unlucky, an outbox full of alerts, and the books of what arrived."""

    def __init__(self, target: Target, folder: Path, count: int, seed: int, faulty: bool, **more: Any) -> None:
        self.folder, self.target, self.alerts = folder, target, many(count)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.got: Counter[tuple[str, bytes]] = Counter()
        self.receiver, chance = target.receiver(), random.Random(seed)
        self.receiver.take = lambda one, document: self.got.update([(one, content(target.inside(document)))])
        self.receiver.chance = lambda: chance.choice(FAULTS) if faulty and chance.random() < target.faulty else ""
        some_ids = chance.sample([one.id for one in self.alerts], 12)
        self.receiver.refused.update(some_ids[:6])
        self.receiver.to_send_back.update(some_ids[6:])
        self.receiver.start()
        (folder / "secret").write_text(target.secret)
        told = target.options(self.receiver, {"file": str(folder / "secret")}) | more
        (folder / "config.yml").write_text(yaml.safe_dump({"sinks": [told]}))
        (self.options,) = config.load(folder / "config.yml").sinks
        self.state = State(folder)
        self.state.outbox.begin([self.options])
        self.state.put(self.alerts)

    def close(self) -> None:
        for one in self.processes:
            one.kill()
            one.wait(20)
        self.receiver.stop()
        self.state.close()

    def judge(self) -> None:
        wanted = {
            one.id: content(json.loads(render(self.target.form, one, NOON)))
            for one in self.alerts
            if one.id not in self.receiver.refused
        }
        assert {one for one, _ in self.got} == set(wanted), "lost, or made up"
        assert [one for one, digest in self.got if wanted[one] != digest] == [], "altered"
        letters = self.state.db.execute("SELECT o.id FROM ledger.held AS h JOIN outbox AS o USING (seq) WHERE h.dead")
        assert {one for (one,) in letters} == self.receiver.refused

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(Path(__file__).with_name("delivering.py"))]
        with (self.folder / "stderr").open("ab") as said:
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            told = [str(self.folder / "config.yml"), str(self.folder)]
            self.processes.append(subprocess.Popen([*command, *told], env=environment, stderr=said))
        return self.processes[-1]


@pytest.fixture(params=TARGETS)
def trial(request, tmp_path):
    def begin(*numbers: Any, **more: Any) -> Trial:
        trials.append(Trial(TARGETS[request.param], tmp_path, *numbers, **more))
        return trials[-1]

    trials: list[Trial] = []
    yield begin
    for one in trials:
        one.close()


def test_two_thousand_alerts_arrive_through_every_fault(trial):
    it = trial(2000, 1, False, batch_count=100, timeout_s=0.3)
    it.receiver.faults.extend(one for fault in FAULTS for one in (fault, ""))
    figures = deliver(it.state, open_sink(it.options))
    it.judge()
    assert (figures.delivered, figures.dead_letters, figures.pending) == (1994, 6, 0)
    assert figures.faults >= len(FAULTS) - 1
    assert not it.receiver.faults


@pytest.mark.slow
def test_a_hundred_thousand_alerts_arrive_through_faults_and_kills(trial):
    it = trial(100_000, 7, True, batch_count=500)
    chance = random.Random(3)
    for part in range(1, 9):
        wanted = part * 11_000 + chance.randrange(1000)
        process = it.start()
        until(lambda wanted=wanted: len(it.got) >= wanted, 600)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert it.start().wait(900) == 0, (it.folder / "stderr").read_text()
    it.judge()
    repeats = sum(it.got.values()) - len(it.got)
    print(f"{it.options.kind}: {repeats:,} repeats of {len(it.got):,}")


@pytest.mark.bench
@pytest.mark.parametrize("name", ["splunk_hec", "elasticsearch"])
def test_two_thousand_alerts_a_second(name, tmp_path):
    target, alerts = TARGETS[name], many(20_000)
    (tmp_path / "secret").write_text(target.secret)
    command = [sys.executable, str(Path(__file__).with_name("receiving.py")), target.receiver.__name__]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        told = target.options(SimpleNamespace(url=url), {"file": str(tmp_path / "secret")})
        (tmp_path / "config.yml").write_text(yaml.safe_dump({"sinks": [told]}))
        (options,) = config.load(tmp_path / "config.yml").sinks
        state = State(tmp_path)
        state.outbox.begin([options])
        state.put(alerts)
        began = clock.monotonic_s()
        assert deliver(state, open_sink(options)).delivered == len(alerts)
        rate = len(alerts) / (clock.monotonic_s() - began)
        state.close()
        assert process.communicate("")[0].strip() == str(len(alerts))
    print(f"{name}: {rate:,.0f} alerts a second")
    assert rate > 2000
