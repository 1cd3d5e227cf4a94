"""Final odds from the kept answers of the portals."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.model import RawDocument, Verdict
from fotmate_assets.embedded.portal import betting
from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.race import RaceState
from fotmate_assets.embedded.portal.server import KRA_ROOT, SERVICE_KEY, PortalSimulator
from fotmate_assets.embedded.upstream import Upstream
from fotmate_assets.racing.model import KST, ODDS_CAP, Meeting, Pool, RaceStatus, Sport
from fotmate_assets.racing.odds.model import SOLD, OddsRace, Sentinel, grid
from fotmate_assets.racing.sources.kra.services import GRID, GRID_OF_THE_DAY
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.odds.portal_final import FinalOdds, final_odds
from fotmate_assets.racing.sources.portal import KRA as STYLE
from fotmate_assets.racing.sources.portal import Portal
from fotmate_assets.racing.sources.source import Listing
from fotmate_assets_tests.racing.kra.samples import DAY, MEETING, Row, listing, odds, sale
from fotmate_assets_tests.racing.odds.feeds import odds_of

REAL_PORTAL = "https://apis.data.go.kr/B551015/API160_1/integratedInfo_1?serviceKey=REDACTED"


def race(race_no: int = 1, runners: Sequence[int] = (1, 2, 3, 4), scratched: Sequence[int] = ()) -> OddsRace:
    return OddsRace(
        f"horse-seoul-20250531-{race_no:02d}",
        DAY,
        Sport.HORSE,
        race_no,
        "seoul",
        datetime(2025, 5, 31, 10, 35, tzinfo=KST),
        RaceStatus.FINISHED,
        tuple(runners),
        frozenset(scratched),
    )


def told(*rows: Row, races: Sequence[OddsRace] = (race(),), slot: str = "API160_1", **more: Listing) -> FinalOdds:
    listings = {slot: listing(slot, rows), **more}
    return final_odds(KRA(), MEETING, listings, {each.race_no: each for each in races})


def win(found: FinalOdds, race_no: int = 1, pool: Pool = Pool.WIN) -> dict[str, float]:
    """A pool of a race that was read without an error."""
    assert found.errors == ()
    (final,) = (each for each in found.races if each.race.race_no == race_no)
    return odds_of(final.snapshot, pool)


UNTOLD, CAPPED, SCRATCHED = Sentinel.UNTOLD, Sentinel.CAPPED, Sentinel.SCRATCHED


# What is read -------------------------------------------------------------------------------------------------------


def test_a_grid_is_read_and_what_it_lacks_is_untold() -> None:
    found = told(odds(1, "단승식", [1], 3.4), odds(1, "단승식", [3], 1), odds(1, "쌍승식", [2, 1], 12.5))
    assert win(found) == {"1": 3.4, "2": UNTOLD, "3": 1.0, "4": UNTOLD}
    assert {key: price for key, price in win(found, pool=Pool.EXA).items() if price > 0} == {"2-1": 12.5}
    assert [each.pool for each in found.races[0].snapshot.pools] == [Pool.WIN, Pool.EXA]
    assert found.warnings == ()


def test_zero_is_missing_and_the_cap_is_no_price() -> None:
    given = {1: 3.4, 2: 0, 3: ODDS_CAP, 4: 12_000}
    found = told(*(odds(1, "단승식", [number], price) for number, price in given.items()))
    assert win(found) == {"1": 3.4, "2": UNTOLD, "3": CAPPED, "4": CAPPED}


def test_what_the_card_has_withdrawn_is_scratched() -> None:
    rows = [odds(1, "복승식", [1, 2], 3.4), odds(1, "복승식", [1, 3], 5.0)]
    found = told(*rows, races=[race(runners=(1, 2, 3), scratched=[2])])
    assert win(found, pool=Pool.QNL) == {"1-2": SCRATCHED, "1-3": 5.0, "2-3": SCRATCHED}


def test_a_pool_without_order_takes_its_numbers_in_any() -> None:
    found = told(odds(1, "삼복승식", [3, 1, 2], 7.5), odds(1, "QPL", [4, 2], 2.2))
    assert win(found, pool=Pool.TLA)["1-2-3"] == 7.5
    assert win(found, pool=Pool.QPL)["2-4"] == 2.2


def test_the_pools_of_three_are_not_swapped() -> None:
    found = told(odds(1, "삼복승식", [1, 2, 3], 7.5), odds(1, "삼쌍승식", [1, 2, 3], 41.0))
    assert (win(found, pool=Pool.TLA)["1-2-3"], win(found, pool=Pool.TRI)["1-2-3"]) == (7.5, 41.0)


def test_a_pool_that_was_not_sold_is_not_there() -> None:
    assert [each.pool for each in told(odds(1, "단승식", [1], 3.4)).races[0].snapshot.pools] == [Pool.WIN]


def test_placeholders_before_the_race_are_no_odds() -> None:
    zeros = [odds(1, "단승식", [number], 0) for number in (1, 2, 3)]
    assert told(*zeros).races == ()
    (final,) = told(*zeros, odds(1, "연승식", [1], 1.2)).races
    assert [each.pool for each in final.snapshot.pools] == [Pool.PLC]


def test_without_entries_the_field_is_the_numbers_told() -> None:
    found = told(odds(1, "단승식", [7], 3.4), odds(1, "복승식", [2, 5], 9.0), races=[race(runners=())])
    assert found.races[0].snapshot.field == (2, 5, 7)


def test_the_days_service_tells_of_races_that_the_other_lacks() -> None:
    of_day = listing("API301", [odds(1, "WIN", [1], 9.9), odds(2, "WIN", [1], 4.4)])
    found = told(odds(1, "단승식", [1], 3.4), races=[race(1), race(2)], API301=of_day)
    assert (win(found, 1)["1"], win(found, 2)["1"]) == (3.4, 4.4)
    assert found.races[1].snapshot.raw_sha256 == of_day.pages[0].sha256


def test_a_months_document_tells_of_its_day_only() -> None:
    other = odds(1, "단승식", [1], 9.9, rcDate=20250530)
    month = listing("API160_1", [other, odds(1, "단승식", [1], 3.4)], month=True)
    found = final_odds(KRA(), MEETING, {"API160_1": month}, {1: race()})
    assert win(found)["1"] == 3.4
    assert found.warnings == ()


def test_the_pools_sales_are_those_that_were_declared() -> None:
    sales = listing("API179_1", [sale(1, "단식", "①-3.4", 5_000_000), sale(1, "연식", "-", 0)])
    found = told(odds(1, "단승식", [1], 3.4), odds(1, "연승식", [1], 1.2), API179_1=sales)
    assert [each.sales_krw for each in found.races[0].snapshot.pools] == [5_000_000, None]


def test_sales_that_cannot_be_read_do_not_lose_the_odds() -> None:
    sales = listing("API179_1", [sale(1, "무엇", "①-3.4")])
    assert win(told(odds(1, "단승식", [1], 3.4), API179_1=sales))["1"] == 3.4


# Where from ---------------------------------------------------------------------------------------------------------


def fetched(at: datetime, url: str, *, last: str | None = None) -> Listing:
    """Two pages of a listing from `url`, the second fetched a minute later."""
    made = listing("API160_1", [odds(1, "단승식", [1], 3.4)])
    pages = (
        RawDocument("kra", "API160_1/seoul/2025-05-31/1", b"first", url, at),
        RawDocument("kra", "API160_1/seoul/2025-05-31/2", b"second", last or url, at.replace(minute=1)),
    )
    return replace(made, pages=pages)


def test_final_odds_count_as_seen_when_they_were_fetched_and_have_no_clock() -> None:
    at = datetime(2025, 5, 31, 9, 0, tzinfo=UTC)
    made = fetched(at, REAL_PORTAL)
    (final,) = final_odds(KRA(), MEETING, {"API160_1": made}, {1: race()}).races
    assert final.observed_at == at.replace(minute=1)
    assert final.snapshot.source_ts is None
    assert (final.snapshot.raw_sha256, final.snapshot.content) == (made.pages[0].sha256, None)


@pytest.mark.parametrize(
    ("url", "last", "is_simulated"),
    [
        (REAL_PORTAL, None, False),
        (REAL_PORTAL, "http://127.0.0.1:1/B551015", True),
        ("http://127.0.0.1:8080/B551015/API160_1?host=apis.data.go.kr", None, True),
        ("https://apis.data.go.kr.example.org/B551015", None, True),
    ],
)
def test_only_the_real_portals_odds_are_real(url: str, last: str | None, is_simulated: bool) -> None:
    made = fetched(datetime(2025, 5, 31, 9, 0, tzinfo=UTC), url, last=last)
    (final,) = final_odds(KRA(), MEETING, {"API160_1": made}, {1: race()}).races
    assert final.is_simulated is is_simulated


# What cannot be used ------------------------------------------------------------------------------------------------


def test_phantom_races_are_left_out_with_a_warning() -> None:
    found = told(odds(1, "단승식", [1], 3.4), odds(9, "단승식", [1], 3.4), odds(12, "단승식", [1], 2.0))
    assert [each.race.race_no for each in found.races] == [1]
    assert found.warnings == ("there are odds of races that nothing else knows, left out: 9, 12",)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (odds(2, "단승식", [9], 3.4), "items[1].chulNo"),
        (odds(2, "단승식", [1, 2], 3.4), "items[1].chulNo"),
        (odds(2, "복승식", [1, 1], 3.4), "items[1].chulNo"),
        (odds(2, "단승식", [1], 0.9), "items[1].odds"),
        (odds(2, "단승식", [1], -1), "items[1].odds"),
        (odds(2, "단승식", [1], 3.4, odds="NaN"), "items[1].odds"),
        (odds(2, "단승식", [1], 3.4, odds="많음"), "items[1].odds"),
        (odds(2, "최신식", [1], 3.4), "items[1].pool"),
    ],
)
def test_a_race_with_a_row_that_makes_no_sense_is_owed_and_the_others_are_there(row: Row, field: str) -> None:
    rows = [odds(1, "단승식", [1], 3.4), row, odds(2, "단승식", [2], 2.0), row, odds(3, "단승식", [1], 4.0)]
    found = told(*rows, races=[race(1), race(2), race(3)])
    assert [each.race.race_no for each in found.races] == [1, 3]
    (error,) = found.errors
    assert (error.verdict, error.document, error.field) == (Verdict.MALFORMED, "API160_1/seoul/2025-05-31", field)
    assert error.content


def test_one_combination_at_two_prices_is_refused() -> None:
    found = told(odds(1, "복승식", [1, 2], 3.4), odds(1, "복승식", [2, 1], 3.5))
    assert found.races == ()
    assert [error.field for error in found.errors] == ["items[1].odds"]
    assert win(told(odds(1, "복승식", [1, 2], 3.4), odds(1, "복승식", [2, 1], 3.4)), pool=Pool.QNL)["1-2"] == 3.4


def test_a_row_that_does_not_tell_its_race_leaves_none_to_be_trusted() -> None:
    found = told(odds(1, "단승식", [1], 3.4), odds(1, "단승식", [2], 3.4, rcNo="?"))
    assert found.races == ()
    assert [error.field for error in found.errors] == ["items[1].rcNo"]


def test_without_a_listing_there_is_nothing() -> None:
    assert final_odds(KRA(), MEETING, {}, {1: race()}) == FinalOdds()


def test_of_kspo_there_are_no_final_odds_and_it_is_said() -> None:
    meeting = Meeting(date(2026, 11, 21), "gwangmyeong", 2026, 47, 2)
    found = final_odds(KSPO(), meeting, {}, {})
    assert (found.races, found.errors) == ((), ())
    assert "kspo" in found.warnings[0]


# A day of the simulated portal --------------------------------------------------------------------------------------


class NoQuota:
    def take(self, service: str) -> None: ...

    def refused(self, service: str) -> None: ...


@pytest.fixture(scope="module")
def simulator() -> PortalSimulator:
    return PortalSimulator(RaceCalendar(7), lambda: datetime(2027, 6, 1, tzinfo=KST))


@pytest.fixture(scope="module")
def portal(simulator: PortalSimulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with Upstream(tmp_path_factory.mktemp("served"), routes=simulator.routes) as upstream:
        client = HttpClient("kra", per_second=1000)
        yield Portal(client, upstream.url + KRA_ROOT, STYLE, SERVICE_KEY, NoQuota())
        client.close()


def as_odds_race(state: RaceState) -> OddsRace:
    made = state.race
    return OddsRace(
        made.race_id,
        made.meeting.race_date,
        made.sport,
        made.race_no,
        made.meeting.track_id,
        state.post_time,
        RaceStatus.FINISHED,
        tuple(runner.start_no for runner in made.runners),
        frozenset(state.scratched),
    )


def expected(state: RaceState) -> dict[Pool, array[float]]:
    """The odds that the simulated public made, cap and scratches apart."""
    field, scratched = tuple(runner.start_no for runner in state.race.runners), frozenset(state.scratched)
    return {
        pool: grid(
            pool,
            field,
            {key: CAPPED if price == ODDS_CAP else price for key, price in betting.odds(state, pool).items()},
            scratched,
        )
        for pool in SOLD[Sport.HORSE]
        if betting.sold(state, pool) and not state.is_void
    }


@pytest.mark.parametrize("service", [GRID, GRID_OF_THE_DAY], ids=lambda it: it.slot)
def test_the_odds_of_a_simulated_day_are_those_that_its_public_made(
    portal: Portal, simulator: PortalSimulator, service: Any
) -> None:
    (meeting,) = (it for it in simulator.calendar.meetings(date(2026, 11, 21)) if it.track_id == "seoul")
    states = simulator.states(meeting, datetime(2027, 6, 1, tzinfo=KST))
    found = final_odds(
        KRA(),
        meeting,
        {service.slot: portal.listing(service.of_day(meeting))},
        {state.race.race_no: as_odds_race(state) for state in states},
    )
    assert (found.errors, found.warnings) == ((), ())
    made = {each.race.race_no: {it.pool: it.odds for it in each.snapshot.pools} for each in found.races}
    assert made == {state.race.race_no: pools for state in states if (pools := expected(state))}
    assert len(made) > 5
    assert any(Pool.TRI in pools for pools in made.values())
    everything = [price for pools in made.values() for odds in pools.values() for price in odds]
    assert UNTOLD not in everything
    assert {CAPPED, SCRATCHED} <= {*everything}
    assert all(each.is_simulated for each in found.races)
