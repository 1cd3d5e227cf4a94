"""One simulated match, whole: periods, substitutions, score, lineups."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import count

from fotmate_assets.embedded.sample.statsbomb import vocabulary as v
from fotmate_assets.embedded.sample.statsbomb.incidents import MINUTE_MS, Agenda, Director
from fotmate_assets.embedded.sample.statsbomb.play import Possession, kick_off
from fotmate_assets.embedded.sample.statsbomb.shots import PENALTY_SPOT, PENALTY_XG, shoot
from fotmate_assets.embedded.sample.statsbomb.squads import SampleTeam, generator
from fotmate_assets.embedded.sample.statsbomb.team_sheet import TeamSheet
from fotmate_assets.embedded.sample.statsbomb.vocabulary import Incident, Json, Term
from fotmate_assets.embedded.sample.statsbomb.world import World, link

REGULAR_SEASON = Term(1, "Regular Season")
SUBSTITUTIONS = 3
_PERIOD_MINUTES = {1: 45, 2: 45, 3: 15, 4: 15}


@dataclass
class SampleMatch:
    """The documents of one match as plain JSON values; edit them to make a broken match."""

    match: Json
    """Its row of the matches file; `competition` and `season` are stamped when a season is written."""
    events: list[Json]
    lineups: list[Json]
    frames: list[Json] | None = None
    """Its 360 frames, or None for a match without."""

    @property
    def id(self) -> int:
        """The match id, which names its files."""
        return int(self.match["match_id"])


def simulate_match(
    match_id: int,
    home: SampleTeam,
    away: SampleTeam,
    *,
    seed: int = 2026,
    minutes_scale: float = 1.0,
    extra_time: bool = False,
    shootout: bool = False,
    incidents: Collection[Incident] = (),
    with_frames: bool = False,
    decisive: bool = False,
    match_date: str = "2025-08-16",
    kick_off_time: str = "15:00:00.000",
    match_week: int = 1,
    stage: Term = REGULAR_SEASON,
) -> SampleMatch:
    """Simulate a match; equal arguments give equal documents.

    `minutes_scale` is the share of the clock that is recorded as play: 1 gives about 2,500 events, 0.08 about 200.
    The match clock runs the full ninety minutes either way, so minutes played stay those of a whole match.
    `extra_time` gives a match that is level after 90 minutes and decided in extra time; `shootout` one that is
    level after extra time too; `decisive` one with a winner. Whistle times and all else follow from `seed`.
    """
    for attempt in count():
        rng = generator(seed, match_id, attempt)
        world = World(rng, TeamSheet(home, 0), TeamSheet(away, 1), with_frames=with_frames)
        if _Game(world, minutes_scale).play(
            incidents, extra_time=extra_time or shootout, shootout=shootout, decisive=decisive
        ):
            break
    lineups = [sheet.lineup() for sheet in world.sides]
    if world.rng.random() < 0.5:
        lineups.reverse()
    match = _match_row(match_id, world, match_date)
    match.update(kick_off=kick_off_time, match_week=match_week, competition_stage=stage.json())
    return SampleMatch(match, world.finished(), lineups, world.frames)


class _Game:
    def __init__(self, world: World, scale: float) -> None:
        self.world = world
        self.rng = world.rng
        self.scale = scale
        agenda = Agenda(self.world)
        self.director = Director(self.world, agenda)
        self.half_time_substitution = False

    def play(self, incidents: Collection[Incident], *, extra_time: bool, shootout: bool, decisive: bool) -> bool:
        """Play the match; False where its score is not of the kind asked for."""
        world = self.world
        for incident in incidents:
            self.director.plan(incident)
        self._plan_substitutions(incidents)
        for sheet in world.sides:
            world.emit(v.STARTING_XI, sheet, tactics=sheet.tactics())
        first = self.rng.choice(world.sides)
        self._period(1, first, (190, 330) if Incident.LONG_FIRST_HALF in incidents else (40, 200))
        self._period(2, world.other(first), (90, 340), level_from=20 if extra_time else None)
        if extra_time:
            if not self._level:
                return False
            world.no_lead = shootout
            self._period(3, first, (10, 60))
            self._period(4, world.other(first), (20, 120))
        if shootout:
            if self._level:
                self._shootout(first)
                return True
            return False
        return not (self._level and (extra_time or decisive))

    @property
    def _level(self) -> bool:
        return self.world.score[0] == self.world.score[1]

    def _plan_substitutions(self, incidents: Collection[Incident]) -> None:
        self.half_time_substitution = Incident.HALF_TIME_SUBSTITUTION in incidents
        spared = Incident.INJURY_SUBSTITUTION in incidents or self.half_time_substitution
        for sheet in self.world.sides:
            for _ in range(SUBSTITUTIONS - spared):
                due = int(self.rng.uniform(8, 44) * MINUTE_MS)
                self.director.plan_substitution(sheet, due)

    def _period(
        self, period: int, first: TeamSheet, stoppage_s: tuple[int, int], level_from: float | None = None
    ) -> None:
        world = self.world
        self._whistle(v.HALF_START, period)
        if period == 2 and self.half_time_substitution:
            self.director.substitute(self.rng.choice(world.sides))
        end = _PERIOD_MINUTES[period] * MINUTE_MS + int(1000 * self.rng.uniform(*stoppage_s))
        restart = kick_off(first, opens_half=True)
        while world.clock_ms < end:
            begun = world.clock_ms
            world.no_lead |= level_from is not None and begun > level_from * MINUTE_MS
            restart = Possession(world, restart).run()
            stretched = begun + int((world.clock_ms - begun) / self.scale)
            world.clock_ms = max(world.clock_ms, min(stretched, end))
            restart = self.director.agenda.run_due(restart)
        self._whistle(v.HALF_END, period)

    def _whistle(self, kind: Term, period: int) -> None:
        world = self.world
        if kind is v.HALF_START:
            world.period, world.clock_ms = period, 0
        link(*(world.emit(kind, sheet) for sheet in world.sides))

    def _shootout(self, first: TeamSheet) -> None:
        world, rng = self.world, self.rng
        self._whistle(v.HALF_START, 5)
        order = (first, world.other(first))
        takers = [rng.sample(sheet.active, len(sheet.active)) for sheet in order]
        goals, taken = [0, 0], [0, 0]
        for kick in count():
            turn, nth = kick % 2, kick // 2
            world.wait(35, 50)
            world.new_possession(order[turn], v.OTHER_PATTERN)
            scored = rng.random() < PENALTY_XG
            shooter = takers[turn][nth % len(takers[turn])]
            shoot(world, order[turn], shooter, PENALTY_SPOT, v.PENALTY, scored=scored)
            goals[turn] += scored
            taken[turn] += 1
            left = [max(0, 5 - n) for n in taken]
            ahead = goals[0] - goals[1]
            if taken[0] == taken[1] >= 5:
                left = [0, 0]
            elif max(taken) > 5:
                continue
            if ahead > left[1] or -ahead > left[0]:
                break
        self._whistle(v.HALF_END, 5)


def _match_row(match_id: int, world: World, match_date: str) -> Json:
    home, away = (sheet.team for sheet in world.sides)
    with_frames = world.frames is not None
    return {
        "match_id": match_id,
        "match_date": match_date,
        "kick_off": None,
        "competition": {},
        "season": {},
        "home_team": home.json("home"),
        "away_team": away.json("away"),
        "home_score": world.score[0],
        "away_score": world.score[1],
        "match_status": "available",
        "match_status_360": "available" if with_frames else "scheduled",
        "last_updated": f"{match_date}T23:{match_id % 60:02d}:11.{match_id % 1000:03d}427",
        "last_updated_360": f"{match_date}T23:59:02.250",
        "metadata": {"data_version": "1.1.0", "shot_fidelity_version": "2", "xy_fidelity_version": "2"},
        "match_week": None,
        "competition_stage": None,
        "stadium": {"id": 700_000 + home.id, "name": home.stadium, "country": home.country.json()},
        "referee": {"id": 600_001 + match_id % 4, "name": "Rëf Simulated", "country": home.country.json()},
    }
