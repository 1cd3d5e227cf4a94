"""Work that the ledger knows of: each attempt is recorded, and whatever ends it badly is owed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from fotmate_assets.core.ledger import Attempt, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.object_store import is_storage_trouble

SOURCE = "tracking"
"""What the ledger calls the tracking bucket and what is made of it."""
TRAJECTORIES, METRICS = "vision/trajectories", "vision/player_metrics"
"""Its jobs."""


@contextmanager
def owed(
    ledger: Ledger,
    job: Job,
    document: Callable[[], str],
    on_failure: Callable[[BaseException], None] = lambda _error: None,
) -> Iterator[Attempt]:
    """Run the block as one attempt at `job`; well ended, the job owes nothing any more.

    What the block raises is owed as it is (a SourceError), or as trouble of this machine or of the bucket, which passes
    or is mended, under the name of `document`. Raises SourceError for it. A database that is away, and what is no
    Exception (a run that is cancelled), is raised as it is and owed by nobody: the run is started again.
    """
    with ledger.attempt(job) as attempt:
        try:
            yield attempt
        except BaseException as error:
            told = _told(error, document)
            on_failure(told)
            if isinstance(told, SourceError):
                ledger.owe(job, told)
            raise told from (error if told is not error else None)
    ledger.settle_all_but(job, ())


def _told(error: BaseException, document: Callable[[], str]) -> BaseException:
    if isinstance(error, SourceError | SQLAlchemyError) or not isinstance(error, Exception):
        return error
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    if is_storage_trouble(error):
        reason = f"the bucket does not answer: {reason}"
    return SourceError(Verdict.TRANSPORT, SOURCE, document(), reason)
