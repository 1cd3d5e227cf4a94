"""A plain client of the portals: what they answer, without any of the platform's parsing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from fotmate_assets.embedded.portal.server import SERVICE_KEY, PortalSimulator
from fotmate_assets.embedded.upstream import Upstream
from fotmate_assets.racing.model import KST

Row = dict[str, Any]

PLAN = "API72_2/racePlan_2"
SHEET = "API26_2/entrySheet_2"
WEIGHTS = "API25_1/entryHorseWeightInfo_1"
SCRATCHES = "API9_1/raceHorseCancelInfo_1"
JOCKEYS = "API10_1/jockeyChangeInfo_1"
GROUND = "API189_1/Track_1"
DETAILS = "API214_1/RaceDetailResult_1"
TOTALS = "API299/Race_Result_total"
GRID = "API160_1/integratedInfo_1"
DIVIDENDS = "API301/Dividend_rate_total"
SALES = "API179_1/salesAndDividendRate_1"

CYCLE_CARD = "SRVC_OD_API_CRA_RACE_ORGAN/TODZ_API_CRA_RACE_ORGAN_I"
CYCLE_RANKS = "SRVC_CRA_RACE_RANK/TODZ_CRA_RACE_RANK"
CYCLE_RESULT = "SRVC_TODZ_CRA_RACE_RESULT/TODZ_API_CRA_RACE_RESULT"
CYCLE_PAYOFF = "SRVC_OD_API_CRA_PAYOFF/TODZ_API_CRA_PAYOFF_I"
BOAT_DOCUMENT = "SRVC_OD_API_VWEB_MBR_RACE_DOC/TODZ_API_VWEB_MBR_RACE_DOC_I"
BOAT_CARD = "SRVC_OD_API_VWEB_MBR_RACE_INFO/TODZ_API_VWEB_MBR_RACE_I"
BOAT_RANKS = "SRVC_MRA_RACE_RANK/TODZ_MRA_RACE_RANK"
BOAT_RESULT = "SRVC_OD_API_MBR_RACE_RESULT/TODZ_API_MBR_RACE_RESULT_I"
BOAT_PAYOFF = "SRVC_OD_API_MBR_PAYOFF/TODZ_API_MBR_PAYOFF_I"


@dataclass
class Clock:
    """What the portal takes for now; by default long after the races of the tests."""

    now: datetime = datetime(2027, 6, 1, tzinfo=KST)


@dataclass
class Portal:
    """A running portal and a client of it."""

    simulator: PortalSimulator
    upstream: Upstream
    clock: Clock
    client: httpx.Client

    def kra(self, service: str, **params: object) -> httpx.Response:
        """KRA's answer; parameters that are None are left out."""
        return self._get(f"/B551015/{service}", {"_type": "json", **params})

    def kspo(self, service: str, **params: object) -> httpx.Response:
        """KSPO's answer."""
        return self._get(f"/B551014/{service}", {"resultType": "json", **params})

    def _get(self, path: str, params: dict[str, object]) -> httpx.Response:
        told = {"serviceKey": SERVICE_KEY, **params}
        return self.client.get(path, params={name: str(value) for name, value in told.items() if value is not None})

    def rows(self, service: str, **params: object) -> list[Row]:
        """All rows of an answer, asked in one page."""
        if service.startswith("API"):
            return rows_of(self.kra(service, numOfRows=100_000, **params))
        return rows_of(self.kspo(service, numOfRows=1_000, **params))


def body_of(answer: httpx.Response) -> Row:
    """The body of a page."""
    response = answer.json()["response"]
    assert response["header"] == {"resultCode": "00", "resultMsg": "NORMAL SERVICE."}
    body: Row = response["body"]
    return body


def rows_of(answer: httpx.Response) -> list[Row]:
    """The rows of a page, whatever their form."""
    items = body_of(answer)["items"]
    if items == "":
        return []
    rows = items["item"]
    return rows if isinstance(rows, list) else [rows]


def refusal_of(answer: httpx.Response) -> str:
    """The code of a service's refusal."""
    code: str = answer.json()["response"]["header"]["resultCode"]
    return code


def at(text: str) -> datetime:
    """A Korean instant: `2026-11-22 10:35`."""
    return datetime.fromisoformat(text).replace(tzinfo=KST)
