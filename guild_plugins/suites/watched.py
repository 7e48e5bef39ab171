"""Whether hooks of others do more with a list of tests than to go through it.

As many a conftest does, which marks tests by their names: to it, it is all the same
whether it sees the tests of a file at once or a few at a time. What counts, sorts or
cuts the list may want to see all of them.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import pytest

MILD: Final = frozenset(
    {
        "_hypothesis_pytestplugin",
        "_pytest",
        "anyio",
        "guild_plugins",
        "pytest_asyncio",
        "pytest_cov",
        "pytest_mock",
        "pytest_rerunfailures",
        "pytest_timeout",
        "xdist",
    }
)
"""Top packages of which all hooks look at each test on its own."""

IDLE: Final = frozenset({"CACHE", "NOP", "RESUME"})
"""Steps of bytecode that do nothing to see."""


LOADS: Final = frozenset({"LOAD_FAST", "LOAD_FAST_BORROW"})
"""Steps that take up a variable; the second is of CPython 3.14."""

TELLING: Final = (
    *("__len__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__reversed__"),
    *("__add__", "__iadd__", "__mul__", "__eq__", "append", "clear", "copy", "count", "extend"),
    *("index", "insert", "pop", "remove", "reverse", "sort"),
)
"""What a list can do but be gone through."""


class Watched(list[pytest.Item]):
    """A list of tests that notes whether a hook of a package that is not mild uses it as such."""

    def __init__(self, items: Iterable[pytest.Item]) -> None:
        super().__init__(items)
        self.is_used = False

    def plain(self) -> list[pytest.Item]:
        """Return what is in it now."""
        return [*self]


def _noting(name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(list, name)

    def noting(self: Watched, *args: Any, **kwargs: Any) -> Any:
        if not is_mild(sys._getframe(1).f_globals.get("__name__", "")):
            self.is_used = True
        return method(self, *args, **kwargs)

    return noting


for _name in TELLING:
    setattr(Watched, _name, _noting(_name))


def is_mild(module: str) -> bool:
    """Tell whether a module is of a package that is known to look at each test on its own."""
    return module.partition(".")[0] in MILD


def all_look_at_each_alone(config: pytest.Config) -> bool:
    """Tell whether it can be seen of every ``modifyitems`` hook, before any is called."""
    return all(
        is_mild(impl.function.__module__) or looks_at_each_alone(impl.function)
        for impl in config.hook.pytest_collection_modifyitems.get_hookimpls()
    )


def looks_at_each_alone(hook: Callable[..., object]) -> bool:
    """Tell whether all that a ``modifyitems`` hook does with its list is to go through it.

    As many a conftest does, which marks tests by their names. What sorts, counts, cuts
    or passes on the list may want to see all of it.
    """
    code = getattr(hook, "__code__", None)
    if code is None or "items" not in code.co_varnames or "items" in code.co_cellvars:
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in IDLE]
    uses = [at for at, step in enumerate(steps) if _names_items(step.argval)]
    return all(steps[at].opname in LOADS and steps[at + 1].opname == "GET_ITER" for at in uses)


def _names_items(value: object) -> bool:
    return value == "items" or (isinstance(value, tuple) and "items" in value)
