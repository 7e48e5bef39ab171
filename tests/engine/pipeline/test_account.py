"""What a run cost, and how far that is from the best."""

from __future__ import annotations

from guild_plugins.engine.pipeline.account import Account
from guild_plugins.engine.pipeline.forecast import forecast
from guild_plugins.stages.runs import (
    RunEvent,
    Unit,
    UnitFinished,
    UnitLost,
    UnitStarted,
    WorkerJoined,
)

UNITS = (
    Unit(id="a/1", stage="1", seconds=2.0),
    Unit(id="a/2", stage="2", after=("a/1",), seconds=3.0),
    Unit(id="b/1", stage="1", seconds=4.0),
    Unit(id="join", stage="join", behind=("a/1", "b/1"), seconds=0.5),
)


def test_a_forecast_names_the_longest_chain() -> None:
    found = forecast(UNITS)

    assert [unit.id for unit in found.path] == ["a/1", "a/2"]
    assert (found.work, found.longest, found.useful) == (9.5, 5.0, 2)
    assert (found.bound(1), found.bound(2), found.bound(9)) == (9.5, 5.0, 5.0)


def test_a_forecast_of_what_was_measured_goes_by_that() -> None:
    found = forecast(UNITS, {"b/1": 9.0, "join": 1.0})

    assert [unit.id for unit in found.path] == ["b/1", "join"]
    assert found.longest == 10.0


def test_nothing_left_takes_no_time() -> None:
    assert forecast(()).bound(3) == 0.0


def begun(unit: str, at: float, attempt: int = 1) -> RunEvent:
    return UnitStarted(id=f"s{unit}{at}", at=at, run="r", unit=unit, attempt=attempt, worker="w")


def test_figures_come_from_facts() -> None:
    account = Account()
    for event in (
        WorkerJoined(id="1", at=0.0, run="r", worker="w1"),
        WorkerJoined(id="2", at=0.0, run="r", worker="w2"),
        begun("a/1", 0.0),
        begun("a/1", 1.0),  # its second step
        begun("b/1", 0.0),
        UnitFinished(id="3", at=2.0, run="r", unit="a/1", attempt=1),
        begun("a/2", 2.0),
        UnitLost(id="4", at=3.0, run="r", unit="a/2", attempt=1, reason=""),
        begun("a/2", 3.0, 2),
        UnitFinished(id="5", at=4.0, run="r", unit="b/1", attempt=1),
        UnitFinished(id="6", at=6.0, run="r", unit="a/2", attempt=2),
    ):
        account.note(event)

    found = account.figures({unit.id: unit for unit in UNITS})

    assert (found.took, found.work, found.wasted, found.busiest) == (6.0, 9.0, 1.0, 2)
    assert found.speed_up == 1.5
    assert found.efficiency == 0.75
    assert found.present == 12.0
    assert round(found.utilisation, 3) == 0.833
    assert [unit.id for unit in found.shape.path] == ["a/1", "a/2"]
    assert round(found.distance, 3) == 0.2


def test_a_run_in_which_nothing_happened_divides_by_nothing() -> None:
    found = Account().figures({})

    assert (found.speed_up, found.efficiency, found.utilisation, found.distance) == (0, 0, 0, 0)
