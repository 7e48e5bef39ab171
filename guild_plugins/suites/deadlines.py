"""How long each scope has run, of those that may not run longer than so many seconds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from guild_plugins.suites.nodes import SuiteNode


class Deadlines:
    """Adds up the time in which some worker is in a scope.

    No other time counts: a scope must not pay for others that keep the workers busy.

    :param limits: Scope to seconds.
    """

    def __init__(self, limits: Mapping[str, float], now: float) -> None:
        self._limits = limits
        self._checked_at = now
        self._time_in: dict[str, float] = defaultdict(float)

    def late(
        self, nodes: Iterable[SuiteNode], scope_of: Callable[[int], str], now: float
    ) -> Iterator[tuple[str, str, list[SuiteNode]]]:
        """Yield each scope whose time is over, why, and the workers that are in it."""
        if not self._limits:
            return
        since, self._checked_at = now - self._checked_at, now
        inside: dict[str, list[SuiteNode]] = {}
        for node in nodes:
            if node.at_work is not None and not node.trouble:
                inside.setdefault(scope_of(node.at_work), []).append(node)
        for scope, those in inside.items():
            self._time_in[scope] += since
            limit = self._limits.get(scope)
            if limit and self._time_in[scope] > limit:
                yield scope, f"scope {scope} ran longer than {limit:g} s", those
