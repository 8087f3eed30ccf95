"""The safety net: take personal data out of texts, wherever it stands, and leave attacks readable.

It knows numbers of seven digits and more (with a NIR's letters and separators), UUIDs, e-mail addresses and the
values of parameters that are personal by their name.
"""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

MASKED: Final = "{masked}"
_SIGNS: Final = r"\{(masked|subject)\}"
_GUARD: Final = "\ue000"
"""A private-use character that marks what must stay; taken out of the input first, so nobody can write it."""

_GROUPS: Final = r"[0-9]{1,4}(?:[ ._+-][0-9]{1,4}){4,}"
_NUMBER: Final = r"[0-9](?:[ ._+-]?[0-9ABab]){5,}[ ._+-]?[0-9]"
_UUID: Final = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_EMAIL: Final = r"[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+"
_QUAD: Final = r"\b([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\b"
_NIR: Final = (
    r"[1-478][ ._-]?[0-9]{2}[ ._-]?[0-9]{2}[ ._-]?[0-9][0-9ABab][ ._-]?[0-9]{3}[ ._-]?[0-9]{3}(?:[ ._-]?[0-9]{2})?"
)
_PATH_SESSION: Final = r"(?i);[a-z_-]*(?:session|sid)[a-z_-]*=[^/;?&]*"

PERSONAL: Final = (
    *(
        "nir",
        "nss",
        "ins",
        "iin",
        "insee",
        "ssn",
        "niss",
        "numsecu",
        "num_secu",
        "numero_secu",
        "numero_securite_sociale",
    ),
    *("secu", "matricule", "matricule_ins", "assure", "assure_id", "num_assure", "numero_assure", "num_adherent"),
    *("numero_adherent", "adherent", "adherent_id", "insured", "insured_id", "member_id", "policy", "policy_number"),
    *("beneficiary", "beneficiary_id", "beneficiaire", "id_beneficiaire", "patient", "patient_id", "id_patient", "ipp"),
    *("name", "nom", "prenom", "prenoms", "firstname", "first_name", "lastname", "last_name", "surname", "fullname"),
    *(
        "full_name",
        "family_name",
        "given_name",
        "nom_naissance",
        "nom_usage",
        "nom_famille",
        "birth_name",
        "maiden_name",
    ),
    *(
        "birth",
        "birthdate",
        "birth_date",
        "birthday",
        "dob",
        "date_of_birth",
        "naissance",
        "date_naissance",
        "dn",
        "ddn",
    ),
    *("datenaissance", "lieu_naissance", "birth_place", "birthplace", "email", "e_mail", "mail", "courriel", "phone"),
    *("telephone", "tel", "mobile", "portable", "address", "adresse", "street", "rue", "iban", "bic", "rib"),
    *("password", "passwd", "pwd", "pass", "mdp", "motdepasse", "mot_de_passe", "secret", "token", "access_token"),
    *("id_token", "refresh_token", "ticket", "jsessionid", "phpsessid", "sid", "session", "session_id", "sessionid"),
    *("nom_patient", "prenom_patient", "patient_name", "nom_assure", "nom_beneficiaire", "beneficiary_name"),
    *("insured_name", "member_name", "nom_prenom", "q", "query", "search", "recherche", "term", "terms", "keyword"),
    *("keywords", "text", "texte", "api_key", "apikey", "samlresponse", "samlrequest", "assertion", "otp", "totp"),
)
"""Parameters that are personal, or credentials, by their name, and free text, where people search by name.

Compared without case; a hyphen or nothing may stand for the underscore; `patient.nom` and `patient[nom]` count too.
"""

ATTACK: Final = (
    r"(?i)[<>'\"(){}\[\]$\\|`;*]|\.\./|\.\.\\|//|--"
    r"|\b(?:union|select|insert|update|delete|drop|exec|sleep|waitfor|benchmark)\b"
)
_VOCABULARY: Final = (
    r"(?i)\b(union|select|insert|into|update|delete|drop|table|from|where|and|or|order|group|by|having|like|limit|null"
    r"|all|as|exec|execute|xp_cmdshell|declare|cast|convert|char|chr|concat|concat_ws|sleep|waitfor|delay|benchmark"
    r"|pg_sleep|dbms_pipe|extractvalue|updatexml|load_file|outfile|information_schema|schema_name|tables|columns"
    r"|script|alert|prompt|confirm|onerror|onload|onmouseover|onfocus|javascript|vbscript|document|cookie|img|src"
    r"|svg|iframe|body|eval|fromcharcode|jndi|ldap|ldaps|rmi|dns|iiop|lower|upper|env|etc|passwd|shadow|hosts|proc"
    r"|self|environ|windows|win|system32|cmd|exe|bin|sh|bash|cat|id|whoami|uname|ls|wget|curl|nc|ping|powershell"
    r"|php|filter|input|expect|phpinfo|system|passthru|shell_exec|base64|data|file|http|https|ftp|gopher|dict"
    r"|class|classloader|module|runtime|process|java|lang|getruntime|true|false|1|0)\b"
)
"""Words of injections (SQL, script, template, command, path) that rules look for and that no mask may hide."""


def without_guard(texts: pl.Expr) -> pl.Expr:
    """Take the guard character out of texts that come from outside."""
    return texts.str.replace_all(_GUARD, "", literal=True)


def masked_text(texts: pl.Expr) -> pl.Expr:
    """Mask numbers, UUIDs and e-mail addresses; dotted IPv4 addresses stay."""
    guarded = texts.str.replace_all(_GROUPS, MASKED).str.replace_all(_QUAD, f"$1{_GUARD}.$2{_GUARD}.$3{_GUARD}.$4")
    masked = guarded.str.replace_all(_EMAIL, MASKED).str.replace_all(_UUID, MASKED).str.replace_all(_NUMBER, MASKED)
    return without_guard(masked)


def masked_path(paths: pl.Expr) -> pl.Expr:
    """Mask a path: `masked_text`, and the session id that servers append to it."""
    return masked_text(paths.str.replace_all(_PATH_SESSION, f";session={MASKED}"))


def masked_agent(agents: pl.Expr) -> pl.Expr:
    """Mask an agent string, whose versions are long numbers with dots: plain runs, NIRs and e-mail addresses only."""
    guarded = without_guard(agents).str.replace_all(r"(Gecko/[0-9]{4})([0-9]{4})\b", f"${{1}}{_GUARD}${{2}}")
    masked = guarded.str.replace_all(_EMAIL, MASKED).str.replace_all(r"[0-9]{7,}", MASKED)
    return without_guard(masked.str.replace_all(_NIR, MASKED))


class PersonalParameters:
    """Parameters whose values are masked whatever they are."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        names = "|".join(sorted({_spelled(name) for name in (*PERSONAL, *more)}, key=len, reverse=True))
        key = rf"(?:[\w.\[\]-]*[._\[-])?(?:{names})\]?(?:\[\w*\])?="
        self._value = rf"(?i)((?:^|[&;?]){key}(?:\{{(?:masked|subject)\}})*)[^&{{][^&]*"
        self._name = rf"(?i)^.*?(?:^|[;?]){key}"
        self._json = rf"(?i)([\"']?\b(?:{names})\b[\"']?\s*:\s*[\"']?)[\p{{L}}\p{{N}}][\p{{L}}\p{{N}} .'_+-]*"

    def masked(self, queries: pl.Expr) -> pl.Expr:
        """Mask the personal values of query strings; a value that looks like an attack, word by word.

        Shapes: n String -> n String.
        """
        queries = queries.str.replace_all(self._json, f"${{1}}{MASKED}")
        parameters = queries.str.split("&").list.eval(self._masked_one(pl.element())).list.join("&")
        return (
            pl.when(~queries.str.contains(self._value))
            .then(queries)
            .when(queries.str.replace_all(_SIGNS, "").str.contains(ATTACK))
            .then(parameters)
            .otherwise(queries.str.replace_all(self._value, f"${{1}}{MASKED}"))
        )

    def _masked_one(self, parameter: pl.Expr) -> pl.Expr:
        value = parameter.str.replace(self._name, "")
        name = parameter.str.extract(rf"({self._name})", 1)
        return pl.when(name.is_null()).then(parameter).otherwise(pl.concat_str(name, _words_masked(value)))


def _words_masked(values: pl.Expr) -> pl.Expr:
    kept = values.str.replace_all(_SIGNS, f"{{{_GUARD}${{1}}}}")
    kept = kept.str.replace_all(_VOCABULARY, f"{_GUARD}${{1}}")
    masked = kept.str.replace_all(rf"(^|[^{_GUARD}\p{{L}}\p{{N}}_])[\p{{L}}\p{{N}}_]+", f"${{1}}{MASKED}")
    return without_guard(masked)


def _spelled(name: str) -> str:
    return re.escape(name.lower()).replace("_", "[_-]?").replace(r"\-", "[_-]?")
