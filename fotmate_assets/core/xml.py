"""Providers' XML, read safely."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, ParseError, fromstring

from fotmate_assets.core.model import RawDocument


def parse_xml(document: RawDocument) -> Element:
    """The root element of a UTF-8 document, with or without a byte order mark.

    A document type definition is refused, and with it every entity that could expand or fetch anything. Raises
    SourceError (malformed).
    """
    try:
        text = document.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise document.malformed(f"not UTF-8: {error}") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise document.malformed("a document type definition is not accepted")
    try:
        return fromstring(text)  # noqa: S314 - no DTD, hence no entities
    except (ParseError, ValueError) as error:
        raise document.malformed(f"not XML: {error}") from None


def find(document: RawDocument, parent: Element, path: str) -> Element:
    """The first element at `path` below `parent`. Raises SourceError (malformed), naming it, where there is none."""
    found = parent.find(path)
    if found is None:
        raise document.malformed("is missing", path)
    return found


def whole_number(document: RawDocument, text: str | None, field: str) -> int:
    """An element's or attribute's text as a number. Raises SourceError (malformed), naming `field`."""
    try:
        return int(text or "")
    except ValueError:
        raise document.malformed(f"{text!r} is not a whole number", field) from None


def positive_number(document: RawDocument, parent: Element, path: str) -> float:
    """The number at `path` below `parent`. Raises SourceError (malformed) where there is none above 0."""
    text = find(document, parent, path).text
    try:
        value = float(text or "")
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise document.malformed(f"{text!r} is no positive number", path)
    return value


def named_values(parent: Element, tag: str) -> dict[str, str]:
    """Of all elements `tag` below `parent`, the text of `Value` by that of `Name`; empty where it is missing."""
    return {each.findtext("Name", ""): each.findtext("Value") or "" for each in parent.iter(tag)}
