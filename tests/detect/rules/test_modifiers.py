"""Every field modifier, wildcard and condition of the specification against one event each way."""

import pytest

from detector.detect.rules.proof import frame

EVENT = {
    "@timestamp": "2026-03-02T23:30:05Z",  # 00:30 of the 3rd in Paris
    "source.ip": "172.20.5.6",
    "user.name": "Dr.Martin",
    "http.request.method": "GET",
    "http.version": "1.0",
    "url.original": "/Patients/42/rights?x=dGVzdA==&y=%2a",
    "url.path": "/Patients/42/rights.aspx",
    "url.query": "x=dGVzdA==&y=%2a",
    "http.response.status_code": 404,
    "user_agent.original": r"C:\tools\curl* -k /v",
    "portal.working_day": True,
    "portal.session": "dr.martin",
    "event.duration": 1_500_000_000,
    "portal.organization": "dABlAHMAdAA=",  # test in UTF-16, little-endian, in Base64
    "portal.department": "//50AGUAcwB0AA==",  # with its byte order mark
    "portal.profession": "AHQAZQBzAHQ=",  # big-endian
    "error.message": r"\\host\a*b?c\*d\\e",
}

MATCHES = [
    ("url.path", "/patients/42/RIGHTS.aspx"),
    ("url.path", "/pat*.aspx"),
    ("url.path", "*42*"),
    ("url.path", "/Patients/4?/rights.aspx"),
    ("url.path|contains", "PATIENTS"),
    ("url.path|contains|all", ["patients", "42"]),
    ("url.path|contains", ["nothing", "42"]),
    ("url.path|startswith", "/PAT"),
    ("url.path|startswith|any", ["/PAT", "/x"]),
    ("url.path|endswith", ".ASPX"),
    ("url.path|contains|cased", "Patients"),
    ("url.path|re", r"^/Pat\w+/\d+"),
    ("url.path|re|i", "^/pat"),
    ("url.path|re|i|m|s", "^/pat.*X$"),
    ("user_agent.original", r"c:\tools\curl\* -k /v"),
    ("user_agent.original|contains", r"\curl\*"),
    ("user_agent.original|contains", r"tools\\*k"),
    ("user_agent.original|contains|windash", " /k"),
    ("c-ip|cidr", "172.16.0.0/12"),
    ("c-ip|cidr", ["10.0.0.0/8", "172.20.5.0/29"]),
    ("http.request.referrer|exists", False),
    ("user.name|exists", True),
    ("cs-username|neq", "someone"),
    ("cs-username|neq", ["someone", "else"]),
    ("sc-status", 404),
    ("sc-status", "404"),
    ("sc-status", [200, 404]),
    ("sc-status", "4*"),
    ("sc-status|startswith", "40"),
    ("sc-status|gt", 403),
    ("sc-status|gte", 404),
    ("sc-status|lt", 404.5),
    ("sc-status|lte", 404),
    ("sc-status|neq", 200),
    ("user.name|fieldref", "portal.session"),
    ("http.request.referrer", None),
    ("http.request.referrer", ""),
    ("portal.working_day", True),
    ("url.query|base64|contains", "test"),
    ("url.query|base64offset|contains", "test"),
    ("url.query|contains|expand", "%names%"),
    ("@timestamp|minute", 30),
    ("@timestamp|hour", 0),
    ("@timestamp|day", 3),
    ("@timestamp|week", 10),
    ("@timestamp|month", 3),
    ("@timestamp|year", 2026),
    ("c-uri-extension", "ASPX"),
    ("time-taken|gte", 1500),
    ("date", "2026-03-02"),
    ("cs-uri-query|contains", "/patients/42"),
    ("CS-User-Agent|contains", "CURL"),
    ("cs-version", "http/1.0"),
    ("portal.session|fieldref|neq", "source.ip"),
    ("url.path|re|contains", "4.[/]r"),
    ("url.path|re|startswith", "/Pat"),
    ("url.path|re|endswith", "s.aspx|s.php"),
    ("sc-status|re", "^4.4$"),
    ("sc-status|contains|all", ["40", "4"]),
    ("url.path|contains|windash", "-Patients"),  # the slash of the path for a dash
    ("http.request.method|cased", "GET"),
    ("cs-method", "g?t"),
    ("portal.organization|wide|base64offset|contains", "test"),
    ("portal.organization|utf16le|base64offset|contains", "test"),
    ("portal.department|utf16|base64|contains", "test"),
    ("portal.profession|utf16be|base64|contains", "test"),
    ("url.query|contains|expand", r"y=\%2a"),  # an escaped per cent begins no placeholder
    ("url.query|re|expand", "%names%=="),
    # the table of the specification, one backslash more each time; the value is \\host\a*b?c\*d\\e
    ("error.message|startswith", r"\\\\host"),
    ("error.message|contains", r"\a\*b\?c"),
    ("error.message|contains", r"\\a*c"),
    ("error.message|contains", r"c\\\*d"),
    ("error.message|contains", r"c\\*e"),
    ("error.message|contains", r"d\\\e"),
    ("error.message|contains", r"d\\\\e"),
]
MISSES = [
    ("url.path", "/patients/42/right"),
    ("url.path", "/pat?.aspx"),
    ("url.path|contains|cased", "PATIENTS"),
    ("url.path|cased", "/patients/42/rights.aspx"),
    ("url.path|contains|all", ["patients", "43"]),
    ("url.path|startswith", "patients"),
    ("url.path|endswith", "asp"),
    ("url.path|re", "^/pat"),
    ("url.path|re", r"^rights"),
    ("user_agent.original", r"c:\tools\curlx -k /v"),
    ("c-ip|cidr", "172.32.0.0/12"),
    ("c-ip|cidr", "2001:db8::/32"),
    ("http.request.referrer|exists", True),
    ("http.request.referrer|contains", "*"),
    ("http.request.referrer", "*"),
    ("cs-username|neq", ["someone", "dr.martin"]),
    ("sc-status", [200, 403]),
    ("sc-status", "40"),
    ("sc-status|gt", 404),
    ("sc-status|lt", 404),
    ("user.name", None),
    ("user.name", ""),
    ("portal.working_day", False),
    ("url.query|base64|contains", "Test"),
    ("url.query|wide|base64offset|contains", "test"),
    ("@timestamp|hour", 23),
    ("@timestamp|day", 2),
    ("cs-cookie|contains", "x"),
    ("cs-cookie|gte", 3),
    ("url.path|utf16le|contains", "P"),
    ("url.path|utf16|contains", "P"),
    ("user.name|fieldref|neq", "portal.session"),
    ("error.message|contains", r"a\*c"),
    ("error.message|contains", r"b\\?c"),
    ("error.message|contains", r"c\*d"),
    ("url.query|contains|expand", r"y=\%2b"),
    ("sc-status|neq", [200, 404]),
    ("http.request.method|cased", "get"),
    ("url.path|re|all", ["^/Pat", "^rights"]),
    ("url.path|utf16be|contains", "P"),
]


def rule(selection: object, condition: str = "sel") -> dict[str, object]:
    return {
        "title": "R",
        "id": "10000000-0000-4000-8000-000000000001",
        "logsource": {"category": "webserver"},
        "detection": {"sel": selection, "condition": condition},
        "custom": {"placeholders": {"names": ["nope", "dGVzdA"]}},
    }


@pytest.mark.parametrize(("key", "value"), MATCHES)
def test_matches_and_its_negation_does_not(pack, key, value):
    assert pack(rule({key: value})).observe(frame([EVENT])).height == 1
    assert pack(rule({key: value}, "not sel")).observe(frame([EVENT])).height == 0


@pytest.mark.parametrize(("key", "value"), MISSES)
def test_does_not_match_and_its_negation_does(pack, key, value):
    assert pack(rule({key: value})).observe(frame([EVENT])).height == 0
    assert pack(rule({key: value}, "not sel")).observe(frame([EVENT])).height == 1


def test_field_reference_with_startswith(pack):
    event = EVENT | {"url.original": "/Patients/42/rights.aspx?x", "url.path": "/patients/42/rights.aspx"}
    assert pack(rule({"url.original|fieldref|startswith": "url.path"})).observe(frame([event])).height == 1
    assert pack(rule({"url.original|fieldref|endswith": "url.path"})).observe(frame([event])).height == 0


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (["rights?x=", "nothing"], 1),
        (["nothing", "either"], 0),
        ({"|all": ["rights", "CURL"]}, 1),
        ({"|all": ["rights", "wget"]}, 0),
        (["pat*rights"], 1),
        ([42], 1),
        ({"|re": r"/\d\d/"}, 1),
        ({"|cased": "rights"}, 1),
        ({"|cased": "RIGHTS"}, 0),
        ({"|contains|all": ["rights", "tools"]}, 1),
        ("rights", 1),
        ("nothing", 0),
        ({"|all": ["GET", 404, "172.20.5.6"]}, 1),
        ({"|all": ["POST", 404]}, 0),
        ([{"sc-status": 200}, "rights"], 1),
    ],
)
def test_keywords_are_searched_in_every_text(pack, selection, count):
    assert pack(rule(selection)).observe(frame([EVENT])).height == count


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("a and b", 0),
        ("a or b", 1),
        ("a and not b", 1),
        ("not a or b", 0),
        ("1 of f_*", 1),
        ("all of f_*", 0),
        ("all of f_* or a", 1),
        ("1 of them", 1),
        ("all of them", 0),
        ("not (a and b) and f_x", 1),
        (["a and b", "f_x"], 1),
        ("any of f_*", 1),
        ("1 of *_x", 1),
        ("all of f*y", 0),
        ("1 of f_* and not b", 1),
        ("not not a", 1),
        ("b and b or a", 1),  # and binds more than or
        ("a or b and b", 1),
        ("not a or a and a", 1),
    ],
)
def test_conditions(pack, condition, count):
    document = rule({"sc-status": 404})
    document["detection"] = {
        "a": {"sc-status": 404},
        "b": {"sc-status": 200},
        "f_x": {"cs-method": "get"},
        "f_y": {"cs-method": "put"},
        "condition": condition,
    }
    assert pack(document).observe(frame([EVENT])).height == count


def test_lists_of_maps_are_alternatives(pack):
    assert pack(rule([{"sc-status": 200}, {"cs-method": "GET", "sc-status": 404}])).observe(frame([EVENT])).height == 1


def test_addresses_of_both_kinds(pack):
    rules = pack(rule({"c-ip|cidr": ["2001:db8::/33", "192.0.2.64/26"]}))
    inside = ["2001:db8::1", "2001:DB8:0:7fff::9", "192.0.2.64", "192.0.2.127"]
    outside = ["2001:db8:8000::1", "192.0.2.63", "192.0.2.128", "not an address", ":::"]
    events = frame([{"source.ip": address} for address in [*inside, *outside]])
    assert sorted(rules.observe(events)["source.ip"]) == sorted(inside)


def test_dear_questions_asked_of_unique_values_give_the_same(pack):
    rules = pack(rule({"url.path|contains": "7", "user.name|endswith": "9"}))
    every = frame([{"repeat": 20_000, "url.path": "/p/{i}", "user.name": "u9"}])  # paths mostly unique
    assert pack(rule({"url.path|contains": "7"}) | {"custom": {"mute": "0s"}}).observe(every).height == sum(
        "7" in str(i) for i in range(20_000)
    )
    few = frame([{"repeat": 3, "url.path": "/p/{i}", "user.name": "u9"}, {"url.path": "/7", "user.name": "u9"}])
    assert rules.observe(few).height == 1
