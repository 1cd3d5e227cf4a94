"""The collector as production runs it: a daemon's sensor loop over a code server, all restarted on the way."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fotmate_assets_tests.racing.odds.clock import FastClock
from fotmate_assets_tests.racing.odds.live import MINUTE, live_house, load_races

SPEED = 4.0
"""Half a minute takes longer than a turn of the daemon's loop, as it does in earnest."""


@pytest.mark.alone
@pytest.mark.timeout(400)
def test_a_daemon_captures_every_slot_but_those_that_fell_into_its_restarts(tmp_path: Path) -> None:
    clock = FastClock.starting(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), SPEED)
    with live_house(tmp_path / ".fotmate", clock) as house:
        first = clock.now().replace(second=0, microsecond=0) + 3 * MINUTE
        last = first + 2 * MINUTE
        races = load_races(house, first, last)

        def captured() -> int:
            return int(house.rows("select count(*) from odds_slots where status = 'captured'")[0][0])

        house.wait_for(lambda: captured() > 0, 60, "the first slot")
        house.restart("daemon")
        house.wait_for(lambda: clock.now() > first, 90, "the first off")
        house.restart("code-server")
        house.wait_for(lambda: clock.now() > last - MINUTE, 60, "a minute before the last off")
        house.restart_postgres()
        house.wait_for(lambda: clock.now() > last + MINUTE, 120, "the last off")
        house.wait_for(
            lambda: not house.rows("select 1 from odds_slots where status = 'planned' and slot_at < :now", now=last),
            60,
            "every slot accounted for",
        )
        slots = house.rows("select * from odds_slots where slot_at <= :last", last=last)
        outcome = Counter((slot.status, slot.verdict) for slot in slots)
        assert len({slot.race_id for slot in slots}) == races
        assert outcome.keys() <= {("captured", "ok"), ("missed", "unattended"), ("missed", "late")}, outcome
        on_time = [slot for slot in slots if slot.status == "captured"]
        late = [slot for slot in on_time if (slot.asked_at - slot.slot_at).total_seconds() / SPEED > 1]
        assert not late
        assert len(on_time) > 0.4 * len(slots), outcome
        stored = {tuple(row) for row in house.rows("select distinct race_id, observed_at from odds_snapshots")}
        assert stored == {(slot.race_id, slot.slot_at) for slot in on_time}
        assert (
            house.events()
            <= house.rows("select count(distinct slot_at) from odds_slots where status = 'captured'")[0][0]
        )
        assert house.events() > 0
