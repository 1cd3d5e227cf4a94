"""KSPO's cards of cycles and boats, with the fields, types and blanks of the samples and Swagger files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from fotmate_assets.embedded.portal.people import generator
from fotmate_assets.embedded.portal.race import RaceState, Runner

Row = dict[str, Any]

_STYLES = ("pre_win_cnt", "pas_win_cnt", "brk_win_cnt", "mrk_win_cnt")
_COLOURS = ("백", "흑", "적", "청", "황", "녹", "분")


def two_digits(value: int) -> str:
    """A race or a round as KSPO writes it: `05`."""
    return f"{value:02d}"


def text(value: float, digits: int = 1) -> str:
    """A number as KSPO writes it."""
    return f"{value:.{digits}f}"


def cycle_card(state: RaceState) -> Iterator[Row]:
    """CRA_RACE_ORGAN: the card of Gwangmyeong; every value is text, the name of the track ends in blanks."""
    race, meeting = state.race, state.race.meeting
    for runner in race.runners:
        draw = generator(race.seed, race.race_id, "card", runner.start_no)
        starts, wins = draw.randint(3, 60), draw.randint(0, 12)
        styles = [draw.randint(0, 5) for _ in range(4)]
        row = {
            "meet_nm": f"{meeting.track.code}  ",
            "stnd_yr": str(meeting.year),
            "week_tcnt": two_digits(meeting.round or 0),
            "day_tcnt": str(meeting.day),
            "race_no": two_digits(race.race_no),
            "race_ymd": f"{meeting.race_date:%Y.%m.%d}",
            "dptre_tm": f'{state.post_time:%H"%M}',
            "race_len": str(race.distance_m),
            "round_cnt": str(race.distance_m // 340),
            "back_no": str(runner.start_no),
            "color_nm": _COLOURS[runner.start_no - 1],
            "racer_nm": runner.identity.name,
            "racer_age": str(runner.age),
            "racer_grd_cd": race.grade,
            "racer_grd_cur_cd": runner.grade,
            "racer_grd_bef_cd": runner.grade,
            "period_no": str(runner.school),
            "gear_rate": text(draw.choice((3.85, 3.92, 3.93)), 2),
            "rec_200m_scr": f'{draw.randint(11, 12)}"{draw.randint(0, 99):02d}',
            "trng_plc_nm": draw.choice(("모의A", "모의B", "모의C")),
            "run_day_tcnt": str(starts),
            "win_tot_tcnt": str(sum(styles)),
            "win_rate": str(wins * 100 // starts),
            "high_rate": str(min(100, wins * 170 // starts)),
            "high_3_rate": str(min(100, wins * 240 // starts)),
            "area_tms3_avg_scr": text(draw.uniform(75, 110), 3),
            "tot_tms_avg_scr": text(draw.uniform(75, 110), 3),
        }
        row |= {name: str(n) for name, n in zip(_STYLES, styles, strict=True)}
        for back, name in ((1, "bf1_meet_nm_nm"), (2, "bf2_meet_nm"), (3, "bf3_meet_nm")):
            day = meeting.race_date - timedelta(weeks=4 * back)
            row |= {name: draw.choice("광창부"), f"bf{back}_day1_ymd": f"{day:%m%d}"}
            for nth in (1, 2, 3):
                row[f"bf{back}_day{nth}_rank"] = f"{race.grade} {draw.randint(1, 16)}-{draw.randint(1, 7)}"
        yield row


def _boat_numbers(state: RaceState, runner: Runner) -> Row:
    """What both boat cards say of racer, motor and boat, as numbers."""
    draw = generator(state.race.seed, state.race.race_id, "card", runner.start_no)
    return {
        "avg_rank": round(draw.uniform(2, 5), 2),
        "avg_acdnt_scr": round(draw.uniform(0, 1), 2),
        "avg_scr": round(draw.uniform(3, 8), 2),
        "win_ratio": round(draw.uniform(0, 40), 1),
        "high_rate": round(draw.uniform(0, 60), 1),
        "high_3_rank_ratio": round(draw.uniform(10, 80), 1),
        "avg_strt_tm": round(draw.uniform(0.1, 0.4), 2),
        "mot_avg_rank_scr": round(draw.uniform(3, 7), 2),
        "mot_high_rank_ratio": round(draw.uniform(10, 60), 1),
        "mot_high_3_rank_ratio": round(draw.uniform(20, 80), 1),
        "boat_avg_rank_scr": round(draw.uniform(3, 7), 2),
        "boat_high_rank_ratio": round(draw.uniform(10, 60), 1),
        "boat_high_3_rank_ratio": round(draw.uniform(20, 80), 1),
    }


def _boat_runner(state: RaceState, runner: Runner) -> Row:
    return {
        "race_no": two_digits(state.race.race_no),
        "race_reg_no": str(runner.start_no),
        "color_nm": _COLOURS[runner.start_no - 1],
        "racer_nm": runner.identity.name,
        "racer_grd_cd": runner.grade,
        "motor_no": f"{runner.motor_no:03d}",
        "boat_no": f"{runner.boat_no:03d}",
        "fl_tcnt": "F0L0",
    }


def boat_document(state: RaceState) -> Iterator[Row]:
    """MBR_RACE_DOC: the home page's card, with date and registrations, and numbers as the Swagger file has them."""
    meeting = state.race.meeting
    for runner in state.race.runners:
        yield {
            **_boat_runner(state, runner),
            **_boat_numbers(state, runner),
            "stnd_yr": str(meeting.year),
            "week_tcnt": meeting.round,
            "day_tcnt": meeting.day,
            "race_ymd": f"{meeting.race_date:%Y%m%d}",
            "organ_stat_cd": "003",
            "st_mthd_cd": "002",
            "racer_no": runner.identity.number,
            "racer_perio_no": str(runner.school),
            "racer_age": runner.age,
            "wght": runner.weight_kg,
        }


def boat_card(state: RaceState) -> Iterator[Row]:
    """MBR_RACE_INFO: the card, all text, without a date; `race_reg_no` is the lane."""
    race, meeting = state.race, state.race.meeting
    for runner in race.runners:
        numbers = _boat_numbers(state, runner)
        draw = generator(race.seed, race.race_id, "courses", runner.start_no)
        others = [two_digits(n) for n in range(1, 18) if n != race.race_no]
        row = {
            **_boat_runner(state, runner),
            **{name: str(numbers[name]) for name in ("avg_rank", "avg_acdnt_scr", "high_rate", "mot_high_rank_ratio")},
            **{name: str(numbers[name]) for name in ("mot_avg_rank_scr", "mot_high_3_rank_ratio", "boat_avg_rank_scr")},
            "boat_high_rank_ratio": str(numbers["boat_high_rank_ratio"]),
            "stnd_yr": str(meeting.year),
            "week_tcnt": str(meeting.round),
            "day_tcnt": str(meeting.day),
            "dptre_tm": f"{state.post_time:%H:%M}",
            "racer_age": str(runner.age),
            "sex_cd": runner.sex,
            "wght": str(runner.weight_kg),
            "st_mthd_cd": "002   ",
            "rmk2_rank": race.grade,
            "thdd_race_no": draw.choice(others),
            "tms_6_avg_rank_scr": str(numbers["avg_rank"]),
            "tms_6_avg_scr": str(numbers["avg_scr"]),
            "tms_6_avg_strt_tm": str(numbers["avg_strt_tm"]),
            "tms_6_win_ratio": str(numbers["win_ratio"]),
            "tms_6_high_rank_ratio": str(numbers["high_rate"]),
            "tms_6_high_3_rank_ratio": str(numbers["high_3_rank_ratio"]),
            "tms_8_rank_ord_no": " ".join("".join(draw.choices("123456", k=4)) for _ in range(2)),
            "mm_6_race_tcnt": str(draw.randint(10, 50)),
            "mot_bf_racer_1_no": f"{draw.choice(race.runners).identity.name}/{draw.randint(111, 666)}",
        }
        for course in range(1, 7):
            row[f"mm_6_{course}_race_high_rank_ratio"] = f"{draw.uniform(0, 100):.1f}/{draw.randint(1, 9)}"
        yield row
