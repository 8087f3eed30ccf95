"""A reload is a stop and a start under the new configuration: same lines, same alerts, none lost, none twice."""

import json
import threading

import pytest

from detector import config
from detector.emit.sinks.file import FileSink
from detector.errors import Fault, FaultsError
from detector.lab.simulate import simulate
from detector.pipeline import Pipeline
from detector.pipeline.flow import Setup
from detector.pipeline.live import tail
from detector.pipeline.notify import Manager
from detector.pipeline.reload import reload
from detector.pipeline.service import Service
from tests.emit.queue import Memory


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portal")
    simulate(folder, seed=77, accounts=20, days=4, attacks=("smash_and_grab", "stuffing"), size=0.05)
    return folder


def setups(portal, alerts):
    """The configuration before, and one that differs in what detection, reading and delivery do."""
    loaded = config.load(portal / "detector.yml")
    wider = loaded.input.model_copy(update={"max_lateness_s": 20.0, "chunk_bytes": 100_000})
    shorter = loaded.incidents.model_copy(update={"quiet_h": 6.0})
    strict = loaded.models.model_copy(update={"budget_per_1000_account_days": 40.0})
    changed = loaded.model_copy(update={"input": wider, "incidents": shorter, "models": strict})
    kept = config.ToFile(path=alerts)
    return [lambda one=one: Setup(config=one, sinks=[FileSink(kept)]) for one in (loaded, changed)]


def started(portal, folder, setup, attend):
    made = setup()
    return Pipeline(made.config, state=folder / "state", sinks=made.sinks, attend=attend)


def ids(path):
    return [json.loads(line)["event"]["id"] for line in path.read_bytes().splitlines()]


def halves(portal):
    body = (portal / "access.log").read_bytes()
    cut = body.rindex(b"\n", 0, len(body) * 6 // 10) + 1
    return body[:cut], body[cut:]


def restarted(portal, folder):
    first, second = halves(portal)
    before, after = setups(portal, folder / "alerts.jsonl")
    log, service = folder / "access.log", Service()
    log.write_bytes(first)
    tail(started(portal, folder, before, stopping(service)), [log], from_start=True, service=service)
    with log.open("ab") as file:
        file.write(second)
    tail(started(portal, folder, after, None), [log], once=True)
    return ids(folder / "alerts.jsonl")


def stopping(service):
    """Ask for a stop when all was read."""

    def attend(pipeline, ended):
        if not ended and pipeline.positions and pipeline.detection.seen is not None:
            service.stop()

    return attend


def reloaded(portal, folder, faulty=False):
    first, second = halves(portal)
    before, after = setups(portal, folder / "alerts.jsonl")
    log, service = folder / "access.log", Service()
    log.write_bytes(first)
    asked = []

    def renew():
        asked.append(True)
        if faulty and len(asked) == 1:
            service.reload()
            raise FaultsError([Fault("c.yml", 3, "no such key")])
        with log.open("ab") as file:
            file.write(second)
        return after()

    def attend(pipeline, ended):
        if not asked and pipeline.detection.seen is not None:
            service.reload()

    pipeline = started(portal, folder, before, attend)
    tail(pipeline, [log], from_start=True, idle_exit_s=0.0, service=service, renew=renew)
    return pipeline, ids(folder / "alerts.jsonl")


@pytest.mark.parametrize("faulty", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_reload_gives_the_alerts_of_a_restart(portal, tmp_path, faulty):
    (tmp_path / "restart").mkdir()
    (tmp_path / "reload").mkdir()
    expected = restarted(portal, tmp_path / "restart")
    pipeline, found = reloaded(portal, tmp_path / "reload", faulty)
    assert sorted(found) == sorted(expected)
    assert len(expected) >= 3
    assert pipeline.telemetry.counts["reloads"] == 1
    assert pipeline.telemetry.counts["reloads_refused"] == faulty
    assert pipeline.telemetry.lines == sum(part.count(b"\n") for part in halves(portal))


def test_a_stop_does_not_wait_for_a_sink_that_hangs(portal, tmp_path):
    forever, service, waited = threading.Event(), Service(), list[bool]()
    sink = Memory("hangs", [lambda alerts: waited.append(forever.wait(60))] * 99)
    loaded = config.load(portal / "detector.yml")
    pipeline = Pipeline(loaded, state=tmp_path / "state", sinks=[sink], attend=stopping(service))
    tail(pipeline, [portal / "access.log"], from_start=True, service=service)
    assert waited == []
    assert pipeline.telemetry.sinks[0].pending > 0
    forever.set()


def test_a_loop_that_hangs_is_silent_for_the_watchdog(portal, tmp_path):
    """It is not enough that the process is there: only a step of the loop tells the manager that it turns."""
    told, hangs, on = [], threading.Event(), threading.Event()

    class Heard(Manager):
        def _send(self, *said):
            told.extend(said)

    service = Service(Heard({"NOTIFY_SOCKET": "@nobody", "WATCHDOG_USEC": "4"}))

    def attend(pipeline, ended):
        if not ended and not hangs.is_set():
            hangs.set()
            on.wait(60)
            service.stop()

    pipeline = Pipeline(config.load(portal / "detector.yml"), state=tmp_path / "state", attend=attend)
    running = threading.Thread(target=tail, args=(pipeline, [portal / "access.log"]), kwargs={"service": service})
    running.start()
    assert hangs.wait(60)
    pings = told.count("WATCHDOG=1")
    assert not on.wait(0.05)
    assert told.count("WATCHDOG=1") == pings
    on.set()
    running.join(60)
    assert told[-1] == "WATCHDOG=1" or "STOPPING=1" in told


RULE = """title: Everything is told
id: 5b0a3c0e-6d1f-4c57-9a53-0e4b8f1d2c01
status: test
level: high
logsource: {category: webserver}
detection:
    selection: {event.outcome: success}
    condition: selection
"""


def rules_told(path):
    return {json.loads(line)["rule"]["name"] for line in path.read_bytes().splitlines()}


def plain(portal, **changes):
    """Only what rules find, with an incident's alerts for each rule that joins it."""
    loaded = config.load(portal / "detector.yml")
    off = loaded.models.model_copy(update={"enabled": False})
    return loaded.model_copy(update={"models": off, **changes})


def read(portal, folder, rules, attend=None, **further):
    sink = FileSink(config.ToFile(path=folder / "alerts.jsonl"))
    pipeline = Pipeline(plain(portal), state=folder / "state", rules_folders=[rules], sinks=[sink], attend=attend)
    tail(pipeline, [folder / "access.log"], from_start=True, **further)
    return pipeline


class KilledError(Exception):
    pass


def killed(portal, folder, rules):
    """Die once all is read: what was observed is in the journal alone."""

    def attend(pipeline, ended):
        if not ended and pipeline.detection.seen is not None:
            raise KilledError

    with pytest.raises(KilledError):
        read(portal, folder, rules, attend)


def test_a_rule_added_between_a_kill_and_the_restart_is_told_of_what_is_observed_again(portal, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (tmp_path / "access.log").write_bytes(halves(portal)[0])
    killed(portal, tmp_path, rules)
    assert "Everything is told" not in rules_told(tmp_path / "alerts.jsonl")
    (rules / "new.yml").write_text(RULE)
    pipeline = read(portal, tmp_path, rules, once=True)
    assert pipeline.telemetry.lines < 50  # those that were held
    assert "Everything is told" in rules_told(tmp_path / "alerts.jsonl")
    found = ids(tmp_path / "alerts.jsonl")
    assert len(found) == len(set(found))


def test_broken_rules_do_not_stop_who_falls_back_to_the_last_commit(portal, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "new.yml").write_text(RULE)
    (tmp_path / "access.log").write_bytes(halves(portal)[0])
    pipeline = Pipeline(plain(portal), state=tmp_path / "state", rules_folders=[rules])
    (rules / "new.yml").write_text("title: broken")
    before = pipeline.detection.rules
    pipeline.fall_back()
    assert pipeline.detection.rules is not before
    assert pipeline.detection.rules.catalogue == before.catalogue
    pipeline.checkpoint.close()


def test_faults_of_rules_and_of_what_the_configuration_names_are_told_at_once(portal, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    loaded = config.load(portal / "detector.yml")
    pipeline = Pipeline(loaded, state=tmp_path / "state", rules_folders=[rules])
    (rules / "wrong.yml").write_text("title: Wrong\n", "utf-8")
    none = loaded.accounts.model_copy(update={"file": tmp_path / "none.csv"})
    unknown = loaded.rules.model_copy(update={"disabled": ("nope",)})
    said = reload(pipeline, lambda: Setup(config=loaded.model_copy(update={"accounts": none, "rules": unknown})))
    assert said.endswith("(and 2 more)")
    assert pipeline.telemetry.reload_faults == 3
    pipeline.checkpoint.close()
