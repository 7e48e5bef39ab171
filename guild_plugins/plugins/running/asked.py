"""What goes between the coordinator and the warm processes that ask plugins.

The functions there are named, and not imported: the coordinator needs no plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

_HERE: Final = __name__.rpartition(".")[0]

ASK: Final = f"{_HERE}.asking:ask"
ESTIMATE: Final = f"{_HERE}.asking:estimate"
TELL: Final = f"{_HERE}.telling:tell"
PLACE, CLEAR, CHECK, COMMIT = (
    f"{_HERE}.carrying:{name}" for name in ("place", "clear", "check", "commit")
)
HOLD, RELEASE = (f"{_HERE}.critical:{name}" for name in ("hold", "release"))
CARRY: Final = f"{_HERE}.node:carry"
BRIEF: Final = "{guild-brief}"
"""Stands for the path of a brief that is sent: where it will be is not known before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked.

    :param top: The clone that is worked on: nothing in it is a plugin.
    :param requests: The hook is called once for each.
    :param seconds: What each implementation has for one answer.
    """

    top: str
    hook: str
    requests: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it.

    :param values: An answer for each request; ``None`` where no plugin took it.
    :param trouble: The fault of a plugin, which is named; then there are no values.
    :param faults: Plugins that could not be loaded.
    """

    values: tuple[Any, ...] = ()
    trouble: str = ""
    faults: tuple[str, ...] = ()
