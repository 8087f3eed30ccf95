"""Add up what was found into one Finding."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import polars as pl

from detector.config import Config
from detector.inquire.scope.asked import Asked
from detector.inquire.scope.coverage import Coverage
from detector.inquire.scope.finding import WHOSE, Archive, Counts, Finding, Gap, Other, Source, Subjects
from detector.inquire.scope.gaps import Gaps, of_unnamed
from detector.inquire.scope.persons import Totals
from detector.inquire.scope.rhythm import Usual
from detector.inquire.scope.units import ACCOUNT

_SOURCE: Final = (ACCOUNT, "source.ip", "portal.client", "whose")
_TRAITS: Final = ("source.geo.country_iso_code", "portal.network", "portal.network_kind")
_NAMES: Final = {
    ACCOUNT: "account",
    "source.ip": "ip",
    "source.geo.country_iso_code": "country",
    "portal.network": "network",
    "portal.network_kind": "network_kind",
    "portal.client": "client",
}


class Reckoning:
    """The units inside the span asked for, judged, and the sources they come from. Shapes: what `judged` returns."""

    def __init__(self, judged: pl.DataFrame) -> None:
        inside = judged.filter("inside")
        self._sources = (
            inside.group_by(_SOURCE, maintain_order=True)
            .agg(
                *(pl.col(name).first() for name in _TRAITS),
                pl.col("first").min(),
                pl.col("last").max(),
                pl.col("requests", "records", "unnamed").sum(),
                pl.col("reasons").first(),
            )
            .with_row_index("source")
            .with_columns(pl.col("source").cast(pl.Int64))
        )
        self._units = inside.join(
            self._sources.select("source", *_SOURCE), on=_SOURCE, how="left", nulls_equal=True, maintain_order="left"
        )

    def sides(self) -> pl.DataFrame:
        """Say of each unit whose it is and from which source. Shapes: -> {unit, whose, source}."""
        return self._units.select("unit", "whose", "source")

    def finding(
        self,
        *,
        asked: Asked,
        sessions: tuple[str, ...],
        totals: Totals,
        others: Mapping[int, str] | None,
        coverage: Coverage,
        config: Config,
        key_id: str | None,
    ) -> Finding:
        """Make the finding; `others` names the accounts beside, None where they were not looked for."""
        first, last = self._span()
        unnamed = self._counts("unnamed")
        gaps = Gaps(
            coverage, Usual(config.calendar), since=asked.since, until=asked.until,
            share=config.input.reject_share_warning,
        ).found()  # fmt: skip
        gaps = (*gaps, *of_unnamed(unnamed.attacker + unnamed.undecided, first, last))
        return Finding(
            accounts=tuple(sorted(asked.accounts | self._accounts())),
            sessions=sessions,
            addresses=tuple(sorted(asked.addresses)),
            incident=asked.incident,
            since=asked.since,
            until=asked.until,
            first=first,
            last=last,
            requests=self._counts("requests"),
            records=self._counts("records"),
            unnamed=unnamed,
            subjects=_subjects(totals, gaps),
            categories=dict(totals.categories.most_common()),
            owner_categories=dict(totals.owner_categories.most_common()),
            sources=self._told(totals),
            others=None if others is None else _others(totals, others),
            gaps=gaps,
            archives=_archives(coverage),
            every_line=others is not None,
            key_id=key_id,
        )

    def _span(self) -> tuple[datetime | None, datetime | None]:
        row: tuple[datetime | None, datetime | None] = self._units.select(
            pl.col("first").min(), pl.col("last").max()
        ).row(0)
        return row

    def _accounts(self) -> set[str]:
        return set(self._units[ACCOUNT].drop_nulls().unique())

    def _counts(self, name: str) -> Counts:
        by_side = dict(self._units.group_by("whose").agg(pl.col(name).sum()).iter_rows())
        return Counts(**{side: by_side.get(side, 0) for side in WHOSE})

    def _told(self, totals: Totals) -> tuple[Source, ...]:
        rank = {side: at for at, side in enumerate(("attacker", "undecided", "owner"))}
        rows = self._sources.rename(_NAMES).drop("unnamed").rows(named=True)
        told = [
            Source(**{**row, "reasons": tuple(row["reasons"] or ())}, subjects=totals.sources[number])
            for row in rows
            if (number := row.pop("source")) is not None
        ]
        return tuple(sorted(told, key=lambda one: (rank[one.whose], -one.subjects, -one.requests)))


def _subjects(totals: Totals, gaps: tuple[Gap, ...]) -> Subjects:
    whose = totals.whose
    return Subjects(
        count=whose.total(),
        attacker_count=whose["attacker"] + whose["both"],
        owner_count=totals.owner_count,
        both_count=whose["both"],
        undecided_count=whose["undecided"],
        lower_bound=bool(gaps),
    )


def _others(totals: Totals, names: Mapping[int, str]) -> tuple[Other, ...]:
    found = [Other(account=names[number], subjects=count) for number, count in totals.others.items()]
    return tuple(sorted(found, key=lambda one: (-one.subjects, one.account)))


def _archives(coverage: Coverage) -> tuple[Archive, ...]:
    return tuple(
        Archive(
            path=file.path, lines=file.lines, parsed=file.parsed, rejects=file.rejects.height,
            first=file.first, last=file.last,
        )
        for file in coverage.files.values()
    )  # fmt: skip
