"""Simulated races as the model's plain data: what a test compares an ingestion with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fotmate_assets.embedded.portal import betting
from fotmate_assets.embedded.portal.kra.odds import has_sales
from fotmate_assets.embedded.portal.kspo.results import pool_prices
from fotmate_assets.embedded.portal.race import Finish, RaceState, Runner
from fotmate_assets.racing.model import (
    ODDS_CAP,
    Entry,
    FinishStatus,
    Meeting,
    MeetingCard,
    Payoff,
    Pool,
    Race,
    RaceCard,
    Result,
    Sport,
    combination,
)

_WITHOUT_CARD = ("changwon", "busan_cycle")
_CYCLE_POOLS = {"1": Pool.WIN, "2": Pool.PLC, "4": Pool.EXA, "5": Pool.QNL}
_CYCLE_POOLS |= {"6": Pool.POOL6, "7": Pool.POOL7, "8": Pool.POOL8}
_BOAT_POOLS = {**_CYCLE_POOLS, "6": Pool.TLA}


def meeting_truth(meeting: Meeting, states: Sequence[RaceState]) -> MeetingCard:
    """A meeting when all is over."""
    return MeetingCard(
        meeting=meeting,
        races=tuple(race_truth(state) for state in states),
    )


def race_truth(state: RaceState) -> RaceCard:
    """A race as the services tell it in the end.

    KSPO's results leave out who did not start, and say nothing of a race that does not count. Of velodromes without a
    card, results and payoffs are all there is, and only the first three have start numbers.
    """
    race = state.race
    is_horse = race.sport is Sport.HORSE
    called_off = state.is_cancelled or state.is_void
    stands = Race(race.race_no, is_cancelled=called_off, is_complete=is_horse or not called_off)
    prices = {pool: _prices(state, pool) if is_horse else {} for pool in (Pool.WIN, Pool.PLC)}
    results = [_result(state, finish, prices) for finish in state.finishes if is_horse or finish.status.started]
    payoffs = tuple(_horse_payoffs(state) if is_horse else _racer_payoffs(state))
    if race.meeting.track_id in _WITHOUT_CARD:
        told = tuple(r if (r.finish_position or 4) <= 3 else replace(r, start_no=None) for r in results)
        return RaceCard(stands, results=told, payoffs=payoffs)
    announced = replace(
        stands,
        name=race.name or None,
        distance_m=race.distance_m if race.sport is not Sport.BOAT else None,
        grade=race.grade,
        purse_krw=sum(race.prizes) or None,
        field_size=len(race.runners),
        scheduled_post_time=race.post_time,
        post_time=state.post_time,
        weather=race.conditions.weather if is_horse else None,
        track_condition=race.conditions.going if is_horse else None,
        track_moisture_pct=race.conditions.moisture_pct if is_horse else None,
    )
    entries = tuple(_entry(state, runner) for runner in race.runners)
    return RaceCard(announced, entries, tuple(results), payoffs)


def _entry(state: RaceState, runner: Runner) -> Entry:
    scratch = state.scratched.get(runner.start_no)
    rider = state.jockeys.get(runner.start_no, runner.jockey)
    sport = state.race.sport
    return Entry(
        start_no=runner.start_no,
        runner_name=runner.identity.name,
        runner_id=None if sport is Sport.CYCLE else runner.identity.number,
        sex=runner.sex if sport is not Sport.CYCLE else None,
        age=runner.age,
        jockey_id=rider.number if rider else None,
        jockey_name=rider.name if rider else None,
        trainer_id=runner.trainer.number if runner.trainer else None,
        trainer_name=runner.trainer.name if runner.trainer else None,
        owner_id=runner.owner.number if runner.owner else None,
        owner_name=runner.owner.name if runner.owner else None,
        burden_kg=runner.burden_kg or None,
        body_weight_kg=None if sport is Sport.CYCLE or scratch else runner.weight_kg,
        body_weight_change_kg=runner.weight_change_kg if sport is Sport.HORSE and not scratch else None,
        rating=runner.rating or None,
        grade=(state.race.grade if sport is Sport.CYCLE else runner.grade) or None,
        motor_no=f"{runner.motor_no:03d}" if sport is Sport.BOAT else None,
        boat_no=f"{runner.boat_no:03d}" if sport is Sport.BOAT else None,
        is_scratched=scratch is not None,
        scratch_reason=scratch.reason if scratch else None,
    )


def _result(state: RaceState, finish: Finish, prices: Mapping[Pool, betting.Odds]) -> Result:
    runner, race = finish.runner, state.race
    rider = state.jockeys.get(runner.start_no, runner.jockey)
    is_horse = race.sport is Sport.HORSE
    started = runner.start_no not in state.scratched
    word = (
        str(finish.code)
        if is_horse
        else {91: "실격"}.get(finish.code or 0, "낙차" if race.sport is Sport.CYCLE else "전복")
    )
    return Result(
        start_no=runner.start_no,
        runner_name=runner.identity.name,
        finish_status=finish.status,
        finish_position=finish.position,
        status_code=None if finish.status is FinishStatus.FINISHED else word,
        runner_id=runner.identity.number,
        jockey_id=rider.number if rider else None,
        jockey_name=rider.name if rider else None,
        trainer_id=runner.trainer.number if runner.trainer else None,
        time_s=finish.time_s if is_horse else None,
        margin=str(finish.margin) if is_horse and finish.margin != "-" else None,
        margin_lengths=finish.lengths if is_horse and finish.margin not in ("동착", "대차") else None,
        win_odds=prices[Pool.WIN].get((runner.start_no,)),
        place_odds=prices[Pool.PLC].get((runner.start_no,)),
        burden_kg=runner.burden_kg or None,
        body_weight_kg=runner.weight_kg if is_horse and started else None,
        body_weight_change_kg=runner.weight_change_kg if is_horse and started else None,
    )


def _prices(state: RaceState, pool: Pool) -> betting.Odds:
    """The final odds of a pool; none where it was not sold or its bets were paid back."""
    return {} if state.is_void or not betting.sold(state, pool) else betting.odds(state, pool)


def _horse_payoffs(state: RaceState) -> list[Payoff]:
    payoffs = []
    for pool in betting.PAYOUT:
        if not betting.sold(state, pool) or state.is_void:
            continue
        amount = betting.sales(state, pool) if has_sales(state) else None
        payoffs += [_payoff(pool, numbers, price, amount) for numbers, price in betting.paid(state, pool).items()]
    return payoffs


def _racer_payoffs(state: RaceState) -> list[Payoff]:
    pools = _CYCLE_POOLS if state.race.sport is Sport.CYCLE else _BOAT_POOLS
    return [
        _payoff(pools[column], combination(pools[column], numbers), price, None)
        for column, prices in pool_prices(state).items()
        for numbers, price in prices.items()
    ]


def _payoff(pool: Pool, numbers: str, price: float, amount: int | None) -> Payoff:
    capped = price >= ODDS_CAP
    return Payoff(pool, numbers, None if capped else price, is_capped=capped, pool_sales_krw=amount)
