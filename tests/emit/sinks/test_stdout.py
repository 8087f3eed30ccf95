import json
import os
import subprocess
import sys

import pytest

from detector.config import ToStdout
from tests.emit.sinks.battery import Battery, Rig


class TestStdout(Battery):
    @pytest.fixture
    def rig(self, capsysbinary):
        told = bytearray()

        def received():
            told.extend(capsysbinary.readouterr().out)
            return [json.loads(one)["event"]["id"] for one in told.splitlines()]

        return Rig(options=lambda **more: ToStdout(**more), received=received)


WRITE = """
from detector.config import ToStdout
from detector.emit.sinks import GoneError
from detector.emit.sinks.stdout import StdoutSink
from tests.emit.signals import some
try:
    StdoutSink(ToStdout()).write(some(1))
except GoneError:
    import sys
    sys.exit(7)
"""


def test_a_reader_that_left_is_gone_for_the_run():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", WRITE], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (7, b"")
