"""What the portal's requests mean."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from detector.config.section import Regex, Section, checked_regex, groups_of

Action = Literal["logon", "logoff", "search", "record_view", "claim", "export", "other"]


NIR_AREA = "^[1-8][0-9]{4}([0-9]{2}|2[AB])[0-9]{6}(?:[0-9]{2})?$"
"""The department of birth in a French social security number, with or without its key. Source: INSEE."""


class SubjectAt(Section):
    """Where an insured person's identifier stands: a path pattern with a group, or a query parameter."""

    path: Regex | None = Field(None, description="its group `subject`, or its first, is the identifier")
    query: str | None = Field(None, description="name of the query parameter")

    @model_validator(mode="after")
    def _one(self) -> "SubjectAt":
        if (self.path is None) == (self.query is None):
            raise ValueError("exactly one of path, query is required")
        if self.path is not None and not groups_of(self.path):
            raise ValueError("path needs a group around the identifier, such as ^/patients/([^/]+)")
        return self


class ActionAt(Section):
    """Which requests are an action. The first entry that fits wins."""

    action: Action
    path: Regex = Field(description="searched in the redacted path; an identifier there reads `{subject}`")
    method: tuple[str, ...] = ()
    subject: bool | None = Field(None, description="true: requests that name an insured person; false: the others")
    success: tuple[int, ...] = Field((), description="status codes of success; default: below 400")
    failure: tuple[int, ...] = Field((), description="status codes of failure; default: 400 and above")


Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class CategoriesAt(Section):
    """Which categories of data a page shows. The first entry that fits wins."""

    path: Regex = Field(description="searched in the redacted path; an identifier there reads `{subject}`")
    categories: tuple[Category, ...] = Field(min_length=1, description="lower case, such as identity, bank_account")


class Key(Section):
    """The secret key of the tokens. Never in the configuration itself."""

    file: Path | None = None
    env: str | None = "PORTAL_DETECTOR_KEY"


class Portal(Section):
    """What the portal's requests mean."""

    key: Key = Key()
    subjects: tuple[SubjectAt, ...] = ()
    subject_area: Regex | None = Field(
        NIR_AREA, description="its group is the area in an identifier without separators"
    )
    actions: tuple[ActionAt, ...] = ()
    categories: tuple[CategoriesAt, ...] = ()

    @field_validator("subjects")
    @classmethod
    def _fits_together(cls, entries: tuple[SubjectAt, ...]) -> tuple[SubjectAt, ...]:
        paths = [f"(?:{entry.path})" for entry in entries if entry.path is not None]
        checked_regex("|".join(paths))  # they are searched as one; each by itself may be large enough to fit alone only
        return entries

    @field_validator("subject_area")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        if pattern is not None and not groups_of(pattern):
            raise ValueError("subject_area needs a group around the area, such as ^([0-9]{2})")
        return pattern
