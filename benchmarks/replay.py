"""What replaying a journal takes: ``python -m benchmarks.replay``.

Simulated runs of many scopes, faults among them, are written to a journal as any run
is, until it has so many events. Then a fresh process reads it and replays every run.
Printed are its seconds, its processor time for an event, and its memory at the peak.

Each unit tells of its start, of its use so often as a real one that takes so long,
and of its end.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.runs import events_of
from guild_plugins.engine.pipeline.core import WITHOUT_EFFECT, Pipeline
from guild_plugins.engine.pipeline.instructions import Start
from guild_plugins.engine.pipeline.simulator import CROWD, Simulation, World
from guild_plugins.report.tables import render_table
from guild_plugins.stages.runs import Limits, RunEvent, Unit, UnitMeasured, UnitStarted

STAGES = ("research", "implement", "check", "test", "commit")
GROUP = 20_000
"""Events that are written together."""

ROUGH = World(latency=0.01, breaks=0.02, objects=0.03, loses=0.01, straggles=0.02, leaves=0.01)


class TellingSimulation(Simulation):
    """Tells of starts and of what is used as well, as the coordinator does."""

    def _start(self, start: Start) -> None:
        super()._start(start)
        id, attempt = start.unit.id, start.attempt
        self._tell_now(partial(UnitStarted, unit=id, attempt=attempt, worker=start.worker))
        used: Callable[..., RunEvent] = partial(
            UnitMeasured, unit=id, attempt=attempt, cpu=0.4, memory=90 << 20
        )
        told = 1.0
        while told < start.unit.seconds:
            self._tell_at(self.now + told, used, unless=(id, attempt))
            told *= 2


def units_of(scopes: int) -> Iterator[Unit]:
    """Yield the units of a run."""
    for number in range(scopes):
        before: tuple[str, ...] = ()
        for place, stage in enumerate(STAGES):
            id = f"scope-{number}/{stage}"
            yield Unit(
                id=id,
                stage=stage,
                scope=f"scope-{number}",
                after=before,
                seconds=1.0 + (number * 7 + place * 3) % 13,
                sends_back=f"scope-{number}/implement" if stage in ("check", "test") else None,
                common=stage in ("check", "test"),
                lasting=stage in ("implement", "commit"),
            )
            before = (id,)


def write(journal: Journal, events: int, scopes: int, workers: int) -> int:
    """Write runs until there are so many events; return how many runs."""
    units = tuple(units_of(scopes))
    limits = Limits(least=workers, most=workers, cores=CROWD, memory=CROWD)
    written = runs = 0
    while written < events:
        simulation = TellingSimulation(units, limits, replace(ROUGH, seed=runs))
        simulation.run()
        found = simulation.outcome.events[: events - written]
        for begin in range(0, len(found), GROUP):
            group = found[begin : begin + GROUP]
            named = (replace(e, id=f"{runs}-{e.id}", run=f"run-{runs}") for e in group)
            journal.append(*named, durable=False)
        written, runs = written + len(found), runs + 1
    return runs


def replay_all(journal: Journal) -> None:
    """Replay every run, and print what it took."""
    begin, cpu = time.monotonic(), time.process_time()
    kinds: Counter[str] = Counter()
    states: dict[str, Pipeline] = {}
    for event in events_of(journal, without=WITHOUT_EFFECT):
        if event.run not in states:
            states[event.run] = Pipeline()
        states[event.run].handle(event)
        kinds[type(event).__name__] += 1
    took, used = time.monotonic() - begin, time.process_time() - cpu
    with journal.reading() as looked:
        count = looked.count() if looked is not None else 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    head = ("events", "seconds", "CPU seconds", "us an event", "MB at the peak")
    print(
        render_table(
            head,
            [
                (
                    f"{count:,}", f"{took:.1f}", f"{used:.1f}",
                    f"{1e6 * used / max(count, 1):.1f}", f"{peak:.0f}",
                )
            ],
        )
    )  # fmt: skip
    print("\n" + ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common()))


def main(argv: Sequence[str] | None = None) -> int:
    """Write a journal, and have another process replay it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--scopes", type=int, default=1000, help="of each run (1000)")
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--journal", type=Path, help="keep it there, or replay what is there")
    parser.add_argument("--only-replay", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.only_replay:
        replay_all(Journal(place_in(args.journal)))
        return 0
    with tempfile.TemporaryDirectory(prefix="guild-benchmark-") as name:
        folder = args.journal or Path(name)
        journal = Journal(place_in(folder))
        if not journal.place.database.exists():
            runs = write(journal, args.events, args.scopes, args.workers)
            print(f"{runs} runs of {args.scopes} scopes and {len(STAGES)} stages\n", flush=True)
        words = ("-m", "benchmarks.replay", "--only-replay", "--journal", str(folder))
        return subprocess.run([sys.executable, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
