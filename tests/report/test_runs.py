"""A run as it is shown: the table, lines, events, and what came of it."""

from __future__ import annotations

import io
import json

import pytest

from guild_plugins.engine.pipeline.account import Account
from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.report.live import JsonTeller, LineTeller, TableTeller, teller_for
from guild_plugins.report.runs import render_live, render_summary, told
from guild_plugins.stages.runs import (
    Limits,
    RunEvent,
    RunStarted,
    Unit,
    UnitFailed,
    UnitFinished,
    UnitStarted,
    WorkerJoined,
)

UNITS = (
    Unit(id="a/work", stage="work", scope="a"),
    Unit(id="a/test", stage="test", scope="a", after=("a/work",)),
    Unit(id="b/work", stage="work", scope="b", tries=1),
    Unit(id="b/test", stage="test", scope="b", after=("b/work",)),
    Unit(id="join", stage="join", behind=("a/test", "b/test")),
)

EVENTS: tuple[RunEvent, ...] = (
    RunStarted(
        id="0",
        at=0.0,
        run="r",
        task="t",
        name="n",
        base="c",
        command=(),
        limits=Limits(least=2, most=2, cores=9.0),
        units=UNITS,
    ),
    WorkerJoined(id="1", at=0.0, run="r", worker="w1"),
    WorkerJoined(id="2", at=0.0, run="r", worker="w2"),
    UnitStarted(id="3", at=0.0, run="r", unit="a/work", attempt=1, worker="w1"),
    UnitStarted(id="4", at=0.0, run="r", unit="b/work", attempt=1, worker="w2"),
    UnitFinished(id="5", at=2.0, run="r", unit="a/work", attempt=1),
    UnitStarted(id="6", at=2.0, run="r", unit="a/test", attempt=1, worker="w1"),
    UnitFailed(
        id="7",
        at=4.0,
        run="r",
        unit="b/work",
        attempt=1,
        kind="broke",
        reason="exit code 3: no\x1b[31m\nmore",
        chance=0.0,
    ),
)


def state() -> tuple[Pipeline, Account]:
    pipeline, account = Pipeline(), Account()
    for event in EVENTS:
        pipeline.handle(event)
        account.note(event)
    return pipeline, account


def test_the_table_shows_stages_workers_times_and_what_went_wrong() -> None:
    pipeline, _ = state()

    lines = render_live(pipeline, 5.0, (200, 40))

    assert [line.split() for line in lines[:2]] == [
        ["scope", "work", "test", "join", "worker", "time", "message"],
        ["a", "+", ">", "w1", "3", "s"],
    ]
    assert lines[2].split()[:3] == ["b", "x", "-"]
    assert "exit code 3: no\\x1b[31m" in lines[2]
    assert lines[-1].startswith("3 of 5 units; 1 of 2 workers busy, 0 waiting; about 2 s left")
    assert lines[-1].endswith("which hang on a/test")


@pytest.mark.parametrize("size", [(200, 6), (30, 40)])
def test_the_table_fits_into_the_terminal(size: tuple[int, int]) -> None:
    pipeline, _ = state()

    lines = render_live(pipeline, 5.0, size)

    assert len(lines) < size[1]
    assert all(len(line) <= size[0] for line in lines)
    assert any("scopes more" in line for line in lines) is (size[1] == 6)


def test_the_summary_says_what_was_committed_what_failed_and_what_it_cost() -> None:
    pipeline, account = state()

    lines = render_summary(
        pipeline,
        account.figures({unit.id: unit for unit in UNITS}),
        0.004,
        {"b/work": "/logs/b/work.log"},
        [("a", "0123456789abcdef", 1)],
    )

    assert "0123456789  a  1 file" in lines
    assert "b/work failed: exit code 3: no\\x1b[31m" in lines
    assert "    its log is /logs/b/work.log" in lines
    assert "4.0 s for 2.0 s of work: speed-up 0.5 with 2 workers at once" in lines[-2]
    assert "coordination 0.10%" in lines[-2]
    assert lines[-1] == "critical path 2.0 s: a/work; 100% above the bound"


@pytest.mark.parametrize(
    ("reason", "seconds", "line"),
    [
        (None, 1.25, "done    a/x  1.2 s"),
        (None, None, "done    a/x"),
        ("no\nmore", None, "failed  a/x: no"),
        ("", None, "failed  a/x: "),
    ],
)
def test_each_end_is_a_line(reason: str | None, seconds: float | None, line: str) -> None:
    assert told("a/x", reason, seconds) == line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_shown_suits_where_it_is_shown() -> None:
    account = Account()
    kinds = [
        type(teller_for(stream, environ, account, as_json=as_json))
        for stream, environ, as_json in (
            (Terminal(), {"TERM": "xterm"}, False),
            (Terminal(), {"TERM": "dumb"}, False),
            (Terminal(), {"TERM": "xterm", "CI": "1"}, False),
            (io.StringIO(), {}, False),
            (Terminal(), {}, True),
        )
    ]

    assert kinds == [TableTeller, LineTeller, LineTeller, LineTeller, JsonTeller]


def test_lines_tell_of_ends_and_events_of_everything() -> None:
    account, lines, events = Account(), io.StringIO(), io.StringIO()
    pipeline = Pipeline()
    tellers = LineTeller(lines, account), JsonTeller(events)
    for event in EVENTS:
        pipeline.handle(event)
        account.note(event)
        for teller in tellers:
            teller.tell(event, pipeline)

    assert lines.getvalue().splitlines() == [
        "done    a/work  2.0 s",
        "failed  b/work: exit code 3: no\\x1b[31m",
    ]
    told = [json.loads(line) for line in events.getvalue().splitlines()]
    assert [each["type"] for each in told] == [type(event).__name__ for event in EVENTS]


def test_the_table_is_drawn_where_it_stood_and_at_last_as_it_ended() -> None:
    terminal = Terminal()
    teller = TableTeller(terminal)
    pipeline = Pipeline()
    for event in EVENTS:
        pipeline.handle(event)
        teller.tell(event, pipeline)
    first = terminal.getvalue()
    teller.close()

    assert "\x1b[" not in first.split("scope")[0].replace("\x1b[2K", "")
    last = terminal.getvalue().removeprefix(first)
    assert last.startswith("\x1b[")
    assert "exit code 3" in last
