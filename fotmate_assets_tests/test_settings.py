"""Settings: what is refused is named, and a password is never told."""

import pytest
from pydantic import ValidationError

from fotmate_assets.settings import Settings, refusals

VARIABLES = ("FOTMATE_DATABASE_URL", "FOTMATE_DATABASE_OWNER_URL", "FOTMATE_DATABASE_READER_URL")


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_database_url_without_its_driver_is_refused_and_its_password_not_told(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "postgresql://fotmate_writer:s3cret@host/fotmate")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert variable.removeprefix("FOTMATE_").lower() in str(caught.value)
    assert "postgresql+psycopg://" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    (told,) = refusals(caught.value)
    assert told.startswith(f"{variable}: ")
    assert "postgresql+psycopg://" in told
    assert "s3cret" not in told


def test_a_password_is_not_told_by_settings_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "postgresql+psycopg://fotmate_writer:s3cret@host/fotmate")
    assert "s3cret" not in repr(Settings())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FOTMATE_LOG_LEVEL", "LOUD"),
        ("FOTMATE_LOG_FORMAT", "xml"),
        ("FOTMATE_MAX_ATTEMPTS", "0"),
        ("FOTMATE_POOL_SIZE", "0"),
        ("FOTMATE_HTTP_TIMEOUT_S", "0"),
        ("FOTMATE_HTTP_REQUESTS_PER_S", "-1"),
        ("FOTMATE_EVENT_LOG_DAYS", "0"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=variable.removeprefix("FOTMATE_").lower()):
        Settings()


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOTMATE_METRICA_SOURCE", "")
    monkeypatch.setenv("FOTMATE_LOG_LEVEL", "")
    assert (Settings().metrica_source, Settings().log_level) == (None, "INFO")


@pytest.mark.parametrize("name", ["simulated", "replay", "portal_final", "kra", "kspo", "Feed", "", "a-b"])
def test_a_feed_may_not_take_the_name_of_another_source(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("FOTMATE_ODDS_FEED_NAME", name)
    if name:
        with pytest.raises(ValidationError):
            Settings()
    else:
        assert Settings().odds_feed_name == "feed"
