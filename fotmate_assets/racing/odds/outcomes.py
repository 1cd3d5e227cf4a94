"""What became of planned slots: one by one, and as a batch that was accounted for together."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.cadence import Slot, SlotStatus, SlotVerdict
from fotmate_assets.racing.odds.model import OddsRow

NAMED = 3
"""Missed slots of one verdict that a batch names; it counts the others."""


@dataclass(frozen=True)
class Outcome:
    """What became of one slot."""

    race_id: str
    race_date: date
    slot: Slot
    verdict: Verdict | SlotVerdict
    reason: str | None = None
    """Why it was missed, or what is wanting though it was captured."""
    tries: int = 0
    asked_at: datetime | None = None
    """When the source was first asked for it."""
    rows: tuple[OddsRow, ...] = ()
    refused: SourceError | None = None
    """Of an answer that could not be used."""
    refused_sha256: str | None = None
    """Where the raw zone has that answer."""

    @property
    def status(self) -> SlotStatus:
        """Captured or missed."""
        return SlotStatus.CAPTURED if self.verdict is Verdict.OK else SlotStatus.MISSED

    @property
    def key(self) -> tuple[str, datetime]:
        """Race and instant: what identifies a slot."""
        return self.race_id, self.slot.at


@dataclass(frozen=True)
class Batch:
    """Slots that were accounted for together."""

    source: str
    is_live: bool
    is_simulated: bool
    outcomes: tuple[Outcome, ...] = ()
    """In order of instant and race, without their rows."""
    rows: int = 0
    """Rows written to `odds_snapshots`."""

    def __add__(self, other: Batch) -> Batch:
        outcomes = sorted((*self.outcomes, *other.outcomes), key=lambda each: (each.slot.at, each.race_id))
        return replace(self, outcomes=tuple(outcomes), rows=self.rows + other.rows)

    @property
    def slots(self) -> int:
        """All that were accounted for: captured + missed."""
        return len(self.outcomes)

    @property
    def captured(self) -> int:
        """Slots that were captured."""
        return sum(each.status is SlotStatus.CAPTURED for each in self.outcomes)

    @property
    def missed(self) -> int:
        """Slots that were missed."""
        return self.slots - self.captured

    @property
    def verdicts(self) -> dict[str, int]:
        """Missed slots by verdict, the most frequent first."""
        missed = (each.verdict.value for each in self.outcomes if each.status is SlotStatus.MISSED)
        return dict(Counter(missed).most_common())

    @property
    def race_ids(self) -> tuple[str, ...]:
        """Races of which a slot was captured."""
        return tuple(sorted({each.race_id for each in self.outcomes if each.status is SlotStatus.CAPTURED}))

    @property
    def race_dates(self) -> tuple[date, ...]:
        """Race dates of all slots, missed ones included."""
        return tuple(sorted({each.race_date for each in self.outcomes}))

    @property
    def last_slot(self) -> datetime | None:
        """The latest instant; None for an empty batch."""
        return max((each.slot.at for each in self.outcomes), default=None)

    @property
    def lateness_s(self) -> float:
        """From a slot to when the source was asked, seconds: the largest; 0 where none was asked for."""
        asked = ((each.asked_at - each.slot.at).total_seconds() for each in self.outcomes if each.asked_at is not None)
        return max(asked, default=0.0)

    def reasons(self) -> str:
        """Why slots were missed, as Markdown; empty where none was."""
        by_verdict: dict[str, list[Outcome]] = defaultdict(list)
        for each in self.outcomes:
            if each.status is SlotStatus.MISSED:
                by_verdict[each.verdict].append(each)
        lines = []
        for verdict, missed in by_verdict.items():
            named = [f"  - {each.race_id} {each.slot.at:%H:%M:%S %Z}: {each.reason}" for each in missed[:NAMED]]
            more = [f"  - and {len(missed) - NAMED} more"] if len(missed) > NAMED else []
            lines += [f"- {verdict}: {len(missed)}", *named, *more]
        return "\n".join(lines)

    def __str__(self) -> str:
        missed = "".join(f", {count} missed ({verdict})" for verdict, count in self.verdicts.items())
        return f"{self.captured} slots captured{missed}, {self.rows} rows, at most {self.lateness_s:.2f} s late"
