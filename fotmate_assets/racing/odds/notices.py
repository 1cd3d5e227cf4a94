"""What people are told of a batch: sudden moves, and slots that were missed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import Engine

from fotmate_assets.core.alerts import Alert, Message, note
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.racing.cadence import SlotStatus
from fotmate_assets.racing.odds.moves import note_moves
from fotmate_assets.racing.odds.outcomes import Batch

QUIET = timedelta(hours=1)
"""After an alert of slots that were missed for one reason, the next one waits so long; `odds_slots` has them all."""


def note_batch(engine: Engine, batch: Batch) -> None:
    """Note the sudden moves that a batch shows, and one alert per verdict of what it missed, at most one an hour. That
    the source rightly had nothing is nothing to tell.
    """
    note_moves(engine, batch.race_ids)
    for verdict in batch.verdicts:
        if verdict == Verdict.EMPTY_EXPECTED:
            continue
        in_transaction(engine, partial(note, alert=_missed(batch, verdict), quiet=QUIET))


def _missed(batch: Batch, verdict: str) -> Alert:
    missed = [each for each in batch.outcomes if each.status is SlotStatus.MISSED and each.verdict == verdict]
    races = sorted({each.race_id for each in missed})
    simulated = " (simulated)" if batch.is_simulated else ""
    return Alert(
        "notice",
        f"odds {batch.source} {verdict}",
        Message(
            f"Odds of {batch.source}{simulated}: {len(missed)} slot{'s' * (len(missed) > 1)} missed, {verdict}",
            missed[0].reason or "",
            {"races": ", ".join(races[:3]) + (" …" if len(races) > 3 else ""), "verdict": verdict},
        ),
        missed[-1].slot.at,
    )
