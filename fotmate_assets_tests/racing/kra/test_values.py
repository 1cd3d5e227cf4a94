"""The small notations of KRA's services."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.racing.model import KST, FinishStatus, Pool
from fotmate_assets.racing.sources.kra import values

DAY = date(2025, 5, 3)


def at(hour: int, minute: int) -> datetime:
    return datetime(2025, 5, 3, hour, minute, tzinfo=KST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1035", at(10, 35)),
        ("935", at(9, 35)),
        ("0935", at(9, 35)),
        ("2105", at(21, 5)),
        ("출발 :10:45", at(10, 45)),
        ("출발 : 9: 05", at(9, 5)),
        ("10:45", at(10, 45)),
        ("2025-05-03T10:35:00+09:00", at(10, 35)),
        ("2025-05-03T01:35:00+00:00", at(10, 35)),
        ("2025-05-03T10:35:00", at(10, 35)),
        ("0", None),
        ("0000", None),
    ],
)
def test_a_post_time_is_read_in_every_form(text: str, expected: datetime | None) -> None:
    found = values.post_time(text, DAY)
    assert found == expected
    assert found is None or found.utcoffset() == timedelta(hours=9)


@pytest.mark.parametrize("text", ["2560", "10:61", "25:00", "noon", "12345", "7", "2025-05-03Tnoon"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        values.post_time(text, DAY)


@given(st.times())
def test_every_minute_after_midnight_survives_its_number(moment: object) -> None:
    hour, minute = moment.hour, moment.minute  # type: ignore[attr-defined]
    number = hour * 100 + minute
    if number >= 100:
        assert values.post_time(str(number), DAY) == at(hour, minute)


@pytest.mark.parametrize(
    ("meet", "track"),
    [
        (1, "seoul"),
        ("1", "seoul"),
        ("서울", "seoul"),
        (2, "jeju"),
        ("제주", "jeju"),
        (3, "busan"),
        ("부경", "busan"),
        ("부산경남", "busan"),
        ("영남", "busan"),
        ("부산 ", "busan"),
    ],
)
def test_a_track_is_known_by_code_and_by_every_name(meet: int | str, track: str) -> None:
    assert values.track_of(meet) == track


@pytest.mark.parametrize("meet", [4, "4", "광명", ""])
def test_an_unknown_track_is_refused(meet: int | str) -> None:
    with pytest.raises(ValueError, match="no track"):
        values.track_of(meet)


@pytest.mark.parametrize(
    ("text", "kg", "change"),
    [
        ("511(+2)", 511.0, 2.0),
        ("415(-6)", 415.0, -6.0),
        ("488(0)", 488.0, 0.0),
        ("483()", 483.0, None),
        ("483", 483.0, None),
        ("453.5(+1.5)", 453.5, 1.5),
        ("0()", None, None),
        ("0(+3)", None, None),
        ("()", None, None),
    ],
)
def test_a_body_weight_is_kilograms_and_their_change(text: str, kg: float | None, change: float | None) -> None:
    assert values.body_weight(text) == (kg, change)


@given(st.integers(1, 999), st.integers(-99, 99))
def test_a_body_weight_survives_its_notation(kg: int, change: int) -> None:
    assert values.body_weight(f"{kg}({change:+d})") == (kg, change)


@pytest.mark.parametrize("text", ["heavy", "5 11", "511(two)", "-511"])
def test_what_is_no_body_weight_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        values.body_weight(text)


@pytest.mark.parametrize(
    ("text", "condition", "moisture"),
    [
        ("건조 (2%)", "건조", 2.0),
        ("포화 (18%)", "포화", 18.0),
        ("다습 (12.5%)", "다습", 12.5),
        ("양호", "양호", None),
        ("(0%)", None, None),
        (" (0%)", None, None),
    ],
)
def test_the_track_is_a_condition_and_its_moisture(text: str, condition: str | None, moisture: float | None) -> None:
    assert values.going(text) == (condition, moisture)


def test_a_track_in_another_notation_is_refused() -> None:
    with pytest.raises(ValueError):
        values.going("건조 (damp)")


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("½", 0.5),
        ("¾", 0.75),
        ("1½", 1.5),
        ("2¼", 2.25),
        ("1 1/2", 1.5),
        ("3/4", 0.75),
        ("4", 4.0),
        ("10", 10.0),
        ("코", 0.05),
        ("머리", 0.2),
        ("목", 0.3),
        ("코차", 0.05),
        ("4마신", 4.0),
        ("대", None),
        ("동착", None),
        ("wide", None),
    ],
)
def test_a_margin_is_lengths_where_it_has_a_measure(text: str, lengths: float | None) -> None:
    assert values.margin_lengths(text) == lengths


@given(st.integers(1, 30), st.sampled_from(["", "¼", "½", "¾"]))
def test_longer_margins_are_more_lengths(whole: int, part: str) -> None:
    lengths = values.margin_lengths(f"{whole}{part}")
    assert lengths is not None
    assert whole <= lengths < whole + 1


@pytest.mark.parametrize(("text", "time"), [("75.4", 75.4), ("77", 77.0), ("1:15.4", 75.4), ("0", None), ("0.0", None)])
def test_a_running_time_is_seconds(text: str, time: float | None) -> None:
    assert values.seconds(text) == pytest.approx(time)


def test_what_is_no_running_time_is_refused() -> None:
    with pytest.raises(ValueError):
        values.seconds("fast")


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ("91", FinishStatus.DISQUALIFIED),
        ("실격", FinishStatus.DISQUALIFIED),
        ("92", FinishStatus.PULLED_UP),
        ("낙마", FinishStatus.PULLED_UP),
        ("기권", FinishStatus.PULLED_UP),
        ("93", FinishStatus.EXCLUDED),
        ("94", FinishStatus.EXCLUDED),
        ("선제", FinishStatus.EXCLUDED),
        ("95", FinishStatus.SCRATCHED),
        ("98", FinishStatus.VOID),
        ("99", FinishStatus.CANCELLED),
    ],
)
def test_a_code_or_a_word_stands_in_place_of_a_position(order: str, status: FinishStatus) -> None:
    assert values.finish(order) == (status, None, order)


def test_a_number_is_a_position_and_zero_is_none_yet() -> None:
    assert values.finish("3") == (FinishStatus.FINISHED, 3, None)
    assert values.finish("0") is None


@pytest.mark.parametrize("order", ["90", "96", "97", "100", "좋음", "1st", "-1", "1.5"])
def test_an_order_that_nobody_knows_is_refused(order: str) -> None:
    with pytest.raises(ValueError, match="no finish"):
        values.finish(order)


@pytest.mark.parametrize(
    ("names", "pool"),
    [
        ("단승식 단승 단식 WIN", Pool.WIN),
        ("연승식 연승 연식 PLC", Pool.PLC),
        ("복승식 복승 복식 QNL", Pool.QNL),
        ("쌍승식 쌍승 쌍식 EXA", Pool.EXA),
        ("복연승식 복연승 복연 QPL", Pool.QPL),
        ("삼복승식 삼복승 삼복 TLA", Pool.TLA),
        ("삼쌍승식 삼쌍승 삼쌍 TRI", Pool.TRI),
    ],
)
def test_a_pool_is_known_by_every_name(names: str, pool: Pool) -> None:
    assert {values.pool_of(name) for name in names.split()} == {pool}


def test_an_unknown_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="no pool"):
        values.pool_of("쌍복승식")


def test_a_winning_combination_keeps_its_order_where_the_pool_has_one() -> None:
    assert values.declared("⑪③⑥-1077.1", Pool.TRI) == [("11-3-6", 1077.1)]
    assert values.declared("⑪③⑥-1077.1", Pool.TLA) == [("3-6-11", 1077.1)]


def test_several_winning_combinations_stand_side_by_side() -> None:
    assert values.declared("①-1.3 ⑳-2.5  ③-9999.9", Pool.PLC) == [("1", 1.3), ("20", 2.5), ("3", 9999.9)]


@pytest.mark.parametrize(
    ("text", "pool", "combination", "odds"),
    [
        ("11-2.5", Pool.WIN, "11", 2.5),
        ("11,3,6-1,077.1", Pool.TRI, "11-3-6", 1077.1),
        ("1-3-9", Pool.EXA, "1-3", 9.0),
        ("①21-5.0", Pool.EXA, "1-21", 5.0),
        ("㉑①-5.0", Pool.EXA, "21-1", 5.0),
    ],
)
def test_numbers_may_be_plain(text: str, pool: Pool, combination: str, odds: float) -> None:
    assert values.declared(text, pool) == [(combination, odds)]


@pytest.mark.parametrize("text", ["①②", "①②-", "①-2.5", "①②③-2.5", "①x-2.5", "①②-cheap", "½②-3", "①0-3"])
def test_what_is_no_combination_of_its_pool_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        values.declared(text, Pool.QNL)


@given(st.lists(st.integers(1, 20), min_size=3, max_size=3, unique=True), st.integers(10, 99_999))
def test_circled_numbers_survive_their_notation(numbers: list[int], tenths: int) -> None:
    circled = "".join(chr(0x245F + number) for number in numbers)
    (found,) = values.declared(f"{circled}-{tenths / 10}", Pool.TRI)
    assert found == ("-".join(map(str, numbers)), tenths / 10)


@pytest.mark.parametrize(("odds", "price"), [(3.2, 3.2), (0, None), (9999.9, None), (9999.8, 9999.8)])
def test_the_cap_and_zero_are_no_price(odds: float, price: float | None) -> None:
    assert values.price(odds) == price


def test_registrations_get_their_zeros_back() -> None:
    assert values.registration("91367", 7) == "0091367"
    assert values.registration("1912298", 7) == "1912298"


def test_a_notice_is_dated_in_korean_time() -> None:
    assert values.announced_at("202505310915") == datetime(2025, 5, 31, 0, 15, tzinfo=timezone(timedelta(0)))
    with pytest.raises(ValueError):
        values.announced_at("today")


def test_a_race_date_must_be_one() -> None:
    assert values.day_of(20250531) == date(2025, 5, 31)
    with pytest.raises(ValueError):
        values.day_of(20250532)
