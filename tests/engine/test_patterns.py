"""Map-reduce, fork-join and pipeline, in warm processes."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from guild_plugins.engine.patterns import Outcome, PatternBroken, fork_join, map_reduce, pipeline
from tests.engine.driver.shops import TOP


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TOP))


def half(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def meet(folder: str, name: str) -> str:
    """Return when two are there."""
    Path(folder, name).touch()
    while len(os.listdir(folder)) < 2:  # noqa: PTH208
        time.sleep(0.01)
    return name


def fail_once(mark: str) -> str:
    if not os.path.exists(mark):  # noqa: PTH110
        Path(mark).touch()
        raise OSError("not yet")
    return "done"


def die(_: object) -> None:
    os._exit(7)


def test_what_is_found_about_each_item_is_joined_in_their_order() -> None:
    assert map_reduce({"b": 4, "a": 2}, half, dict.items) == {"b": 2, "a": 1}.items()
    with pytest.raises(PatternBroken, match="a: ValueError: 3 is odd"):
        map_reduce({"a": 3, "b": 4}, half, len, tries=1)


def test_functions_run_side_by_side_and_what_raises_is_called_again(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    tasks = {name: partial(meet, str(tmp_path / "here"), name) for name in "ab"}
    tasks["c"] = partial(fail_once, str(tmp_path / "mark"))

    outcomes = fork_join(tasks, workers=3)

    assert outcomes == {"a": Outcome("a"), "b": Outcome("b"), "c": Outcome("done")}


def test_each_item_goes_through_the_stages_and_harms_no_other() -> None:
    outcomes = pipeline({"a": 8, "b": 6, "c": 2}, [half, half, str], tries=1)

    assert outcomes["a"] == Outcome("2")
    assert [outcomes[name].trouble for name in "bc"] == [
        "ValueError: 3 is odd", "ValueError: 1 is odd",
    ]  # fmt: skip
    assert pipeline({"a": 1}, []) == {"a": Outcome(1)}
    assert fork_join({}) == {}


def test_a_function_that_ends_its_process_again_and_again_is_told() -> None:
    assert pipeline({"a": 1}, [die])["a"].trouble
