"""What a plugin implements, judged before any of it is called.

A wrong implementation is a flaw of its hook alone: the plugin's others are fine.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

PREFIX: Final = "guild_"
MARK: Final = "guild_impl"
"""The attribute in which pluggy's marker of the project ``guild`` leaves its options."""

Hooks: TypeAlias = Mapping[str, tuple[str, ...]]
"""All hooks, with the names of their arguments."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a function of a plugin cannot be called as a hook.

    :param name: The function's name in the plugin.
    :param is_newer: It may be right for another version of Guild.
    """

    name: str
    hook: str
    reason: str
    is_newer: bool = False


def flaws_in(plugin: object, hooks: Hooks) -> Iterator[Flaw]:
    """Look at everything in a plugin that is, or looks like, an implementation."""
    for name in dir(plugin):
        function = _function_at(plugin, name)
        if function is None:
            continue
        options = getattr(function, MARK, None)
        if options is not None:
            flaw = _flaw_of(name, function, options, hooks)
            if flaw is not None:
                yield flaw
        elif name.startswith(PREFIX):
            yield Flaw(name, name, "it is not marked with hookimpl")


def arguments_of(function: Callable[..., Any], given: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the arguments that there are a function takes, by name."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return given
    return tuple(name for name in given if name in parameters)


def _function_at(plugin: object, name: str) -> Callable[..., Any] | None:
    """Return a function or method of a plugin; no property of it is evaluated."""
    found = inspect.getattr_static(plugin, name, None)
    if inspect.isfunction(found) or isinstance(found, (staticmethod, classmethod)):
        function: Callable[..., Any] = getattr(plugin, name)
        return function
    return found if inspect.ismethod(found) else None


def _flaw_of(
    name: str, function: Callable[..., Any], options: Mapping[str, Any], hooks: Hooks
) -> Flaw | None:
    hook = options["specname"] or name
    if hook not in hooks:
        if options["optionalhook"]:
            return None
        close = get_close_matches(hook, hooks, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return Flaw(name, hook, f"there is no such hook{hint}", is_newer=True)
    if options["wrapper"] or options["hookwrapper"]:
        return Flaw(name, hook, "it is a wrapper, and implementations are called one by one")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return Flaw(name, hook, "it is a generator: called, it would do nothing")
    return _wrong_arguments(name, hook, function, hooks[hook])


def _wrong_arguments(
    name: str, hook: str, function: Callable[..., Any], given: tuple[str, ...]
) -> Flaw | None:
    parameters = inspect.signature(function).parameters.values()
    there_is = f"there is {', '.join(given)}, by name"
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_ONLY:
            return Flaw(name, hook, f"it takes {parameter.name} by position; {there_is}")
    unknown = [
        parameter.name
        for parameter in parameters
        if parameter.name not in given
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if unknown:
        return Flaw(name, hook, f"it wants {', '.join(unknown)}; {there_is}", is_newer=True)
    return None
