"""What is wrong with a configuration is said as it stands there: its keys, what is required, what came; no secret."""

import pytest

from detector.config import Config, ConfigFaultsError, load

SECRET = "s3cr3t-of-nobody"

SAID = {
    "input: {format: {regex: '(a'}}": ["input.format.regex: not a regular expression of Rust's engine: unclosed group,"
                                       " '(a' came"],
    "input: {format: {nginx: a, apache: b}}": ["input.format: exactly one of nginx, apache, json_fields, regex is"
                                               " required, a mapping of nginx, apache came"],
    "input: {format: {nope: 1, regex: a}}": ["input.format.nope: no such key; there may be nginx, apache, json_fields,"
                                             " regex, time_format"],
    "input: {format: 7}": ["input.format: a text or a mapping is required, 7 came"],
    "input: {timezone: Mars}": ["input.timezone: no such time zone: 'Mars', required an IANA name such as"
                                " Europe/Paris"],
    "input: {max_line_bytes: 12}": ["input.max_line_bytes: 1024 or more is required, 12 came"],
    "input: {max_line_bytes: 2048.5}": ["input.max_line_bytes: a whole number is required, 2048.5 came"],
    "input: {chunk_bytes: '" + "y" * 99 + "'}": ["input.chunk_bytes: a whole number is required, '" + "y" * 59
                                                 + "... came"],
    "input: {5: 1}": ["input.5: a text is required, 5 came"],
    "models:\nmetrics: [1]": ["models: a mapping is required, nothing came",
                              "metrics: a mapping is required, a list of 1 came"],
    "models: {enabled: maybe, threshold: 0}": ["models.enabled: true or false is required, 'maybe' came",
                                               "models.threshold: more than 0 is required, 0 came"],
    "language: de": ["language: 'en' or 'fr' is required, 'de' came"],
    "rules: {thresholds: {a: x, b: [1, y], c: {}}}": [
        "rules.thresholds.a: a number is required, 'x' came",
        "rules.thresholds.b.1: a number is required, 'y' came",
        "rules.thresholds.c: a number or a list is required, an empty mapping came",
    ],
    "accounts: {columns: {job: x}}": ["accounts.columns.job: 'account', 'profession', 'organization', 'department' or"
                                      " 'kind' is required, 'job' came"],
    "allow: [{reason: holiday, accounts: [a]}]": ["allow.0.until: a value is required, nothing came"],
    "calendar: {extra_days_off: [2026-02-30]}": ["calendar.extra_days_off.0: a day such as 2027-01-31 is required,"
                                                 " '2026-02-30' came"],
    "sinks: [{kind: nope}, {path: a}, {kind: file, path: a, file: b}]": [
        "sinks.0.kind: one of 'elasticsearch', 'file', 'kafka', 'nats', 'sentinel', 'splunk_hec', 'stdout', 'syslog',"
        " 'webhook' is required, 'nope' came",
        "sinks.1: a key 'kind' is required, a mapping of path came",
        "sinks.2.file: no such key; there may be kind, name, format, min_level, categories, rules, states,"
        " batch_count, batch_bytes, timeout_s, retry, when_full, path, rotate",
    ],
    "sinks: [{kind: kafka, topic: t, servers: [a], properties: {x: []}}]": [
        r"sinks.0.servers.0: a text that fits ^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$ is required, a text"
        " came",
        "sinks.0.properties.x: true or false, a whole number, a number or a text is required, an empty list came",
    ],
    "input: {max_latenes_s: 1}": ["input.max_latenes_s: no such key; there may be max_lateness_s, max_idle_s,"
                                  " max_line_bytes"],
    "- a": ["the file: a mapping is required, a list of 1 came"],
}  # fmt: skip

BLURTED = {
    f"sinks: [{{kind: splunk_hec, url: 'https://a.example.org', token: {SECRET}}}]": "sinks.0.token",
    f"sinks: [{{kind: splunk_hec, url: 'https://a:{SECRET}@a.example.org', token: {{env: A}}}}]": "sinks.0.url",
    f"sinks: [{{kind: webhook, url: 'https://a.example.org', signature: {{secret: [{SECRET}]}}}}]":
        "sinks.0.signature.secret",
    f"sinks: [{{kind: webhook, url_from: {{value: {SECRET}}}}}]": "sinks.0.url_from.value",
    f"sinks: [{{kind: webhook, url: 'https://a.example.org', proxy: 'http://a:{SECRET}@b'}}]": "sinks.0.proxy",
    f"sinks: [{{kind: elasticsearch, url: 'https://a.example.org', username: 'a:{SECRET}', password: {{env: A}}}}]":
        "sinks.0.username",
    f"sinks: [{{kind: kafka, topic: t, servers: ['a:{SECRET}@b:1']}}]": "sinks.0.servers.0",
    f"sinks: [{{kind: stdout, password: {SECRET}}}]": "sinks.0.password",
    f"portal: {{key: {SECRET}}}": "portal.key",
    "portal: {key: {env: 1234567890}}": "portal.key.env",
}  # fmt: skip
"""Secrets that were written where they do not belong."""


def faults(text, folder) -> ConfigFaultsError:
    (folder / "c.yml").write_text(text, "utf-8")
    with pytest.raises(ConfigFaultsError) as refused:
        load(folder / "c.yml")
    return refused.value


@pytest.mark.parametrize("text", SAID)
def test_faults_are_said_as_the_file_has_it(text, tmp_path):
    assert sorted(one.message for one in faults(text, tmp_path).faults) == sorted(SAID[text])


@pytest.mark.parametrize("text", BLURTED)
def test_a_secret_at_the_wrong_place_is_not_repeated(text, tmp_path):
    (told,) = faults(text, tmp_path).faults
    assert told.message.startswith(f"{BLURTED[text]}: ")
    assert SECRET not in told.message
    assert "1234567890" not in told.message


def test_what_is_sound_is_kept_and_knows_its_line(tmp_path):
    text = "input:\n  max_idle_s: -1\n  max_future_s: 7\nallow: [{reason: x}]\nrules:\n  disabled: [a]\n  level: high\n"
    refused = faults(text, tmp_path)
    assert refused.lost == {("input", "max_idle_s"), ("allow",), ("rules", "level")}
    assert refused.rest.input.max_future_s == 7
    assert refused.rest.input.max_idle_s == 60
    assert refused.rest.rules.fault("what", "disabled", 0).line == 6


@pytest.mark.parametrize("text", ["[", "- a", "a: 1\nb: &b [*b]\n"])
def test_of_what_is_no_configuration_nothing_is_kept(text, tmp_path):
    refused = faults(text, tmp_path)
    assert refused.lost == {()}
    assert refused.rest.input == Config().input
