"""How a suite is run: in one process, by pytest-xdist, by Guild."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

DISTS = ("load", "loadfile", "loadscope", "worksteal")


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to run a suite.

    :param tool: ``serial``, ``xdist`` or ``guild``.
    :param dist: xdist's mode of distribution.
    :param forgets: Whether the run starts without durations known from an earlier one.
    :param covers: Whether coverage is measured too.
    """

    tool: str
    args: tuple[str, ...] = field(repr=False)
    workers: int = 0
    dist: str = ""
    forgets: bool = False
    covers: bool = False

    @property
    def name(self) -> str:
        """What the table calls it."""
        parts = [self.tool]
        if self.workers:
            parts.append(f"-n {self.workers}")
        if self.dist:
            parts.append(self.dist)
        if self.forgets:
            parts.append("(first run)")
        if self.covers:
            parts.append("+ coverage")
        return " ".join(parts)

    def command(self, source: str) -> list[str]:
        """Return the arguments for pytest; ``source`` is what coverage measures."""
        coverage = []
        if self.covers and self.tool == "guild":
            coverage = ["--guild-cov", f"--guild-cov-source={source}", "--guild-cov-report=none"]
        elif self.covers:
            coverage = [f"--cov={source}", "--cov-report="]
        return [*self.args, *coverage]


# The other tool is not even loaded where it is compared with.
_WITHOUT_GUILD = ("-p", "no:guild")


def modes(workers: Sequence[int], dists: Sequence[str], *, covers: bool) -> Iterator[Mode]:
    """Return all ways to compare, in the order of one round."""
    yield Mode("serial", (*_WITHOUT_GUILD, "-n", "0"), covers=covers)
    for number in workers:
        count = ("-n", str(number))
        for dist in dists:
            args = (*_WITHOUT_GUILD, *count, "--dist", dist)
            yield Mode("xdist", args, number, dist, covers=covers)
        for forgets in (True, False):
            ours = ("--guild-scopes", *count)
            yield Mode("guild", ours, number, forgets=forgets, covers=covers)
