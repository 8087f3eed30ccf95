"""Alerts to a topic of Kafka."""

from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from detector import clock
from detector.config import Tls, ToKafka
from detector.config.sinks.messaging import Sasl
from detector.emit.alert import Alert, render
from detector.emit.sinks import Receipt
from detector.emit.sinks.secure import read_secret, tls_context
from detector.errors import DetectorError
from detector.telemetry import log

HEADER: Final = "event.id"
"""Holds the id of the alert: the same when it is sent again."""

_TOO_LARGE: Final = KafkaError.MSG_SIZE_TOO_LARGE
_NEVER: Final = (_TOO_LARGE, KafkaError.INVALID_RECORD)
"""What a broker will never take, however often it is sent."""

_HOPELESS: Final = (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION)
"""After these the rest of the batch need not be waited for."""

_LOOK_S: Final = 0.1

_CRITICAL: Final = 2
"""What librdkafka logs of itself (a level of syslog). The rest reaches us as errors, told once, by the courier."""

Outcome = dict[str, KafkaError | None]
"""What became of alerts, by id: None where the cluster has it. One that nothing was said of is not in it."""


class KafkaSink:
    """Messages of which the account is the key, so that alerts of one account stay in order.

    Delivery: in all replicas that are in sync (`acks=all`), once each while the producer lives (idempotence). After a
    fault it is made anew, with secrets read again, and what was not reported is sent once more, with the same id.
    """

    def __init__(self, options: ToKafka) -> None:
        self.options = options
        self._said, self._hopeless = "", False
        self._producer: Producer | None = None
        self._opened(servers=())

    def write(self, alerts: Sequence[Alert]) -> Receipt:
        """Send `alerts` and wait for the report of each."""
        end = clock.monotonic_s() + self.options.timeout_s
        producer = self._ready()
        told = self._send(producer, alerts, end)
        if len(alerts) > 1:  # a broker refuses a batch that is too large as a whole
            for one in [one for one in alerts if _is(told.get(one.id), _TOO_LARGE)]:
                del told[one.id]
                told |= self._send(producer, [one], end)
        receipt = self._receipt(alerts, told)
        if receipt.fault:
            self.close()
        return receipt

    def close(self) -> None:
        """Let go of the producer, and of what was not reported."""
        if self._producer is not None:
            self._producer.purge()
        self._producer = None

    def _send(self, producer: Producer, alerts: Sequence[Alert], end: float) -> Outcome:
        told: Outcome = {}
        for one in alerts:
            self._put(producer, one, told, end)
        while self._serve(producer) and self._worth_waiting(end):
            pass
        return told

    def _put(self, producer: Producer, alert: Alert, told: Outcome, end: float) -> None:
        """Give one alert to the producer, once there is room. What becomes of it is noted in `told`."""
        value = render(self.options.format, alert, clock.now())
        while self._worth_waiting(end):
            try:
                return producer.produce(
                    self.options.topic,
                    value,
                    key=alert.account or alert.incident_id,
                    headers=[(HEADER, alert.id)],
                    on_delivery=lambda error, _: told.__setitem__(alert.id, error),
                )
            except BufferError:
                self._serve(producer)
            except KafkaException as fault:
                told[alert.id] = fault.args[0]
                return None
        return None

    def _serve(self, producer: Producer, within_s: float = _LOOK_S) -> int:
        """Let the producer report for a while, and return how many reports are still to come."""
        try:
            return producer.flush(within_s)
        except KafkaException as fault:  # fatal: it has lost count of what the brokers have, and sends nothing more
            self._said, self._hopeless = fault.args[0].str(), True
            return len(producer)

    def _worth_waiting(self, end: float) -> bool:
        return not self._hopeless and clock.monotonic_s() < end

    def _receipt(self, alerts: Sequence[Alert], told: Outcome) -> Receipt:
        arrived = [one for one, error in told.items() if error is None]
        refused = {one: error.str() for one, error in told.items() if error is not None and error.code() in _NEVER}
        faults = [error.str() for one, error in told.items() if error is not None and one not in refused]
        fault = ""
        if len(arrived) + len(refused) < len(alerts):
            fault = self._said or next(iter(faults), f"no answer within {self.options.timeout_s:g} s")
        return Receipt(arrived=arrived, refused=refused, fault=fault)

    def _ready(self) -> Producer:
        """Return a producer that has not given up."""
        if self._producer is not None:
            self._serve(self._producer, 0)
        if self._hopeless:  # its brokers went away since the last batch: it would wait long before it tries again
            self.close()
        self._said, self._hopeless = "", False
        self._producer = self._producer or self._opened(self.options.servers)
        return self._producer

    def _opened(self, servers: Sequence[str]) -> Producer:
        """Return a producer; without `servers` it calls nobody. Raises: DetectorError for a property at fault."""
        settings = _settings(self.options) | {"bootstrap.servers": ",".join(servers), "error_cb": self._hear}
        try:
            return Producer(settings, logger=log.getChild("librdkafka"))
        except (KafkaException, TypeError, ValueError) as fault:
            told = fault.args[0].str() if isinstance(fault, KafkaException) else fault
            raise DetectorError(f"sink {self.options.label}: {told}") from None

    def _hear(self, error: KafkaError) -> None:
        """Note what befalls the whole producer."""
        self._hopeless = self._hopeless or error.code() in _HOPELESS or error.fatal()
        if not _is(error, KafkaError._ALL_BROKERS_DOWN):  # which says nothing of why
            self._said = error.str()


def _is(error: KafkaError | None, code: int) -> bool:
    return error is not None and error.code() == code


def _settings(options: ToKafka) -> dict[str, Any]:
    """Return the properties of librdkafka. Raises: DetectorError for a secret or a certificate that is not there."""
    safe = ("sasl_" if options.sasl else "") + ("plaintext" if options.cleartext else "ssl")
    given = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in options.properties.items()
    }
    return (
        {"client.id": "portal-detector", "partitioner": "murmur2_random", "log_level": _CRITICAL}
        | given
        | {
            "security.protocol": safe,
            "enable.idempotence": "true",
            "acks": "all",
            "message.timeout.ms": int(options.timeout_s * 1000),
        }
        | ({} if options.cleartext else _tls(options.tls))
        | (_sasl(options.sasl) if options.sasl else {})
    )


def _tls(tls: Tls) -> dict[str, str]:
    tls_context(tls)  # says which file is at fault, where librdkafka names none
    files = {
        "ssl.ca.location": tls.ca_file,
        "ssl.certificate.location": tls.client_cert,
        "ssl.key.location": tls.client_key or tls.client_cert,
    }
    password = {"ssl.key.password": read_secret(tls.client_key_password)} if tls.client_key_password else {}
    return {name: str(path) for name, path in files.items() if path} | password


def _sasl(sasl: Sasl) -> dict[str, str]:
    return {
        "sasl.mechanism": sasl.mechanism,
        "sasl.username": sasl.username,
        "sasl.password": read_secret(sasl.password),
    }


open_sink = KafkaSink
