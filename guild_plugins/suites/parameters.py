"""The tests of one parametrized function, made a few at a time.

pytest makes one test for each set of parameters, in a generator. Here it is left where it
stands between two batches, so what it works out once (the sets and their ids) is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any

import pytest
from _pytest.scope import Scope


@dataclass(slots=True)
class Series:
    """The tests of a function that are not made yet.

    :param wanted: Node ids outside of which nothing is to be made; None for all.
    :param ids: Their node ids, in order, once one test is made.
    """

    owner: Any  # a module or class
    name: str
    value: object
    wanted: frozenset[str] | None
    ids: list[str] = field(default_factory=list)
    _functions: Iterator[pytest.Function] | None = None
    _is_parted: bool = True

    def make(self, most: int) -> list[pytest.Item | pytest.Collector]:
        """Make the next tests, through the hooks of pytest that make them."""
        self.owner._genfunctions = partial(self._some, most)
        try:
            return nodes_of_name(self.owner, self.name, self.value)
        finally:
            del self.owner._genfunctions

    def give(self, count: int) -> list[str]:
        """Give up the last tests; return their node ids."""
        kept = max(len(self.ids) - count, 0)
        given, self.ids = self.ids[kept:], self.ids[:kept]
        return given

    def narrow(self, metafunc: pytest.Metafunc) -> None:
        """Leave out the sets of parameters that are not wanted; note the ids of the others."""
        calls = metafunc._calls
        self._is_parted = bool(calls) and all(map(_stands_alone, calls))
        if not self._is_parted:
            return  # pytest groups them with tests of other functions: they are made at once
        ids = {f"{self.owner.nodeid}::{self.name}[{call.id}]": call for call in calls}
        if self.wanted is not None:
            ids = {nodeid: call for nodeid, call in ids.items() if nodeid in self.wanted} or ids
        metafunc._calls = list(ids.values())
        self.ids = list(ids)

    def _some(self, most: int, name: str, function: object) -> Iterator[pytest.Function]:
        if self._functions is None:
            self._functions = type(self.owner)._genfunctions(self.owner, name, function)
        first = list(islice(self._functions, 1))  # with it the ids become known
        if not self._is_parted:
            return chain(first, self._functions)
        count = min(most, len(self.ids))
        del self.ids[:count]
        return chain(first, islice(self._functions, count - 1))


def nodes_of_name(owner: Any, name: str, value: object) -> list[pytest.Item | pytest.Collector]:
    """Return what pytest makes of a name in a module or class."""
    made = owner.ihook.pytest_pycollect_makeitem(collector=owner, name=name, obj=value)
    return made if isinstance(made, list) else [] if made is None else [made]


def _stands_alone(call: Any) -> bool:
    scopes = call._arg2scope.values()
    return bool(call._idlist) and all(scope is Scope.Function for scope in scopes)
