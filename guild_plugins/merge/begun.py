"""What one side of a merge began to use of other modules, and the merge uses."""

from __future__ import annotations

from _ast import (
    AST,
    AsyncFunctionDef,
    Attribute,
    Call,
    ClassDef,
    FunctionDef,
    Import,
    ImportFrom,
    Load,
    Module,
    Name,
    Starred,
    Try,
    arg,
)
from collections import Counter
from typing import NamedTuple

from guild_plugins.merge.lost import Versions
from guild_plugins.merge.names import parse, walk


class Use(NamedTuple):
    """A name of a module, as a file takes it: ``from module import name`` or ``module.name``.

    The name is empty where the module itself is imported.
    """

    module: str
    level: int
    name: str


class Called(NamedTuple):
    """A call of such a name: how many arguments it gives by position, and which by name."""

    use: Use
    given: int
    keywords: frozenset[str]


class Begun(NamedTuple):
    """What a file began to use: names of modules, calls of them, and attributes of anything."""

    uses: frozenset[Use]
    calls: frozenset[Called]
    attributes: frozenset[str]


def find_begun(versions: Versions, side: str) -> Begun:
    """Return what a side began to use, and the merge uses."""
    after = versions.of(side)
    read = _read(parse(after))
    base, merged = _read(parse(versions.base)), _read(parse(versions.merged or after))
    more = {name for name, count in read.attributes.items() if count > base.attributes[name]}
    still = {name for name in more if merged.attributes[name]}
    return Begun(
        frozenset((read.uses - base.uses) & (merged.uses or read.uses)),
        frozenset((read.calls - base.calls) & (merged.calls or read.calls)),
        frozenset(still),
    )


class _Read(NamedTuple):
    uses: set[Use]
    calls: set[Called]
    attributes: Counter[str]


def _read(tree: Module | None) -> _Read:
    found = _Read(set(), set(), Counter())
    if tree is None:
        return found
    nodes = walk(tree)
    tried = {id(n) for t in nodes if isinstance(t, Try) for s in t.body for n in walk(s)}
    modules: dict[str, tuple[str, int]] = {}
    names: dict[str, Use] = {}
    for node in nodes:
        if isinstance(node, ImportFrom):
            for each in node.names:
                inner = f"{node.module}.{each.name}" if node.module else each.name
                modules[each.asname or each.name] = (inner, node.level)
                names[each.asname or each.name] = Use(node.module or "", node.level, each.name)
                if id(node) not in tried:
                    found.uses.add(Use(node.module or "", node.level, each.name))
        elif isinstance(node, Import):
            for each in node.names:
                modules[each.asname or each.name] = (each.name, 0)
                if id(node) not in tried:
                    found.uses.add(Use(each.name, 0, ""))
    for name in _rebound(nodes):
        modules.pop(name, None)
        names.pop(name, None)
    for node in nodes:
        if isinstance(node, Attribute) and isinstance(node.ctx, Load):
            owner = modules.get(_dotted(node.value))
            if owner is not None:
                found.uses.add(Use(*owner, node.attr))
            found.attributes[node.attr] += 1
        elif isinstance(node, Call) and (use := _called(node.func, names, modules)):
            call = _call(node, use)
            if call is not None:
                found.calls.add(call)
    return found


def _rebound(nodes: list[AST]) -> set[str]:
    """Return the names that a file gives to anything but imports."""
    found = {n.id for n in nodes if isinstance(n, Name) and not isinstance(n.ctx, Load)}
    found |= {n.arg for n in nodes if isinstance(n, arg)}
    kinds = FunctionDef | AsyncFunctionDef | ClassDef
    return found | {n.name for n in nodes if isinstance(n, kinds)}


def _called(
    function: AST, names: dict[str, Use], modules: dict[str, tuple[str, int]]
) -> Use | None:
    if isinstance(function, Name):
        return names.get(function.id)
    if isinstance(function, Attribute):
        owner = modules.get(_dotted(function.value))
        return Use(*owner, function.attr) if owner is not None else None
    return None


def _call(node: Call, use: Use) -> Called | None:
    """Return a call of which the arguments can be counted."""
    keywords = [keyword.arg for keyword in node.keywords]
    if None in keywords or any(isinstance(arg, Starred) for arg in node.args):
        return None
    return Called(use, len(node.args), frozenset(name for name in keywords if name))


def _dotted(node: AST) -> str:
    if isinstance(node, Attribute):
        inner = _dotted(node.value)
        return inner and f"{inner}.{node.attr}"
    return node.id if isinstance(node, Name) else ""
