"""Name the events of identity providers that are a log-on or a log-off: `event.action` as their formats fill it."""

from typing import Final

LOGON_ACTIONS: Final = frozenset(
    {
        "LOGIN",  # Keycloak
        "LOGIN_ERROR",
        "IDENTITY_PROVIDER_LOGIN",
        "IDENTITY_PROVIDER_LOGIN_ERROR",
        "AUTHENTICATION_SUCCESS",  # Apereo CAS
        "AUTHENTICATION_FAILED",
        "session_granted",  # LemonLDAP::NG
        "bad_password",
        "user_not_found",
        "all_schemes_failed",
        "authentication_1fa",  # Authelia: the first factor is what a phished password passes
        "authentication_duo",
        "authentication_totp",
        "authentication_u2f",
        "authentication_webauthn",
        "http_auth",  # Apache's and nginx's error logs: basic authentication refused
    }
)
"""Success and failure alike; `event.outcome` says which."""

LOGOFF_ACTIONS: Final = frozenset({"LOGOUT", "LOGOUT_ERROR", "TICKET_GRANTING_TICKET_DESTROYED", "logout"})
