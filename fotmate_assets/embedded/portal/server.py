"""The simulated portal over HTTP: KRA's services below `/B551015`, KSPO's below `/B551014`.

In a test::

    portal = PortalSimulator(RaceCalendar(7), now=lambda: clock.now)
    with Upstream(tmp_path, routes=portal.routes) as upstream:
        settings.kra_url, settings.kspo_url = f"{upstream.url}/B551015", f"{upstream.url}/B551014"
        ...
        expected = portal.truth(date(2026, 11, 22))

As a process, by the machine's clock: `python -m fotmate_assets.embedded.upstream --root DIR --port N --portal`.
Publication follows `now` (see `publication`): what is not out yet is empty, as with the portal. All of it is invented.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.envelope import gateway_error, page, refusal, xml_page
from fotmate_assets.embedded.portal.kra import services as kra
from fotmate_assets.embedded.portal.kspo import services as kspo
from fotmate_assets.embedded.portal.publication import Stage, stage
from fotmate_assets.embedded.portal.race import Event, EventKind, RaceState
from fotmate_assets.embedded.portal.truth import meeting_truth
from fotmate_assets.embedded.upstream import Request, Response, Route
from fotmate_assets.racing.model import KST, TRACKS, FinishStatus, Meeting, MeetingCard, Sport

KRA_ROOT, KSPO_ROOT = "/B551015", "/B551014"
SERVICE_KEY = "simulated+key/of=nobody=="
"""The decoding key that the simulated portal knows. One that is encoded twice is another key."""

DEFAULT_PAGE_ROWS = 10
KSPO_PAGE_ROWS = 1_000
"""More rows are refused with code 336."""

_END = datetime(9999, 1, 1, tzinfo=KST)


class PortalSimulator:
    """Answers as the portal would at `now()` (an aware datetime) about the races of `calendar`.

    Threads may share it. Events that a test adds are in force from an instant on: `at`, by default `now()`.
    """

    def __init__(self, calendar: RaceCalendar, now: Callable[[], datetime], service_key: str = SERVICE_KEY) -> None:
        self.calendar = calendar
        self.now = now
        self.service_key = service_key
        self._added: dict[str, tuple[Event, ...]] = defaultdict(tuple)
        self._denied = itertools.count()
        self._lock = threading.Lock()

    @property
    def routes(self) -> Mapping[str, Route]:
        """For `Upstream(routes=...)`."""
        return {f"{KRA_ROOT}/": self._kra, f"{KSPO_ROOT}/": self._kspo}

    def states(self, meeting: Meeting, now: datetime) -> list[RaceState]:
        """The races of a meeting as they stand at `now`."""
        return [race.at(now, self._added.get(race.race_id, ())) for race in self.calendar.races(meeting)]

    def truth(self, day: date) -> list[MeetingCard]:
        """The meetings of a date as they are when all is over: what an ingestion must have in the end.

        A payoff is a paying combination with its odds, and its pool's sales where API179_1 tells them. Only what the
        services tell is there (see `race_truth`); entries of cyclists have no `runner_id`, as their card has none.
        """
        return [meeting_truth(meeting, self.states(meeting, _END)) for meeting in self.calendar.meetings(day)]

    # What a test makes happen -------------------------------------------------------------------------------------

    def post_time_moves(self, race_id: str, new_time: datetime, *, at: datetime | None = None) -> None:
        """Move the off of a race (`horse-seoul-20261121-03`)."""
        self._add(race_id, Event(at or self.now(), EventKind.POST_TIME, post_time=new_time, reason="주로정비"))

    def race_is_cancelled(self, race_id: str, *, at: datetime | None = None) -> None:
        """Cancel a race: it is not run. KSPO tells so by silence."""
        self._add(race_id, Event(at or self.now(), EventKind.CANCEL, reason="강풍"))

    def race_is_void(self, race_id: str, *, at: datetime | None = None) -> None:
        """Declare that a race that was run does not count."""
        self._add(race_id, Event(at or self.now(), EventKind.VOID, reason="경주불성립"))

    def race_is_rerun(self, race_id: str, new_time: datetime, *, at: datetime | None = None) -> None:
        """Run a race again at a new time, with another outcome."""
        self._add(race_id, Event(at or self.now(), EventKind.RERUN, post_time=new_time, reason="발주불량"))

    def runner_is_scratched(self, race_id: str, start_no: int, *, at: datetime | None = None) -> None:
        """Withdraw a runner. KSPO shows it by leaving the runner out of the ranking."""
        gone = Event(
            at or self.now(), EventKind.SCRATCH, start_no, status=FinishStatus.SCRATCHED, code=95, reason="질병"
        )
        self._add(race_id, gone)

    def _add(self, race_id: str, event: Event) -> None:
        """Raises LookupError for a race or runner that the calendar does not have."""
        _, track_id, day, number = race_id.split("-")
        meeting = self.calendar.meeting(track_id, datetime.strptime(day, "%Y%m%d").date())  # noqa: DTZ007
        race = next((r for r in self.calendar.races(meeting) if r.race_no == int(number)), None) if meeting else None
        if race is None:
            raise LookupError(f"the calendar has no race {race_id}")
        if event.start_no is not None and event.start_no not in {runner.start_no for runner in race.runners}:
            raise LookupError(f"{race_id} has no runner {event.start_no}")
        with self._lock:
            self._added[race_id] += (event,)

    # Answers ------------------------------------------------------------------------------------------------------

    def _kra(self, request: Request) -> Response:
        service = request.resource.removeprefix(f"{KRA_ROOT}/")
        if service not in kra.SERVICES:
            return gateway_error(12)
        params = request.query
        if not self._knows_key(params):
            return self._unknown_key()
        page_no, page_rows = _whole(params, "pageNo", 1), _whole(params, "numOfRows", DEFAULT_PAGE_ROWS)
        if page_no is None or page_rows is None:
            return gateway_error(1)
        now = self.now()
        codes = [params["meet"]] if "meet" in params else ["1", "2", "3"]
        tracks = {track.track_id for track in TRACKS.values() if track.sport is Sport.HORSE and track.code in codes}
        found: list[bytes] = []
        for state in self._on(kra.days_asked(service, params, now.astimezone(KST).date()), tracks, now):
            if "rc_no" not in params or params["rc_no"].lstrip("0") == str(state.race.race_no):
                found += kra.rows(service, state, stage(state, now))
        rows = found[(page_no - 1) * page_rows : page_no * page_rows]
        if params.get("_type") != "json":
            return xml_page(rows, page_no, page_rows, len(found))
        return page(rows, page_no, page_rows, len(found), texts=False)

    def _kspo(self, request: Request) -> Response:
        path, params = request.resource.removeprefix(f"{KSPO_ROOT}/"), request.query
        if path.partition("/")[0] not in {known.partition("/")[0] for known in kspo.SERVICES}:
            return gateway_error(12)
        if not self._knows_key(params):
            return self._unknown_key()
        page_no, page_rows = _whole(params, "pageNo", 1), _whole(params, "numOfRows", DEFAULT_PAGE_ROWS)
        service = kspo.SERVICES.get(path)
        code = 601 if service is None else _objection(service.required, params, page_no, page_rows)
        found = [] if code else self._kspo_rows(path, params)
        if page_no is None or page_rows is None or code:
            return refusal(code or 340)
        if page_no > max(1, -(-len(found) // page_rows)):
            return refusal(334)
        first = (page_no - 1) * page_rows
        rows = [kspo.numbered(row, first + n) for n, row in enumerate(found[first : first + page_rows], 1)]
        if params["resultType"] == "xml":
            return xml_page(rows, page_no, page_rows, len(found))
        return page(rows, page_no, page_rows, len(found), texts=True)

    def _kspo_rows(self, path: str, params: Mapping[str, str]) -> list[bytes]:
        service, now = kspo.SERVICES[path], self.now()
        filters = kspo.heeded(service, params)
        days = kspo.days_asked(service, filters, self.calendar, now.astimezone(KST).date())
        found: list[bytes] = []
        for state in self._on(days, set(service.tracks), now):
            if kspo.is_asked_for(filters, state):
                rows = kspo.rows(path, state, stage(state, now))
                found += [row for row in rows if kspo.matches_runner(filters, row)]
        return found

    def _on(self, days: Sequence[date], tracks: set[str], now: datetime) -> list[RaceState]:
        """The races of some dates at some tracks that are known of at all."""
        return [
            state
            for day in days
            for meeting in self.calendar.meetings(day)
            if meeting.track_id in tracks
            for state in self.states(meeting, now)
            if stage(state, now) > Stage.HIDDEN
        ]

    def _knows_key(self, params: Mapping[str, str]) -> bool:
        return (params.get("serviceKey") or params.get("ServiceKey")) == self.service_key

    def _unknown_key(self) -> Response:
        """The gateway says so with HTTP 200 and 401 by turns."""
        return gateway_error(30, 401 if next(self._denied) % 2 else 200)


def _whole(params: Mapping[str, str], name: str, default: int) -> int | None:
    """A parameter that is a number from 1; None where it is something else."""
    text = params.get(name, str(default))
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _objection(required: Sequence[str], params: Mapping[str, str], page_no: int | None, page_rows: int | None) -> int:
    """The code with which KSPO refuses a question; 0 where it does not."""
    if not all(params.get(name) for name in ("resultType", *required)) or page_no is None or page_rows is None:
        return 340
    if params["resultType"] not in ("json", "xml"):
        return 301
    return 336 if page_rows > KSPO_PAGE_ROWS else 0
