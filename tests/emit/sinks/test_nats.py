"""The NATS sink against the real nats-server."""

import pytest

pytest.importorskip("nats", reason="the extra nats is not installed")

from detector.config import ToNats
from tests.emit.sinks.battery import QUICK, Battery, Rig
from tests.emit.sinks.nats_server import STREAM, SUBJECT, server


def options_of(place, **more):
    return ToNats(servers=[place], **{"subject": SUBJECT, "stream": STREAM, "cleartext": True} | QUICK | more)


class TestNats(Battery):
    @pytest.fixture
    def rig(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NATS_TOKEN", "hush-this-is-ours")
        with server(tmp_path, "authorization { token: hush-this-is-ours }", token="hush-this-is-ours") as here:
            yield Rig(
                options=lambda **more: options_of(here.place, **{"token": {"env": "NATS_TOKEN"}} | more),
                received=here.ids,
                stop=here.stop,
                start=here.start,
                hang=here.pause,
                secret="hush-this-is-ours",
            )
