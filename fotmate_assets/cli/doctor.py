"""`fotmate doctor`: what is configured, reachable and migrated. It starts and changes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from fotmate_assets import runtime
from fotmate_assets.core.http import redacted
from fotmate_assets.settings import Settings, refusals


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    result: str


def examine() -> list[Finding]:
    """Look at everything a run needs. Attaches to running embedded servers, starts none."""
    findings = [Finding("python", True, sys.version.split()[0])]
    findings += [Finding(name, True, version(name)) for name in ("dagster", "dagster-postgres", "polars", "psycopg")]
    try:
        settings = Settings()
    except ValidationError as error:
        return [*findings, *(Finding("settings", False, refusal) for refusal in refusals(error))]
    if settings.database_url is None:
        embedded = _embedded(settings.home)
        findings += embedded
        if not all(finding.ok for finding in embedded):
            return findings
        settings = Settings()
    findings.append(_tried("database, as the writer", _database))
    for name, url in (("raw zone", settings.raw_url), ("lake", settings.lake_url), ("tracking", settings.tracking_url)):
        findings.append(_tried(name, lambda url=url: _bucket(url, settings.s3_endpoint_url)))  # type: ignore[misc]
    findings += [
        _source(name, getattr(settings, f"{name}_source")) for name in ("statsbomb", "metrica", "openfootball", "fbref")
    ]
    return findings


def _embedded(home: Path) -> list[Finding]:
    from fotmate_assets.embedded import stack
    from fotmate_assets.embedded.process import ServiceState

    servers = stack.status(home)
    findings = [
        Finding(f"embedded {server.name}", server.state is ServiceState.RUNNING, f"{server.state} {server.address}")
        for server in servers
    ]
    if all(finding.ok for finding in findings):
        os.environ.update(stack.up(home).environment())
    else:
        findings.append(
            Finding("FOTMATE_DATABASE_URL", False, "not set, and the embedded servers are down: fotmate up")
        )
    return findings


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except Exception as error:
        return Finding(what, False, f"{type(error).__name__}: {error}".partition("\n")[0])


def _database() -> str:
    from fotmate_assets.core import migrations

    with runtime.database() as engine:
        current, head = migrations.current(engine), migrations.head()
    if current != head:
        raise RuntimeError(f"schema is at {current or 'nothing'}, this version needs {head}")
    return f"reachable, schema {current}"


def _bucket(url: str, endpoint: str | None) -> str:
    from fotmate_assets.core.object_store import open_store

    open_store(url, endpoint).exists("doctor")
    return f"{url} reachable"


def _source(name: str, source: str | None) -> Finding:
    what = f"source {name}"
    if source is None:
        return Finding(what, True, "off")
    if source == "open-data":
        licensed = bool(os.environ.get("SB_USERNAME") and os.environ.get("SB_PASSWORD"))
        return Finding(what, True, "licensed API" if licensed else "open data")
    if urlsplit(source).scheme in ("http", "https"):
        return Finding(what, True, redacted(source))
    folder = Path(source).expanduser().resolve()
    return Finding(what, folder.is_dir(), f"{folder}{'' if folder.is_dir() else ' is no folder'}")
