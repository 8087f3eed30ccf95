import polars as pl
import pytest

from detector.collect.enrich.client import read_clients

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.0 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"


def read(agent: str | None) -> dict[str, str | None]:
    return read_clients(pl.DataFrame({"user_agent.original": [agent]}, schema={"user_agent.original": pl.String})).row(
        0, named=True
    )


@pytest.mark.parametrize(
    ("agent", "client", "version", "kind"),
    [
        (WINDOWS, "Chrome/Windows", "126", "browser"),
        (FIREFOX, "Firefox/Linux", "127", "browser"),
        (IPHONE, "Mobile Safari/iOS", "17", "browser"),
        ("MonAppli/3.2 CFNetwork/1474 Darwin/23.0.0", "MonAppli/iOS", "3", "mobile_app"),
        ("Dalvik/2.1.0 (Linux; U; Android 14; SM-S918B)", "Android/Android", "14", "mobile_app"),
        ("curl/8.1.2", "curl/Other", "8", "script"),
        ("python-requests/2.31.0", "Python Requests/Other", "2", "script"),
        ("Go-http-client/1.1", "Go-http-client/Other", "1", "script"),
        ("Java/17.0.1", "Java/Other", "17", "script"),
        ("PostmanRuntime/7.1", "PostmanRuntime/Other", "7", "script"),
        ("okhttp/4.9.0", "okhttp/Other", "4", "script"),
        ("axios/1.6.0", None, None, "script"),
        ("sqlmap/1.7#stable (https://sqlmap.org)", None, None, "script"),
        ("", None, None, "script"),
        ("some tool of nobody's", "Other/Other", None, "script"),
        (WINDOWS.replace("Chrome", "HeadlessChrome"), "HeadlessChrome/Windows", "126", "headless"),
        (WINDOWS + " Puppeteer", "Chrome/Windows", "126", "headless"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot/Other", "2", "bot"),
        ("check_http/v2.3.1 (monitoring-plugins 2.3.1)", None, None, "bot"),
    ],
)
def test_clients_are_told_apart(agent: str, client: str | None, version: str | None, kind: str) -> None:
    found = read(agent)
    assert found["portal.client_kind"] == kind
    if client is not None:
        assert (found["portal.client"], found["user_agent.version"]) == (client, version)


def test_no_agent_is_no_client() -> None:
    assert set(read(None).values()) == {None}


@pytest.mark.parametrize("agent", [WINDOWS, FIREFOX, IPHONE])
def test_an_honest_agent_is_shown_as_it_is(agent: str) -> None:
    assert read(agent)["agent"] == agent


def test_numbers_in_an_agent_are_masked() -> None:
    assert read("App/1.2 (user 185057800608436; a@exemple.fr)")["agent"] == "App/1.2 (user {masked}; {masked})"
