"""A clock that runs faster than the machine's."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

VARIABLE = "FOTMATE_TEST_CLOCK"


@dataclass(frozen=True)
class FastClock:
    """`speed` of its seconds pass in one of the machine's; at the epoch second `began` it shows `origin`."""

    origin: datetime
    began: float
    speed: float

    @classmethod
    def starting(cls, origin: datetime, speed: float) -> FastClock:
        return cls(origin, time.time(), speed)

    @classmethod
    def from_environment(cls) -> FastClock:
        origin, began, speed = os.environ[VARIABLE].split()
        return cls(datetime.fromisoformat(origin), float(began), float(speed))

    def __str__(self) -> str:
        return f"{self.origin.isoformat()} {self.began} {self.speed}"

    def now(self) -> datetime:
        return self.origin + timedelta(seconds=(time.time() - self.began) * self.speed)

    async def sleep_until(self, instant: datetime) -> None:
        while (left := (instant - self.now()).total_seconds()) > 0:
            await asyncio.sleep(left / self.speed)
