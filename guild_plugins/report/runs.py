"""A run as it goes on, and what came of it. Pure: lines of text from a pipeline's state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from guild_plugins.engine.pipeline.account import Figures
from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.engine.pipeline.forecast import forecast
from guild_plugins.engine.pipeline.progress import Progress, State
from guild_plugins.report.tables import render_table
from guild_plugins.report.text import printable

SIGNS: Mapping[State, str] = {
    State.WAITING: ".",
    State.READY: ".",
    State.RUNNING: ">",
    State.HELD: ">",
    State.DELAYED: "~",
    State.PASSED: "+",
    State.FAILED: "x",
    State.LEFT_OUT: "-",
}
"""How a unit stands, in one letter: waiting, running, about to be tried again, and the ends."""

ORDER = (State.RUNNING, State.DELAYED, State.FAILED, State.HELD, State.READY, State.WAITING)
"""Whose scopes are shown first where there is no room for all."""


def render_live(pipeline: Pipeline, now: float, size: tuple[int, int]) -> list[str]:
    """Return the table of a run: scopes and stages, workers, times, messages.

    :param size: Columns and lines of the terminal.
    """
    columns, lines = size
    scopes = _by_scope(pipeline)
    stages = list(dict.fromkeys(p.unit.stage for each in scopes.values() for p in each))
    chosen = sorted(scopes.values(), key=_urgency)[: max(1, lines - 4)]
    rows = [_row(progress, stages, now) for progress in chosen]
    table = render_table(("scope", *stages, "worker", "time", "message"), rows)
    more = len(scopes) - len(chosen)
    rest = [f"and {more} scopes more"] if more > 0 else []
    return [line[:columns] for line in (*table.split("\n"), *rest, _state_of(pipeline))]


def told(unit: str, reason: str | None, seconds: float | None) -> str:
    """Return one line about the end of a unit, for logs."""
    if reason is None:
        took = f"  {seconds:.1f} s" if seconds is not None else ""
        return printable(f"done    {unit}{took}")
    return printable(f"failed  {unit}: {reason.splitlines()[0] if reason else ''}")


def render_summary(
    pipeline: Pipeline,
    figures: Figures,
    coordination: float,
    logs: Mapping[str, str],
    commits: Sequence[tuple[str, str, int]],
) -> list[str]:
    """Return what came of a run.

    :param coordination: Seconds that the coordinator itself took.
    :param logs: Where the output of a unit is, by its id.
    :param commits: Scope, commit and number of files of what was committed.
    """
    return [
        "",
        *_commits(commits),
        *_failures(pipeline, logs),
        "",
        *_figures(figures, coordination),
    ]


def _by_scope(pipeline: Pipeline) -> dict[str, list[Progress]]:
    scopes: dict[str, list[Progress]] = {}
    for progress in pipeline.graph.units.values():
        scopes.setdefault(progress.unit.scope or "all scopes", []).append(progress)
    return scopes


def _urgency(each: Sequence[Progress]) -> tuple[int, float]:
    ranks = [ORDER.index(p.state) if p.state in ORDER else len(ORDER) for p in each]
    return min(ranks), -max(progress.rank for progress in each)


def _row(each: Sequence[Progress], stages: Sequence[str], now: float) -> list[str]:
    signs = {progress.unit.stage: SIGNS[progress.state] for progress in each}
    running = next((p for p in each if p.running), None)
    attempt = next(iter(running.running.values()), None) if running else None
    troubled = [p for p in each if p.reason and p.state in (State.FAILED, State.DELAYED)]
    message = troubled[-1].reason.split("\n", 1)[0] if troubled else ""
    return [
        each[0].unit.scope or "all scopes",
        *(signs.get(stage, " ") for stage in stages),
        attempt.worker if attempt else "",
        f"{now - attempt.since:.0f} s" if attempt else "",
        message[:60],
    ]


def _state_of(pipeline: Pipeline) -> str:
    """Return one line: how much is done, how much is busy, how long it may take."""
    units = pipeline.graph.units
    done = sum(progress.has_ended for progress in units.values())
    outlook = forecast(progress.unit for progress in units.values() if not progress.has_ended)
    busy, size = len(pipeline.crew.jobs), pipeline.crew.size
    left = outlook.bound(size)
    hangs = outlook.path[0].id if outlook.path else "nothing"
    return printable(
        f"{done} of {len(units)} units; {busy} of {size} workers busy, {len(pipeline.ready)} "
        f"waiting; about {left:.0f} s left, which hang on {hangs}"
    )


def _commits(commits: Sequence[tuple[str, str, int]]) -> Iterator[str]:
    for scope, commit, files in commits:
        count = f"{files} file" if files == 1 else f"{files} files"
        yield printable(f"{commit[:10]}  {scope}  {count}")


def _failures(pipeline: Pipeline, logs: Mapping[str, str]) -> Iterator[str]:
    for progress in pipeline.graph.units.values():
        if progress.state is State.FAILED:
            id = progress.unit.id
            reason = progress.reason.split("\n", 1)[0]
            yield printable(f"{id} failed: {reason}")
            yield printable(f"    its log is {logs[id]}")


def _figures(figures: Figures, coordination: float) -> Iterator[str]:
    share = coordination / figures.took if figures.took else 0.0
    yield (
        f"{figures.took:.1f} s for {figures.work:.1f} s of work: speed-up {figures.speed_up:.1f} "
        f"with {figures.busiest} workers at once, efficiency {figures.efficiency:.0%}, "
        f"utilisation {figures.utilisation:.0%}, coordination {share:.2%}"
    )
    path = " -> ".join(unit.id for unit in figures.shape.path)
    yield printable(
        f"critical path {figures.shape.longest:.1f} s: {path or 'nothing'}; "
        f"{figures.distance:.0%} above the bound"
    )
