"""KSPO's services and the questions they are asked.

Numbers are padded as the gateway wants them: rounds and races with two digits (`week_tcnt=9` answers nothing where
`09` answers 448 rows), days with one, dates with eight. A wrong notation is no error there but an empty answer.
"""

from __future__ import annotations

from datetime import date

from fotmate_assets.racing.model import TRACKS, Meeting
from fotmate_assets.racing.sources.source import Family, Inquiry

CYCLE_CARD = "CRA_RACE_ORGAN"
CYCLE_RANK = "CRA_RACE_RANK"
CYCLE_RESULT = "CRA_RACE_RESULT"
CYCLE_PAYOFF = "CRA_PAYOFF"
BOAT_DOC = "MBR_RACE_DOC"
BOAT_INFO = "MBR_RACE_INFO"
BOAT_RANK = "MRA_RACE_RANK"
BOAT_RESULT = "MBR_RACE_RESULT"
BOAT_PAYOFF = "MBR_PAYOFF"

BOAT_TRACK = "misari"
CARD_TRACK = "gwangmyeong"
"""The only velodrome with a card; the services are silent of the others before their races."""

_PATHS = {
    CYCLE_CARD: "SRVC_OD_API_CRA_RACE_ORGAN/TODZ_API_CRA_RACE_ORGAN_I",
    CYCLE_RANK: "SRVC_CRA_RACE_RANK/TODZ_CRA_RACE_RANK",
    CYCLE_RESULT: "SRVC_TODZ_CRA_RACE_RESULT/TODZ_API_CRA_RACE_RESULT",
    CYCLE_PAYOFF: "SRVC_OD_API_CRA_PAYOFF/TODZ_API_CRA_PAYOFF_I",
    BOAT_DOC: "SRVC_OD_API_VWEB_MBR_RACE_DOC/TODZ_API_VWEB_MBR_RACE_DOC_I",
    BOAT_INFO: "SRVC_OD_API_VWEB_MBR_RACE_INFO/TODZ_API_VWEB_MBR_RACE_I",
    BOAT_RANK: "SRVC_MRA_RACE_RANK/TODZ_MRA_RACE_RANK",
    BOAT_RESULT: "SRVC_OD_API_MBR_RACE_RESULT/TODZ_API_MBR_RACE_RESULT_I",
    BOAT_PAYOFF: "SRVC_OD_API_MBR_PAYOFF/TODZ_API_MBR_PAYOFF_I",
}


def service_of(inquiry: Inquiry) -> str:
    """Which of the services above an inquiry asks."""
    return inquiry.slot.partition("/")[0]


def cycle_card(year: int, number: int) -> Inquiry:
    """The card of all days of a round at Gwangmyeong."""
    shelf = f"{year}-r{number:02d}"
    return _inquiry(
        CYCLE_CARD,
        Family.RACES,
        {"meet_nm": TRACKS[CARD_TRACK].code, "stnd_yr": str(year), "week_tcnt": two(number)},
        f"{CARD_TRACK}/{shelf}",
        shelf,
        ("race_ymd", "race_no", "back_no"),
    )


def cycle_rank(race_date: date, year: int) -> Inquiry:
    """The ranking of all velodromes on a date. `year`: of the round, which may start in the year before."""
    params = {"stnd_year": str(year), "race_day": eight(race_date)}
    place = f"all/{_dated(race_date, year)}"
    return _inquiry(
        CYCLE_RANK, Family.RESULTS, params, place, race_date.isoformat(), ("meet_nm", "race_no", "racer_no")
    )


def cycle_result(meeting: Meeting, race_no: int) -> Inquiry:
    """The first three and the payoffs of one cycle race."""
    params = {
        "stnd_yr": str(year_of(meeting)),
        "meet_nm": meeting.track.code,
        **_round_and_day(meeting),
        "race_no": two(race_no),
    }
    return _of_meeting(CYCLE_RESULT, Family.RESULTS, meeting, params, ("race_no",), race_no)


def cycle_payoff(meeting: Meeting) -> Inquiry:
    """The payoffs of a day at Gwangmyeong."""
    params = {"stnd_yr": str(year_of(meeting)), **_round_and_day(meeting)}
    return _of_meeting(CYCLE_PAYOFF, Family.PAYOFFS, meeting, params, ("race_no",))


def boat_doc(race_date: date, year: int) -> Inquiry:
    """The boat card of a date, which gives its round. `year`: of the round."""
    params = {"stnd_yr": str(year), "race_ymd": eight(race_date)}
    place = f"misari/{_dated(race_date, year)}"
    return _inquiry(BOAT_DOC, Family.RACES, params, place, race_date.isoformat(), ("race_no", "race_reg_no"))


def boat_info(meeting: Meeting) -> Inquiry:
    """The boat card with the times of the races."""
    params = {"stnd_yr": str(year_of(meeting)), **_round_and_day(meeting)}
    return _of_meeting(BOAT_INFO, Family.ENTRIES, meeting, params, ("race_no", "race_reg_no"))


def boat_rank(race_date: date, year: int) -> Inquiry:
    """The ranking of a day's boat races. `year`: of the round."""
    params = {"stnd_year": str(year), "race_day": eight(race_date)}
    place = f"misari/{_dated(race_date, year)}"
    return _inquiry(BOAT_RANK, Family.RESULTS, params, place, race_date.isoformat(), ("race_no", "racer_no"))


def boat_result(meeting: Meeting) -> Inquiry:
    """The first three and the payoffs of a day's boat races.

    The Swagger document labels `day_tcnt` the round and `week_tcnt` the day of this one service; its answers label
    them the other way round, as all other services do, and so does the question.
    """
    params = {"stnd_yr": str(year_of(meeting)), **_round_and_day(meeting)}
    return _of_meeting(BOAT_RESULT, Family.RESULTS, meeting, params, ("race_no",))


def boat_payoff(meeting: Meeting, race_no: int) -> Inquiry:
    """The payoffs of one boat race; the service wants all four numbers."""
    params = {"stnd_yr": str(year_of(meeting)), **_round_and_day(meeting), "race_no": two(race_no)}
    return _of_meeting(BOAT_PAYOFF, Family.PAYOFFS, meeting, params, ("race_no",), race_no)


def year_of(meeting: Meeting) -> int:
    """The year of a meeting's round."""
    return meeting.race_date.year if meeting.year is None else meeting.year


def two(number: int) -> str:
    """A round or race as requests have it: `09`."""
    return f"{number:02d}"


def eight(race_date: date) -> str:
    """A date as requests have it: `20260102`."""
    return f"{race_date:%Y%m%d}"


def round_of(meeting: Meeting) -> int:
    """The round of a meeting. Raises ValueError for one without, which `calendar` never gives."""
    if meeting.round is None:
        raise ValueError(f"{meeting} has no round to ask for")
    return meeting.round


def _round_and_day(meeting: Meeting) -> dict[str, str]:
    if meeting.day is None:
        raise ValueError(f"{meeting} has no day to ask for")
    return {"week_tcnt": two(round_of(meeting)), "day_tcnt": str(meeting.day)}


def _dated(race_date: date, year: int) -> str:
    """A date, with the year of its round where that is another one."""
    return race_date.isoformat() if year == race_date.year else f"{race_date}-of-{year}"


def _of_meeting(
    slot: str,
    family: Family,
    meeting: Meeting,
    params: dict[str, str],
    unique: tuple[str, ...],
    race_no: int | None = None,
) -> Inquiry:
    shelf = meeting.race_date.isoformat()
    return _inquiry(slot, family, params, f"{meeting.track_id}/{shelf}", shelf, unique, race_no)


def _inquiry(
    slot: str,
    family: Family,
    params: dict[str, str],
    place: str,
    shelf: str,
    unique: tuple[str, ...],
    race_no: int | None = None,
) -> Inquiry:
    end = "" if race_no is None else f"/{two(race_no)}"
    return Inquiry(family, _PATHS[slot], tuple(params.items()), f"{slot}/{place}{end}", shelf, f"{slot}{end}", unique)
