"""`fotmate metrics`: the ledger as Prometheus metrics, over HTTP."""

from __future__ import annotations

import signal
import threading

from fotmate_assets.cli import err
from fotmate_assets.core.metrics import served
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.runtime import CommandError
from fotmate_assets.settings import Settings


def serve(host: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM. The database may come and go meanwhile.

    Raises CommandError where none is configured or the address cannot be listened on.
    """
    url = Settings().database_url
    if url is None:
        raise CommandError("set FOTMATE_DATABASE_URL")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    engine = make_engine(url.get_secret_value(), application_name="fotmate metrics")
    try:
        with served(engine, host, port) as listening:
            err.print(f"metrics at http://{host}:{listening}/metrics; Ctrl-C stops")
            stop.wait()
    except OSError as error:
        raise CommandError(f"{host}:{port}: {error.strerror or error}") from error
    finally:
        engine.dispose()
