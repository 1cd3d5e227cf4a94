"""`fotmate check`: asset checks in CI, which Dagster itself has no command for."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from rich.table import Table
from rich.text import Text

from fotmate_assets.cli import err, out

if TYPE_CHECKING:
    from dagster import AssetSelection, DagsterInstance, Definitions


@dataclass(frozen=True)
class Checked:
    """One check of one partition."""

    partition: str
    asset: str
    name: str
    passed: bool
    severity: str
    description: str
    seconds: float

    @property
    def outcome(self) -> str:
        """PASS, or the severity it fails with."""
        return "PASS" if self.passed else self.severity


def run_checks(select: str | None, partition: str | None, junit: Path | None) -> int:
    """Run the checks of the selected assets; print them, write the report, return the exit status."""
    from fotmate_assets import runtime
    from fotmate_assets.definitions import build_defs

    if junit is not None:
        junit.touch()  # a report that cannot be written is told before the work, not after it
    definitions = build_defs()
    checked, broken = check_all(definitions, runtime.instance(), select, partition)
    table = Table("partition", "asset", "check", "result", "")
    for each in checked:
        colour = {"PASS": "green", "WARN": "yellow"}.get(each.outcome, "red")
        table.add_row(each.partition, each.asset, each.name, Text(each.outcome, colour), each.description)
    out.print(table)
    for problem in broken:
        err.print(problem, style="red")
    if not checked:
        err.print("no check was run: nothing matches the selection, or no partition has data", style="red")
    if junit is not None:
        junit.write_bytes(junit_report(checked, broken))
    errors = sum(each.outcome == "ERROR" for each in checked)
    out.print(f"{len(checked)} checks, {errors} errors, {sum(each.outcome == 'WARN' for each in checked)} warnings")
    return 1 if errors or broken or not checked else 0


def check_all(
    definitions: Definitions, dagster: DagsterInstance, select: str | None, partition: str | None
) -> tuple[list[Checked], list[str]]:
    """Every selected check on every chosen partition, and what could not be run at all.

    Without `partition`: checks of unpartitioned assets once, others on each partition that has data.
    """
    from fotmate_assets import runtime

    checked: list[Checked] = []
    broken: list[str] = []
    for key, selection in _plan(definitions, dagster, select, partition):
        started = time.monotonic()
        result = runtime.execute(definitions, dagster, checks=selection, partition_key=key)
        evaluations = result.get_asset_check_evaluations()
        seconds = (time.monotonic() - started) / max(1, len(evaluations))
        checked += [
            Checked(
                partition=key or "",
                asset=each.asset_key.to_user_string(),
                name=each.check_name,
                passed=each.passed,
                severity=each.severity.value,
                description=each.description or "",
                seconds=seconds,
            )
            for each in evaluations
        ]
        if not result.success and all(each.passed for each in evaluations):
            failures = [event.message or "" for event in result.all_events if event.is_step_failure]
            broken.append(f"partition {key or '(none)'}: {'; '.join(failures) or 'the run failed'}")
    return checked, broken


def _plan(
    definitions: Definitions, dagster: DagsterInstance, select: str | None, partition: str | None
) -> Iterable[tuple[str | None, AssetSelection]]:
    """Which checks to run on which partition."""
    from dagster import AssetSelection, BetaWarning

    graph = definitions.resolve_asset_graph()
    with warnings.catch_warnings():
        # Dagster's own parser passes it for `group:`, `tag:`, `not` and `*`; the dagster family is pinned.
        warnings.filterwarnings("ignore", "Parameter `include_sources`", BetaWarning)
        chosen = (AssetSelection.from_string(select) if select else AssetSelection.all()).resolve(graph)
    checks = [key for key in graph.asset_check_keys if key.asset_key in chosen]
    plain = [key for key in checks if graph.get(key.asset_key).partitions_def is None]
    if plain and partition is None:
        yield None, AssetSelection.checks(*plain)
    partitioned: dict[str, list[object]] = {}
    for key in checks:
        definition = graph.get(key.asset_key).partitions_def
        if definition is None:
            continue
        keys: Sequence[str] = (
            sorted(dagster.get_materialized_partitions(key.asset_key)) if partition is None else [partition]
        )
        for one in keys:
            if one in definition.get_partition_keys(dynamic_partitions_store=dagster):
                partitioned.setdefault(one, []).append(key)
    for one, keys_of_one in sorted(partitioned.items()):
        yield one, AssetSelection.checks(*keys_of_one)  # type: ignore[arg-type]


def junit_report(checked: Iterable[Checked], broken: Iterable[str]) -> bytes:
    """A JUnit report: a suite per partition; ERROR is a failure, WARN a passed case with its message."""
    root = ElementTree.Element("testsuites")
    suites: dict[str, ElementTree.Element] = {}
    for each in checked:
        suite = suites.get(each.partition)
        if suite is None:
            suite = suites[each.partition] = ElementTree.SubElement(root, "testsuite", name=each.partition or "all")
        case = ElementTree.SubElement(
            suite, "testcase", classname=each.asset, name=each.name, time=f"{each.seconds:.3f}"
        )
        if each.outcome == "ERROR":
            ElementTree.SubElement(case, "failure", message=each.description)
        elif each.outcome == "WARN":
            ElementTree.SubElement(case, "system-out").text = f"WARN {each.description}"
    for problem in broken:
        suite = ElementTree.SubElement(root, "testsuite", name="runs")
        case = ElementTree.SubElement(suite, "testcase", classname="dagster", name="run")
        ElementTree.SubElement(case, "error", message=problem)
    for suite in root:
        cases = list(suite)
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    report: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return report
