"""What was measured, as Markdown: medians, and ratios of Guild to pytest-xdist. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from benchmarks.modes import Mode
from benchmarks.running import Run

Runs = Mapping[Mode, Sequence[Run]]

FIGURES: Mapping[str, Callable[[Run], float | None]] = {
    "wall s": lambda run: run.wall,
    "CPU s": lambda run: run.cpu,
    "peak RSS MB": lambda run: run.memory,
    "first test s": lambda run: run.first,
    "collected": lambda run: run.collected,
}
DIGITS = {"wall s": 2, "CPU s": 2, "peak RSS MB": 0, "first test s": 2, "collected": 0}
OTHERS = "other programs"


def render(runs: Runs) -> str:
    """Return the table of one suite and, below it, the ratios."""
    covers = any(mode.covers for mode in runs)
    head = ["run", *FIGURES, *(["lines run"] if covers else []), OTHERS, "against serial"]
    rows = [_row(head), _row(["---"] * len(head))]
    serial = next((of_mode for mode, of_mode in runs.items() if mode.tool == "serial"), [])
    for mode, of_mode in runs.items():
        cells = [mode.name, *(_cell(name, _median(of_mode, name)) for name in FIGURES)]
        if covers:
            cells.append(" or ".join(sorted({f"{run.lines:,}" for run in of_mode})))
        cells.append(f"{median(run.others for run in of_mode):.0%}")
        rows.append(_row([*cells, difference(serial, of_mode)]))
    return "\n".join([*rows, "", *_ratios(runs)])


def difference(serial: Sequence[Run], runs: Sequence[Run]) -> str:
    """Say in how many tests a run's node ids and outcomes are not those of the serial run."""
    if not serial:
        return "-"
    expected = serial[0].outcomes
    worst = max(len(expected.items() ^ run.outcomes.items()) for run in runs)
    return f"{len(expected):,} the same" if not worst else f"{worst} differ"


def _ratios(runs: Runs) -> Iterator[str]:
    for guild, of_guild in runs.items():
        if guild.tool != "guild":
            continue
        others = [m for m in runs if m.tool == "xdist" and m.workers == guild.workers]
        if not others:
            continue
        default = next((mode for mode in others if mode.dist == "load"), others[0])
        best = min(others, key=lambda mode: median(run.wall for run in runs[mode]))
        yield _ratio(guild, of_guild, default.name, runs[default])
        if best != default:
            yield _ratio(guild, of_guild, f"{best.name}, the quickest", runs[best])


def _ratio(guild: Mode, of_guild: Sequence[Run], other: str, of_other: Sequence[Run]) -> str:
    parts = []
    for name, figure in FIGURES.items():
        # Runs of one round lie close together in time, so they are compared in pairs.
        pairs = zip(map(figure, of_guild), map(figure, of_other), strict=True)
        each = [mine / theirs for mine, theirs in pairs if mine is not None and theirs]
        if each:
            parts.append(f"{name.removesuffix(' s').removesuffix(' MB')} {median(each):.2f}")
    return f"- {guild.name} : {other}: {', '.join(parts)}"


def _median(runs: Sequence[Run], name: str) -> float | None:
    values = [value for value in map(FIGURES[name], runs) if value is not None]
    return median(values) if values else None


def _cell(name: str, value: float | None) -> str:
    return "-" if value is None else f"{value:,.{DIGITS[name]}f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
