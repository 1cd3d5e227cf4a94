"""Servers that outlive the command that started them: spawn, recognise, stop; and ports nobody holds.

A server is recognised by its pidfile *and* by a marker on that process's command line (its data folder), so that a
pid that was handed to another program after a crash or a reboot is never taken for the server, nor killed.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

LOOPBACK = "127.0.0.1"

_FIRST_PORTS = range(12_000, 22_000)
"""Where ports are looked for: below 32768, where the kernel takes the ports of outgoing connections."""


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be started, reached or stopped. The message says what to do about it."""


class ServiceState(StrEnum):
    """What a service is doing now."""

    RUNNING = "running"
    NOT_ANSWERING = "not answering"
    """The process is there, but does not answer: still starting, or stuck."""
    STOPPED = "stopped"


@dataclass(frozen=True)
class ServiceStatus:
    """One line of `fotmate status`."""

    name: str
    state: ServiceState
    pid: int | None
    address: str
    """`127.0.0.1:port`, while stopped with the remembered port; empty before the first start."""
    data: Path


class Service(Protocol):
    """A server of the stack. It listens on 127.0.0.1 and keeps everything it knows below one folder."""

    name: str
    port: int
    """Where it listens, or last listened; 0 before the first start. `start` may change it."""
    data: Path

    def start(self) -> bool:
        """Make it answer; False when it ran already. Raises EmbeddedServerError."""

    def stop(self) -> bool:
        """End it in an orderly way and wait; False when it did not run. Raises EmbeddedServerError."""

    def pid(self) -> int | None:
        """The running process, or None."""

    def answers(self) -> bool:
        """True when the server does its work right now."""


def status_of(service: Service) -> ServiceStatus:
    """The service as it is now; changes nothing."""
    pid = service.pid()
    state = ServiceState.STOPPED
    if pid is not None:
        state = ServiceState.RUNNING if service.answers() else ServiceState.NOT_ANSWERING
    address = f"{LOOPBACK}:{service.port}" if service.port else ""
    return ServiceStatus(service.name, state, pid, address, service.data)


def ports_are_free(ports: Iterable[int]) -> bool:
    """True when all of these ports can be listened on at loopback now."""
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def usable_port(remembered: int, offsets: Sequence[int] = (0,)) -> int:
    """A port P such that P + offset is free for every offset: the remembered one if it can be had, else a random one.

    The remembered port (0: none) is given a second, since the sockets of a killed server outlive it by a moment.
    """
    if remembered and wait_until(lambda: ports_are_free(remembered + offset for offset in offsets), 1):
        return remembered
    for _ in range(1000):
        port = secrets.choice(_FIRST_PORTS)
        if ports_are_free(port + offset for offset in offsets):
            return port
    raise EmbeddedServerError(f"no free port between {_FIRST_PORTS.start} and {_FIRST_PORTS.stop}")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when it did not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def command_line(pid: int) -> list[str]:
    """The arguments of a live process; empty for one that ended, is a zombie, or hides them.

    A process shows none either for a moment while it becomes another program, or while it ends: that is waited out.
    """
    import psutil

    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            if line := psutil.Process(pid).cmdline():
                return list(line)
        except psutil.Error:
            return []
        time.sleep(0.005)
    return []


def pid_is_taken(pid: int) -> bool:
    """True when some process, a zombie too, has this pid."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def processes_working_in(folder: Path) -> list[int]:
    """The live processes whose working folder this is, as far as we may see them."""
    import psutil

    return [process.pid for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]


def log_tail(log: Path, lines: int = 15) -> str:
    """The end of a server's log, for an error message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


@dataclass(frozen=True)
class Daemon:
    """One detached process and its pidfile."""

    pidfile: Path
    """Its first line is the pid."""
    marker: str
    """An argument only this server's command line has, such as its data folder."""

    def recorded_pid(self) -> int | None:
        """What the pidfile says, true or not."""
        try:
            return int(self.pidfile.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def pid(self) -> int | None:
        """The pid of the running server; None when it does not run, whatever the pidfile says."""
        pid = self.recorded_pid()
        return pid if pid is not None and self.marker in command_line(pid) else None

    def spawn(self, command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path) -> None:
        """Start the command in a session of its own, output appended to `log` (mode 0600).

        `sh` starts it and writes the pidfile: neither Ctrl-C nor a kill of the caller can come between the two, and
        the server is no child that the caller would have to wait for. `command` holds the marker, and no secret.
        """
        script = 'pidfile=$1; shift; "$@" & echo $! > "$pidfile"'
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as output:
            subprocess.run(
                ["/bin/sh", "-c", script, "sh", str(self.pidfile), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                check=True,
            )

    def stop(self, how: signal.Signals, seconds: float, otherwise: signal.Signals) -> bool:
        """Signal the server and wait for its end; after `seconds` signal `otherwise`. False when it did not run.

        Raises EmbeddedServerError when it survives both.
        """
        pid = self.pid()
        if pid is None:
            return False
        for number, patience in ((how, seconds), (otherwise, 20.0)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return True
            if wait_until(lambda: self.marker not in command_line(pid), patience):
                return True
        raise EmbeddedServerError(f"process {pid} ({self.marker}) survives {how.name} and {otherwise.name}")
