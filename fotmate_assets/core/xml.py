"""Providers' XML, read safely."""

from __future__ import annotations

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
