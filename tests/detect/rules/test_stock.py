"""Rules of the shapes that SigmaHQ publishes for web servers and proxies load and run unmodified.

Written for this test after the forms found there: slashes in dates, `related`, `fields`, tags of other
namespaces, keywords, negated lists of maps, null and empty fields, field names of both taxonomies.
"""

import pytest

from detector.detect.rules.proof import frame

INJECTION = """
title: Shape of a keyword rule with a method and a filter
id: 20000000-0000-4000-8000-000000000001
related:
    - id: 20000000-0000-4000-8000-000000000009
      type: similar
status: test
description: |
    Two lines
    of text.
author: Somebody, Somebody else
date: 2020/02/22
modified: 2023/09/01
tags:
    - attack.initial_access
    - attack.t1190
    - cve.2021-44228
logsource:
    category: webserver
detection:
    select_method:
        cs-method: 'GET'
    keywords:
        - '=drop%20'
        - 'pick * from'
        - "'a'='a"
        - '@@host'
    filter_main_status:
        sc-status: 404
    condition: select_method and keywords and not 1 of filter_main_*
fields:
    - client_ip
    - vhost
falsepositives:
    - Scripts
level: high
"""
TUNNEL = """
title: Shape of a rule with null fields
id: 20000000-0000-4000-8000-000000000002
status: test
logsource:
    category: webserver
detection:
    selection:
        cs-uri-query|contains:
            - 'do=read'
            - 'open&to'
    filter:
        cs-referer: null
        cs-user-agent: null
        cs-method: POST
    condition: selection and filter
level: high
"""
AGENTS = """
title: Shape of a proxy rule on agents
id: 20000000-0000-4000-8000-000000000003
status: test
date: 2017/07/08
logsource:
    category: proxy
detection:
    selection1:
        c-useragent|startswith:
            - 'user-agent'  # comment
            - 'Mozzila/'
    selection2:
        c-useragent:
            - '_'
            - 'x'
    falsepositives:
        - c-useragent: 'Mozzila/3.0 * Reader *'
        - cs-host|endswith:
            - '.example.com'
    condition: 1 of selection* and not falsepositives
level: high
"""
EMPTY = """
title: Shape of a rule on an empty agent
id: 20000000-0000-4000-8000-000000000004
logsource: {category: proxy}
detection:
    selection:
        c-useragent: ''
    condition: selection
"""
PATH_IN_QUERY = """
title: Shape of a rule that writes the path under the query
id: 20000000-0000-4000-8000-000000000005
logsource: {category: webserver}
detection:
    selection:
        cs-method: 'POST'
        cs-uri-query|endswith: '/mgmt/shell'
        sc-status: [200, 301]
    selection_all:
        cs-uri-query|contains|all: ['/mgmt', 'shell']
    condition: all of selection*
"""
UNSEEN = """
title: Shape of a rule on what no access log has
id: 20000000-0000-4000-8000-000000000006
logsource: {category: webserver}
detection:
    selection_body:
        response|contains: 'function x(){'
    selection_cookie:
        cs-cookie|contains: 'a=b'
    condition: 1 of selection_*
"""

AT = {"http.request.method": "GET", "http.response.status_code": 200, "source.ip": "192.0.2.1"}


@pytest.mark.parametrize(
    ("rule", "event", "count"),
    [
        (INJECTION, {"url.original": "/s?q-DROP%20x"}, 0),
        (INJECTION, {"url.original": "/s?q==drop%20x"}, 1),
        (INJECTION, {"url.original": "/s?q=pick%20*%20from", "http.request.referrer": "pick any from"}, 1),
        (INJECTION, {"url.original": "/?@@HOST", "http.response.status_code": 404}, 0),
        (INJECTION, {"url.original": "/?@@HOST", "http.request.method": "POST"}, 0),
        (TUNNEL, {"url.query": "do=read", "http.request.method": "POST"}, 1),
        (TUNNEL, {"url.query": "do=read", "http.request.method": "POST", "user_agent.original": "x"}, 0),
        (AGENTS, {"user_agent.original": "USER-AGENT: a"}, 1),
        (AGENTS, {"user_agent.original": "X"}, 1),
        (AGENTS, {"user_agent.original": "Mozzila/3.0 and Reader 9"}, 0),
        (AGENTS, {"user_agent.original": "x", "url.domain": "www.example.com"}, 0),
        (EMPTY, {}, 1),
        (EMPTY, {"user_agent.original": "x"}, 0),
        (PATH_IN_QUERY, {"url.original": "/mgmt/shell", "url.path": "/mgmt/shell", "http.request.method": "POST"}, 1),
        (PATH_IN_QUERY, {"url.original": "/mgmt/shell?a", "url.path": "/mgmt/shell", "http.request.method": "POST"}, 0),
        (UNSEEN, {"url.original": "/function x(){"}, 0),
    ],
)
def test_runs(pack, rule, event, count):
    assert pack(rule).observe(frame([AT | event])).height == count


def test_all_load_together(pack):
    rules = pack(INJECTION, TUNNEL, AGENTS, EMPTY, PATH_IN_QUERY, UNSEEN)
    assert len(rules.catalogue) == 6
    assert {note.split("asks for ")[1] for note in rules.notes} == {
        "cs-cookie, which no access log carries",
        "response, which no access log carries",
    }
    assert rules.catalogue[0].techniques == ("T1190",)
    assert rules.catalogue[0].tactics == ("TA0001",)
