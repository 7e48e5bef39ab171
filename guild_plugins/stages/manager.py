"""The plugin manager: what is loaded, who implements what, and what cannot be used.

Guild's own plugins come from `plugins`, which lies to the right: `app` passes them
in. What git starts for each commit or file does not import this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

import pluggy

from guild_plugins import __version__
from guild_plugins.stages import hookspecs
from guild_plugins.stages.calls import Calls, Entry, Implementation, fault_of
from guild_plugins.stages.faults import (
    PluginFault,
    PluginMisshapen,
    PluginTooNew,
    PluginUnloadable,
    tell,
)
from guild_plugins.stages.installed import OWN, Source
from guild_plugins.stages.shapes import PREFIX, Flaw, arguments_of, flaws_in

ALL: Final = "*"
"""Disables all plugins but Guild's own."""


class Plugins:
    """The plugins of this process.

    :param own: Guild's own plugins, by name.
    :param installed: Those of other packages; each is imported here.
    :param disabled: Names of plugins that are not even imported; `ALL` for all of others.
    """

    def __init__(
        self,
        own: Mapping[str, object],
        installed: Collection[Source] = (),
        disabled: Collection[str] = (),
    ) -> None:
        self._disabled_names = frozenset(disabled)
        self._registry = _Registry()
        self._sources: dict[str, Source] = {}
        self._disabled: list[Source] = []
        self._unloaded: list[Source] = []
        self._faults: list[PluginFault] = []
        for name, plugin in own.items():
            self._add(Source(name, OWN, __version__), partial(_itself, plugin))
        # pluggy calls the last one first: this way it goes by name, and Guild's come last.
        for source in sorted(installed, key=lambda s: (s.name, s.distribution), reverse=True):
            self._add(source, source.load)

    @property
    def hooks(self) -> Mapping[str, tuple[str, ...]]:
        """All hooks in the order of their specification, with the names of their arguments."""
        return self._registry.hooks

    @property
    def loaded(self) -> tuple[Source, ...]:
        """The plugins that can be called, sorted by name; Guild's own first."""
        return tuple(sorted(self._sources.values(), key=lambda s: (not s.is_own, s.name)))

    @property
    def disabled(self) -> tuple[Source, ...]:
        """The plugins that were left out because somebody said so."""
        return tuple(self._disabled)

    @property
    def unloaded(self) -> tuple[Source, ...]:
        """The plugins that cannot be used at all; `faults` says why."""
        return tuple(self._unloaded)

    @property
    def faults(self) -> tuple[PluginFault, ...]:
        """What is wrong with plugins, as far as it is known before they are called."""
        return tuple(self._faults)

    def implementations(self, hook: str) -> tuple[Entry, ...]:
        """Return who implements a hook: first what cannot be called, then in order."""
        arguments = self.hooks[hook]
        broken = (fault for fault in self._faults if fault.hook == hook)
        found = (
            Implementation(
                self._sources[each.plugin_name],
                each.function,
                arguments_of(each.function, arguments),
            )
            for each in self._registry.implementations(hook)
        )
        return (*broken, *found)

    def within(self, seconds: float | None) -> Calls:
        """Return a way to call hooks, with a deadline for each implementation.

        :param seconds: ``None`` to wait for ever.
        """
        return Calls(self, seconds)

    def _add(self, source: Source, load: Callable[[], object]) -> None:
        names = self._disabled_names
        if source.name in names or (ALL in names and not source.is_own):
            self._disabled.append(source)
            return
        try:
            plugin = load()
            self._refuse(source, plugin)
            flaws = self._registry.add(plugin, source.name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a module may exit when it is imported
            if not isinstance(error, PluginFault):
                error = _unloadable(source, tell(error), error)
            self._faults.append(error)
            self._unloaded.append(source)
        else:
            self._sources[source.name] = source
            self._faults += (_fault(source, flaw) for flaw in flaws)

    @staticmethod
    def _refuse(source: Source, plugin: object) -> None:
        """Raise where a plugin as a whole cannot be used."""
        if plugin is None or isinstance(plugin, type):
            detail = "its entry point names no module and no object"
            raise _unloadable(source, detail)
        needed = getattr(plugin, "guild_contract", hookspecs.CONTRACT)
        if not isinstance(needed, int) or needed > hookspecs.CONTRACT:
            detail = f"it needs contract {needed!r}, and this is {hookspecs.CONTRACT}"
            raise fault_of(PluginTooNew, plugin=source, hook="", detail=detail)


class _Registry(pluggy.PluginManager):
    """pluggy's registry, which leaves out single implementations where they have a flaw."""

    def __init__(self) -> None:
        super().__init__(hookspecs.PROJECT)
        self.hooks: dict[str, tuple[str, ...]] = {}
        self._left_out: frozenset[str] = frozenset()
        self.add_hookspecs(hookspecs)
        for name, function in vars(hookspecs).items():
            if name.startswith(PREFIX):
                self.hooks[name] = arguments_of(function, tuple(function.__annotations__))

    def implementations(self, hook: str) -> list[pluggy.HookImpl]:
        """Return the implementations of a hook in the order in which they are called."""
        caller: pluggy.HookCaller = getattr(self.hook, hook)
        return caller.get_hookimpls()[::-1]

    def add(self, plugin: object, name: str) -> tuple[Flaw, ...]:
        """Register a plugin without its flaws, and return these.

        :raises ValueError: The name or the plugin is there already.
        """
        flaws = tuple(flaws_in(plugin, self.hooks))
        self._left_out = frozenset(flaw.name for flaw in flaws)
        try:
            self.register(plugin, name)
        finally:
            self._left_out = frozenset()
        return flaws

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        """Return the options of an implementation that can be called."""
        return None if name in self._left_out else super().parse_hookimpl_opts(plugin, name)


def _itself(plugin: object) -> object:
    return plugin


def _unloadable(source: Source, detail: str, cause: BaseException | None = None) -> PluginFault:
    return fault_of(PluginUnloadable, plugin=source, hook="", detail=detail, cause=cause)


def _fault(source: Source, flaw: Flaw) -> PluginFault:
    kind = PluginTooNew if flaw.is_newer else PluginMisshapen
    detail = flaw.reason if flaw.name == flaw.hook else f"{flaw.name}: {flaw.reason}"
    return fault_of(kind, plugin=source, hook=flaw.hook, detail=detail)
