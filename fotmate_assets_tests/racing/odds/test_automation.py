"""When the odds of a race date are put together: a pure function of a clock and rows, and the schedule around it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from fotmate_assets.racing.model import RaceStatus, Sport
from fotmate_assets.racing.odds.automation import OddsState, odds_due
from fotmate_assets.racing.queries import RaceTime
from fotmate_assets_tests.racing.cards import DAY, off

MINUTE = timedelta(minutes=1)
NEVER: dict[date, datetime] = {}
NOTHING: dict[date, OddsState] = {}


def race(post_time: datetime | None = off(1), status: RaceStatus = RaceStatus.FINISHED) -> RaceTime:  # noqa: B008
    return RaceTime(DAY, Sport.HORSE, status, post_time, has_entries=True, is_unpaid=False)


def test_a_race_date_is_put_together_half_an_hour_after_its_last_race() -> None:
    times = [race(off(1)), race(off(2))]
    assert odds_due(off(2) + 29 * MINUTE, times, NOTHING, NEVER, NEVER) == []
    assert odds_due(off(2) + 30 * MINUTE, times, NOTHING, NEVER, NEVER) == [(DAY, True)]


def test_a_race_that_is_still_live_does_not_hold_its_day_up() -> None:
    times = [race(off(1)), race(off(2), RaceStatus.LIVE)]
    assert odds_due(off(2) + 30 * MINUTE, times, NOTHING, NEVER, NEVER) == [(DAY, True)]


def test_a_called_off_last_race_is_not_waited_for() -> None:
    times = [race(off(1)), race(off(9), RaceStatus.CANCELLED)]
    assert odds_due(off(1) + 30 * MINUTE, times, NOTHING, NEVER, NEVER) == [(DAY, True)]


def test_a_day_on_which_every_race_is_called_off_has_no_odds_to_put_together() -> None:
    assert odds_due(off(9), [race(off(1), RaceStatus.CANCELLED)], NOTHING, NEVER, NEVER) == []


def test_a_day_without_a_known_post_time_waits() -> None:
    assert odds_due(off(9), [race(None)], NOTHING, NEVER, NEVER) == []


def test_what_was_put_together_is_so_again_only_after_its_results_were_asked_for_again() -> None:
    now, read = off(9), {DAY: off(3)}
    assert odds_due(now, [race()], NOTHING, NEVER, read) == []
    assert odds_due(now, [race()], NOTHING, {DAY: off(2)}, read) == []
    assert odds_due(now, [race()], NOTHING, {DAY: off(4)}, read) == [(DAY, True)]


def test_candles_follow_the_snapshots_during_the_day() -> None:
    now, times = off(1) - 5 * MINUTE, [race(off(1), RaceStatus.UPCOMING)]
    captured = off(1) - 6 * MINUTE
    for state, due in (
        (OddsState(captured, None), [(DAY, False)]),
        (OddsState(captured, captured - MINUTE), [(DAY, False)]),
        (OddsState(captured, captured), []),
        (OddsState(None, None), []),
    ):
        assert odds_due(now, times, {DAY: state}, NEVER, NEVER) == due


def test_snapshots_that_come_after_the_day_was_put_together_get_their_candles() -> None:
    late = OddsState(off(5), off(4))
    assert odds_due(off(6), [race()], {DAY: late}, NEVER, {DAY: off(3)}) == [(DAY, False)]
