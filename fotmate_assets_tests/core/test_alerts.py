"""Alerts: what is told of the ledger, once, and what happens when Slack does not take it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotmate_assets.core import alerts
from fotmate_assets.core.alerts import (
    Alert,
    Message,
    Told,
    alerts_due,
    deliver,
    note,
    note_failures,
    note_summary,
    slack_attachment,
    summary,
)
from fotmate_assets.core.ledger import Failure, Job, Ledger
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.observability import configure_logging
from fotmate_assets.core.status import IngestionStatus, JobStatus, OwedStatus
from fotmate_assets_tests.core.slack import Slack, slack_server
from fotmate_assets_tests.databases import Database

NOW = datetime(2025, 5, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOB = Job("kra", "racing/results", "2025-05-31", "run-1")


def failure(failure_id: int = 1, at: datetime = NOW, **more: object) -> Failure:
    made = Failure(
        failure_id=failure_id,
        source="kra",
        job="racing/results",
        partition_key="2025-05-31",
        document=f"d{failure_id}",
        verdict=Verdict.TRANSPORT,
        reason="HTTP 503",
        status="pending",
        attempts=1,
        max_attempts=6,
        next_retry_at=at + MINUTE,
        first_failed_at=at,
        last_failed_at=at,
        resolved_at=None,
        field=None,
        raw_sha256=None,
        run_id=f"run-{failure_id}",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def resolved(one: Failure, at: datetime) -> Failure:
    return replace(one, status="resolved", resolved_at=at, next_retry_at=None)


def told(alert: Alert, sent_at: datetime) -> Told:
    return Told(alert.kind, alert.key, sent_at, alert.covers_until)


# --- what to tell


def test_a_failure_is_told_with_what_a_reader_needs() -> None:
    (alert,) = alerts_due([failure(7)], [], NOW)
    assert (alert.kind, alert.key, alert.covers_until) == ("failure", "kra racing/results transport", NOW)
    assert alert.message == Message(
        "kra racing/results: 1 failed",
        "d7 of 2025-05-31: HTTP 503",
        {"verdict": "transport", "failures": "7", "next try": "2025-05-31 12:01 UTC"},
        "run-7",
    )


def test_a_storm_is_one_message_with_the_count_and_the_first_few() -> None:
    (alert,) = alerts_due([failure(number) for number in range(500)], [], NOW)
    assert alert.message.title == "kra racing/results: 500 failed"
    assert alert.message.text.splitlines() == [
        *(f"d{number} of 2025-05-31: HTTP 503" for number in range(3)),
        "and 497 more",
    ]
    assert len(alert.message.fields["failures"]) < 20


@pytest.mark.parametrize("verdict", [Verdict.AUTH, Verdict.BLOCKED, Verdict.QUOTA])
def test_a_source_that_refuses_us_is_one_message_whatever_the_job(verdict: Verdict) -> None:
    rows = [failure(1, verdict=verdict), failure(2, verdict=verdict, job="racing/entries", next_retry_at=None)]
    (alert,) = alerts_due(rows, [], NOW)
    assert (alert.kind, alert.key, alert.message.title) == (
        "refused",
        f"kra {verdict}",
        f"kra refuses us: {verdict}",
    )


def test_what_is_not_tried_again_by_itself_says_so() -> None:
    (alert,) = alerts_due([failure(verdict=Verdict.MALFORMED, next_retry_at=None)], [], NOW)
    assert alert.message.fields["next try"] == "not by itself: fotmate failures retry"


def test_each_source_job_and_verdict_has_a_message_of_its_own() -> None:
    rows = [
        failure(1),
        failure(2, source="kspo"),
        failure(3, job="racing/entries"),
        failure(4, verdict=Verdict.MALFORMED),
        failure(5, status="exhausted", next_retry_at=None),
        failure(6, status="retrying"),
    ]
    assert [(alert.kind, alert.key) for alert in alerts_due(rows, [], NOW)] == [
        ("failure", "kra racing/results transport"),
        ("failure", "kspo racing/results transport"),
        ("failure", "kra racing/entries transport"),
        ("failure", "kra racing/results malformed"),
        ("exhausted", "kra racing/results transport"),
    ]


def test_what_was_told_is_not_told_again() -> None:
    (alert,) = alerts_due([failure()], [], NOW)
    assert alerts_due([failure()], [told(alert, NOW)], NOW + 61 * MINUTE) == []


def test_within_the_hour_nothing_more_is_told_and_then_all_that_came_meanwhile() -> None:
    (first,) = alerts_due([failure(1)], [], NOW)
    rows = [failure(1), failure(2, NOW + MINUTE), failure(3, NOW + 30 * MINUTE)]
    before = [told(first, NOW)]
    assert alerts_due(rows, before, NOW + 59 * MINUTE) == []
    (second,) = alerts_due(rows, before, NOW + 60 * MINUTE)
    assert second.message.title == "kra racing/results: 2 failed"
    assert second.covers_until == NOW + 30 * MINUTE


def test_giving_up_is_told_at_once_although_the_failure_was_told_before() -> None:
    (first,) = alerts_due([failure()], [], NOW)
    given_up = failure(attempts=6, status="exhausted", last_failed_at=NOW + 31 * MINUTE, next_retry_at=None)
    (alert,) = alerts_due([given_up], [told(first, NOW)], NOW + 31 * MINUTE)
    assert alert.message.title == "kra racing/results: 1 given up after 6 attempts"


def test_a_recovery_is_told_of_what_was_told() -> None:
    (first,) = alerts_due([failure()], [], NOW)
    (alert,) = alerts_due([resolved(failure(), NOW + 2 * MINUTE)], [told(first, NOW)], NOW + 2 * MINUTE)
    assert (alert.kind, alert.message.title, alert.message.text) == (
        "recovered",
        "kra racing/results: 1 recovered",
        "d1 of 2025-05-31",
    )


@pytest.mark.parametrize("change", [{"verdict": Verdict.AUTH}, {"status": "exhausted"}])
def test_a_recovery_from_being_refused_or_given_up_is_told(change: dict[str, object]) -> None:
    (first,) = alerts_due([failure(**change)], [], NOW)  # type: ignore[arg-type]
    again = resolved(failure(**change), NOW + 2 * MINUTE)  # type: ignore[arg-type]
    assert [alert.kind for alert in alerts_due([again], [told(first, NOW)], NOW + 2 * MINUTE)] == ["recovered"]


def test_a_recovery_of_what_nobody_heard_of_is_not_told() -> None:
    assert alerts_due([resolved(failure(), NOW + MINUTE)], [], NOW + MINUTE) == []
    (other,) = alerts_due([failure(2)], [], NOW)
    unheard = resolved(failure(1, NOW + MINUTE), NOW + 2 * MINUTE)
    assert alerts_due([unheard], [told(other, NOW)], NOW + 3 * MINUTE) == []
    (later,) = alerts_due([failure(3, NOW + 9 * MINUTE)], [], NOW + 9 * MINUTE)
    assert alerts_due([unheard], [told(other, NOW), told(later, NOW + 9 * MINUTE)], NOW + 10 * MINUTE) == []


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([Verdict.TRANSPORT, Verdict.QUOTA])), max_size=40),
    st.integers(1, 45),
)
def test_every_failure_is_told_within_the_hour_and_no_key_twice_an_hour(
    failed: list[tuple[int, Verdict]], tick: int
) -> None:
    rows = [failure(number, NOW + at * MINUTE, verdict=verdict) for number, (at, verdict) in enumerate(failed)]
    said: list[tuple[Alert, datetime]] = []
    for minute in range(0, 600, tick):
        now = NOW + minute * MINUTE
        known = [row for row in rows if row.last_failed_at <= now]
        said += [(alert, now) for alert in alerts_due(known, [told(*each) for each in said], now)]
    for row in rows:
        mine = [
            at
            for alert, at in said
            if alert.message.fields["verdict"] == row.verdict and alert.covers_until >= row.last_failed_at
        ]
        assert mine and mine[0] - row.last_failed_at <= timedelta(minutes=60 + tick)
    for verdict in Verdict:
        times = [at for alert, at in said if alert.message.fields["verdict"] == verdict]
        assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(times))


STATUS = IngestionStatus(
    date(2025, 5, 30),
    [
        JobStatus("kra", "racing/results", 9, {"ok": 6, "not_yet": 2, "quota": 1}, 8 / 9, 1.0, 90, NOW),
        JobStatus("kra", "racing/entries", 1, {"ok": 1}, 1.0, 1.0, 10, NOW),
        JobStatus("kspo", "racing/results", 0, {}, None, None, 0, NOW),
    ],
    [OwedStatus("kra", "racing/results", 3, 1, 2, NOW)],
    [],
)


def test_the_summary_counts_each_source() -> None:
    alert = summary(STATUS, NOW)
    assert (alert.kind, alert.key) == ("summary", "2025-05-30")
    assert alert.message == Message(
        "Ingestion on 2025-05-30",
        "kra: 10 attempts, 90.0% good, 4 owed, 2 exhausted\nkspo: 0 attempts, - good, 0 owed, 0 exhausted",
        {"attempts": "10", "success rate": "90.0%", "owed": "4", "exhausted": "2"},
    )
    assert summary(IngestionStatus(date(2025, 5, 30), [], [], []), NOW).message.text == "nothing was attempted"


# --- telling it


@pytest.fixture
def slack() -> Iterator[Slack]:
    with slack_server() as server:
        yield server


def owe(database: Database, *documents: str, verdict: Verdict = Verdict.TRANSPORT, reason: str = "HTTP 503") -> None:
    for document in documents:
        Ledger(database.engine).owe(JOB, SourceError(verdict, "kra", document, reason))


def tick(database: Database, slack: Slack | None, since: datetime | None = None) -> int:
    """What the sensor does."""
    note_failures(database.engine, since)
    return deliver(database.engine, slack.url if slack else None)


def pass_time(database: Database, wait: str) -> None:
    """Let everything in the ledger and of the alerts have happened earlier."""
    database.execute(
        f"update ingestion_failures set first_failed_at = first_failed_at - interval '{wait}',"
        f" last_failed_at = last_failed_at - interval '{wait}', resolved_at = resolved_at - interval '{wait}'"
    )
    database.execute(
        f"update alerts set sent_at = sent_at - interval '{wait}', covers_until = covers_until - interval '{wait}'"
    )


def test_a_message_reaches_slack_in_its_layout(database: Database, slack: Slack) -> None:
    owe(database, "API214/1.json")
    assert tick(database, slack) == 1
    (post,) = slack.posts
    assert (post["color"], post["title"]) == ("warning", "kra racing/results: 1 failed")
    assert post["text"] == "API214/1.json of 2025-05-31: HTTP 503"
    assert {"title": "verdict", "value": "transport", "short": True} in post["fields"]
    assert {"title": "run", "value": "run-1", "short": True} in post["fields"]
    assert abs(post["ts"] - datetime.now(UTC).timestamp()) < 60


def test_a_storm_of_five_hundred_is_one_post(database: Database, slack: Slack) -> None:
    owe(database, *(f"d{number}" for number in range(500)))
    assert tick(database, slack) == 1
    owe(database, *(f"e{number}" for number in range(20)))
    assert tick(database, slack) == 0
    assert slack.titles == ["kra racing/results: 500 failed"]


def test_failure_giving_up_and_recovery_are_told_once_each(database: Database, slack: Slack) -> None:
    for _ in range(6):
        owe(database, "a")
        tick(database, slack)
        database.retries_are_due()
    Ledger(database.engine).settle(JOB, ["a"])
    for _ in range(3):
        tick(database, slack)
    assert slack.titles == [
        "kra racing/results: 1 failed",
        "kra racing/results: 1 given up after 6 attempts",
        "kra racing/results: 1 recovered",
    ]


def test_what_waited_for_the_hour_is_found_by_a_later_look(database: Database, slack: Slack) -> None:
    owe(database, "a")
    clock = note_failures(database.engine, None)
    owe(database, "b")
    clock = note_failures(database.engine, clock)
    pass_time(database, "61 minutes")
    note_failures(database.engine, clock)
    deliver(database.engine, slack.url)
    assert [post["text"] for post in slack.posts] == ["a of 2025-05-31: HTTP 503", "b of 2025-05-31: HTTP 503"]


def test_old_failures_of_before_the_first_look_are_not_told(database: Database, slack: Slack) -> None:
    owe(database, "a")
    pass_time(database, "3 days")
    assert tick(database, slack) == 0


def test_markup_in_a_documents_name_calls_nobody(database: Database, slack: Slack) -> None:
    owe(database, "<!channel> & <https://evil|x>", reason="<@U1>")
    tick(database, slack)
    assert slack.posts[0]["text"] == "&lt;!channel&gt; &amp; &lt;https://evil|x&gt; of 2025-05-31: &lt;@U1&gt;"


def test_a_text_has_an_end() -> None:
    (alert,) = alerts_due([failure(reason="x" * 10_000, document="y" * 10_000)], [], NOW)
    attachment = slack_attachment(alert.kind, alert.message, NOW)
    assert 1000 < len(attachment["text"]) < 3000


@pytest.mark.parametrize("answer", [(500, "oops"), (429, "rate_limited"), (404, "no_service")])
def test_what_slack_does_not_take_is_sent_again_at_the_next_tick(
    database: Database, slack: Slack, answer: tuple[int, str]
) -> None:
    owe(database, "a")
    slack.answers = [answer]
    assert tick(database, slack) == 0
    assert tick(database, slack) == 0, "not before its time"
    pass_time(database, "30 seconds")
    assert tick(database, slack) == 1
    assert slack.titles == ["kra racing/results: 1 failed"]
    assert database.execute("select tries, delivered, last_error from alerts") == [(2, True, None)]


def test_while_slack_is_away_one_message_a_tick_is_tried_and_all_arrive_in_the_end(
    database: Database, slack: Slack
) -> None:
    for verdict in (Verdict.TRANSPORT, Verdict.MALFORMED, Verdict.AUTH):
        owe(database, str(verdict), verdict=verdict)
    slack.answers = [(500, "")] * 3
    for asked in (1, 2, 3):
        tick(database, slack)
        assert slack.asked == asked
    pass_time(database, "30 seconds")
    assert tick(database, slack) == 3
    assert len(slack.posts) == 3


def test_a_message_that_never_arrives_is_given_up_after_twelve_tries_and_that_is_told_in_the_log(
    database: Database, slack: Slack, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    owe(database, "a")
    slack.answers = [(400, "invalid_payload")] * 100
    for _ in range(20):
        tick(database, slack)
        pass_time(database, "10 hours")
    assert slack.asked == 12
    assert database.execute("select tries, delivered, last_error from alerts") == [
        (12, False, "HTTP 400 invalid_payload")
    ]
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events.count("alert_not_delivered") == 11
    assert events.count("alert_given_up") == 1


def test_a_slack_that_does_not_answer_in_time_holds_nobody_up(
    database: Database, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "TIMEOUT_S", 0.2)
    owe(database, "a")
    slack.delay_s = 1.0
    assert tick(database, slack) == 0
    assert database.execute("select tries, delivered, last_error from alerts") == [(1, False, "TimeoutError")]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/services/T0/B0/s3cret",
        "s3cret-no-url-at-all",
        "http://127.0.0.1:s3cret/x",
        "http://s3cret.invalid/x",
    ],
)
def test_the_webhook_is_a_secret_that_no_error_tells(
    database: Database, url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    configure_logging("DEBUG", "json")
    caplog.set_level("DEBUG")
    owe(database, "a")
    note_failures(database.engine, None)
    assert deliver(database.engine, url) == 0
    stored = str(database.execute("select * from alerts"))
    printed = capfd.readouterr()
    assert "alert_not_delivered" in printed.err
    assert "s3cret" not in stored + printed.err + printed.out + caplog.text


def test_an_answer_that_quotes_the_webhook_is_not_kept(
    database: Database, slack: Slack, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    owe(database, "a")
    slack.answers = [(404, "The requested URL /services/T0/B0/s3cret was not found")]
    tick(database, slack)
    assert database.execute("select last_error from alerts") == [("HTTP 404",)]
    assert "s3cret" not in capfd.readouterr().err


def test_without_a_webhook_an_alert_is_one_log_line_once(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", "json")
    owe(database, "a")
    capsys.readouterr()
    assert [tick(database, None) for _ in range(3)] == [1, 0, 0]
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["level"], line["kind"]) == ("alert", "warning", "failure")
    assert (line["title"], line["trace_id"]) == ("kra racing/results: 1 failed", "run-1")


def test_processes_at_the_same_time_tell_it_once(database: Database, slack: Slack) -> None:
    for verdict in Verdict:
        if verdict.is_failure:
            owe(database, str(verdict), verdict=verdict)
    slack.delay_s = 0.02
    barrier, errors = threading.Barrier(4), list[Exception]()

    def work() -> None:
        barrier.wait()
        try:
            tick(database, slack)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tick(database, slack)
    assert not errors
    assert len(slack.posts) == 6
    assert len({json.dumps(post) for post in slack.posts}) == 6


def test_a_process_that_dies_while_it_sends_leaves_the_message_to_the_next(
    database: Database, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(database, "a")
    note_failures(database.engine, None)

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(alerts, "_post", die)
        deliver(database.engine, slack.url)
    pass_time(database, "30 seconds")
    assert deliver(database.engine, slack.url) == 1


def test_a_days_summary_is_told_once(database: Database, slack: Slack) -> None:
    alert = summary(STATUS, NOW)
    assert note_summary(database.engine, alert)
    assert not note_summary(database.engine, alert)
    assert note_summary(database.engine, summary(replace(STATUS, date=date(2025, 5, 31)), NOW))
    assert deliver(database.engine, slack.url) == 2
    assert slack.titles == ["Ingestion on 2025-05-30", "Ingestion on 2025-05-31"]
    assert slack.posts[0]["color"] == "#2196F3"


# --- what a wing notices


NOTICE = Alert("notice", "race 1", Message("Number 7 shortens", "4.0 to 2.5", {"off": "in 3 min"}), NOW)


def notice(database: Database, alert: Alert = NOTICE, quiet: timedelta = 2 * MINUTE) -> bool:
    with database.engine.begin() as connection:
        return note(connection, alert, quiet)


def test_a_notice_reaches_slack_like_the_others(database: Database, slack: Slack) -> None:
    assert notice(database)
    assert tick(database, slack) == 1
    (post,) = slack.posts
    assert (post["color"], post["title"], post["text"]) == ("#2196F3", "Number 7 shortens", "4.0 to 2.5")
    assert post["fields"] == [{"title": "off", "value": "in 3 min", "short": True}]


def test_a_notice_that_slack_does_not_take_is_sent_again(database: Database, slack: Slack) -> None:
    notice(database)
    slack.answers = [(500, "oops")]
    assert tick(database, slack) == 0
    pass_time(database, "30 seconds")
    assert tick(database, slack) == 1


def test_a_key_is_noted_once_in_its_quiet_time_and_again_after_it(database: Database) -> None:
    assert [notice(database) for _ in range(3)] == [True, False, False]
    pass_time(database, "119 seconds")
    assert not notice(database)
    pass_time(database, "1 second")
    assert [notice(database) for _ in range(2)] == [True, False]


def test_the_quiet_of_one_key_or_kind_silences_no_other(database: Database) -> None:
    assert notice(database)
    assert notice(database, replace(NOTICE, key="race 2"))
    assert notice(database, replace(NOTICE, kind="summary"))


def test_a_notice_of_a_transaction_that_fails_was_never_noted(database: Database, slack: Slack) -> None:
    with pytest.raises(KeyboardInterrupt), database.engine.begin() as connection:
        assert note(connection, NOTICE)
        raise KeyboardInterrupt
    assert tick(database, slack) == 0
    assert notice(database)


def test_two_who_notice_the_same_at_once_note_it_once(database: Database) -> None:
    barrier, noted = threading.Barrier(4), list[bool]()

    def work() -> None:
        barrier.wait()
        noted.append(notice(database))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(noted) == [False, False, False, True]
