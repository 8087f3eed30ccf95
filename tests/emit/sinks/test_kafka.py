"""The Kafka sink against librdkafka's mock cluster in another process."""

import pytest

pytest.importorskip("confluent_kafka", reason="the extra kafka is not installed")


from detector.config import ToKafka
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.kafka_cluster import cluster


def options_of(servers, **more):
    quick = {"properties": {"reconnect.backoff.max.ms": 100}, **QUICK}
    return ToKafka(servers=servers, topic="alerts", tls=None, **quick | more)


@pytest.fixture
def brokers():
    with cluster() as here:
        yield here


class TestKafka(Battery):
    @pytest.fixture
    def rig(self, brokers):
        return Rig(
            options=lambda **more: options_of(brokers.servers, **more),
            received=brokers.ids,
            stop=brokers.stop,
            start=brokers.start,
            hang=brokers.hang,
            ordered=False,
        )
