"""Which days the simulated KRA takes a question to be about."""

from datetime import date, datetime

import pytest

from fotmate_assets.racing.model import KST, Meeting
from fotmate_assets.racing.sources.kra.services import GRID_OF_THE_DAY, SERVICES, Period, Service
from fotmate_assets_tests.embedded.portal.client import DETAILS, GROUND, SALES, SHEET, TOTALS, Portal

NOVEMBER = {"rc_date_fr": 20261101, "rc_date_to": 20261130}


@pytest.mark.parametrize(
    ("service", "unknown"),
    [
        (TOTALS, {"rc_month": 202611}),
        (GROUND, {"rc_date": 20261114}),
        (GROUND, {"rc_month": 202611}),
        (SHEET, {"rc_date_fr": 20261114, "rc_date_to": 20261114}),
        (SALES, {"rcDate": 20261114}),
    ],
)
def test_a_date_under_a_name_that_the_service_does_not_have_is_no_question(
    portal: Portal, service: str, unknown: dict[str, object]
) -> None:
    """The answer is that to a question without a date: the last thirty days."""
    portal.clock.now = datetime(2026, 12, 1, 6, tzinfo=KST)
    answer = portal.rows(service, meet=1, **unknown)
    assert answer == portal.rows(service, meet=1)
    assert len({row["rcDate"] for row in answer}) > 4


def test_the_ground_is_asked_for_a_span_of_days(portal: Portal) -> None:
    def days(**asked: object) -> list[int]:
        return sorted({row["rcDate"] for row in portal.rows(GROUND, meet=1, **asked)})

    assert days(rc_date_fr=20261114, rc_date_to=20261114) == [20261114]
    assert days(rc_date_fr=20261114, rc_date_to=20261115) == [20261114, 20261115]
    assert days(rc_date_fr=20261115, rc_date_to=20261114) == []
    assert days(rc_date_fr="2026-11-14", rc_date_to=20261114) == []
    assert days(**NOVEMBER) == sorted({row["rcDate"] for row in portal.rows(DETAILS, meet=1, rc_month=202611)})
    portal.clock.now = datetime(2026, 11, 16, 6, tzinfo=KST)
    assert days(rc_date_fr=20261114) == [20261114, 20261115]
    assert min(days(rc_date_to=20261114)) < 20261114 == max(days(rc_date_to=20261114))


@pytest.mark.parametrize("service", (*SERVICES, GRID_OF_THE_DAY), ids=lambda service: service.slot)
def test_what_the_platform_asks_is_answered_for_what_it_means(portal: Portal, service: Service) -> None:
    """A parameter that the portal ignored would bring rows of other days, or none of these."""
    day, track = date(2026, 11, 14), "jeju"
    inquiry = service.of_day(Meeting(day, track))
    assert {row["rcDate"] for row in portal.rows(inquiry.service, **dict(inquiry.params))} == {20261114}
    if service.period is not Period.DAY:
        inquiry = service.of_month(track, day)
        days = {row["rcDate"] for row in portal.rows(inquiry.service, **dict(inquiry.params))}
        assert len(days) > 1
        assert {found // 100 for found in days} == {202611}
