"""Rows of the public portals as typed structs.

The portals make their JSON from XML and guess the types: a name or an id of digits comes as a number, a number may
come as text, and what is missing comes as `-`, as blanks or as nothing. So texts and numbers are accepted as each
other where a struct says which it must be, and what is missing takes the struct's default, or is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import msgspec

from fotmate_assets.racing.sources.source import Listing

T = TypeVar("T", bound=msgspec.Struct)


class Row(NamedTuple, Generic[T]):
    """One row, its fields sorted into what is used, what is known and what is new."""

    value: T
    details: dict[str, Any]
    """Known fields that the struct does not have, as published, without those that hold nothing."""
    extra: dict[str, Any]
    """Fields that the service never had before."""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def decode(listing: Listing, row: int, type_: type[T], known: frozenset[str] = frozenset()) -> Row[T]:
    """Row `row` (0-based over all pages) as a `type_`, whose fields are named as the service names them.

    Texts are stripped. Empty ones, `-` and null hold nothing: the field takes its default, or null where it has none
    (`time: float | None` must be there and may hold nothing; `time: float` must hold a number). `known`: fields
    that the service is known to have beside those of `type_`. Raises SourceError naming the field that is missing
    or malformed.
    """
    try:
        fields = _fields_decoder.decode(listing.rows[row])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise listing.refused(row, "*", f"not an object: {error}") from None
    used = _used_by(type_)
    values: dict[str, Any] = {}
    details: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in fields.items():
        given = value.strip() if type(value) is str else value
        is_nothing = given in _NOTHING if type(given) is str else given is None
        field = used.get(name)
        if field is None:
            if name not in known:
                extra[name] = value
            elif not is_nothing:
                details[name] = given
        elif not is_nothing:
            values[name] = _text(given) if field.is_text else _number(given)
        elif not field.has_default:
            values[name] = None
    try:
        return Row(msgspec.convert(values, type_), details, extra)
    except msgspec.ValidationError as error:
        reason, name = _located(error)
        raise listing.refused(row, name, _told(reason, fields.get(name))) from None


_fields_decoder = msgspec.json.Decoder(dict[str, Any])
_NOTHING = ("", "-")


def _text(value: Any) -> Any:
    """A number as the text that it was; anything else as it is."""
    return str(value) if type(value) in (int, float) else value


def _number(value: Any) -> Any:
    """A text of digits, zeros in front or not, as the number; anything else as it is."""
    if type(value) is not str or not _NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class _Field(NamedTuple):
    """What decoding needs to know of a field of a struct."""

    is_text: bool
    has_default: bool


@lru_cache
def _used_by(type_: type[msgspec.Struct]) -> dict[str, _Field]:
    """The fields of a struct by name."""
    return {
        field.encode_name: _Field(str in (field.type, *get_args(field.type)), not field.required)
        for field in msgspec.structs.fields(type_)
    }


def _located(error: msgspec.ValidationError) -> tuple[str, str]:
    """What is wrong, and the name of the field at fault."""
    reason, _, path = str(error).partition(" - at `$.")
    missing = re.search(r"missing required field `(.+)`$", reason)
    return reason, missing[1] if missing else path.rstrip("`")


def _told(reason: str, value: object) -> str:
    """The reason, with the value that gave it."""
    return reason if value is None else f"{reason}: {value!r}"
