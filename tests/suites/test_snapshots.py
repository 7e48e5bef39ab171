"""What syrupy's controller is told, whatever part of the suite each worker collected."""

from __future__ import annotations

import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from guild_plugins.suites.snapshots import Snapshots


def sent(*nodeids: str, pack: bool = True) -> dict[str, Any]:
    """Return a worker's report, in the form in which syrupy sends it."""
    items: Any = [{"nodeid": nodeid, "name": nodeid.split("::")[-1]} for nodeid in nodeids]
    collected = zlib.compress(json.dumps(items).encode()) if pack else items
    return {
        "collections": {},
        "num_xfails": 0,
        "selected": dict.fromkeys(nodeids, "passed"),
        "collected": collected,
    }


def complete(reports: object, *, started: int, asked: object) -> None:
    """End a session as pluggy would, up to the point where syrupy looks at the reports."""
    snapshots = Snapshots()
    for _ in range(started):
        snapshots.pytest_configure_node()
    config = SimpleNamespace(
        _syrupy=SimpleNamespace(_worker_reports=reports),
        getoption=lambda name, default: {"numprocesses": asked}.get(name, default),
    )
    session: Any = SimpleNamespace(config=config)
    next(snapshots.pytest_sessionfinish(session))


def known(report: dict[str, Any]) -> list[str]:
    """Return the node ids that a report says were collected."""
    return [item["nodeid"] for item in report.get("collected", ())]


@pytest.mark.parametrize("pack", [True, False], ids=["packed", "plain"])
def test_the_first_report_has_what_all_workers_collected(pack: bool) -> None:
    reports = [
        sent("test_a.py::test_one", "test_a.py::test_two", pack=pack),
        sent("test_b.py::test_one", "test_a.py::test_two", pack=pack),
        sent(pack=pack),
    ]
    complete(reports, started=3, asked=3)
    assert known(reports[0]) == [
        "test_a.py::test_one",
        "test_a.py::test_two",
        "test_b.py::test_one",
    ]
    assert [known(report) for report in reports[1:]] == [[], []]
    assert list(reports[1]["selected"]) == ["test_b.py::test_one", "test_a.py::test_two"]


def test_workers_that_were_not_started_count_as_heard() -> None:
    reports = [sent("test_a.py::test_one"), sent("test_b.py::test_one")]
    complete(reports, started=2, asked=4)
    assert len(reports) == 4
    assert reports[2:] == [{"collections": {}, "num_xfails": 0, "selected": {}}] * 2


def test_a_worker_that_was_lost_is_missing() -> None:
    reports = [sent("test_a.py::test_one")]
    complete(reports, started=2, asked=2)
    assert len(reports) == 1


@pytest.mark.parametrize("reports", [None, [], ()], ids=["other version", "none", "other kind"])
def test_without_reports_nothing_is_done(reports: object) -> None:
    complete(reports, started=2, asked=2)
    assert not reports


def test_reports_without_what_was_collected_stay_so() -> None:
    reports: list[dict[str, Any]] = [{"selected": {}}, {"selected": {}}]
    complete(reports, started=2, asked="auto")
    assert reports == [{"selected": {}}, {"selected": {}}]
