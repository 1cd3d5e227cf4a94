"""`fotmate odds collect` and `fotmate ingest odds` as a shell runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fotmate_assets.embedded.process import wait_until
from fotmate_assets.embedded.stack import Stack
from fotmate_assets.racing.load import load_meeting
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.cards import Stage, make_card, with_race

FOTMATE = [sys.executable, "-c", "from fotmate_assets.cli import main; main()"]


@pytest.fixture
def environment(stack: Stack, database: Database, tmp_path: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("FOTMATE_", "DAGSTER_"))}
    return {
        **mine,
        **stack.environment(),
        "FOTMATE_HOME": str(tmp_path / "home"),
        "FOTMATE_DATABASE_URL": database.writer_url,
        "FOTMATE_DATABASE_OWNER_URL": database.owner_url,
        "FOTMATE_DATABASE_READER_URL": database.reader_url,
        "FOTMATE_RAW_URL": (tmp_path / "raw").as_uri(),
        "FOTMATE_LAKE_URL": (tmp_path / "lake").as_uri(),
        "FOTMATE_TRACKING_URL": (tmp_path / "tracking").as_uri(),
    }


def fotmate(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FOTMATE, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_service_captures_slots_until_it_is_stopped_and_leaves_with_success(
    environment: dict[str, str], database: Database
) -> None:
    now = datetime.now(UTC)
    card = make_card("seoul", (now + timedelta(hours=9)).date(), races=1, stage=Stage.CARD)
    post = now.replace(microsecond=0) + timedelta(seconds=60)
    load_meeting(database.engine, with_race(card, 1, scheduled_post_time=post, post_time=post), now)

    def captured() -> bool:
        return bool(database.execute("select from odds_slots where status = 'captured'"))

    service = subprocess.Popen(
        [*FOTMATE, "odds", "collect"],
        env={**environment, "FOTMATE_ODDS_SOURCE": "simulated"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert wait_until(captured, 60)
    finally:
        service.send_signal(signal.SIGTERM)
        out, err = service.communicate(timeout=60)
    assert service.returncode == 0, err
    assert "following simulated (simulated); Ctrl-C stops" in err and err.rstrip().endswith("stopped")
    assert "1 slots captured, 7 rows" in out
    assert database.execute("select distinct source, is_live, is_simulated from odds_snapshots") == [
        ("simulated", True, True)
    ]


def test_a_service_without_a_source_says_which_setting_is_missing(environment: dict[str, str]) -> None:
    done = fotmate(environment, "odds", "collect")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("no live odds are followed: set FOTMATE_ODDS_SOURCE")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FOTMATE_ODDS_SOURCE", "ftp://feed.example/{race_id}", "must begin with http:// or https://"),
        ("FOTMATE_ODDS_FEED_MAPPING", "/nowhere/feed.toml", "/nowhere/feed.toml"),
    ],
)
def test_a_feed_that_cannot_be_asked_is_refused_at_once(
    environment: dict[str, str], variable: str, value: str, told: str
) -> None:
    feed = {"FOTMATE_ODDS_SOURCE": "https://feed.example/{race_id}", "FOTMATE_ODDS_FEED_KEY": "s3cret"}
    done = fotmate({**environment, **feed, variable: value}, "odds", "collect")
    assert done.returncode == 1
    assert told in done.stderr and "Traceback" not in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
