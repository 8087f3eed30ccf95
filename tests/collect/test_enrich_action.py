import pytest

from detector import config
from detector.collect.enrich import Enricher
from detector.config import Config
from tests.collect.raw_frames import raw

SHIPPED = Enricher(config.load())

NIR = "1850578006084"

CASES = [
    # method, target, status, action, outcome
    ("POST", "/login", 302, "logon", "success"),
    ("POST", "/login", 401, "logon", "failure"),
    ("POST", "/login", 503, "logon", None),
    ("POST", "/api/v1/auth/login", 200, "logon", "success"),
    ("POST", "/connexion", 422, "logon", "failure"),
    ("POST", "/sessions", 201, "logon", "success"),
    ("POST", "/oauth/token", 400, "logon", "failure"),
    ("POST", "/oauth2/token", 200, "logon", "success"),
    ("POST", "/portail/j_security_check", 302, "logon", "success"),
    ("POST", "/cas/login", 401, "logon", "failure"),
    ("POST", "/realms/pro/login-actions/authenticate?code=x", 302, "logon", "success"),
    ("post", "/Account/Login.aspx", 302, "logon", "success"),
    ("GET", "/login", 200, "other", "success"),
    ("GET", "/logout", 302, "logoff", "success"),
    ("POST", "/deconnexion", 200, "logoff", "success"),
    ("DELETE", "/api/sessions/current", 204, "logoff", "success"),
    ("GET", f"/search?nir={NIR}", 200, "search", "success"),
    ("GET", f"/search?nir={NIR}", 404, "search", "failure"),
    ("POST", "/api/patients/_search", 200, "search", "success"),
    ("GET", "/recherche?nom=dupont", 200, "search", "success"),
    ("GET", f"/patients?nir={NIR}", 200, "search", "success"),
    ("GET", f"/patients/{NIR}/rights", 200, "record_view", "success"),
    ("GET", f"/patients/{NIR}/invoices", 200, "record_view", "success"),
    ("GET", f"/patients/{NIR}/rights", 404, "record_view", "failure"),
    ("GET", f"/patients/{NIR}/rights", 403, "record_view", "failure"),
    ("GET", f"/patients/{NIR}/rights", 302, "record_view", None),
    ("GET", f"/patients/{NIR}/rights", None, "record_view", None),
    ("GET", "/api/beneficiaires/77-B/droits", 200, "record_view", "success"),
    ("GET", "/assures/42", 200, "record_view", "success"),
    ("GET", f"/droits?nir={NIR}", 200, "record_view", "success"),
    ("GET", "/anything/123456789/of/ours", 200, "record_view", "success"),
    ("GET", "/api/x/7f9c24e8-3b12-4f0d-9a6e-0c5d7c1b2a33", 200, "record_view", "success"),
    ("HEAD", f"/patients/{NIR}", 200, "other", "success"),
    ("POST", "/claims", 201, "claim", "success"),
    ("POST", f"/patients/{NIR}/factures", 400, "claim", "failure"),
    ("POST", "/feuilles-de-soins", 200, "claim", "success"),
    ("GET", "/exports/monthly.csv", 200, "export", "success"),
    ("GET", "/lots/2026-03.zip", 200, "export", "success"),
    ("GET", "/static/app.js", 200, "other", "success"),
    ("GET", "/favicon.ico", 404, "other", "failure"),
    ("GET", "/", 200, "other", "success"),
    (None, f"/patients/{NIR}", 200, "record_view", "success"),
    (None, None, None, "other", None),
]


@pytest.mark.parametrize(("method", "target", "status", "action", "outcome"), CASES)
def test_the_shipped_configuration_reads_a_portal_it_has_never_seen(
    method: str | None, target: str | None, status: int | None, action: str, outcome: str | None
) -> None:
    events = SHIPPED.enrich(
        raw(http__request__method=[method], url__original=[target], http__response__status_code=[status])
    )
    assert events.select("portal.action", "event.outcome").row(0) == (action, outcome)


def test_all_at_once_keeps_the_rows_in_order() -> None:
    columns = list(zip(*CASES, strict=True))
    events = SHIPPED.enrich(
        raw(
            http__request__method=list(columns[0]),
            url__original=list(columns[1]),
            http__response__status_code=list(columns[2]),
        )
    )
    assert events["portal.action"].to_list() == list(columns[3])
    assert events["event.outcome"].to_list() == list(columns[4])


def test_the_first_entry_that_fits_wins_and_lists_of_status_are_heard() -> None:
    portal = {
        "subjects": [{"path": "^/p/([^/]+)"}],
        "actions": [
            {"action": "logon", "path": "^/in$", "success": [302], "failure": [200]},
            {"action": "export", "path": "^/p/", "subject": False},
            {"action": "claim", "path": r"^/p/\{subject\}$", "method": ["put"]},
            {"action": "record_view", "path": "^/p/", "failure": [204]},
            {"action": "search", "path": "^/p/"},
        ],
    }
    enricher = Enricher(Config.model_validate({"portal": portal}))
    asked = [("POST", "/in", 302), ("POST", "/in", 200), ("POST", "/in", 401), ("GET", "/p/", 200)]
    asked += [("PUT", "/p/x", 200), ("GET", "/p/x", 200), ("GET", "/p/x", 204), ("GET", "/p/x", 404)]
    methods, targets, statuses = (list(column) for column in zip(*asked, strict=True))
    events = enricher.enrich(
        raw(http__request__method=methods, url__original=targets, http__response__status_code=statuses)
    )
    assert list(zip(events["portal.action"], events["event.outcome"], strict=True)) == [
        ("logon", "success"),
        ("logon", "failure"),
        ("logon", None),
        ("export", "success"),
        ("claim", "success"),
        ("record_view", "success"),
        ("record_view", "failure"),
        ("record_view", None),
    ]


def test_what_a_log_says_of_its_outcome_stands() -> None:
    events = SHIPPED.enrich(raw(url__original=["/x"], http__response__status_code=[200], event__outcome=["failure"]))
    assert events["event.outcome"].to_list() == ["failure"]


def test_the_events_of_an_identity_provider_are_log_ons_and_log_offs() -> None:
    events = SHIPPED.enrich(
        raw(
            event__action=["LOGIN", "LOGIN_ERROR", "LOGOUT", "UPDATE_PROFILE"],
            event__outcome=["success", "failure", "success", None],
        )
    )
    assert events["portal.action"].to_list() == ["logon", "logon", "logoff", "other"]
    assert events["event.outcome"].to_list() == ["success", "failure", "success", None]
