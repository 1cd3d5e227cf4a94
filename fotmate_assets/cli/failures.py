"""`fotmate failures`: what is owed, and trying it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from fotmate_assets import runtime
from fotmate_assets.cli import err, out
from fotmate_assets.core.ledger import Failure, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.tables import FAILURE_STATUSES
from fotmate_assets.settings import Settings


@dataclass(frozen=True)
class Again:
    """The run that tries a failure again."""

    assets: Sequence[str]
    """Keys: `football/matches`."""
    partition_key: str | None
    run_config: dict[str, Any] = field(default_factory=dict)


def _football(failure: Failure) -> Again:
    """The season of its provider, of which only what changed is work.

    The source is asked first, since it may have mended its document; the kept bytes are parsed again in any case.
    """
    from fotmate_assets.football.assets import SEASON_TABLES

    names = (f"{failure.source}_raw", *SEASON_TABLES, "events_lake")
    return Again([f"football/{name}" for name in names], failure.partition_key)


def _racing(failure: Failure) -> Again:
    """The race date; from the kept bytes alone where these are the problem: a field of a document, or a meeting that
    the database refused. A question that the portal refused has no bytes to read.
    """
    if failure.job.startswith("racing/odds_"):
        return Again([failure.job], failure.partition_key)
    of_bytes = failure.field is not None or failure.document.startswith("meeting/")
    return Again(
        ["racing/races", "racing/entries", "racing/results", "racing/payoffs", "racing/form"],
        failure.partition_key,
        {"ops": {"racing_tables": {"config": {"fetch": not (failure.verdict is Verdict.MALFORMED and of_bytes)}}}},
    )


def _vision(failure: Failure) -> Again:
    """The match, of which what was computed already is not computed again."""
    return Again(["vision/trajectories", "vision/player_metrics"], failure.partition_key)


WINGS: dict[str, Callable[[Failure], Again]] = {"football": _football, "racing": _racing, "vision": _vision}
"""How each wing tries again what it owes on a partition; what has none is made again as it is."""


def run_for(failure: Failure) -> Again:
    """The run that tries `failure` again. Raises CommandError where no wing has its job."""
    if not failure.partition_key:
        return Again([failure.job], None)
    wing = WINGS.get(failure.job.partition("/")[0])
    if wing is None:
        raise runtime.CommandError(f"nothing tries {failure.job} again; there are {', '.join(WINGS)}")
    return wing(failure)


def listed(status: str | None) -> list[dict[str, Any]]:
    """Rows of the ledger: what is owed, or those of one status. Raises CommandError for an unknown one."""
    if status is not None and status not in FAILURE_STATUSES:
        raise runtime.CommandError(f"unknown status {status!r}; there are {', '.join(FAILURE_STATUSES)}")
    with _ledger() as ledger:
        return [asdict(failure) for failure in ledger.failures([status] if status else None)]


def shown(failure_id: int) -> dict[str, Any] | None:
    """Everything about one failure: its row, its kept bytes and the last attempts of its job; None where unknown."""
    with _ledger() as ledger:
        failure = ledger.failure(failure_id)
        if failure is None:
            err.print(f"no failure {failure_id}", style="red")
            return None
        refused = ledger.quarantined(failure)
        return {
            **asdict(failure),
            "kept_bytes": _kept_bytes(failure.raw_sha256, refused),
            "quarantine": refused,
            "last_attempts": ledger.last_attempts(failure),
        }


def _kept_bytes(sha256: str | None, refused: dict[str, Any] | None) -> dict[str, Any] | None:
    if sha256 is None:
        return None
    url = f"{Settings().raw_url}/blobs/{sha256[:2]}/{sha256}.zst"
    read = f"zstd -dc {url.removeprefix('file://')}"
    if url.startswith("s3://"):
        read = f"aws s3 cp {url} - | zstd -dc"
    return {"sha256": sha256, "size_bytes": refused and refused["size_bytes"], "url": url, "read": read}


def retry(failure_id: int, force: bool) -> int:
    """Run again what the failure stands for, from the kept bytes where these are the problem.

    0 resolved, 1 still owed, 2 unknown, 3 resolved already, 4 exhausted, which `force` tries all the same, 5 being
    retried by another run.
    """
    with _ledger() as ledger:
        failure = ledger.failure(failure_id)
        if failure is None:
            err.print(f"no failure {failure_id}", style="red")
            return 2
        refusal = _refusal(failure, force)
        if refusal is not None:
            return refusal
        again = run_for(failure)
        if failure_id not in ledger.begin_retry([failure_id]):
            err.print(f"failure {failure_id} is being retried by another run", style="red")
            return 5

    from dagster import AssetKey

    from fotmate_assets.cli.ingest import progress
    from fotmate_assets.definitions import build_defs

    with progress(f"{failure.source} {failure.document}") as on_event:
        result = runtime.execute(
            build_defs(),
            runtime.instance(),
            assets=[AssetKey(name.split("/")) for name in again.assets],
            partition_key=again.partition_key,
            run_config=again.run_config,
            on_event=on_event,
        )
    with _ledger() as ledger:
        return _outcome(ledger, failure_id, result.run_id)


@contextmanager
def _ledger() -> Iterator[Ledger]:
    with runtime.database() as engine:
        yield Ledger(engine, Settings().max_attempts)


def _refusal(failure: Failure, force: bool) -> int | None:
    """Say why it is not tried again, and the exit status; None when it is."""
    failure_id = failure.failure_id
    if failure.status == "resolved":
        err.print(f"failure {failure_id} is resolved already, since {failure.resolved_at:%Y-%m-%d %H:%M} UTC")
        return 3
    if failure.status == "exhausted" and not force:
        err.print(
            f"failure {failure_id} is exhausted after {failure.attempts} attempts; "
            f"`fotmate failures retry {failure_id} --force` tries it all the same",
            style="red",
        )
        return 4
    return None


NOT_REACHED = " (the last retry ended before it came to it)"


def _outcome(ledger: Ledger, failure_id: int, run_id: str) -> int:
    after = ledger.failure(failure_id)
    if after is not None and after.status == "retrying":
        reason = after.reason.removesuffix(NOT_REACHED) + NOT_REACHED
        error = SourceError(after.verdict, after.source, after.document, reason, field=after.field)
        ledger.owe(Job(after.source, after.job, after.partition_key, run_id), error, after.raw_sha256)
        after = ledger.failure(failure_id)
    if after is not None and after.status == "resolved":
        out.print(f"failure {failure_id} is resolved")
        return 0
    why = f"{after.reason} [{after.verdict}, {after.status}]" if after is not None else "gone"
    err.print(f"failure {failure_id} is still owed: {why}", style="red")
    return 1
