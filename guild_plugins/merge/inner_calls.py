"""Calls inside one Python file that a merge makes unfit: one side changed a function of the
file, the other began to call it there as it was. Git merges both, and so would the rules.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from guild_plugins.graph.boundaries.breaking import no_longer_fits
from guild_plugins.graph.boundaries.surface import Signature, read_surface
from guild_plugins.graph.parsing import parse
from guild_plugins.merge.lost import Versions


def unfit_calls(versions: Versions) -> Iterator[tuple[str, int]]:
    """Yield the functions that are called as they cannot be any more, with the lines."""
    trees = [_parsed(text) for text in versions]
    base, ours, theirs, merged = trees
    if base is None or ours is None or theirs is None or merged is None:
        return
    was, now = read_surface(base), read_surface(merged)
    changed = {
        name: (old, new)
        for name, old in was.items()
        if old is not None and (new := now.get(name)) is not None and new != old
    }
    changed = {name: pair for name, pair in changed.items() if name not in _rebound(merged)}
    if changed:
        yield from _unfit(changed, base, (ours, theirs), merged)


def _unfit(
    changed: dict[str, tuple[Signature, Signature]],
    base: ast.Module,
    sides: tuple[ast.Module, ast.Module],
    merged: ast.Module,
) -> Iterator[tuple[str, int]]:
    new: Counter[tuple[object, ...]] = Counter()
    for side in sides:
        own = read_surface(side)
        others = {name: pair for name, pair in changed.items() if own.get(name) == pair[0]}
        more = Counter(map(_shape, _calls(side, others))) - Counter(
            map(_shape, _calls(base, others))
        )
        new |= more
    for call in _calls(merged, changed):
        name = _called(call)
        if new[_shape(call)] > 0 and no_longer_fits(call, *changed[name]):
            new[_shape(call)] -= 1
            yield name, call.lineno


def _parsed(text: bytes) -> ast.Module | None:
    tree = parse(text)
    return tree if isinstance(tree, ast.Module) else None


def _calls(tree: ast.Module, names: dict[str, tuple[Signature, Signature]]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in names:
                yield node


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _shape(call: ast.Call) -> tuple[object, ...]:
    """Return what two calls have in common that are the same to a signature."""
    starred = any(isinstance(arg, ast.Starred) for arg in call.args)
    names = sorted(keyword.arg or "**" for keyword in call.keywords)
    return (_called(call), len(call.args), starred, *names)


def _rebound(tree: ast.Module) -> set[str]:
    """Return the names that a module gives to anything but one function or class.

    Methods are not found by their bare names.
    """
    nodes = list(ast.walk(tree))
    methods = {id(inner) for n in nodes if isinstance(n, ast.ClassDef) for inner in n.body}
    found = {node.arg for node in nodes if isinstance(node, ast.arg)}
    found |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    plain = (node for node in nodes if id(node) not in methods)
    names = Counter(node.name for node in plain if isinstance(node, kinds))
    return found | {name for name, count in names.items() if count > 1}
