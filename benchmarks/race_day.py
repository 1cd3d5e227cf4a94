"""A race day of 34 races (horses and cycles by turns) followed by a running daemon, against its plan.

    python benchmarks/race_day.py [--speed 4] [--minutes 33] [--restarts] [--json]

Servers, code server and daemon are its own; the sensor `odds_collector` captures a simulated market through the
daemon's real loop, by a clock that runs `speed` times as fast. The plan is 30 slots per race; the peer is the plan
itself. With `--restarts`, daemon, code server and Postgres are each restarted once on the way. Above a speed of 4, half
a minute is less than a turn of the daemon's loop, and slots are missed that would not be in earnest.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from _common import print_json, print_table

from fotmate_assets_tests.racing.odds.clock import FastClock
from fotmate_assets_tests.racing.odds.live import MINUTE, live_house, load_races


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=4.0, help="seconds of the race day in one of the machine's")
    parser.add_argument("--minutes", type=int, default=33, help="of the race day, from the first off to the last")
    parser.add_argument("--restarts", action="store_true", help="restart daemon, code server and Postgres on the way")
    parser.add_argument("--json", action="store_true", help="also one line of JSON")
    chosen = parser.parse_args()
    clock = FastClock.starting(datetime(2026, 11, 21, 1, 0, tzinfo=UTC), chosen.speed)
    with tempfile.TemporaryDirectory() as folder, live_house(Path(folder) / "home", clock) as house:
        first = clock.now().replace(second=0, microsecond=0) + 66 * MINUTE
        last = first + timedelta(minutes=chosen.minutes)
        races = load_races(house, first, last)
        restarts = [house.restart_postgres, lambda: house.restart("code-server"), lambda: house.restart("daemon")]
        pending = (
            [(first + share * (last - first), restarts.pop()) for share in (0.2, 0.5, 0.8)] if chosen.restarts else []
        )
        started_at = clock.now()
        while clock.now() < last + 2 * MINUTE:
            if pending and clock.now() >= pending[0][0]:
                pending.pop(0)[1]()
            time.sleep(0.5)
        house.wait_for(
            lambda: not house.rows("select 1 from odds_slots where status = 'planned' and slot_at <= :last", last=last),
            120,
            "every slot accounted for",
        )
        slots = house.rows(
            "select * from odds_slots where slot_at <= :last and slot_at > :at", last=last, at=started_at
        )
        events = house.events()
        rows, prices = house.rows("select count(*), sum(cardinality(odds)) from odds_snapshots")[0]
    captured = [slot for slot in slots if slot.status == "captured"]
    lateness = sorted((slot.asked_at - slot.slot_at).total_seconds() / chosen.speed for slot in captured)
    values = {
        "races": races,
        "planned": races * 30,
        "accounted": len(slots),
        "captured": len(captured),
        "captured_share": len(captured) / (races * 30),
        "missed": dict(Counter(f"{slot.status} {slot.verdict}" for slot in slots if slot.status != "captured")),
        "late_p50_s": lateness[len(lateness) // 2],
        "late_p99_s": lateness[int(len(lateness) * 0.99)],
        "late_max_s": lateness[-1],
        "events": events,
        "rows": rows,
        "prices": int(prices),
    }
    print_table(
        f"34 races through the daemon's sensor loop, {chosen.speed:g} times as fast",
        ("what", "value"),
        [(name, f"{value:.4f}" if isinstance(value, float) else str(value)) for name, value in values.items()],
        ["Lateness is the machine's seconds from a slot to its request."],
    )
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
