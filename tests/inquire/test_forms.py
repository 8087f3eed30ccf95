"""A blocklist of names that an attacker chose breaks no reader."""

import json
import re
import shutil
import subprocess
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings

from detector.inquire.blocklist import FORMS, Blocklist
from detector.inquire.blocklist.record import Entry
from detector.inquire.state import OpenIncident
from tests.emit.alert.samples import alerts, words
from tests.emit.signals import NOON

INCIDENT = OpenIncident.of_alert(alerts()[0])
NAMES = ["u1", "default", "include", "volatile", "hostnames", "~^.*$", "a b", "a;", "{", "$uri", '"', "'", "\\", "#x",
         "é", "DOM\\u1", "a@b.example", "a\nmap $x $y {", "", "u1 1;\n}\nserver {", "-"]  # fmt: skip


def made(*accounts: str) -> Blocklist:
    return Blocklist(
        made=NOON,
        until=NOON + timedelta(hours=24),
        level="high",
        incidents_count=1,
        addresses=(Entry("192.0.2.7", INCIDENT), Entry("2001:db8::9", INCIDENT)),
        accounts=tuple(Entry(name, INCIDENT) for name in accounts),
        left_out=Counter({"private or reserved": 2}),
    )


def test_nginx_starts_and_maps_plain_names_only(tmp_path):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    text = FORMS["nginx-map"](made(*NAMES))
    (tmp_path / "blocked.conf").write_text(text, "utf-8")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\nhttp {{ include blocked.conf; }}\n"
    )
    done = subprocess.run([nginx, "-t", "-p", str(tmp_path), "-c", "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    users = text.split("$portal_blocked_user {")[1]
    mapped = {"u1", "\\default", "\\include", "\\volatile", "\\hostnames", "a@b.example", "-"}
    assert set(re.findall(r"^    ([^# ]\S*) 1;$", users, re.MULTILINE)) == mapped


@pytest.mark.parametrize("form", ["text", "nginx", "nginx-map"])
@given(name=words)
@settings(max_examples=30, deadline=None)
def test_a_name_makes_no_line_of_its_own(form, name):
    one, other = (FORMS[form](made(account)).splitlines() for account in (name, "u1"))
    assert len(one) == len(other)
    assert all(line.isprintable() for line in one)


@given(name=words)
@settings(max_examples=30, deadline=None)
def test_a_plain_text_line_is_the_name_or_a_remark(name):
    last = FORMS["text"](made(name)).splitlines()[-1]
    assert last == name or last.startswith("# left out")


@given(name=words)
@settings(max_examples=30, deadline=None)
def test_crowdsec_has_the_name_as_it_is(name):
    assert json.loads(FORMS["crowdsec"](made(name)))[-1]["value"] == name


@given(name=words)
@settings(max_examples=25, deadline=None)
def test_stix_has_the_name_as_it_is_in_a_pattern_that_holds(name):
    stix2 = pytest.importorskip("stix2", reason="the extra `test` has it")
    objects = stix2.parse(FORMS["stix"](made(name)), allow_custom=False).objects
    (account,) = (one for one in objects if one["type"] == "user-account")
    assert account["account_login"] == name
    assert account["id"] == stix2.UserAccount(account_login=name).id
    pattern = next(one["pattern"] for one in objects if "user-account" in one.get("pattern", ""))
    said = re.fullmatch(r"\[user-account:account_login = '((?:[^'\\]|\\['\\])*)'\]", pattern, re.DOTALL)
    assert said is not None
    assert re.sub(r"\\(.)", r"\1", said[1]) == name
