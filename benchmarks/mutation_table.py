"""What mutations came to: kept as lines of JSON, and as a table.

``python -m benchmarks.mutation_table FILE...`` prints the table of files that
`benchmarks.mutations` wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Ran:
    """What one way of choosing tests came to after one mutation.

    :param tests: How many ran; none where the run failed before any could be chosen.
    :param missed: How many that are broken did not fail.
    :param names: Some of these.
    """

    tests: int
    missed: int
    names: list[str]


@dataclass
class Mutation:
    """One mutation, and what came of it.

    :param part: The tests that were run.
    :param total: How many tests there are.
    :param broken: How many of them failed after it.
    :param ran: By way; empty where nothing is broken, since nothing can be missed.
    """

    part: str
    seed: int
    number: int
    what: str
    total: int
    broken: int = 0
    is_endless: bool = False
    ran: dict[str, Ran] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as a line."""
        said = "; ".join(
            f"{way} ran {ran.tests}, missed {ran.missed}" for way, ran in self.ran.items()
        )
        end = f"{self.broken} broken; {said}" if self.broken else "nothing is broken"
        return f"{self.number}: {self.what}: {'runs without end' if self.is_endless else end}"


def write(path: Path, mutation: Mutation) -> None:
    """Add a mutation to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(mutation)) + "\n")


def read(paths: Iterable[Path]) -> list[Mutation]:
    """Return the mutations of files."""
    found = []
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            ran = {way: Ran(**each) for way, each in data.pop("ran").items()}
            found.append(Mutation(**data, ran=ran))
    return found


def render(mutations: Sequence[Mutation]) -> str:
    """Return the table of all mutations, and a line for each miss."""
    ways = sorted({way for each in mutations for way in each.ran})
    lines = [
        "| tests of | mutations | broke something | "
        + " | ".join(f"{way}: misses | median share run" for way in ways)
        + " |",
        "| --- | --- | --- |" + " --- | --- |" * len(ways),
    ]
    parts = list(dict.fromkeys(each.part for each in mutations))
    for part in [*parts, *(["all"] if len(parts) > 1 else [])]:
        own = [each for each in mutations if part in (each.part, "all") and not each.is_endless]
        broke = [each for each in own if each.broken]
        cells = [f"`{part}`" if part != "all" else part, str(len(own)), str(len(broke))]
        for way in ways:
            there = [each for each in broke if way in each.ran]
            missed = sum(bool(each.ran[way].missed) for each in there)
            chose = [each for each in there if each.ran[way].tests or each.ran[way].missed]
            shares = [min(each.ran[way].tests / each.total, 1.0) for each in chose]
            cells += [str(missed), f"{median(shares):.0%}" if shares else ""]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        f"missed by {way}: {each.part} {each.number} {each.what}: {ran.names}"
        for each in mutations
        for way, ran in each.ran.items()
        if ran.missed
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(render(read(map(Path, sys.argv[1:]))))
