"""Where landed branches began, for a whole stretch of trunk at once.

What a commit of trunk knows of is what git says, and the tips that were landed in it and
before it with all that they stand on. So each commit has a place on trunk from which on
it is known. A branch begins where its commits meet one that is known already. Pure, but
for the one command that lists the commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.delivery.landing.trail import Landing
from guild_plugins.git.process import run_git


@dataclass
class History:
    """The commits of a stretch of trunk, and of the branches that landed in it.

    :param parents: Of each commit; what is not in it came before the stretch.
    :param trees: Of each commit.
    """

    parents: Mapping[str, tuple[str, ...]]
    trees: Mapping[str, str]
    _known: dict[str, int] = field(default_factory=dict)

    def bases(self, landings: Sequence[Landing]) -> Iterator[tuple[Landing, tuple[str, ...]]]:
        """Yield each landing with where its branch began; the oldest landing comes first.

        :param landings: In the order in which they landed.
        """
        for place, landing in enumerate(landings):
            for parent in landing.parents:
                self._mark(parent, place)
            yield landing, tuple(self._met(landing.tip))
            self._mark(landing.tip, place + 1)

    def _mark(self, commit: str, place: int) -> None:
        waiting = [commit]
        while waiting:
            name = waiting.pop()
            if name in self.parents and name not in self._known:
                self._known[name] = place
                waiting += self.parents[name]

    def _met(self, tip: str) -> list[str]:
        """Return the first known commits on the way back from a tip, without those behind them."""
        found: list[str] = []
        seen: set[str] = set()
        waiting = [tip]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self._known or name not in self.parents:
                found.append(name)
            else:
                waiting += self.parents[name]
        return [one for one in found if not self._is_behind(one, found)]

    def _is_behind(self, one: str, others: Sequence[str]) -> bool:
        """Say whether a commit is among those before another one."""
        waiting = [
            parent for other in others if other != one for parent in self.parents.get(other, ())
        ]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name == one:
                return True
            if name not in seen:
                seen.add(name)
                waiting += self.parents.get(name, ())
        # All that came before the stretch is behind what is in it, as far as can be told here.
        return one not in self.parents and any(other in self.parents for other in others)


def read_history(top: Path, span: Sequence[str], tips: Sequence[str]) -> History:
    """Return the commits of a stretch and of tips; a tip that is gone is left out.

    :param span: As for ``git log``: what is excluded came before the stretch.
    """
    words = ["rev-list", "--ignore-missing", "--stdin", "--format=%H %T %P", "--topo-order"]
    asked = "".join(f"{word}\n" for word in (*span, *tips)).encode()
    parents, trees = {}, {}
    for line in run_git(words, top, input=asked).decode().splitlines():
        if not line.startswith("commit "):
            name, tree, *before = line.split(" ")
            parents[name] = tuple(word for word in before if word)
            trees[name] = tree
    return History(parents, trees)
