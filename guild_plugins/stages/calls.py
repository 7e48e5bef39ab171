"""Calling hooks: plugins one by one, so that one knows whose fault a fault is.

pluggy's own call raises the first exception and does not say where it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, ParamSpec, Protocol, TypeAlias, TypeVar

from guild_plugins.stages.checking import Junk, accept
from guild_plugins.stages.deadlines import DeadlinePassed, perform
from guild_plugins.stages.faults import (
    PluginFault,
    PluginHung,
    PluginRaised,
    PluginReturnedJunk,
    tell,
)
from guild_plugins.stages.installed import Source

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What a plugin answered."""

    plugin: Source
    value: R


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's function for one hook, with the arguments that it takes."""

    plugin: Source
    function: Callable[..., Any]
    arguments: tuple[str, ...]


Entry: TypeAlias = Implementation | PluginFault
"""What stands for a plugin in a hook; a fault where its implementation cannot be called."""


class Registry(Protocol):
    """Who implements what."""

    @property
    def hooks(self) -> Mapping[str, tuple[str, ...]]:
        """All hooks, with the names of their arguments."""

    def implementations(self, hook: str) -> tuple[Entry, ...]:
        """Return who implements a hook: first what cannot be called, then in order."""


class Calls:
    """Calls of hooks. An answer is what the hook's annotation says, or it is a fault.

    :param seconds: The deadline of each implementation; ``None`` to wait for ever.
    """

    def __init__(self, registry: Registry, seconds: float | None) -> None:
        self._registry, self._seconds = registry, seconds

    def first(
        self, hook: Callable[P, R | None], *args: P.args, **kwargs: P.kwargs
    ) -> Answer[R] | None:
        """Ask one plugin after another until one answers; ``None`` if none does.

        :param hook: Its specification, from `hookspecs`. Its arguments go by name.
        :raises PluginFault: A plugin is at fault, and those after it were not asked.
        """
        for outcome in self._outcomes(hook, args, kwargs):
            if isinstance(outcome, PluginFault):
                raise outcome
            return outcome
        return None

    def each(
        self, hook: Callable[P, R | None], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Answer[R] | PluginFault, ...]:
        """Ask all plugins; return what they answered, and their faults instead of raising them.

        :param hook: Its specification, from `hookspecs`. Its arguments go by name.
        """
        return tuple(self._outcomes(hook, args, kwargs))

    def _outcomes(
        self, hook: Callable[..., Any], args: tuple[object, ...], kwargs: Mapping[str, Any]
    ) -> Iterator[Answer[Any] | PluginFault]:
        name = hook.__name__
        expected = self._registry.hooks[name]
        if args or set(kwargs) != set(expected):
            raise TypeError(f"{name} takes {', '.join(expected)}, by name")
        for entry in self._registry.implementations(name):
            outcome = self._ask(hook, entry, kwargs)
            if outcome is not None:
                yield outcome

    def _ask(
        self, hook: Callable[..., Any], entry: Entry, kwargs: Mapping[str, Any]
    ) -> Answer[Any] | PluginFault | None:
        if isinstance(entry, PluginFault):
            return entry
        call = partial(entry.function, **{name: kwargs[name] for name in entry.arguments})
        blame = partial(fault_of, plugin=entry.plugin, hook=hook.__name__)
        try:
            value = accept(hook, perform(call, self._seconds))
        except DeadlinePassed as error:
            return blame(PluginHung, detail=f"not done after {self._seconds:g} s", cause=error)
        except Junk as error:
            return blame(PluginReturnedJunk, detail=str(error), cause=error.__cause__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit is no reason to end as well
            return blame(PluginRaised, detail=tell(error), cause=error)
        return Answer(entry.plugin, value) if value is not None else None


def fault_of(
    kind: type[PluginFault],
    *,
    plugin: Source,
    hook: str,
    detail: str,
    cause: BaseException | None = None,
) -> PluginFault:
    """Return a fault that names the plugin, chained to what led to it."""
    fault = kind(plugin.name, str(plugin), hook, detail)
    fault.__cause__ = cause
    return fault
