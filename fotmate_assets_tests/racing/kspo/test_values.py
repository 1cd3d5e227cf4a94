"""The notations of KSPO's fields."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.racing.sources.kspo.values import (
    Paid,
    Placed,
    clock,
    month_and_day,
    odds,
    paid,
    placed,
    race_day,
    seconds,
    squeezed,
)

CIRCLES = "①②③④⑤⑥⑦⑧⑨"
combinations = st.integers(1, 3).flatmap(
    lambda size: st.lists(
        st.tuples(
            st.lists(st.integers(1, 9), min_size=size, max_size=size, unique=True).map(tuple),
            st.integers(10, 99_998).map(lambda tenths: tenths / 10),
        ),
        min_size=1,
        max_size=3,
    )
)


def bracketed(numbers: tuple[int, ...]) -> str:
    return f"({'-'.join(map(str, numbers))})"


def circled(numbers: tuple[int, ...]) -> str:
    return "-".join(CIRCLES[number - 1] for number in numbers)


@pytest.mark.parametrize("text", ["2026.01.02", "20260102"])
def test_a_whole_date_is_read_in_both_notations(text: str) -> None:
    assert race_day(text) == date(2026, 1, 2)


@pytest.mark.parametrize("text", ["0102", "2026.13.02", "20260230", "", "202601021"])
def test_what_is_no_whole_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|month|day"):
        race_day(text)


def test_a_date_without_its_year_gives_month_and_day() -> None:
    assert month_and_day("0102") == (1, 2)
    with pytest.raises(ValueError, match="no month and day"):
        month_and_day("20260102")


@pytest.mark.parametrize(
    ("text", "at"), [('12"55', time(12, 55)), ("11:40", time(11, 40)), ('9"05', time(9, 5)), ('21"20', time(21, 20))]
)
def test_the_off_is_read_from_either_card(text: str, at: time) -> None:
    assert clock(text) == at


@pytest.mark.parametrize("text", ["1255", '12"5', '25"00', "12.55", "미정"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time of day|hour"):
        clock(text)


def test_two_hundred_metres_are_seconds_although_they_look_like_a_clock() -> None:
    assert seconds('12"00') == 12.0
    assert seconds('11"78') == 11.78


def test_names_lose_the_blanks_that_even_them_out() -> None:
    assert squeezed("가  나") == squeezed("가나 ") == "가나"


@pytest.mark.parametrize(("text", "number"), [("2.5", 2.5), ("20", 20.0), ("1,234.5", 1234.5)])
def test_odds_are_multiples_of_the_stake(text: str, number: float) -> None:
    assert odds(text) == number


@pytest.mark.parametrize("text", ["0", "0.0", "-", "0.00"])
def test_odds_of_zero_mean_that_there_are_none(text: str) -> None:
    assert odds(text) is None


def test_what_is_no_odds_is_refused() -> None:
    with pytest.raises(ValueError, match="no odds"):
        odds("발매중지")


@pytest.mark.parametrize("text", ["②가나다", "(2)가나다", "2가나다", "2 가나다", "② 가나  다 "])
def test_a_placed_runner_has_a_number_and_a_name(text: str) -> None:
    assert placed(text) == (Placed(2, "가나다"),)


def test_two_runners_may_share_a_place() -> None:
    assert placed("②가나다 ⑦라마바") == (Placed(2, "가나다"), Placed(7, "라마바"))


@pytest.mark.parametrize("text", ["", "가나다", "②", "②가나다(실격)", "⑦⑦라마바"])
def test_a_place_without_number_or_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no start number with a name"):
        placed(text)


@given(st.integers(1, 20), st.text(alphabet="가나다라마바사", min_size=2, max_size=4))
def test_every_circled_number_is_read(number: int, name: str) -> None:
    assert placed(chr(ord("①") + number - 1) + name) == (Placed(number, name),)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("(2)2.5", 1, [Paid((2,), 2.5)]),
        ("(2)1.2 (7)2.1", 1, [Paid((2,), 1.2), Paid((7,), 2.1)]),
        ("(2-7)9.4", 2, [Paid((2, 7), 9.4)]),
        ("(2-7-5)20.5", 3, [Paid((2, 7, 5), 20.5)]),
        ("①1.1", 1, [Paid((1,), 1.1)]),
        ("①-②1.9", 2, [Paid((1, 2), 1.9)]),
        ("①②1.9", 2, [Paid((1, 2), 1.9)]),
        ("①-②-⑥3.4", 3, [Paid((1, 2, 6), 3.4)]),
        ("1-2 1.9", 2, [Paid((1, 2), 1.9)]),
        ("1-21.9", 2, [Paid((1, 2), 1.9)]),
        ("3 12.9", 1, [Paid((3,), 12.9)]),
        ("(2)1.2(7)2.1", 1, [Paid((2,), 1.2), Paid((7,), 2.1)]),
        ("(2-7)1,234.5", 2, [Paid((2, 7), 1234.5)]),
        ("(10)2.5", 1, [Paid((10,), 2.5)]),
    ],
)
def test_a_pool_tells_its_combinations_and_odds(text: str, size: int, expected: list[Paid]) -> None:
    assert list(paid(text, size)) == expected


@pytest.mark.parametrize("text", ["", "-", "0", "0.0", "(2)0.0", "(2)-"])
def test_a_pool_that_was_not_sold_pays_nobody(text: str) -> None:
    assert paid(text, 1) == ()


def test_the_cap_is_not_a_price() -> None:
    assert paid("(2-7-5)9999.9", 3) == (Paid((2, 7, 5), None),)
    assert paid("(2-7-5)9999.8", 3) == (Paid((2, 7, 5), 9999.8),)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("(2-7)9.4", 1),
        ("(2)2.5", 2),
        ("(2-2)2.5", 2),
        ("2.5", 1),
        ("11.1", 1),
        ("(2)", 1),
        ("(2)1.2 외", 1),
        ("환불 (2)1.2", 1),
        ("(2)1.2 x (7)2.1", 1),
        ("적중자없음", 1),
    ],
)
def test_a_pool_that_cannot_be_read_whole_is_refused(text: str, size: int) -> None:
    with pytest.raises(ValueError, match="no combination"):
        paid(text, size)


@given(combinations, st.sampled_from([bracketed, circled]), st.sampled_from([" ", "  ", " , "]))
def test_every_pool_that_can_be_written_is_read(
    given_: list[tuple[tuple[int, ...], float]], written: object, between: str
) -> None:
    assert callable(written)
    text = between.join(f"{written(numbers)}{price}" for numbers, price in given_)
    expected = [Paid(numbers, price) for numbers, price in given_]
    assert list(paid(text, len(given_[0][0]))) == expected
