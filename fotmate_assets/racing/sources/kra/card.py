"""A meeting's documents merged into its card.

Per field the first of these that says something wins: for a race the schedule, the entry sheet, API214_1, API189_1,
API299; for an entry the entry sheet, API214_1, API299, and then what the day changed; for a result API214_1, API299.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from fotmate_assets.racing.model import (
    Change,
    ChangeKind,
    Entry,
    FinishStatus,
    Meeting,
    MeetingCard,
    Race,
    RaceCard,
    Result,
)
from fotmate_assets.racing.sources.kra import facts, rows
from fotmate_assets.racing.sources.kra.facts import Amendment, Runner
from fotmate_assets.racing.sources.kra.payoffs import Outcome, payoffs
from fotmate_assets.racing.sources.kra.reading import Reading
from fotmate_assets.racing.sources.kra.values import WORD_OF
from fotmate_assets.racing.sources.source import Built, Family, Listing

R = TypeVar("R", Race, Entry, Result)

WITHDRAWN = (FinishStatus.EXCLUDED, FinishStatus.SCRATCHED)
OFF = (FinishStatus.VOID, FinishStatus.CANCELLED)


class Ending(NamedTuple):
    """What the result services say of a race."""

    results: tuple[Result, ...] | None
    """None as long as one runner that is entered and not scratched lacks a finish."""
    is_cancelled: bool
    is_complete: bool


def build(meeting: Meeting, listings: Mapping[str, Listing]) -> Built:
    """The meeting as these listings (by slot) tell it."""
    reading = Reading(meeting, listings)
    plan = reading.rows("API72_2", rows.PlanRow, rows.PLAN_KNOWN, facts.plan_race)
    sheet = reading.rows("API26_2", rows.SheetRow, rows.SHEET_KNOWN, facts.sheet_runner)
    detail = reading.rows("API214_1", rows.DetailRow, rows.DETAIL_KNOWN, facts.detail_runner)
    total = reading.rows("API299", rows.TotalRow, rows.TOTAL_KNOWN, facts.total_runner)
    track = reading.rows("API189_1", rows.TrackRow, rows.TRACK_KNOWN, facts.track_race)
    amendments = _amendments(reading)
    known = sorted({*plan, *sheet, *detail, *total})

    cards, changes, outcomes = [], [], {}
    for number in known:
        documents = _by_number(sheet, number), _by_number(detail, number), _by_number(total, number)
        entries = _entries(reading, number, *documents, amendments.get(number, ()))
        ending = _ending(reading, number, *documents[1:], entries or ())
        race = _race(number, plan, track, *documents)
        race = replace(race, is_cancelled=ending.is_cancelled, is_complete=ending.is_complete)
        outcomes[number] = Outcome(ending.results, ending.is_cancelled)
        told = None if reading.is_at_fault(Family.ENTRIES, number) else _as_run(entries, ending.results)
        cards.append(RaceCard(race, told, ending.results))
        announced = _changes(total.get(number, []), amendments.get(number, []))
        changes += [*announced, *_unannounced(number, entries or (), told or (), announced)]

    _warn_of_strangers(reading, {"API189_1": track, **_by_service(amendments)}, known)
    paid = payoffs(reading, outcomes)
    return Built(
        MeetingCard(
            meeting,
            tuple(replace(card, payoffs=paid[card.race.race_no]) for card in cards),
            changes=tuple(changes),
            entries_declared=reading.declared.get("API26_2"),
            results_declared=_results_declared(reading.declared),
            warnings=tuple(reading.warnings),
        ),
        tuple(reading.failures),
    )


def _by_number(runners: Mapping[int, Sequence[Runner]], race_no: int) -> dict[int, Runner]:
    """A race's runners in one document, by start number."""
    return {runner.entry.start_no: runner for runner in runners.get(race_no, ())}


# Races --------------------------------------------------------------------------------------------------------------


def _race(
    race_no: int,
    plan: Mapping[int, Sequence[Race]],
    track: Mapping[int, Sequence[Race]],
    sheet: Mapping[int, Runner],
    detail: Mapping[int, Runner],
    total: Mapping[int, Runner],
) -> Race:
    """The facts of a race. Every row of a document repeats them; its first row is asked."""
    of_sheet, of_detail, of_total = ([it.race for it in runners.values()][:1] for runners in (sheet, detail, total))
    race = _filled(*plan.get(race_no, ())[-1:], *of_sheet, *of_detail, *track.get(race_no, ())[-1:], *of_total)
    off = (it.post_time for it in (*of_total, *of_sheet) if it.post_time)
    return replace(race, post_time=next(off, race.scheduled_post_time))


# Results ------------------------------------------------------------------------------------------------------------


def _ending(
    reading: Reading,
    race_no: int,
    detail: Mapping[int, Runner],
    total: Mapping[int, Runner],
    entries: Iterable[Entry],
) -> Ending:
    """How the race ended. API299 alone counts once its rows are final (`finalBit`).

    A result that lacks a runner is in the making, however well its rows add up: half of it would be taken for all.
    """
    if reading.is_at_fault(Family.RESULTS, race_no):
        return Ending(None, is_cancelled=False, is_complete=False)
    runners = {number: [it for it in (detail.get(number), total.get(number)) if it] for number in {**detail, **total}}
    results = {number: _result(reading, race_no, number, told) for number, told in runners.items()}
    finished = [result for result in results.values() if result]
    provisional = not detail and any(runner.is_provisional for runner in total.values())
    is_complete = bool(runners) and len(finished) == len(runners) and not provisional
    flags = [runner.is_off for runner in total.values()]
    if any(flags) and not all(flags):
        reading.warnings.append(f"race {race_no}: API299 says of some runners only that it was not run (noraceFlag)")
    is_off = bool(flags) and all(flags)
    is_off = is_off or (is_complete and all(result.finish_status in OFF for result in finished))
    if is_complete and not is_off and (missing := _missing(entries, finished)):
        reading.warnings.append(
            f"race {race_no}: no result of {', '.join(map(str, missing))}, entered and not scratched"
        )
        is_complete = False
    order = sorted(finished, key=lambda result: (result.finish_position or 99, result.start_no))
    return Ending(tuple(order) if is_complete else None, is_off, is_complete)


def _missing(entries: Iterable[Entry], results: Iterable[Result]) -> list[int]:
    """The numbers of the runners that should have a result and have none, under their number or registration."""
    told = list(results)
    numbers = {result.start_no for result in told}
    registrations = {result.runner_id for result in told if result.runner_id}
    runners = (entry for entry in entries if not entry.is_scratched)
    return [it.start_no for it in runners if it.start_no not in numbers and it.runner_id not in registrations]


def _result(reading: Reading, race_no: int, start_no: int, told: Sequence[Runner]) -> Result | None:
    """One runner's result from what the services say of it, the first service's first."""
    found = [runner.result for runner in told if runner.result]
    if not found:
        return None
    first, *others = found
    for other in others:
        if (first.finish_position, first.finish_status) != (other.finish_position, other.finish_status):
            reading.warnings.append(
                f"race {race_no}, number {start_no}: ord is {_ord(first)} in API214_1 and {_ord(other)} in API299; "
                "the former is kept"
            )
    of_margin = next((it for it in found if it.margin), first)
    return replace(
        _filled(*found),
        finish_position=first.finish_position,
        status_code=first.status_code,
        margin_lengths=of_margin.margin_lengths,
    )


def _results_declared(declared: Mapping[str, int]) -> int | None:
    """Result rows of the meeting: API214_1's, else API299's."""
    return declared.get("API214_1") or declared.get("API299", declared.get("API214_1"))


def _ord(result: Result) -> str:
    return result.status_code or str(result.finish_position)


# Entries ------------------------------------------------------------------------------------------------------------


def _entries(
    reading: Reading,
    race_no: int,
    sheet: Mapping[int, Runner],
    detail: Mapping[int, Runner],
    total: Mapping[int, Runner],
    amendments: Iterable[Amendment],
) -> tuple[Entry, ...] | None:
    """The declared runners, by number: those of the entry sheet and of the results, as the day changed them."""
    entries = {number: runner.entry for number, runner in sheet.items()}
    for runner in (*detail.values(), *total.values()):
        entry, number = runner.entry, runner.entry.start_no
        declared = entries.get(number)
        if declared is None:
            entries[number] = entry
            if sheet:
                reading.warnings.append(f"race {race_no}: number {number} has a result row and is not on the sheet")
        elif declared.runner_id == entry.runner_id:
            entries[number] = _filled(declared, replace(entry, details={}, extra={}))
        else:
            reading.warnings.append(
                f"race {race_no}, number {number}: {declared.runner_name} ({declared.runner_id}) is entered, "
                f"{entry.runner_name} ({entry.runner_id}) has the result"
            )
    numbers = {entry.runner_id: number for number, entry in entries.items()}
    for amendment in amendments:
        number = numbers.get(amendment.runner_id, 0) if amendment.runner_id else amendment.start_no
        if number in entries:
            extra = {**entries[number].extra, **amendment.extra}
            entries[number] = replace(entries[number], **amendment.values, extra=extra)
        else:
            who = f"number {amendment.start_no} ({amendment.runner_id})"
            reading.warnings.append(f"race {race_no}: {amendment.service} tells of {who}, which is not entered")
    return tuple(entries[number] for number in sorted(entries)) or None


def _as_run(entries: Sequence[Entry] | None, results: Sequence[Result] | None) -> tuple[Entry, ...] | None:
    """The entries as the result shows them: who did not start (93 to 95), and who rode."""
    if entries is None:
        return None
    shown = {(result.start_no, result.runner_id): result for result in results or ()}
    return tuple(_shown(entry, shown.get((entry.start_no, entry.runner_id))) for entry in entries)


def _shown(entry: Entry, result: Result | None) -> Entry:
    if result is None:
        return entry
    if result.finish_status in WITHDRAWN:
        return replace(entry, is_scratched=True, scratch_reason=entry.scratch_reason or _reason(result))
    if result.jockey_id and result.jockey_id != entry.jockey_id:
        return replace(entry, jockey_id=result.jockey_id, jockey_name=result.jockey_name)
    return entry


def _unannounced(
    race_no: int, entered: Iterable[Entry], shown: Iterable[Entry], announced: Iterable[Change]
) -> Iterator[Change]:
    """Jockeys that only the result shows to have changed."""
    told = {(change.kind, change.start_no) for change in announced}
    for before, after in zip(entered, shown, strict=False):
        about = (ChangeKind.JOCKEY, before.start_no)
        if before.jockey_name and before.jockey_name != after.jockey_name and about not in told:
            yield Change(race_no, *about, before.jockey_name, after.jockey_name)


def _reason(result: Result) -> str:
    return result.details.get("ordBigo") or WORD_OF[result.finish_status]


def _amendments(reading: Reading) -> dict[int, list[Amendment]]:
    """What the day's documents change, by race: weights, then jockeys in the order announced, then scratches."""
    weights = reading.rows("API25_1", rows.WeightRow, rows.WEIGHT_KNOWN, facts.weighed)
    jockeys = reading.rows("API10_1", rows.JockeyRow, rows.JOCKEY_KNOWN, facts.jockey_changed)
    scratches = reading.rows("API9_1", rows.ScratchRow, rows.SCRATCH_KNOWN, facts.scratched)
    found: dict[int, list[Amendment]] = defaultdict(list)
    for amendments in (weights, jockeys, scratches):
        for race_no, of_race in amendments.items():
            found[race_no] += sorted(of_race, key=_announced)
    return found


def _announced(amendment: Amendment) -> float:
    change = amendment.change
    return change.announced_at.timestamp() if change and change.announced_at else 0.0


def _changes(total: Iterable[Runner], amendments: Iterable[Amendment]) -> list[Change]:
    """The changes that the documents tell of a race; every row of API299 repeats that of the post time."""
    times = [runner.post_time_change for runner in total if runner.post_time_change][:1]
    return [*times, *(amendment.change for amendment in amendments if amendment.change)]


def _by_service(amendments: Mapping[int, Iterable[Amendment]]) -> dict[str, set[int]]:
    """The races that each day-of service tells of."""
    found: dict[str, set[int]] = defaultdict(set)
    for race_no, of_race in amendments.items():
        for amendment in of_race:
            found[amendment.service].add(race_no)
    return found


def _warn_of_strangers(reading: Reading, told: Mapping[str, Iterable[int]], known: Iterable[int]) -> None:
    """Take note of races that only a day-of document knows."""
    for service, races in told.items():
        if strangers := sorted(set(races) - set(known)):
            reading.warnings.append(
                f"{service} tells of races that no schedule, entry sheet or result knows: "
                f"{', '.join(map(str, strangers))}"
            )


# Merging ------------------------------------------------------------------------------------------------------------


def _filled(first: R, *others: R) -> R:
    """`first` with what it lacks from the others, in their order; mappings united, flags raised by any."""
    told = dict(vars(first))
    for name, value in told.items() if others else ():
        if value is None:
            told[name] = next((it for other in others if (it := getattr(other, name)) is not None), None)
        elif value is False:
            told[name] = any(getattr(other, name) for other in others)
        elif isinstance(value, dict):
            for other in others:
                told[name] = {**getattr(other, name), **told[name]}
    return type(first)(**told)
