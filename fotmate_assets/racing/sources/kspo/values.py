"""The notations of KSPO's fields: names, dates, clocks, circled numbers, pools. Each raises ValueError, saying why."""

from __future__ import annotations

import re
from datetime import date, time
from typing import NamedTuple

from fotmate_assets.racing.model import ODDS_CAP

_CIRCLED = "①-⑳"
_FIRST_CIRCLED = ord("①")


def squeezed(text: str) -> str:
    """A name or word without its blanks: `광명  `, `가  나` and `결  장` are padded to look even in print."""
    return "".join(text.split())


def race_day(text: str) -> date:
    """A whole date: `2026.01.02` or `20260102`."""
    digits = text.replace(".", "").replace("-", "")
    if not re.fullmatch(r"[0-9]{8}", digits):
        raise ValueError(f"no date: {text!r}")
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def month_and_day(text: str) -> tuple[int, int]:
    """A date without its year: `0102`."""
    if not re.fullmatch(r"[0-9]{4}", text):
        raise ValueError(f"no month and day: {text!r}")
    return int(text[:2]), int(text[2:])


def clock(text: str) -> time:
    """A time of day: `12"55` on the cycle card, `11:40` on the boat card."""
    found = re.fullmatch(r"([0-9]{1,2})[\"”″:]([0-9]{2})", text)
    if not found:
        raise ValueError(f"no time of day: {text!r}")
    return time(int(found[1]), int(found[2]))


def seconds(text: str) -> float:
    """A time taken: `12"00` is twelve seconds, written like the clock of the same card."""
    found = re.fullmatch(r"([0-9]+)[\"”″.]([0-9]{1,2})", text)
    if not found:
        raise ValueError(f"no seconds: {text!r}")
    return float(f"{found[1]}.{found[2]}")


def odds(text: str) -> float | None:
    """A payoff as a multiple of the stake; None for `-` and for the zero that means that there is none."""
    if text == "-":
        return None
    if not re.fullmatch(_ODDS, text):
        raise ValueError(f"no odds: {text!r}")
    return float(text.replace(",", "")) or None


class Placed(NamedTuple):
    """A runner as the result documents name one of the first three."""

    start_no: int
    name: str


def placed(text: str) -> tuple[Placed, ...]:
    """The runners of one place: `②가나다`, `⑦가  나`; several in a dead heat: `②가나다 ⑦라마바`."""
    found = [Placed(_number(one["number"]), squeezed(one["name"])) for one in re.finditer(_RUNNER, text)]
    if not found or re.sub(_RUNNER, "", text).strip() or any(not one.name for one in found):
        raise ValueError(f"no start number with a name: {text!r}")
    return tuple(found)


class Paid(NamedTuple):
    """A combination that paid."""

    numbers: tuple[int, ...]
    """In the order given."""
    odds: float | None
    """None where the source shows its cap."""


def paid(text: str, size: int) -> tuple[Paid, ...]:
    """The combinations of `size` runners in a pool: `(2)1.2 (7)2.1`, `(2-7)9.4`, `①-②-⑥3.4`, `1-2-6 3.4`.

    Empty for a pool that was not sold or has no winner: `-`, `0`, `0.0`. A combination at zero odds is left out.
    """
    if not text or re.fullmatch(r"-|0+(\.0+)?", text):
        return ()
    combinations: list[Paid] = []
    end = 0
    for one in re.finditer(_PAID, text):
        if text[end : one.start()].strip(" ,"):
            break
        numbers = tuple(map(_number, re.findall(_NUMBER, one["combination"])))
        if len(numbers) != size or len(set(numbers)) != size:
            raise ValueError(f"no combination of {size}: {one[0]!r} in {text!r}")
        end = one.end()
        price = odds(one["odds"])
        if price is not None:
            combinations.append(Paid(numbers, price if price < ODDS_CAP else None))
    if text[end:].strip(" ,"):
        raise ValueError(f"no combination with odds: {text!r}")
    return tuple(combinations)


def _number(text: str) -> int:
    """A start number: `7`, `(7)` or `⑦`."""
    bare = text.strip("()")
    return int(bare) if bare.isascii() else ord(bare) - _FIRST_CIRCLED + 1


_ODDS = r"[0-9][0-9,]*(?:\.[0-9]+)?"
_NUMBER = rf"[0-9]{{1,2}}|[{_CIRCLED}]"
_RUNNER = rf"(?P<number>\([0-9]{{1,2}}\)|[0-9]|[{_CIRCLED}])(?P<name>[^0-9(){_CIRCLED}]*)"
# Without brackets or circles a number has one digit: more than nine never start, and `1-21.9` is 1-2 at 1.9.
_PAID = (
    rf"(?P<combination>\((?:{_NUMBER})(?:-(?:{_NUMBER}))*\)|[{_CIRCLED}](?:-?[{_CIRCLED}])*|[0-9](?:-[0-9])+|[0-9](?=\s))"
    rf"\s*(?P<odds>{_ODDS}|-(?![0-9]))"
)
