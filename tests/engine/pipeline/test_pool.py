"""How many workers a run deserves."""

from __future__ import annotations

import pytest

from guild_plugins.engine.pipeline.pool import (
    PRESETS,
    cores_for,
    pool_bounds,
    preset_for,
    scope_width,
    useful_workers,
)


@pytest.mark.parametrize(
    ("scopes", "preset", "bounds"),
    [
        (1, "simple", (2, 2)),
        (3, "simple", (3, 3)),
        (6, "medium", (6, 8)),
        (15, "large", (15, 20)),
        (50, "enterprise", (50, 100)),
    ],
)
def test_the_pool_has_as_many_workers_as_scopes_up_to_twice_as_many(
    scopes: int, preset: str, bounds: tuple[int, int]
) -> None:
    assert preset_for(scopes).name == preset
    assert pool_bounds(scopes) == bounds


def test_a_preset_that_is_asked_for_bounds_the_pool() -> None:
    assert pool_bounds(50, PRESETS["medium"]) == (8, 8)


@pytest.mark.parametrize(("there", "used"), [(1, 1), (2, 2), (4, 4), (8, 7), (64, 52)])
def test_a_fifth_of_the_cores_is_left_to_others_where_there_are_some(there: int, used: int) -> None:
    assert cores_for(there) == used


def test_workers_follow_from_the_shape_of_the_work() -> None:
    assert useful_workers(work=40, longest=4) == 10
    assert useful_workers(work=4, longest=4) == 1
    assert useful_workers(work=0, longest=0) == 1


@pytest.mark.parametrize(("complexity", "width"), [(1, 1), (10, 1), (15, 2), (99, 3)])
def test_a_complex_scope_has_up_to_three_workers(complexity: float, width: int) -> None:
    assert scope_width(complexity, typical=10) == width
