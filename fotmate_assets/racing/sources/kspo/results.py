"""Who finished where: the ranking names runners, the card numbers them.

The ranking has everybody's rank and no start numbers; the result document has the start numbers of the first three.
A runner gets a number only where one document says so: nobody is numbered by what is left over, and a runner without
one is kept without one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fotmate_assets.racing.model import Entry, FinishStatus, Result
from fotmate_assets.racing.sources.kspo.reading import Line
from fotmate_assets.racing.sources.kspo.rows import RankRow, ResultRow
from fotmate_assets.racing.sources.kspo.values import Placed, placed, squeezed

STATUS_WORDS = {
    "실격": FinishStatus.DISQUALIFIED,
    "낙차": FinishStatus.PULLED_UP,
    "전복": FinishStatus.PULLED_UP,
    "침수": FinishStatus.PULLED_UP,
    "완주못함": FinishStatus.PULLED_UP,
    "미완주": FinishStatus.PULLED_UP,
    "기권": FinishStatus.PULLED_UP,
    "결장": FinishStatus.EXCLUDED,
    "출전제외": FinishStatus.EXCLUDED,
    "출주제외": FinishStatus.EXCLUDED,
    "출전취소": FinishStatus.SCRATCHED,
    "불성립": FinishStatus.VOID,
    "경주불성립": FinishStatus.VOID,
    "취소": FinishStatus.CANCELLED,
    "경주취소": FinishStatus.CANCELLED,
}
"""What stands in place of a rank. A word that is not here is refused, not guessed."""

NOT_RUN = frozenset({FinishStatus.VOID, FinishStatus.CANCELLED})

PLACES = ("rank1", "rank2", "rank3")


@dataclass(frozen=True)
class Podium:
    """The first three as the result document has them."""

    places: tuple[tuple[int, Placed], ...] = ()
    """Position (1-based; equal where one field names several) and runner."""
    is_cancelled: bool = False
    """A word stands in place of the winner: the race was not run, or does not count."""


@dataclass(frozen=True)
class Outcome:
    """What ranking and result document make of a race."""

    results: tuple[Result, ...] | None
    """None where no document tells of any."""
    is_complete: bool
    is_cancelled: bool
    warnings: tuple[str, ...] = ()


def podium(line: Line[ResultRow] | None) -> Podium:
    """The first three of a race. Raises SourceError for a place that names nobody."""
    if line is None:
        return Podium()
    winner = squeezed(line.value.rank1 or "")
    if STATUS_WORDS.get(winner) in NOT_RUN:
        return Podium(is_cancelled=True)
    places = [
        (position, runner) for position, name in enumerate(PLACES, 1) for runner in line.parsed(name, placed) or ()
    ]
    return Podium(tuple(places))


def outcome(
    race_no: int,
    ranking: Sequence[Line[RankRow]],
    first_three: Podium,
    entries: Sequence[Entry] | None,
    *,
    has_card: bool,
) -> Outcome:
    """The results of a race.

    `entries`: None where the card does not tell. `has_card`: whether the track has cards at all; where it has, a race
    is complete when every runner of the card has a rank, where it has not, when every ranked runner has one. Raises
    SourceError for a rank that is neither a number nor a known word.
    """
    ranked = [_ranked(line) for line in ranking]
    warnings: list[str] = []
    results: list[Result] = []
    unnumbered: list[str] = []
    unranked: list[str] = []
    doubled: list[str] = []
    numbers = _numbers(ranked, first_three, entries or ())
    known = {one.name for one in ranked} | {str(number) for number in numbers if number is not None}
    # The result document may be ahead of the ranking.
    ahead = [
        Result(runner.start_no, runner.name, FinishStatus.FINISHED, position)
        for position, runner in first_three.places
        if not known & {runner.name, str(runner.start_no)}
    ]
    for one, number in zip(ranked, numbers, strict=True):
        if one.status is None:
            unranked.append(one.name)
        elif number is None and one.position in {other.finish_position for other in ahead}:
            doubled.append(one.name)
        else:
            extra = one.line.row.extra
            results.append(Result(number, one.name, one.status, one.position, one.word, one.racer_no, extra=extra))
            if number is None and has_card:
                unnumbered.append(one.name)
    if unnumbered:
        warnings.append(_told(race_no, unnumbered, len(ranked), "have no start number"))
    if doubled:
        warnings.append(_told(race_no, doubled, len(ranked), "have a place that the result document gives to another"))
    if unranked:
        warnings.append(_told(race_no, unranked, len(ranked), "have no rank"))
    warnings += _disagreements(race_no, results, first_three)
    results += ahead
    is_whole = bool(ranked) and not unranked
    if has_card:
        is_whole = bool(entries) and {entry.start_no for entry in entries or ()} <= {one.start_no for one in results}
    is_off = bool(ranked) and all(one.status in NOT_RUN for one in ranked)
    return Outcome(
        tuple(sorted(results, key=_order)) or None,
        is_whole,
        is_off or first_three.is_cancelled,
        tuple(warnings),
    )


@dataclass(frozen=True)
class _Ranked:
    """One row of the ranking."""

    name: str
    racer_no: str | None
    status: FinishStatus | None
    """None where the ranking does not tell yet."""
    position: int | None
    word: str | None
    line: Line[RankRow]


def _ranked(line: Line[RankRow]) -> _Ranked:
    row = line.value
    rank = squeezed(row.race_rank or "")
    if rank.isascii() and rank.isdigit():
        position = int(rank)
        status, word = (FinishStatus.FINISHED if position else None), None
    else:
        position, status, word = None, STATUS_WORDS.get(rank), rank or None
        if word and status is None:
            raise line.refused("race_rank", f"neither a rank nor a known word: {word!r}")
    return _Ranked(squeezed(row.racer_nm), row.racer_no, status, position, word, line)


def _numbers(ranked: Sequence[_Ranked], first_three: Podium, entries: Sequence[Entry]) -> list[int | None]:
    """The start number of each ranked runner: by racer number on the card, by name on the card, by name in the result
    document; None where no document tells, where two share the name, or where two come out with one number.
    """
    by_id = {entry.runner_id: entry.start_no for entry in entries if entry.runner_id}
    on_card = _unique([(entry.runner_name, entry.start_no) for entry in entries])
    on_podium = _unique([(runner.name, runner.start_no) for _, runner in first_three.places])
    found: list[int | None] = []
    for one in ranked:
        number = by_id.get(one.racer_no or "")
        if number is None:
            number = on_card[one.name] if one.name in on_card else on_podium.get(one.name)
        found.append(number)
    times = Counter(found)
    return [number if times[number] == 1 else None for number in found]


def _unique(pairs: Sequence[tuple[str, int]]) -> dict[str, int | None]:
    """Number by name; None for a name that two share."""
    names = Counter(name for name, _ in pairs)
    return {name: number if names[name] == 1 else None for name, number in pairs}


def _disagreements(race_no: int, results: Sequence[Result], first_three: Podium) -> list[str]:
    """Runners whom the card and the result document number differently."""
    numbers = {one.runner_name: one.start_no for one in results}
    return [
        f"race {race_no}: {runner.name} starts as {numbers[runner.name]} on the card, as {runner.start_no} in the "
        "result document; the card is followed"
        for _, runner in first_three.places
        if numbers.get(runner.name, runner.start_no) != runner.start_no
    ]


def _order(result: Result) -> tuple[bool, int, bool, int, str]:
    """By start number; who has none by position behind them."""
    number, position = result.start_no, result.finish_position
    return number is None, number or 0, position is None, position or 0, result.runner_name


def _told(race_no: int, names: Sequence[str], of: int, what: str) -> str:
    return f"race {race_no}: {len(names)} of {of} ranked runners {what}: {', '.join(names)}"
