"""What is published of a run, and that a run does not care who listens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from guild_plugins.coordination.mail import Mail
from guild_plugins.plugins.running.topics import (
    ANALYSED,
    CONFLICT,
    JUDGING,
    MODIFIED,
    Published,
    topics_of,
)
from guild_plugins.stages.runs import (
    ClockTicked,
    RunEvent,
    UnitFailed,
    UnitFinished,
    UnitStarted,
)
from tests.engine.driver.shops import MemoryLog

HEAD: dict[str, Any] = {"id": "e", "at": 1.0, "run": "r"}


def finished(unit: str, result: str = "{}") -> RunEvent:
    return UnitFinished(**HEAD, unit=unit, attempt=1, result=result)


def failed(unit: str) -> RunEvent:
    return UnitFailed(**HEAD, unit=unit, attempt=1, kind="objected", reason="no", chance=0.0)


def names(event: RunEvent) -> list[str]:
    return [name for name, _ in topics_of(event)]


def test_what_others_may_act_on_has_a_topic_of_its_own() -> None:
    begun = UnitStarted(**HEAD, unit="a/check", attempt=1, worker="w")
    committed = json.dumps({"commit": "c0ffee", "is_new": True})

    assert names(finished("a/research")) == ["UnitFinished", ANALYSED]
    assert names(begun) == ["UnitStarted", JUDGING]
    assert names(failed("a/check")) == ["UnitFailed", CONFLICT]
    assert names(finished("a/commit", committed)) == ["UnitFinished", MODIFIED]
    assert dict(topics_of(finished("a/commit", committed)))[MODIFIED]["commit"] == "c0ffee"


def test_all_else_has_only_its_kind() -> None:
    nothing_new = json.dumps({"commit": "c0ffee", "is_new": False})
    for event in (
        ClockTicked(**HEAD), finished("research"), failed("a/implement"),
        finished("a/commit", nothing_new),
    ):  # fmt: skip
        assert names(event) == [type(event).__name__]


def test_subscribers_hear_what_they_asked_for_after_it_was_kept(tmp_path: Path) -> None:
    kept, listener = MemoryLog(), Mail(tmp_path, "b")
    published = Published(kept, tmp_path)
    published.append(failed("z/check"))
    listener.subscribe(CONFLICT)

    published.append(finished("a/research"), failed("a/check"))

    message = listener.receive()
    assert message is not None
    assert json.loads(message.body)["scope"] == "a"
    assert (message.topic, message.sender, listener.receive()) == (CONFLICT, "guild", None)
    assert len(kept.events) == 3


def test_a_subscriber_that_takes_nothing_holds_up_nothing(tmp_path: Path) -> None:
    kept = MemoryLog()
    Mail(tmp_path, "deaf").subscribe(CONFLICT)
    listener = Mail(tmp_path, "listens")
    listener.subscribe(CONFLICT)
    published = Published(kept, tmp_path)

    for _ in range(70):
        published.append(failed("a/check"))
        assert listener.receive() is not None

    assert len(kept.events) == 70
