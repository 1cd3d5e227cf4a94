"""A provider's XML is parsed, and what could do harm is refused."""

from datetime import UTC, datetime

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.xml import parse_xml


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
