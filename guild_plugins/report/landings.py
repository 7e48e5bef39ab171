"""What a landing did and what it left, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from guild_plugins.delivery.landing.outcomes import Outcome, Place, Report
from guild_plugins.report.text import printable

SAID: Final = {
    "landed": "landed",
    "handed": "passed, and is handed over",
    "ready": "would be landed",
    "nothing": "trunk has it already",
    "conflict": "left: it conflicts",
    "gates": "left: trunk's rules are against it",
    "tests": "left: the merged tree failed its tests",
    "lease": "left: leases are against it",
    "proof": "left: the merged tree is not what it should be",
    "dirty": "left: a work tree of trunk is in the way",
    "moved": "left: trunk did not stand still",
}


def render_report(report: Report) -> str:
    """Return a line for each branch, and below it what was wrong and how to go on."""
    lines = [line for outcome in report.outcomes for line in _outcome(outcome)]
    for tree in report.work_trees:
        said = f"not synchronised: {tree.trouble}" if tree.trouble else "synchronised"
        lines.append(printable(f"{tree.path}  {said}"))
    if report.rounds > 1:
        lines.append(f"trunk moved meanwhile; merged {report.rounds} times")
    return "\n".join(lines) or "Nothing to land."


def _outcome(outcome: Outcome) -> Iterator[str]:
    commit = f"  {outcome.commit[:10]}" if outcome.commit else ""
    yield printable(f"{outcome.task}/{outcome.scope}{commit}  {SAID[outcome.kind]}")
    for trial in outcome.trials:
        if trial.kept:
            yield f"  not tested again: {printable(trial.note)}"
        else:
            word = "flaky, passed the second time: " if trial.flaky else ""
            said = printable(trial.note) or ("passed" if trial.passed else "failed")
            yield f"  {word}{said} ({trial.seconds:.1f} s)"
    if outcome.places:
        for place in outcome.places:
            yield from _place(place)
    else:
        shown = outcome.details if outcome.kind != "tests" else ()
        yield from (f"  {printable(line)}" for line in shown)
    if outcome.kind == "tests" and outcome.trials:
        yield printable(f"  all of it: {outcome.trials[-1].log}")
    if outcome.resume is not None:
        yield printable(f"  then: {outcome.resume}")


def _place(place: Place) -> Iterator[str]:
    owners = f"  (ask {', '.join(place.owners)})" if place.owners else ""
    yield printable(f"  {place.path}:{place.line}: {place.reason}{owners}")
    yield from (printable(f"    trunk:  {text}") for text in place.trunk)
    yield from (printable(f"    branch: {text}") for text in place.branch)
