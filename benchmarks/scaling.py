"""How runs scale from 1 to 200 scopes: ``python -m benchmarks.scaling -o docs/scaling.svg``.

In the simulator, on the same core that drives runs: five stages a scope, whose costs are
lognormal (one scope in six takes e times as long as the middle one, or more) and only
roughly known before. There are as many workers as scopes at most, and no more than the work divided
by its longest chain. Drawn is the speed-up: all work, divided by how long the run took.

- the bound: the longest chain, or all work shared out evenly among the workers that there
  were, whichever is longer;
- Guild: each scope goes through the stages by itself;
- barriers: a stage begins when the one before has ended in all scopes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import mean
from typing import Final, NamedTuple

from guild_plugins.engine.pipeline.simulator import CROWD, Simulation, World, bound
from guild_plugins.report.tables import render_table
from guild_plugins.stages.runs import Limits, Unit

STAGES: Final = ("research", "implement", "check", "test", "land")
SCOPES: Final = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200)
SEEDS: Final = 5

WIDTH, HEIGHT, EDGE = 680, 400, 56
LINES: Final = (("bound", "#888888", "6 4"), ("Guild", "#1f6feb", ""), ("barriers", "#d1242f", ""))


class Point(NamedTuple):
    """Speed-ups for so many scopes, in the order of `LINES`."""

    scopes: int
    bound: float
    guild: float
    barriers: float
    workers: float


def uneven(scopes: int, seed: int) -> tuple[list[Unit], dict[str, float]]:
    """Return the units of a run, and what they really take."""
    random, units, truth = Random(seed), list[Unit](), dict[str, float]()
    for number in range(scopes):
        before: tuple[str, ...] = ()
        for stage in STAGES:
            id = f"s{number}/{stage}"
            truth[id] = random.lognormvariate(0, 1)
            expected = truth[id] * random.lognormvariate(0, 0.3)
            units.append(
                Unit(id=id, stage=stage, scope=f"s{number}", after=before, seconds=expected,
                     cpu=0.0, memory=0, common=stage in ("check", "test"))
            )  # fmt: skip
            before = (id,)
    return units, truth


def with_barriers(units: Sequence[Unit]) -> list[Unit]:
    """Return the units in an order in which each stage waits for all of the one before."""
    by_stage = {stage: tuple(u.id for u in units if u.stage == stage) for stage in STAGES}
    before = dict(zip(STAGES[1:], STAGES, strict=False))
    waiting = (
        replace(unit, behind=by_stage[before[unit.stage]]) if unit.stage in before else unit
        for unit in units
    )
    return sorted(waiting, key=lambda unit: STAGES.index(unit.stage))


def measure(scopes: int) -> Point:
    """Simulate, and return the means over all seeds."""
    rows = []
    for seed in range(SEEDS):
        units, truth = uneven(scopes, seed)
        limits = Limits(least=scopes, most=scopes, cores=CROWD, memory=CROWD)
        work = sum(truth.values())
        free, barred = (
            Simulation(each, limits, World(seed=seed), truth).run()
            for each in (units, with_barriers(units))
        )
        best = bound(units, truth, free.most_workers)
        speeds = (work / each for each in (best, free.makespan, barred.makespan))
        rows.append((*speeds, float(free.most_workers)))
    return Point(scopes, *(mean(column) for column in zip(*rows, strict=True)))


def draw(points: Sequence[Point]) -> str:
    """Return the plot as SVG."""
    return "\n".join(_drawing(points)) + "\n"


def _drawing(points: Sequence[Point]) -> Iterator[str]:
    top = max(value for point in points for value in point[1:4])
    step = next(s for s in (1, 2, 5, 10, 20, 50) if top / s <= 6)
    last = points[-1].scopes

    def x(scopes: float) -> float:
        return EDGE + scopes / last * (WIDTH - 2 * EDGE)

    def y(speed: float) -> float:
        return HEIGHT - EDGE - speed / top * (HEIGHT - 2 * EDGE)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="13">'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    for mark in range(0, int(top) + 1, step):
        yield (
            f'<path d="M{EDGE} {y(mark):.1f}H{WIDTH - EDGE}" stroke="#dddddd"/>'
            f'<text x="{EDGE - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark}</text>'
        )
    for mark in range(0, last + 1, 50):
        yield f'<text x="{x(mark):.1f}" y="{HEIGHT - EDGE + 20}" text-anchor="middle">{mark}</text>'
    yield f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">scopes</text>'
    yield f'<text x="{EDGE}" y="{EDGE - 20}">speed-up</text>'
    for place, (name, colour, dashes) in enumerate(LINES, 1):
        way = " ".join(f"{x(p.scopes):.1f},{y(float(p[place])):.1f}" for p in points)
        yield (
            f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{dashes}"/>'
        )
        yield (
            f'<text x="{EDGE + 12}" y="{EDGE + 18 * place}" fill="{colour}">{name}:'
            f" {float(points[-1][place]):.1f} at {last}</text>"
        )
    yield "</svg>"


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, print a table, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument("-o", "--output", type=Path, help="write the plot there")
    args = parser.parse_args(argv)
    points = [measure(scopes) for scopes in SCOPES]
    rows = [
        (
            f"{p.scopes}", f"{p.bound:.1f}", f"{p.guild:.1f}", f"{p.bound / p.guild:.3f}",
            f"{p.guild / p.barriers:.2f}", f"{p.workers:.0f}",
        )
        for p in points
    ]  # fmt: skip
    head = ("scopes", "bound", "speed-up", "over the bound", "over barriers", "workers")
    print(render_table(head, rows))
    if args.output is not None:
        args.output.write_text(draw(points), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
