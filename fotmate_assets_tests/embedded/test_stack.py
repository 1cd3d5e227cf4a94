"""The embedded stack as a whole: one home folder, both servers, the roles."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest
from psycopg import errors

from fotmate_assets.embedded import stack as stacks
from fotmate_assets.embedded.process import LOOPBACK, EmbeddedServerError, ServiceState, wait_until
from fotmate_assets.embedded.s3 import TRACKING_BUCKET
from fotmate_assets.embedded.stack import Stack, StackState, down, status, up

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the tests that neither kill nor move it."""
    home = tmp_path_factory.mktemp("project") / ".fotmate"
    yield up(home)
    down(home)


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that several tests stop, kill and start; each begins with `up`."""
    home = tmp_path_factory.mktemp("project") / ".fotmate"
    yield home
    down(home)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A fresh home; whatever runs in it is stopped."""
    home = tmp_path / "a home" / ".fotmate"
    yield home
    down(home)


def connect(stack: Stack, name: str) -> psycopg.Connection:
    """A connection by one of the URLs of the environment, in autocommit."""
    url = stack.environment()[name].replace("postgresql+psycopg://", "postgresql://")
    return psycopg.connect(url, autocommit=True)


def pids(home: Path) -> list[int | None]:
    return [service.pid for service in status(home)]


def every_process(home: Path) -> list[psutil.Process]:
    servers = [psutil.Process(pid) for pid in pids(home) if pid is not None]
    return servers + [child for server in servers for child in server.children(recursive=True)]


@pytest.fixture
def table(stack: Stack) -> Iterator[str]:
    """A table with an identity and a serial column, as a migration would make it."""
    with connect(stack, "FOTMATE_DATABASE_OWNER_URL") as owner:
        owner.execute("CREATE TABLE goals (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old serial, n int)")
        yield "goals"
        owner.execute("DROP TABLE goals")


# --- life and death


def test_the_first_up_starts_everything_and_the_second_attaches(home: Path) -> None:
    first = up(home)
    assert first.started == ["postgres", "s3"]
    assert first.notices == []
    before = pids(home)
    second = up(home)
    assert second.started == []
    assert pids(home) == before
    assert second.environment() == first.environment()


def test_down_stops_every_process_and_the_next_up_finds_its_data_on_the_same_ports(used_home: Path) -> None:
    first = up(used_home)
    keep_something(first)
    processes = every_process(used_home)
    assert len(processes) > 2
    assert down(used_home) == ["s3", "postgres"]
    assert wait_until(lambda: not any(process.is_running() for process in processes), 10)
    assert [service.state for service in status(used_home)] == [ServiceState.STOPPED, ServiceState.STOPPED]
    assert down(used_home) == []

    again = up(used_home)
    assert again.started == ["postgres", "s3"]
    assert again.environment() == first.environment()
    assert_kept(again)


def test_kill_9_of_both_servers_loses_nothing(used_home: Path) -> None:
    keep_something(up(used_home))
    for pid in pids(used_home):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: pids(used_home) == [None, None], 10)
    again = up(used_home)
    assert again.started == ["postgres", "s3"]
    assert_kept(again)


def keep_something(stack: Stack) -> None:
    with connect(stack, "FOTMATE_DATABASE_OWNER_URL") as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT n FROM generate_series(1, 1000) AS n")
    bucket(stack).put_object(Bucket=TRACKING_BUCKET, Key="kept", Body=b"kept")


def assert_kept(stack: Stack) -> None:
    with connect(stack, "FOTMATE_DATABASE_READER_URL") as reader:
        assert reader.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
    assert bucket(stack).get_object(Bucket=TRACKING_BUCKET, Key="kept")["Body"].read() == b"kept"


def bucket(stack: Stack):  # type: ignore[no-untyped-def]
    environment = stack.environment()
    return boto3.client(
        "s3",
        endpoint_url=environment["FOTMATE_S3_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )


def test_two_ups_at_once_make_one_stack(home: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; from fotmate_assets.embedded.stack import up;"
        "stack = up(Path(sys.argv[1])); print(json.dumps([stack.started, stack.environment()]))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=60)[0] for process in both]
    answers = [json.loads(text) for text in printed]
    assert sorted(started for started, _ in answers) == [[], ["postgres", "s3"]]
    assert answers[0][1] == answers[1][1]
    servers = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if {str(home / "postgres"), f"-dir={home / 's3'}"} & set(process.info["cmdline"] or [])
    ]
    assert sorted(servers) == sorted(pid for pid in pids(home) if pid is not None)


def test_a_taken_port_is_reported(used_home: Path) -> None:
    first = up(used_home)
    down(used_home)
    taken = first.state.postgres.port
    with subprocess.Popen([sys.executable, "-m", "http.server", str(taken), "--bind", LOOPBACK]) as other:
        assert wait_until(lambda: psutil.Process(other.pid).net_connections() != [], 10)
        again = up(used_home)
        other.terminate()
    assert again.state.postgres.port != taken
    assert again.notices == [f"postgres: port {taken} is taken; it now listens on {again.state.postgres.port}"]
    assert again.environment()["PGPORT"] == str(again.state.postgres.port)
    assert again.state.s3.port == first.state.s3.port


def test_an_up_that_fails_stops_what_it_started(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "s3").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        up(home)
    assert pids(home) == [None, None]


def test_ctrl_c_in_the_middle_of_up_leaves_nothing_running(home: Path) -> None:
    code = "import sys; from pathlib import Path; from fotmate_assets.embedded.stack import up; up(Path(sys.argv[1]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
    ) as command:
        assert wait_until((home / "s3.pid").exists, 30)
        os.killpg(command.pid, signal.SIGINT)
        assert command.wait(30) != 0
    assert pids(home) == [None, None]


def test_an_up_killed_before_the_roles_were_made_is_completed_by_the_next(used_home: Path) -> None:
    up(used_home)
    state = stacks._load(used_home)
    state.postgres.provisioned = False
    stacks._save(used_home, state)
    with stacks._postgres(used_home, state).connect("postgres") as superuser:
        superuser.execute("DROP DATABASE dagster")
        superuser.execute("DROP ROLE dagster")
    again = up(used_home)
    assert again.started == []
    with connect_dagster(again) as dagster:
        assert dagster.execute("SELECT current_user").fetchone() == ("dagster",)


def test_lost_passwords_are_one_clear_error_and_touch_no_data(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    with pytest.raises(EmbeddedServerError, match=r"stack\.json is gone.*put it back"):
        up(home)
    (home / "postgres").rmdir()


def test_nothing_runs_in_a_home_that_never_was(tmp_path: Path) -> None:
    assert down(tmp_path / "nowhere") == []
    assert [service.state for service in status(tmp_path / "nowhere")] == [ServiceState.STOPPED] * 2
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="this whole run is that of an ordinary user")
def test_it_works_as_an_ordinary_user() -> None:
    # Only the right to read is kept, for an interpreter that may lie below /root.
    nobody = [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
    ]
    code = (
        "import os, sys; from pathlib import Path; from fotmate_assets.embedded.stack import down, status, up;"
        "home = Path(sys.argv[1]); stack = up(home);"
        "print(os.geteuid(), stack.started, [service.state.value for service in status(home)], down(home))"
    )
    try:
        possible = subprocess.run([*nobody, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no setpriv here to become an ordinary user with")
    if possible.returncode != 0:
        pytest.skip(f"cannot become an ordinary user here: {possible.stderr.strip()}")
    base = Path(f"/tmp/fotmate-nobody-{os.getpid()}")
    base.mkdir()
    os.chown(base, 65534, 65534)
    try:
        done = subprocess.run(
            [*nobody, sys.executable, "-c", code, str(base / ".fotmate")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "65534 ['postgres', 's3'] ['running', 'running'] ['s3', 'postgres']\n", done.stderr
        assert {path.stat().st_uid for path in base.rglob("*")} == {65534}
    finally:
        down(base / ".fotmate")
        shutil.rmtree(base)


# --- secrets


def secrets_of(state: StackState) -> list[bytes]:
    postgres = state.postgres
    return [
        secret.encode()
        for secret in (
            *(postgres.superuser_password, postgres.owner_password, postgres.writer_password),
            *(postgres.reader_password, postgres.dagster_password, state.s3.secret_key),
        )
    ]


def test_every_secret_differs_and_only_stack_json_holds_one(stack: Stack) -> None:
    secrets = secrets_of(stack.state)
    assert len(set(secrets)) == 6
    assert min(map(len, secrets)) >= 32
    holders = {
        path.relative_to(stack.home).as_posix()
        for path in stack.home.rglob("*")
        if path.is_file() and any(secret in path.read_bytes() for secret in secrets)
    }
    assert holders == {"stack.json"}


def test_nobody_else_can_read_state_logs_or_data(stack: Stack) -> None:
    assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
    for path in (stack.home / "stack.json", *(stack.home / "logs").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for folder in ("postgres", "s3", "logs"):
        assert stat.S_IMODE((stack.home / folder).stat().st_mode) == 0o700, folder


def test_no_command_line_holds_a_secret(stack: Stack) -> None:
    for process in every_process(stack.home):
        line = " ".join(process.cmdline()).encode()
        assert not any(secret in line for secret in secrets_of(stack.state)), process


def test_a_failing_password_change_does_not_put_the_password_into_the_log(stack: Stack) -> None:
    log = stack.home / "logs" / "postgres.log"
    with (
        stacks._postgres(stack.home, stack.state).connect("postgres") as superuser,
        pytest.raises(errors.UndefinedObject),
    ):
        stacks._set_passwords(superuser, {"nobody_of_that_name": "hunter2-hunter2"})
    assert wait_until(lambda: "nobody_of_that_name" in log.read_text(), 5)
    assert "hunter2-hunter2" not in log.read_text()


# --- the environment


def connect_dagster(stack: Stack) -> psycopg.Connection:
    environment = stack.environment()
    return psycopg.connect(
        host=environment["DAGSTER_PG_HOST"],
        port=environment["DAGSTER_PG_PORT"],
        user=environment["DAGSTER_PG_USERNAME"],
        password=environment["DAGSTER_PG_PASSWORD"],
        dbname=environment["DAGSTER_PG_DB"],
        autocommit=True,
    )


def test_each_url_logs_in_as_its_role(stack: Stack) -> None:
    for name, role in (
        ("FOTMATE_DATABASE_OWNER_URL", "fotmate_owner"),
        ("FOTMATE_DATABASE_URL", "fotmate_writer"),
        ("FOTMATE_DATABASE_READER_URL", "fotmate_reader"),
    ):
        assert stack.environment()[name].startswith("postgresql+psycopg://")
        with connect(stack, name) as connection:
            row = connection.execute("SELECT current_user, current_database()").fetchone()
            assert row == (role, "fotmate")


def test_the_environment_alone_connects_psql_boto3_and_polars(stack: Stack) -> None:
    code = (
        "import boto3, polars, psycopg;"
        "print(psycopg.connect().execute('SELECT current_user').fetchone()[0]);"
        f"polars.DataFrame({{'n': [1, 2]}}).write_parquet('s3://{TRACKING_BUCKET}/polars.parquet');"
        f"print(boto3.client('s3').list_objects_v2(Bucket='{TRACKING_BUCKET}', Prefix='polars')['KeyCount']);"
        f"print(polars.read_parquet('s3://{TRACKING_BUCKET}/polars.parquet')['n'].sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], **stack.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["fotmate_reader", "1", "3"], done.stderr


def test_dagster_owns_its_database_and_only_that(stack: Stack) -> None:
    with connect_dagster(stack) as dagster:
        dagster.execute("CREATE TABLE event_logs (n int)")
        dagster.execute("DROP TABLE event_logs")
        assert (
            dagster.execute("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles").fetchall().count((True,))
            == 1
        )
    environment = stack.environment()
    elsewhere = [
        ("dagster", environment["DAGSTER_PG_PASSWORD"], "fotmate"),
        ("fotmate_reader", environment["PGPASSWORD"], "dagster"),
        ("fotmate_reader", environment["PGPASSWORD"], "postgres"),
        ("fotmate_reader", environment["PGPASSWORD"], "template1"),
    ]
    for user, password, database in elsewhere:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(host=LOOPBACK, port=environment["PGPORT"], user=user, password=password, dbname=database)


# --- the roles of sql/roles.sql


def test_the_writer_changes_rows_and_the_reader_sees_them(stack: Stack, table: str) -> None:
    with connect(stack, "FOTMATE_DATABASE_URL") as writer:
        writer.execute(f"INSERT INTO {table} (n) VALUES (1), (2), (3)")
        writer.execute(f"UPDATE {table} SET n = 20 WHERE n = 2")
        writer.execute(f"DELETE FROM {table} WHERE n = 3")
        writer.execute("CREATE TEMPORARY TABLE staging (n int)")
    with connect(stack, "FOTMATE_DATABASE_READER_URL") as reader:
        assert reader.execute(f"SELECT n FROM {table} ORDER BY n").fetchall() == [(1,), (20,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "TRUNCATE goals",
        "DROP TABLE goals",
        "ALTER TABLE goals ADD COLUMN mine int",
        "CREATE INDEX ON goals (n)",
        "SELECT setval('goals_old_seq', 1)",
        "SET ROLE fotmate_owner",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE fotmate_reader SUPERUSER",
        "COPY goals TO PROGRAM 'cat'",
    ],
)
@pytest.mark.usefixtures("table")
def test_the_writer_can_do_nothing_but_change_rows(stack: Stack, statement: str) -> None:
    with connect(stack, "FOTMATE_DATABASE_URL") as writer, pytest.raises(errors.InsufficientPrivilege):
        writer.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO goals (n) VALUES (1)",
        "UPDATE goals SET n = 1",
        "DELETE FROM goals",
        "TRUNCATE goals",
        "SELECT nextval('goals_old_seq')",
        "CREATE TABLE mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
    ],
)
@pytest.mark.usefixtures("table")
def test_the_reader_cannot_write_even_when_it_asks_to(stack: Stack, statement: str) -> None:
    with connect(stack, "FOTMATE_DATABASE_READER_URL") as reader:
        with pytest.raises((errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)):
            reader.execute(statement)
        reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute(statement)


def test_a_readers_query_has_an_end(stack: Stack) -> None:
    with connect(stack, "FOTMATE_DATABASE_READER_URL") as reader:
        assert reader.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        assert reader.execute("SHOW statement_timeout").fetchone() == ("1min",)


def test_roles_sql_run_again_repairs_drift_and_changes_no_password(stack: Stack, table: str) -> None:
    with connect(stack, "FOTMATE_DATABASE_OWNER_URL") as owner:
        owner.execute(f"REVOKE ALL ON {table} FROM fotmate_reader, fotmate_writer")
        owner.execute("REVOKE ALL ON SEQUENCE goals_old_seq FROM fotmate_writer")
    with stacks._postgres(stack.home, stack.state).connect("fotmate") as superuser:
        superuser.execute("ALTER ROLE fotmate_writer CREATEDB")
        superuser.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        superuser.execute("GRANT CONNECT ON DATABASE fotmate TO PUBLIC")
        for _ in range(2):
            superuser.execute(stacks.ROLES_SQL.read_bytes())
    with connect(stack, "FOTMATE_DATABASE_URL") as writer:
        writer.execute(f"INSERT INTO {table} (n) VALUES (1)")
        for statement in ("CREATE DATABASE mine", "CREATE TABLE mine (n int)"):
            with pytest.raises(errors.InsufficientPrivilege):
                writer.execute(statement)
    with connect(stack, "FOTMATE_DATABASE_READER_URL") as reader:
        assert reader.execute(f"SELECT n FROM {table}").fetchall() == [(1,)]


def test_a_dba_can_run_roles_sql_with_psql_on_a_database_of_any_name(stack: Stack) -> None:
    server = stacks._postgres(stack.home, stack.state)
    with server.connect("postgres") as superuser:
        superuser.execute('CREATE DATABASE "Sports data"')
    psql = server._binaries / "psql"
    try:
        subprocess.run(
            [psql, "--single-transaction", "--set", "ON_ERROR_STOP=1", "--quiet", "--file", stacks.ROLES_SQL],
            env={
                **{"PGHOST": LOOPBACK, "PGPORT": str(server.port), "PGUSER": "postgres"},
                **{"PGPASSWORD": stack.state.postgres.superuser_password, "PGDATABASE": "Sports data"},
            },
            check=True,
        )
        url = stack.environment()["FOTMATE_DATABASE_OWNER_URL"].replace("+psycopg", "")
        with psycopg.connect(url.removesuffix("fotmate") + "Sports%20data", autocommit=True) as owner:
            owner.execute("CREATE TABLE goals (n int)")
    finally:
        with server.connect("postgres") as superuser:
            superuser.execute('DROP DATABASE "Sports data"')


def test_roles_sql_holds_no_password() -> None:
    code = [line for line in stacks.ROLES_SQL.read_text().splitlines() if not line.startswith("--")]
    assert "PASSWORD" not in "\n".join(code).upper()
