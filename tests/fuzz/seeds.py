"""Lines that each format reads, to mutate; what attackers write, to put into them."""

from typing import Final

from detector.config import Format

_COMBINED: Final = (
    '192.0.2.1 - anne [02/Mar/2026:09:15:00 +0100] "GET /patients/1850578006084/rights?a=1 HTTP/1.1" 200 12 '
    '"https://p.example/search?nir=1850578006084" "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Firefox/126.0"'
)
_SERVER: Final = (
    '2026/03/02 09:15:00 [error] 3#3: *3 user "anne": password mismatch, client: 192.0.2.1, server: p, request: '
    '"GET /a HTTP/1.1", host: "p"',
    "[Mon Mar 02 09:15:00.123456 2026] [auth_basic:error] [pid 7:tid 9] [client 192.0.2.1:4711] AH01617: user anne: "
    'authentication failure for "/a": Password Mismatch',
    "<134>1 2026-03-02T09:15:00Z lb nginx 12 - - " + _COMBINED,
    "Mar  2 09:15:00 lb nginx[12]: " + _COMBINED,
    '{"log":"' + _COMBINED.replace('"', '\\"') + '\\n","stream":"stdout","time":"2026-03-02T09:15:00Z"}',
    "2026-03-02T09:15:00.1+01:00 stdout F " + _COMBINED,
)
_FLAT: Final = (
    '{"time_iso8601": "2026-03-02T09:15:00+01:00", "remote_addr": "192.0.2.1", "remote_user": "anne", '
    '"request": "GET /a?b=1 HTTP/1.1", "status": 200, "body_bytes_sent": 12, "request_time": 0.25, '
    '"http_user_agent": "curl/8", "http_x_forwarded_for": "198.51.100.7, 192.0.2.9", "cookie_session": "s1a2b3c4"}'
)
_NESTED: Final = (
    '{"@timestamp":"2026-03-02T09:15:00Z","client":{"ip":"2001:db8::1"},"user":{"name":"anne"},"url":{"original":"/a"},'
    '"http":{"request":{"method":"GET"},"response":{"status_code":200,"body":{"bytes":12}}}}'
)
_CAS: Final = (
    "2026-03-02 09:15:00,116 INFO [org.apereo.inspektr.audit.support.Slf4jLoggingAuditTrailManager] - Mon Mar 02 "
    "09:15:00 CET 2026|CAS|Supplied credentials: [UsernamePasswordCredential(username=anne)]|AUTHENTICATION_SUCCESS|"
    "anne|192.0.2.1|10.0.0.1"
)

LINES: Final[dict[str, tuple[str, ...]]] = {
    "combined": (_COMBINED, *_SERVER, _COMBINED + " s1a2b3c4 0.25 198.51.100.7", _COMBINED.replace("anne", r"a\x22b")),
    "common": (_COMBINED.partition(' "https')[0], *_SERVER[:2]),
    "combined_session": (_COMBINED + " s1a2b3c4", _COMBINED + ' "s1a2b3c5"', _COMBINED + " -"),
    "combined_vhost": ("p.example:443 " + _COMBINED, "[2001:db8::1] " + _COMBINED),
    "nginx_proxy_manager": (
        '[02/Mar/2026:09:15:00 +0000] - 200 200 - GET https p.example "/a?b=1" [Client 192.0.2.1] [Length 192] '
        '[Gzip 3.10] [Sent-to openresty] "curl/8" "-"',
        _COMBINED,
    ),
    "json": (_FLAT, _NESTED, _FLAT.replace("anne", "a\\u00e9\\ud83d\\ude00"), '{"a":1},{"a":2}'),
    "w3c": (
        "#Fields: date time cs-method cs-uri-stem cs-uri-query cs-username c-ip cs(User-Agent) sc-status time-taken",
        "2026-03-02 09:15:00 GET /a b=1 DOM\\anne fe80::1%4 Mozilla/5.0+(X11) 200 31",
        "#Fields: time date c-ip cs-username",
        "09:15:00 2026-03-02 192.0.2.1 anne",
    ),
    "cloudfront": (
        "2026-03-02\t09:15:00\tCDG50-P2\t703\t192.0.2.1\tGET\td.example\t/a\t400\t-\tcurl/8%20x\tb=1\t-\tError\tX==\t"
        "p.example\thttps\t62\t0.113\t-\tTLSv1.3\tT\tError\tHTTP/2.0\t-\t-\t51754\t0.113\tError\ttext/plain\t20\t-\t-",
    ),
    "haproxy": (
        "192.0.2.1:4711 [02/Mar/2026:09:15:00.127] in~ be/s1 1/0/0/3/173 200 739 - - --NN 1/1/0/0/0 0/0 "
        '{p.example|curl} "GET /a HTTP/1.1"',
        "<134>Mar  2 09:15:00 lb haproxy[12]: 192.0.2.1:4711 [02/Mar/2026:09:15:00.127] in~ be/<NOSRV> -1/-1/-1/-1/+1 "
        '-1 0 - - CR-- 1/1/0/0/0 0/0 "<BADREQ>"',
        "192.0.2.1:4711 [02/Mar/2026:09:15:00.127] in/1: SSL handshake failure",
    ),
    "aws_alb": (
        "https 2026-03-02T09:15:00.186641Z app/a/4 192.0.2.1:44740 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "
        '"GET https://p.example:443/a?b=1 HTTP/1.1" "curl/8" - TLSv1.2 arn:aws:x "Root=1-5" "p.example" "arn" 0 '
        '2026-03-02T09:15:00.000000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"',
    ),
    "traefik": (
        '{"ClientHost":"192.0.2.1","ClientUsername":"anne","DownstreamContentSize":3,"DownstreamStatus":200,"Duration":'
        '357313,"RequestAddr":"p.example","RequestHost":"p.example","RequestMethod":"GET","RequestPath":"/a",'
        '"RequestProtocol":"HTTP/1.1","StartUTC":"2026-03-02T09:15:00.1Z","request_User-Agent":"curl/8"}',
        _COMBINED.partition(' "https')[0] + ' "-" "-" 500 "test@docker" "http://10.0.0.3:80" 0ms',
    ),
    "caddy": (
        '{"level":"info","ts":1772439300.75,"logger":"http.log.access","request":{"remote_ip":"192.0.2.1","client_ip":'
        '"192.0.2.1","proto":"HTTP/2.0","method":"GET","host":"p.example","uri":"/a?b=1","headers":{"User-Agent":'
        '["curl/8"],"X-Forwarded-For":["192.0.2.7"]}},"user_id":"anne","duration":0.25,"size":3,"status":200}',
    ),
    "envoy": (
        '[2026-03-02T09:15:00.000Z] "GET /a HTTP/1.1" 200 - 0 512 30 15 "198.51.100.7, 192.0.2.1" "curl/8" "id" "p" '
        '"10.0.0.2:80"',
        '{":authority":"p.example","bytes_sent":3,"downstream_remote_address":"192.0.2.1:59292","duration":11,"method":'
        '"GET","protocol":"HTTP/2","response_code":200,"start_time":"2026-03-02T09:15:00.1Z","path":"/a",'
        '"user_agent":"curl/8","x_forwarded_for":"192.0.2.7"}',
    ),
    "keycloak": (
        "2026-03-02 09:15:00,357 WARN  [org.keycloak.events] (executor-thread-1) type=LOGIN_ERROR, realmId=r, clientId="
        "c, userId=null, ipAddress=192.0.2.1, error=user_not_found, redirect_uri=https://p.example/, username=anne",
        '{"timestamp":"2026-03-02T09:15:00.357Z","loggerName":"org.keycloak.events","level":"WARN","message":"type=\\"'
        'LOGIN\\", ipAddress=\\"192.0.2.1\\", sessionId=\\"5d9a-11\\", username=\\"anne\\""}',
    ),
    "cas": (_CAS, _CAS.replace("SUCCESS", "FAILED").replace("=anne", "=a|b")),
    "lemonldap": (
        "Mar  1 04:07:11 host LLNG[7]: [notice] Session granted for anne by LDAP (192.0.2.1)",
        "Mar  1 04:07:11 host LLNG[7]: [notice] Bad password for x (203.0.113.9) (192.0.2.1)",
        "Feb 29 23:59:60 host LLNG[7]: [notice] User anne has been disconnected from LDAP (192.0.2.1)",
    ),
    "authelia": (
        'time="2026-03-02T09:15:00+01:00" level=error msg="Unsuccessful 1FA authentication attempt by user \'anne\'" '
        "method=POST path=/api/firstfactor remote_ip=192.0.2.1",
        '{"level":"error","method":"POST","msg":"Unsuccessful TOTP authentication attempt by user \'anne\'","path":'
        '"/api/secondfactor","remote_ip":"192.0.2.1","time":"2026-03-02T09:15:00+01:00"}',
    ),
}
DESCRIBED: Final[dict[str, tuple[Format, tuple[str, ...]]]] = {
    "nginx": (
        Format(nginx='$remote_addr|$remote_user|$time_iso8601|"$request"|$status|$http_x_forwarded_for|$msec'),
        ('192.0.2.1|anne|2026-03-02T09:15:00+01:00|"GET /a HTTP/1.1"|200|192.0.2.7, 192.0.2.8|1772439300.123',),
    ),
    "nginx_json": (
        Format(nginx='{"t":"$time_local","a":"$remote_addr","u":"$remote_user","r":"$request","s":$status}'),
        ('{"t":"02/Mar/2026:09:15:00 +0100","a":"192.0.2.1","u":"a\\x22nne","r":"GET /a HTTP/1.1","s":200}',),
    ),
    "apache": (
        Format(apache='%h %l %u %{%Y-%m-%d %T}t.%{msec_frac}t "%r" %>s %b %{X-Forwarded-For}i %{sid}C %D'),
        ('192.0.2.1 - anne 2026-03-02 09:15:00.123 "GET /a HTTP/1.1" 200 12 192.0.2.7, 192.0.2.8 s1a2b3c4 99',),
    ),
    "regex": (
        Format(regex=r"^(?P<ip>\S+) (?P<time>\S+) (?P<user>\S*) (?P<method>\S+) (?P<path>\S+)(?: \?(?P<query>.*))?$"),
        ("192.0.2.1 2026-03-02T09:15:00Z anne GET /a ?b=1",),
    ),
    "json_fields": (
        Format(json_fields={"@timestamp": "t", "source.ip": "c.ip", "user.name": "u", "url.original": "p"}),
        ('{"t":1772439300123,"c":{"ip":"192.0.2.1"},"u":"anne","p":"/a"}',),
    ),
}
"""Formats without a name: how each is described, and a line of it."""

TOKENS: Final = tuple(
    token.encode("utf-8", "surrogatepass")
    for token in (
        *(
            '"',
            "\\",
            '\\"',
            "\\\\",
            "\\x22",
            "\\x5c",
            "\\x0a",
            "\\xff",
            "\\u0000",
            "\\ud800",
            "\\ud83d\\ude00",
            "'",
            "`",
        ),
        *(
            "\0",
            "\x01",
            "\x07",
            "\x08",
            "\x09",
            "\x0b",
            "\x0c",
            "\r",
            "\r\n",
            "\x1b[2J",
            "\x1b]8;;http://x\x07",
            "\x7f",
        ),
        *("\x85", "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\ufffd", "\ue000", "\ue001"),
        *("é", "😀", "e\u0301" * 20, "İ", "\U0010ffff", "１", "٣", "\ud800"),
        *(
            "{",
            "}",
            "[",
            "]",
            "{}",
            "[]",
            '{"a":',
            ",",
            ":",
            "null",
            "true",
            "NaN",
            "Infinity",
            "[" * 200,
            '{"a":' * 150,
        ),
        *(
            "1e999999",
            "-1e999999",
            "9" * 400,
            "-9223372036854775809",
            "18446744073709551616",
            "0x41",
            "1_000",
            "-0",
            "1.",
        ),
        *("0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-02-30T25:61:61Z", "2026-06-30T23:59:60Z", "1e18", "-1"),
        *("31/Dec/9999:23:59:60 +2359", "00/Foo/0000:00:00:00 +0000", "29/Feb/2027:00:00:00 -9999", "Feb 29 00:00:00"),
        *(" - - [", "] ", ' "', '" ', "|", "=", "#Fields: ", "#Fields: date time\n", "# ", "<134>", "- ", " -"),
        *(
            "192.0.2.1",
            "::ffff:192.0.2.7",
            "fe80::1%eth0",
            "[2001:db8::1]:443",
            "999.1.1.1",
            "1.1.1.1, " * 50,
            "::" * 9,
        ),
        *("%", "%00", "%0a", "%25%25%32%35", "%u0041", "%C0%80", "%ff", "&a=b" * 100, "?", "//", "/../", "#", ";", "@"),
        *("union select 1", "<script>", "${jndi:ldap://x}", "1850578006084", "1 85 05 78 006 084", "nir=", "{subject}"),
        *(
            "HTTP/1.1",
            "HTTP/",
            "GET",
            "username=",
            "ipAddress=203.0.113.9, ",
            "AUTHENTICATION_SUCCESS",
            "(203.0.113.9)",
        ),
    )
)
"""What has a meaning somewhere: quotes, escapes, ends of lines, directions of text, numbers and times out of range."""
