"""Mask the parameters that are personal by their name, whatever their value."""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from detector.collect.enrich.mask import MASKED, SIGNS, without_guard
from detector.collect.enrich.where import replaced_where, where

_NAMES: Final = """
nir nss ins iin insee ssn niss num_secu numero_secu numero_securite_sociale secu matricule matricule_ins ipp assure
assure_id num_assure numero_assure adherent adherent_id num_adherent numero_adherent insured insured_id member_id
policy policy_number beneficiary beneficiary_id beneficiaire id_beneficiaire patient patient_id id_patient name nom
prenom prenoms first_name last_name surname full_name family_name given_name nom_naissance nom_usage nom_famille
nom_prenom birth_name maiden_name nom_patient prenom_patient patient_name nom_assure nom_beneficiaire beneficiary_name
insured_name member_name birth birth_date birth_day dob date_of_birth naissance date_naissance date_de_naissance dn
ddn lieu_naissance birth_place email e_mail mail courriel phone telephone tel mobile portable address adresse street
rue iban bic rib q query search recherche term terms keyword keywords text texte password passwd pwd pass mdp
mot_de_passe secret token access_token id_token refresh_token ticket jsessionid phpsessid sid session session_id
api_key saml_response saml_request assertion otp totp
"""
PERSONAL: Final = tuple(_NAMES.split())
"""Parameters that are personal, or credentials, by their name, and free text, where people search by name.

Compared without case; a hyphen or nothing may stand for the underscore; `patient.nom` and `patient[nom]` count too.
"""

ATTACK: Final = (
    r"(?i)[<>'\"(){}\[\]$\\|`;*]|\.\./|\.\.\\|//|--"
    r"|\b(?:union|select|insert|update|delete|drop|exec|sleep|waitfor|benchmark)\b"
)
_INJECTIONS: Final = """
union select insert into update delete drop table from where and or order group by having like limit null all as exec
execute xp_cmdshell declare cast convert char chr concat concat_ws sleep waitfor delay benchmark pg_sleep dbms_pipe
extractvalue updatexml load_file outfile information_schema schema_name tables columns script alert prompt confirm
onerror onload onmouseover onfocus javascript vbscript document cookie img src svg iframe body eval fromcharcode jndi
ldap ldaps rmi dns iiop lower upper env etc passwd shadow hosts proc self environ windows win system32 cmd exe bin sh
bash cat id whoami uname ls wget curl nc ping powershell php filter input expect phpinfo system passthru shell_exec
base64 data file http https ftp gopher dict class classloader module runtime process java lang getruntime true false 1 0
"""
_VOCABULARY: Final = tuple(_INJECTIONS.split())
"""Words of injections (SQL, script, template, command, path) that rules look for and that no mask may hide."""
_PIECES: Final = r"\{(?:masked|subject)\}|[\p{L}\p{M}\p{N}_]+|\{|[^\p{L}\p{M}\p{N}_{]+"
"""Our signs, words, and what is between them: an expression with groups would take a thousand times as long."""


class PersonalParameters:
    """The names that ship, and `more` of the portal's own."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        names = "|".join(sorted({_spelled(name) for name in (*PERSONAL, *more)}, key=len, reverse=True))
        key = rf"(?:[\w.\[\]-]*[._\[-])?(?:{names})\]?(?:\[\w*\])?"
        self._asked = rf"(?i)(?:^|[&;?]){key}="
        self._name = rf"(?i)(?:^|[;?]){key}$"
        self._inner = rf"(?i)([;?]{key}=)[^;]+"
        self._json = rf"(?i)([\"']?\b(?:{names})\b[\"']?\s*:\s*[\"']?)[\p{{L}}\p{{N}}][\p{{L}}\p{{N}} .'_+-]*"

    def masked(self, queries: pl.Series) -> pl.Series:
        """Mask the personal values of query strings; a value that looks like an attack, word by word.

        Shapes: n String -> n String.
        """
        return where(replaced_where(queries, self._json, f"${{1}}{MASKED}"), self._asked, self._by_parameter)

    def _by_parameter(self, queries: pl.Series) -> pl.Series:
        parameters = queries.str.split("&").to_frame("one").with_row_index("row").explode("one")
        split = parameters["one"].str.splitn("=", 2).struct.unnest()
        names, values = split["field_0"], split["field_1"]
        few = names.unique().to_frame("name").with_columns(personal=pl.first().str.contains(self._name))
        personal = names.to_frame("name").join(few, on="name", how="left", maintain_order="left")["personal"]
        inner = replaced_where(values, self._inner, f"${{1}}{MASKED}")
        shown = pl.select(pl.when(personal).then(_masked_value(values)).otherwise(inner).alias("value"))["value"]
        whole = pl.when(shown.is_null()).then(names).otherwise(pl.concat_str(names, pl.lit("="), shown))
        joined = parameters.select("row", pl.select(whole.alias("one"))["one"])
        return joined.group_by("row", maintain_order=True).agg("one")["one"].list.join("&")


def _masked_value(values: pl.Series) -> pl.Series:
    bare = values.str.replace_all(SIGNS, "")
    whole = pl.when(bare == "").then(values).when(bare.is_not_null()).then(pl.lit(MASKED))
    attacks = bare.str.contains(ATTACK).fill_null(False).arg_true()
    return pl.select(whole.alias("value"))["value"].scatter(attacks, _words_masked(values.gather(attacks)))


def _words_masked(values: pl.Series) -> pl.Series:
    piece = pl.element()
    word = piece.str.contains(r"^[\p{L}\p{M}\p{N}_]") & ~piece.str.to_lowercase().is_in(_VOCABULARY)
    shown = pl.when(word).then(pl.lit(MASKED)).otherwise(piece)
    pieces = values.to_frame("value").select(pl.col("value").str.extract_all(_PIECES).list.eval(shown).list.join(""))
    return without_guard(pieces.to_series())


def _spelled(name: str) -> str:
    return re.escape(name.lower()).replace("_", "[_-]?").replace(r"\-", "[_-]?")
