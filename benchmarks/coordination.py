"""What the coordinator costs: ``python -m benchmarks.coordination``. Linux only.

Scopes of four stages each, whose units wait so long and do nothing. Each worker has
the same number of units, so in the best case none of them is ever idle. Printed are:

- efficiency: how many seconds of waiting were done in each second, by worker;
- coordination, by the engine: the share of the run in which its own thread decided;
- coordination, from outside: the share of the run, by worker, in which no unit waited
  though some were left, from the processes' own clocks. Starting a process is in it;
- CPU: what the coordinator's process used, in milliseconds for a unit.

Facts are written to a journal as in any run, and made durable.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.engine.driver.driver import Driver
from guild_plugins.engine.driver.local import LocalHands
from guild_plugins.engine.driver.work import Call, Command, Failed, Passed, Work
from guild_plugins.report.tables import render_table
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.runs import Limits, RunEvent, RunStarted, Unit

STAGES = 4
CROWD = 10_000


def wait(payload: bytes) -> bytes:
    """Wait in a warm process, and return from when to when."""
    begin = time.time()
    time.sleep(float(payload))
    return f"{begin} {time.time()}".encode()


@dataclass
class WaitingShop:
    """Units that wait: in processes of their own, or in warm ones."""

    folder: Path
    seconds: float
    kind: str
    spans: list[tuple[float, float]] = field(default_factory=list)

    def note(self, event: RunEvent) -> None:
        """Nothing is remembered."""

    def work(self, *_: object) -> Work:
        """Wait."""
        log = self.folder / "log"
        if self.kind == "call":
            ended = yield Call(
                function=f"benchmarks.coordination:{wait.__name__}",
                payload=str(self.seconds).encode(),
                log=log,
            )
            if ended.value is None:
                return Failed(kind="refused", reason=ended.broke)
            begin, end = map(float, ended.value.split())
            self.spans.append((begin, end))
            return Passed()
        begin = time.time()
        words = ("sleep", str(self.seconds)) if self.seconds else ("true",)
        yield Command(words=words, directory=self.folder, environ=os.environ, log=log)
        self.spans.append((begin, begin + self.seconds))
        return Passed()


@dataclass(frozen=True)
class Result:
    """One run."""

    took: float
    thought: float
    cpu: float
    spans: Sequence[tuple[float, float]]


def measure(scopes: int, workers: int, seconds: float, kind: str) -> Result:
    """Run it once."""
    units = tuple(
        Unit(
            id=f"s{scope}/{stage}",
            stage=str(stage),
            scope=f"s{scope}",
            after=(f"s{scope}/{stage - 1}",) if stage else (),
            seconds=seconds,
            cpu=0.0,
            memory=1,
            tries=1,
        )
        for scope in range(scopes)
        for stage in range(STAGES)
    )
    with tempfile.TemporaryDirectory(prefix="guild-benchmark-") as name:
        folder = Path(name)
        journal = Journal(place_in(folder))
        shop = WaitingShop(folder, seconds, kind)
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        driver = Driver("r", shop, journal, lambda: LocalHands(environ), lambda *_: None)
        started = RunStarted(
            id=fresh_id(),
            at=time.time(),
            run="r",
            task="",
            name="",
            base="",
            command=(),
            limits=Limits(least=workers, most=workers, cores=CROWD, memory=CROWD**3),
            units=units,
        )
        begin, cpu = time.monotonic(), time.process_time()
        end = asyncio.run(driver.drive(started))
        took = time.monotonic() - begin
        if end.passed != len(units):
            raise SystemExit(f"only {end.passed} of {len(units)} units passed")
        return Result(took, driver.ticks, time.process_time() - cpu, tuple(shop.spans))


def row(scopes: int, workers: int, seconds: float, kind: str) -> tuple[str, ...]:
    """Measure, and return a line of the table."""
    result = measure(scopes, workers, seconds, kind)
    count = scopes * STAGES
    busy = sum(end - begin for begin, end in result.spans)
    first = min(begin for begin, _ in result.spans)
    last = max(end for _, end in result.spans)
    between = last - first
    return (
        kind,
        f"{seconds:g} s",
        f"{scopes} x {STAGES}",
        str(workers),
        f"{result.took:.2f} s",
        f"{count * seconds / result.took / workers:.3f}",
        f"{result.thought / result.took:.2%}",
        f"{max(0.0, 1 - busy / between / workers):.2%}" if busy else "-",
        f"{1000 * result.cpu / count:.2f} ms",
        f"{1000 * result.took / count:.2f} ms",
    )


HEAD = (
    "units", "each", "scopes", "workers", "took", "efficiency", "by the engine", "from outside",
    "CPU a unit", "wall a unit",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coordination")
    parser.add_argument("--scopes", type=int, action="append", help="how many (10, 50)")
    parser.add_argument("--workers", type=int, help="at once; else 10 for 10 scopes, 20 for more")
    parser.add_argument("--seconds", type=float, action="append", help="of a unit (1, 0.1, 0)")
    parser.add_argument("--kind", choices=("command", "call"), action="append")
    args = parser.parse_args(argv)
    if sys.platform != "linux":
        print("The benchmark reads /proc, which only Linux has.", file=sys.stderr)
        return 2
    rows = []
    for scopes in args.scopes or (10, 50):
        workers = args.workers or (10 if scopes <= 10 else 20)
        for seconds in args.seconds if args.seconds is not None else (1.0, 0.1, 0.0):
            rows += [
                row(scopes, workers, seconds, kind) for kind in args.kind or ("command", "call")
            ]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(render_table(HEAD, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
