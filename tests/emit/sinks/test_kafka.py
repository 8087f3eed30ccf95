"""The Kafka sink against librdkafka's mock cluster in another process."""

import re
import socket
import subprocess
import sys

import pytest
from pydantic import ValidationError

pytest.importorskip("confluent_kafka", reason="the extra kafka is not installed")

from confluent_kafka import KafkaError

from detector.config import ToKafka
from detector.emit.alert import ecs
from detector.emit.sinks import open_sink
from detector.errors import DetectorError
from tests.emit.signals import some
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.certificates import make_certificates
from tests.emit.sinks.kafka_cluster import cluster
from tests.emit.sinks.torment import torment

TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


def options_of(servers, **more):
    quick = {"properties": {"reconnect.backoff.max.ms": 100}, **QUICK}
    return ToKafka(**{"servers": servers, "topic": "alerts", "cleartext": True} | quick | more)


@pytest.fixture
def brokers():
    with cluster() as here:
        yield here


@pytest.fixture
def lone():
    """A topic of one partition: all alerts of a batch in one request."""
    with cluster(partitions=1) as here:
        yield here


def rig_of(brokers):
    return Rig(
        options=lambda **more: options_of(brokers.servers, **more),
        received=brokers.ids,
        documents=brokers.documents,
        stop=brokers.stop,
        start=brokers.start,
        hang=brokers.hang,
        ordered=False,  # but for those of one account
    )


class TestKafka(Battery):
    @pytest.fixture
    def rig(self, brokers):
        return rig_of(brokers)


def test_a_message_has_the_account_as_key_the_id_as_header_and_the_alert_as_value(brokers):
    (alert,) = some(1)
    open_sink(options_of(brokers.servers)).write([alert])
    (message,) = brokers.read()
    assert message.key() == b"u0"
    assert message.headers() == [("event.id", alert.id.encode())]
    (document,) = brokers.documents()
    assert document["user"] == ecs(alert, alert.timestamp)["user"]


def test_alerts_of_one_account_stay_in_order(brokers):
    alerts = [one for n in range(3) for one in some(10)]
    open_sink(options_of(brokers.servers)).write(alerts)
    assert len({one.partition() for one in brokers.read()}) > 1
    assert len({(one.key(), one.partition()) for one in brokers.read()}) == 10


def test_a_batch_that_is_too_large_as_a_whole_is_sent_one_by_one(lone):
    alerts = some(5)
    lone.answer_produce(TOO_LARGE)
    receipt = open_sink(options_of(lone.servers)).write(alerts)
    assert (list(receipt.arrived), receipt.refused) == ([one.id for one in alerts], {})
    assert lone.ids() == [one.id for one in alerts]


def test_only_what_is_too_large_alone_is_a_dead_letter(lone):
    alerts = some(5)
    lone.answer_produce(TOO_LARGE, 0, TOO_LARGE)
    receipt = open_sink(options_of(lone.servers)).write(alerts)
    assert list(receipt.refused) == [alerts[1].id]
    assert "size" in receipt.refused[alerts[1].id]
    assert lone.ids() == [one.id for one in alerts if one != alerts[1]] == list(receipt.arrived)


def test_an_alert_above_our_own_limit_is_a_dead_letter(brokers):
    alerts = some(2)
    sink = open_sink(options_of(brokers.servers, properties={"message.max.bytes": 1000}))
    assert list(sink.write(alerts).refused) == [one.id for one in alerts]


@pytest.mark.parametrize("error", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.POLICY_VIOLATION])
def test_what_an_operator_must_mend_is_a_fault_and_no_dead_letter(lone, error):
    alerts = some(3)
    lone.answer_produce(error)
    sink = open_sink(options_of(lone.servers))
    receipt = sink.write(alerts)
    assert (list(receipt.arrived), receipt.refused) == ([], {})
    assert "Broker" in receipt.fault
    assert len(sink.write(alerts).arrived) == 3


@pytest.mark.parametrize(
    "errors",
    [
        [KafkaError._TRANSPORT],
        [KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT],
        [KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER],
    ],
    ids=["a connection that breaks", "brokers that change", "a sequence that is lost"],
)
def test_what_passes_is_overcome_without_a_repeat(lone, errors):
    lone.answer_produce(*errors)
    alerts, sink, arrived = some(20), open_sink(options_of(lone.servers, timeout_s=10)), set()
    for _ in range(3):
        arrived |= set(sink.write([one for one in alerts if one.id not in arrived]).arrived)
    assert arrived == {one.id for one in alerts}
    assert sorted(lone.ids()) == sorted(arrived)


def test_a_queue_that_is_full_is_waited_for(brokers):
    alerts = some(200)
    sink = open_sink(options_of(brokers.servers, properties={"queue.buffering.max.messages": 3}))
    assert len(sink.write(alerts).arrived) == 200
    assert sorted(brokers.ids()) == sorted(one.id for one in alerts)


def test_nobody_there_is_said_at_once_and_by_name():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    receipt = open_sink(options_of([f"127.0.0.1:{port}"], timeout_s=60)).write(some(1))
    assert f"127.0.0.1:{port}" in receipt.fault
    assert "refused" in receipt.fault


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def tls_of(here, ca="ca.pem"):
    return {"ca_file": here / ca, "client_cert": here / "client.pem", "client_key": here / "client.key"}


def test_tls_with_a_certificate_of_ours(brokers, certificates):
    alerts = some(5)
    with brokers.in_tls(certificates) as servers:
        sink = open_sink(options_of(servers, cleartext=False, tls=tls_of(certificates)))
        assert len(sink.write(alerts).arrived) == 5
    assert sorted(brokers.ids()) == sorted(one.id for one in alerts)


@pytest.mark.parametrize(
    ("host", "wrong", "said"),
    [
        ("127.0.0.1", lambda here: tls_of(here, "other.pem"), "certificate verify failed"),
        ("localhost", tls_of, "certificate verify failed"),
        (
            "127.0.0.1",
            lambda here: {"ca_file": here / "ca.pem"},
            "no answer within",
        ),  # librdkafka says more in its debug log alone
    ],
    ids=["an authority that did not sign", "a name that is not its own", "no certificate of ours"],
)
def test_who_cannot_prove_who_he_is_gets_nothing(brokers, certificates, host, wrong, said):
    with brokers.in_tls(certificates) as servers:
        there = [one.replace("127.0.0.1", host) for one in servers]
        receipt = open_sink(options_of(there, cleartext=False, tls=wrong(certificates))).write(some(1))
        assert (list(receipt.arrived), receipt.refused) == ([], {})
        assert re.search(said, receipt.fault), receipt.fault
    assert brokers.ids() == []


def test_a_broker_without_tls_gets_nothing(brokers, certificates):
    receipt = open_sink(options_of(brokers.servers, cleartext=False, tls=tls_of(certificates))).write(some(1))
    assert "SSL" in receipt.fault
    assert brokers.ids() == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"properties": {"linger": 5}}, 'No such configuration property: "linger"'),
        ({"properties": {"compression.type": "best"}}, "compression"),
        ({"cleartext": False, "tls": {"ca_file": "/nowhere/ca.pem"}}, "/nowhere/ca.pem"),
        ({"sasl": {"username": "portal", "password": {"env": "NO_SUCH_PASSWORD"}}}, "NO_SUCH_PASSWORD"),
    ],
)
def test_what_can_be_seen_before_is_a_fault_of_the_configuration(more, said):
    with pytest.raises(DetectorError, match=said):
        open_sink(options_of(["kafka.example.org:9092"], **more))


@pytest.mark.parametrize(
    "name",
    [
        "acks", "enable.idempotence", "retries", "message.timeout.ms", "transactional.id", "sasl.password",
        "ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification", "plugin.library.paths",
        "delivery.report.only.error", "security.protocol", "bootstrap.servers", "error_cb",
    ],
)  # fmt: skip
def test_no_property_loosens_the_guarantee(name):
    with pytest.raises(ValidationError, match=name):
        options_of(["kafka.example.org:9092"], properties={name: "0"})


def test_the_secret_goes_to_the_library_and_nowhere_else(monkeypatch, brokers):
    monkeypatch.setenv("KAFKA_PASSWORD", "hush-this-is-ours")
    sasl = {"mechanism": "PLAIN", "username": "portal", "password": {"env": "KAFKA_PASSWORD"}}
    sink = open_sink(options_of(brokers.servers, sasl=sasl))  # the mock knows no SASL
    receipt = sink.write(some(1))
    assert receipt.fault
    assert "hush" not in f"{receipt} {sink!r} {sink.options!r}"


CHECK = """
import sys
sys.modules["confluent_kafka"] = None
from detector.cli import main
main(["check", "--config", sys.argv[1]])
"""


def test_check_names_the_extra_that_is_missing(tmp_path):
    path = tmp_path / "detector.yml"
    path.write_text("sinks:\n  - {kind: kafka, servers: ['kafka.example.org:9093'], topic: alerts}\n")
    done = subprocess.run([sys.executable, "-c", CHECK, path], capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"{path}:2: " in done.stderr
    assert "pip install 'portal-detector[kafka]'" in done.stderr


def test_two_thousand_alerts_through_kills(tmp_path):
    with cluster(partitions=8) as brokers:
        torment(rig_of(brokers), tmp_path, count=2000, faults=2, seed=3)


@pytest.mark.slow
def test_a_hundred_thousand_alerts_through_kills(tmp_path):
    with cluster(partitions=100) as brokers:  # the mock keeps 5 MB of each
        torment(rig_of(brokers), tmp_path, count=100_000, faults=40, seed=3, batch_count=400)
