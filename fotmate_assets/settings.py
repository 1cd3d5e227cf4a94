"""Every FOTMATE_* variable: its default and its meaning. The only place that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


def _names_its_driver(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith("postgresql+psycopg://"):
        raise ValueError("must start with postgresql+psycopg:// (a bare postgresql:// means another driver to others)")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(_names_its_driver)]


def _is_free(name: str) -> str:
    if name in ("simulated", "replay", "portal_final", "kra", "kspo"):
        raise ValueError(f"{name} is the name of another source")
    return name


class Settings(BaseSettings):
    """Configuration of fotmate_assets, read from the environment."""

    # A URL that is refused holds a password: an error names the variable and the rule, never the value.
    model_config = SettingsConfigDict(
        env_prefix="FOTMATE_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(
        Path(__file__).parent.parent / ".fotmate",
        description="Folder of the embedded servers' data, logs and ports, and of the Dagster instance. "
        "Default: `.fotmate` in the project.",
    )
    database_url: DatabaseUrl | None = Field(
        None,
        description="Postgres, as the role that writes data (`fotmate_writer`): "
        "`postgresql+psycopg://user:password@host:port/database`. Unset: the embedded server.",
    )
    database_owner_url: DatabaseUrl | None = Field(
        None, description="The same database as the role that owns the schema (`fotmate_owner`): migrations only."
    )
    database_reader_url: DatabaseUrl | None = Field(
        None, description="The same database as the read-only role (`fotmate_reader`): `fotmate sql` and analysts."
    )
    s3_endpoint_url: str | None = Field(
        None,
        description="S3 endpoint for anything but AWS (SeaweedFS, MinIO, Garage ...). Keys come from "
        "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the region from `AWS_REGION`.",
    )
    raw_url: str = Field(
        "s3://fotmate-raw",
        description="Where provider documents are kept as fetched: `s3://bucket/prefix` or `file:///folder`.",
    )
    lake_url: str = Field(
        "s3://fotmate-lake", description="Where Parquet assets are written: `s3://bucket/prefix` or `file:///folder`."
    )
    tracking_url: str = Field("s3://tracking-data", description="Where player trajectories are written.")
    tracking_encoding: Literal["float32", "centimetre"] = Field(
        "float32",
        description="How positions are written: `float32` metres, or whole `centimetre`s in a quarter to a half of the "
        "size.",
    )
    vision_folder: Path | None = Field(
        None,
        description="Folder on this machine's disk where videos are worked on; what is computed stays there until it "
        "is stored. Unset: `vision` in `FOTMATE_HOME`.",
    )
    vision_detector: Literal["background", "onnx", "ultralytics"] = Field(
        "background",
        description="What finds people: `background` (a camera that stands still; no network), `onnx` (a YOLO-format "
        "export by onnxruntime), or `ultralytics` (the extra `vision`; AGPL-3.0).",
    )
    vision_weights: str | None = Field(
        None,
        description="The network's weights, for `onnx` and `ultralytics`: a file, or the name of one in the folder "
        "`weights` of `FOTMATE_VISION_FOLDER`. Nothing is ever downloaded.",
    )
    vision_device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="What a network runs on; `auto`: a GPU where there is one."
    )
    vision_half: bool = Field(False, description="`true`: half precision, on a GPU.")
    vision_batch: int = Field(1, ge=1, description="Images given to a network at once.")
    vision_tracker: Literal["cbiou", "bytetrack"] = Field(
        "cbiou", description="What follows people from frame to frame."
    )
    vision_stride: int = Field(
        1, ge=1, le=5, description="Every so many frames one is looked at; 2 costs little, 3 and more cost identities."
    )
    statsbomb_source: str = Field(
        "open-data",
        description="`open-data`: StatsBomb through statsbombpy, the licensed API where `SB_USERNAME` and "
        "`SB_PASSWORD` are set; a folder in the open-data layout; or the http(s) URL of a mirror of that layout.",
    )
    metrica_source: str | None = Field(
        None,
        description="Folder or http(s) URL that holds Metrica's `Sample_Game_N` folders. Unset: the provider is off.",
    )
    openfootball_source: str | None = Field(
        None,
        description="Folder or http(s) URL in the layout of openfootball's `football.json` (`2025-26/en.1.json`). "
        "Unset: the provider is off.",
    )
    fbref_source: str | None = Field(
        None,
        description="Folder of saved FBref pages: `<season key>/match_*.html` and `<season key>/schedule*.html`. FBref "
        "refuses robots, so nothing is fetched. Unset: the provider is off.",
    )
    portal_service_key: SecretStr | None = Field(
        None,
        description="Service key of the public data portal (data.go.kr), the *Decoding* one. Unset: racing is off.",
    )
    kra_url: str = Field(
        "https://apis.data.go.kr/B551015", description="Root URL of the Korea Racing Authority's services (horse)."
    )
    kspo_url: str = Field(
        "https://apis.data.go.kr/B551014", description="Root URL of the KSPO's services (cycle and boat)."
    )
    portal_daily_quota: int = Field(
        10_000,
        ge=1,
        description="Requests a day (Korean time) to each service of the portal; at 95 % a service is left alone until "
        "midnight. 10,000 is what the portal grants a development key.",
    )
    requests_in_flight: int = Field(
        16, ge=1, description="Requests to the portal under way at once; their rate is limited all the same."
    )
    odds_source: str | None = Field(
        None,
        description="Whose live odds are followed: `simulated` (an invented market), or the URL of a licensed feed, "
        "with `{race_id}`, `{race_date}`, `{sport}`, `{track_id}` and `{race_no}` where it wants them. Unset: none.",
    )
    odds_feed_name: Annotated[str, AfterValidator(_is_free)] = Field(
        "feed", pattern=r"^[a-z0-9_]{1,30}$", description="The feed's name in every row of its odds."
    )
    odds_feed_key: SecretStr | None = Field(None, description="Key of the feed, sent as it is in a header.")
    odds_feed_key_header: str = Field("Authorization", description="The header that takes the key.")
    odds_feed_simulated: bool = Field(
        False, description="`true`: the feed's market does not exist. Simulated odds of any other feed are refused."
    )
    odds_feed_mapping: Path | None = Field(
        None, description="File that says where the feed's JSON has what. Unset: it is in our own format."
    )
    odds_recordings: Path | None = Field(
        None, description="Folder of recorded odds that `racing/odds_snapshots` may replay. Unset: none."
    )
    odds_hot_days: int = Field(
        60,
        ge=14,
        description="Days that odds stay in Postgres, at least 14; older ones are read from the lake, which has all.",
    )
    timescale: Literal["auto", "off"] = Field(
        "auto",
        description="`auto`: where the database has TimescaleDB, the odds become a hypertable; `off`: a plain "
        "table, also again.",
    )
    slack_webhook_url: SecretStr | None = Field(
        None, description="Incoming webhook that alerts are sent to. Unset: alerts are logged."
    )
    http_timeout_s: float = Field(
        30.0, gt=0, description="Longest wait for a connection or for the next bytes, in seconds."
    )
    http_requests_per_s: float = Field(10.0, gt=0, description="Most requests per second to one host.")
    max_attempts: int = Field(
        5,
        ge=1,
        description="Tries of one request before it is recorded as owed; retries of a failure before it is exhausted.",
    )
    pool_size: int = Field(5, ge=1, description="Database connections kept per process.")
    event_log_days: int = Field(
        30, ge=1, description="Days after which log lines and step events of runs are pruned from Dagster's storage."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severity that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`: one object per line; `console`: for reading."
    )


def refusals(error: ValidationError) -> list[str]:
    """Each setting that was refused, by its variable, and the rule it breaks; never its value."""
    return [f"FOTMATE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors(include_input=False)]
