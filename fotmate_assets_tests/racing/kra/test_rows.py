"""Rows of the portals as typed structs."""

from typing import Any

import msgspec
import pytest

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.sources import rows
from fotmate_assets_tests.racing.kra.samples import listing


class Runner(msgspec.Struct, kw_only=True):
    number: int
    name: str
    time: float | None
    margin: str | None = None
    pools: int = 7


def read(*given: Any, row: int = 0) -> rows.Row[Runner]:
    return rows.decode(listing("API299", given), row, Runner, frozenset({"colour"}))


def refusal(*given: Any, row: int = 0) -> SourceError:
    with pytest.raises(SourceError) as raised:
        read(*given, row=row)
    return raised.value


GIVEN = {"number": 3, "name": "바람", "time": 75.4}


def test_numbers_and_texts_are_read_as_the_field_must_be() -> None:
    assert read({"number": "03", "name": 1004, "time": "75.4", "margin": 7}).value == Runner(
        number=3, name="1004", time=75.4, margin="7"
    )


def test_blanks_around_a_text_are_no_part_of_it() -> None:
    assert read(GIVEN | {"name": " 바람  "}).value.name == "바람"


@pytest.mark.parametrize("nothing", ["-", "", "  ", None])
def test_a_dash_a_blank_and_null_mean_nothing(nothing: object) -> None:
    value = read(GIVEN | {"time": nothing, "margin": nothing, "pools": nothing}).value
    assert (value.time, value.margin, value.pools) == (None, None, 7)


def test_known_fields_are_details_and_new_ones_are_extra() -> None:
    found = read(GIVEN | {"colour": "bay", "girth": 3})
    assert (found.details, found.extra) == ({"colour": "bay"}, {"girth": 3})


def test_a_known_field_that_holds_nothing_is_no_detail() -> None:
    assert read(GIVEN | {"colour": "-"}).details == {}


def test_a_missing_field_is_refused_by_document_row_and_name() -> None:
    error = refusal(GIVEN, {"number": 4, "name": "돌"}, row=1)
    assert error.verdict is Verdict.MALFORMED
    assert (error.source, error.document, error.field) == ("kra", "API299/seoul/2025-05-31", "items[1].time")


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", "three"), ("number", 3.5), ("number", "-"), ("number", True), ("name", []), ("time", "nan")],
)
def test_a_field_of_another_kind_is_refused_by_name_with_its_value(name: str, value: object) -> None:
    error = refusal(GIVEN | {name: value})
    assert error.field == f"items[0].{name}"
    assert repr(value) in error.reason


def test_a_row_that_is_no_object_is_refused() -> None:
    assert refusal([1, 2]).field == "items[0].*"


def test_the_refusal_brings_the_bytes_of_its_page() -> None:
    assert b"three" in (refusal(GIVEN | {"number": "three"}).content or b"")
