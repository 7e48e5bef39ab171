"""What one side of a merge began to use of other modules, and the merge uses."""

from __future__ import annotations

from _ast import (
    AST,
    Attribute,
    Call,
    Import,
    ImportFrom,
    Load,
    Module,
    Name,
    Starred,
    Try,
)
from collections import Counter
from typing import NamedTuple

from guild_plugins.merge.bindings import Scope, Use, scopes_of
from guild_plugins.merge.lost import Versions
from guild_plugins.merge.names import parse, walk


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
    nodes = scopes_of(tree)
    tried = {id(n) for t, _ in nodes if isinstance(t, Try) for s in t.body for n in walk(s)}
    for node, scope in nodes:
        if isinstance(node, ImportFrom | Import):
            if id(node) not in tried:
                found.uses.update(_imported(node))
        elif isinstance(node, Attribute) and isinstance(node.ctx, Load):
            owner = scope.module(_dotted(node.value))
            if owner is not None:
                found.uses.add(Use(*owner, node.attr))
            found.attributes[node.attr] += 1
        elif isinstance(node, Call) and (use := _called(node.func, scope)):
            call = _call(node, use)
            if call is not None:
                found.calls.add(call)
    return found


def _imported(node: ImportFrom | Import) -> list[Use]:
    if isinstance(node, Import):
        return [Use(each.name, 0, "") for each in node.names]
    return [Use(node.module or "", node.level, each.name) for each in node.names]


def _called(function: AST, scope: Scope) -> Use | None:
    if isinstance(function, Name):
        return scope.name(function.id)
    if isinstance(function, Attribute):
        owner = scope.module(_dotted(function.value))
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
