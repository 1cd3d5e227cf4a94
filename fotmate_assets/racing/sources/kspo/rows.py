"""KSPO's rows as typed structs: the fields that the tables need, and the names of the others.

What `rows.decode` does not find in a struct goes to the details where the Swagger document (its number beside each
struct) knows it, and to `extra` where it does not. Numbers may come as text, and texts of digits as numbers.
"""

from __future__ import annotations

from msgspec import Struct

from fotmate_assets.racing.sources.rows import words


class Place(Struct):
    """What any row tells of where it belongs."""

    race_no: int | None = None
    meet_nm: str | None = None
    mbr_nm: str | None = None
    race_ymd: str | None = None
    race_day: str | None = None
    stnd_yr: int | None = None
    stnd_year: int | None = None
    week_tcnt: int | None = None
    tms: int | None = None
    day_tcnt: int | None = None
    day_ord: int | None = None


class RaceRow(Struct, kw_only=True):
    """A row that belongs to one race. `row_num` is its position in the answer, which changes with the paging."""

    race_no: int
    row_num: int | None = None


class CycleCardRow(RaceRow, kw_only=True):
    """One rider of the cycle card (15107830)."""

    meet_nm: str
    stnd_yr: int
    week_tcnt: int
    day_tcnt: int
    race_ymd: str
    back_no: int
    racer_nm: str
    racer_age: int | None = None
    racer_grd_cd: str | None = None
    """Class of the race, which is that of its riders: `선발`, `우수`, `특선`."""
    gear_rate: float | None = None
    dptre_tm: str | None = None
    race_len: int | None = None
    round_cnt: int | None = None
    """Laps."""


CYCLE_CARD_KNOWN = words(
    """
    area_tms3_avg_scr bf1_day1_rank bf1_day1_ymd bf1_day2_rank bf1_day3_rank bf1_meet_nm_nm bf2_day1_rank
    bf2_day1_ymd bf2_day2_rank bf2_day3_rank bf2_meet_nm bf3_day1_rank bf3_day1_ymd bf3_day2_rank bf3_day3_rank
    bf3_meet_nm brk_win_cnt color_nm high_3_rate high_rate mrk_win_cnt pas_win_cnt period_no pre_win_cnt
    racer_grd_bef_cd racer_grd_cur_cd rec_200m_scr run_day_tcnt tot_tms_avg_scr trng_plc_nm win_rate win_tot_tcnt
    """
)


class BoatDocRow(RaceRow, kw_only=True):
    """One racer of the home page's boat card (15107797), which tells the date and the racer's number."""

    stnd_yr: int
    week_tcnt: int
    day_tcnt: int
    race_ymd: str
    race_reg_no: int
    """The lane, 1 to 6, though the Swagger calls it the racer's number."""
    racer_nm: str
    racer_no: str | None = None
    racer_age: int | None = None
    racer_grd_cd: str | None = None
    wght: float | None = None
    motor_no: str | None = None
    boat_no: str | None = None
    st_mthd_cd: str | None = None
    organ_stat_cd: str | None = None


BOAT_DOC_KNOWN = words(
    """
    avg_acdnt_scr avg_rank avg_scr avg_strt_tm boat_avg_rank_scr boat_high_3_rank_ratio boat_high_rank_ratio
    color_nm fl_tcnt high_3_rank_ratio high_rate mot_avg_rank_scr mot_high_3_rank_ratio mot_high_rank_ratio
    racer_perio_no win_ratio
    """
)


class BoatInfoRow(RaceRow, kw_only=True):
    """One racer of the boat card (15107808), which tells the off but no date."""

    stnd_yr: int
    week_tcnt: int
    day_tcnt: int
    race_reg_no: int
    """The lane, as in the other card."""
    racer_nm: str
    racer_age: int | None = None
    racer_grd_cd: str | None = None
    sex_cd: str | None = None
    wght: float | None = None
    motor_no: str | None = None
    boat_no: str | None = None
    dptre_tm: str | None = None
    rmk2_rank: str | None = None
    """Class of the race (`일반`), though the Swagger calls it the rank."""
    st_mthd_cd: str | None = None


BOAT_INFO_KNOWN = words(
    """
    avg_acdnt_scr avg_rank bf_dd_recd_scr boat_avg_rank_scr boat_high_rank_ratio color_nm fl_tcnt high_rate
    mm_6_1_race_high_rank_ratio mm_6_2_race_high_rank_ratio mm_6_3_race_high_rank_ratio mm_6_4_race_high_rank_ratio
    mm_6_5_race_high_rank_ratio mm_6_6_race_high_rank_ratio mm_6_race_tcnt mot_avg_rank_scr mot_bf_racer_1_no
    mot_high_3_rank_ratio mot_high_rank_ratio thdd_race_no tms_6_avg_rank_scr tms_6_avg_scr tms_6_avg_strt_tm
    tms_6_high_3_rank_ratio tms_6_high_rank_ratio tms_6_win_ratio tms_8_rank_ord_no
    """
)


class RankRow(RaceRow, kw_only=True):
    """One runner of a ranking, cycles (15143989, `meet_nm`) or boats (15143984, `mbr_nm`)."""

    stnd_year: int
    tms: int
    day_ord: int
    race_day: str
    racer_nm: str
    racer_no: str | None = None
    race_rank: str | None = None
    meet_nm: str | None = None
    mbr_nm: str | None = None


class ResultRow(RaceRow, kw_only=True):
    """The first three of a race and what they paid, cycles (15107816) or boats (15107847, which tell no date)."""

    stnd_yr: int
    week_tcnt: int
    day_tcnt: int
    race_ymd: str | None = None
    meet_nm: str | None = None
    rank1: str | None = None
    rank2: str | None = None
    rank3: str | None = None
    pool1_val: str | None = None
    pool2_val: str | None = None
    pool3_val: str | None = None
    pool4_val: str | None = None
    pool5_val: str | None = None
    pool6_val: str | None = None
    pool7_val: str | None = None
    pool8_val: str | None = None


class PayoffRow(RaceRow, kw_only=True):
    """What a race paid, without combinations: cycles (15107845) or boats (15107811)."""

    stnd_yr: int
    week_tcnt: int
    day_tcnt: int
    race_ymd: str
    pool1_val: str | None = None
    pool2_1_val: str | None = None
    pool2_2_val: str | None = None
    pool4_val: str | None = None
    pool5_val: str | None = None
    pool6_val: str | None = None
