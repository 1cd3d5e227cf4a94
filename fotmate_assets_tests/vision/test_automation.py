"""The sensor of arrivals, and the recovery of what is owed, as Dagster's daemon evaluates them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterRun, DagsterRunStatus, RunRequest, SensorResult, SkipReason, build_sensor_context

from fotmate_assets.core.object_store import S3Store
from fotmate_assets.core.recovery import failure_recovery
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.vision import status
from fotmate_assets.vision.arrivals import arrivals
from fotmate_assets.vision.automation import REPLAYS, video_arrival
from fotmate_assets_tests.vision.house import House


class Daemon:
    """Evaluates the sensor, tick after tick."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cursor: str | None = None
        self.told = ""

    def tick(self) -> list[RunRequest]:
        with build_sensor_context(
            instance=self.house.instance,
            cursor=self.cursor,
            resources={
                "postgres": Postgres(url=self.house.database.writer_url),
                "tracking": ObjectStorage(
                    url=self.house.store.url, endpoint_url=self.house.store.endpoint_url, attempts=1
                ),
            },
        ) as context:
            result = video_arrival(context)
        assert isinstance(result, SensorResult | SkipReason)
        if isinstance(result, SkipReason):
            self.told = str(result.skip_message)
            return []
        reason = result.skip_reason
        self.told = str(reason.skip_message if isinstance(reason, SkipReason) else reason)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.house.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        return list(result.run_requests or [])


def test_an_arrival_becomes_one_run_of_its_partition_in_the_queue_gpu(house: House, short_clip: Clip) -> None:
    daemon = Daemon(house)
    assert daemon.tick() == []
    assert daemon.told == "nothing new in videos/"
    house.store.put_file("videos/cup_1.mp4", short_clip.video)
    assert daemon.tick() == []
    assert daemon.told == "cup_1: waits for videos/cup_1.json"
    house.store.put_file("videos/cup_1.json", short_clip.sidecar)
    assert daemon.tick() == []
    assert "new; taken at the next tick" in daemon.told
    (request,) = daemon.tick()
    assert request.partition_key == "cup_1"
    assert request.tags["dagster-celery/queue"] == "gpu"
    assert house.instance.get_dynamic_partitions("video") == ["cup_1"]
    assert house.status("cup_1") == "pending"
    assert daemon.tick() == []

    house.store.put_file("videos/cup_1.mp4", short_clip.sidecar)
    assert daemon.tick() == []
    (again,) = daemon.tick()
    assert again.run_key != request.run_key


def test_a_version_that_comes_back_is_asked_for_again(house: House, short_clip: Clip) -> None:
    """Dagster starts no second run of a key: another one each time."""
    daemon = Daemon(house)
    keys = []
    for content in (b"a", b"b", b"a"):
        house.store.put("videos/m.json", content)
        house.store.put_file("videos/m.mp4", short_clip.video)
        assert daemon.tick() == []
        keys += [request.run_key for request in daemon.tick()]
    assert len(set(keys)) == 3


def test_a_match_whose_run_died_is_owed_and_one_that_is_at_work_is_not(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)
    daemon = Daemon(house)
    daemon.tick()
    assert len(daemon.tick()) == 1
    version = arrivals(house.store.listing("videos/")).matches["m"].version
    status.processing(house.database.engine, "m", "videos/m.mp4", version)
    run = DagsterRun("vision_video", tags={"dagster/partition": "m"}, status=DagsterRunStatus.STARTED)
    house.instance.add_run(run)
    assert daemon.tick() == []
    assert (house.status("m"), house.owed()) == ("processing", [])
    house.instance.report_run_failed(run)
    assert daemon.tick() == []
    assert house.status("m") == "failed"
    assert house.owed() == [("vision/trajectories", "m", "videos/m.mp4", "transport")]
    assert daemon.tick() == []
    assert house.run("m").success
    assert (house.status("m"), house.owed()) == ("completed", [])


def test_what_a_run_has_made_already_is_not_asked_for(house: House, short_clip: Clip) -> None:
    house.upload("m", short_clip)
    assert house.run("m").success
    daemon = Daemon(house)
    assert [daemon.tick(), daemon.tick(), daemon.tick()] == [[], [], []]
    assert house.status("m") == "completed"


def test_a_bucket_that_is_away_is_looked_at_again_by_the_next_tick(house: House, short_clip: Clip) -> None:
    daemon, here = Daemon(house), house.store
    house.upload("m", short_clip)
    daemon.tick()
    house.store = S3Store("s3://nowhere", "http://127.0.0.1:9")
    assert daemon.tick() == []
    assert "the bucket does not answer" in daemon.told
    house.store = here
    assert [request.partition_key for request in daemon.tick()] == ["m"]


def test_strays_are_told_without_end(house: House) -> None:
    house.store.put("videos/holiday.avi.part", b"x")
    daemon = Daemon(house)
    for _ in range(2):
        assert daemon.tick() == []
        assert "videos/holiday.avi.part" in daemon.told


@pytest.mark.parametrize("is_back", [False, True])
def test_recovery_runs_the_job_for_what_is_owed_and_settles_it(
    house: House, short_clip: Clip, tmp_path: Path, is_back: bool
) -> None:
    here = house.store
    house.upload("m", short_clip)
    house.overrides["tracking"] = ObjectStorage(url=here.url, endpoint_url="http://127.0.0.1:9", attempts=1)
    result = house.run("m")
    assert not result.success
    assert house.status("m") == "failed"
    run = house.instance.get_run_by_id(result.run_id)
    assert run is not None and run.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    house.database.retries_are_due()

    with build_sensor_context(
        instance=house.instance, resources={"postgres": Postgres(url=house.database.writer_url)}
    ) as context:
        (request,) = failure_recovery(REPLAYS)(context)  # type: ignore[misc]
    assert isinstance(request, RunRequest)
    assert (request.job_name, request.partition_key) == ("vision_video", "m")
    if is_back:
        house.overrides.pop("tracking")
    house.__dict__.pop("definitions")
    job = house.definitions.resolve_job_def("vision_video")
    again = job.execute_in_process(instance=house.instance, partition_key="m", raise_on_error=False)
    assert again.success is is_back
    assert (house.owed() == []) is is_back
    assert house.status("m") == ("completed" if is_back else "failed")
