"""A provider's XML is parsed, and what could do harm is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.xml import find, named_values, parse_xml, positive_number, whole_number


def document(content: bytes) -> RawDocument:
    return RawDocument("metrica", "metadata.xml", content, "file:metadata.xml", datetime.now(UTC))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_root_element_is_returned(mark: bytes) -> None:
    root = parse_xml(document(mark + '<?xml version="1.0" encoding="utf-8"?><main><Name>김</Name></main>'.encode()))
    assert (root.tag, root.findtext("Name")) == ("main", "김")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'<!DOCTYPE main [<!ENTITY a "b">]><main>&a;</main>', "document type definition"),
        (b'<!DOCTYPE main SYSTEM "file:///etc/passwd"><main/>', "document type definition"),
        (b"<main>\xff</main>", "not UTF-8"),
        ('<?xml version="1.0" encoding="utf-16"?><main/>'.encode("utf-16"), "not UTF-8"),
        (b"<main>", "not XML"),
        (b"", "not XML"),
        (b"<main>\x00</main>", "not XML"),
        (b"<main>&a;</main>", "not XML"),
    ],
)
def test_what_is_not_plain_xml_is_malformed_and_kept(content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason) as raised:
        parse_xml(document(content))
    assert (raised.value.verdict, raised.value.document) == (Verdict.MALFORMED, "metadata.xml")
    assert raised.value.content == content


SPOILT = [
    (lambda told, root: find(told, root, "Field/Height"), "is missing", "Field/Height"),
    (lambda told, root: positive_number(told, root, "Field/Height"), "is missing", "Field/Height"),
    (lambda told, root: positive_number(told, root, "Field/Zero"), "'0' is no positive number", "Field/Zero"),
    (lambda told, root: positive_number(told, root, "Field/None"), "None is no positive number", "Field/None"),
    (lambda told, root: positive_number(told, root, "Field/Endless"), "'inf' is no positive number", "Field/Endless"),
    (lambda _told, root: whole_number(_told, root.findtext("Field/Width"), "Width"), "'105.5' is not a whole", "Width"),
    (lambda _told, root: whole_number(_told, root.get("length"), "length"), "None is not a whole", "length"),
]
FIELD = b"<main><Field><Width>105.5</Width><Zero>0</Zero><None/><Endless>inf</Endless></Field></main>"


@pytest.mark.parametrize(("read", "reason", "field"), SPOILT)
def test_what_an_element_should_hold_and_does_not_is_malformed_at_its_field(
    read: Callable[[RawDocument, Element], object], reason: str, field: str
) -> None:
    told = document(FIELD)
    with pytest.raises(SourceError, match=reason) as raised:
        read(told, parse_xml(told))
    assert (raised.value.verdict, raised.value.field) == (Verdict.MALFORMED, field)


def test_numbers_and_named_values_are_read() -> None:
    told = document(
        b"<main rate='25'><W>105.5</W><P><Name>start</Name><Value>1</Value></P><Q><P><Name>end</Name></P></Q></main>"
    )
    root = parse_xml(told)
    assert positive_number(told, root, "W") == 105.5
    assert whole_number(told, root.get("rate"), "rate") == 25
    assert named_values(root, "P") == {"start": "1", "end": ""}
