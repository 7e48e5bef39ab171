"""Which functions and classes of a Python file a change touches. Pure."""

from __future__ import annotations

from _ast import AsyncFunctionDef, ClassDef, FunctionDef, Module

from guild_plugins.merge.names import parse

_DEFINITIONS = (FunctionDef, AsyncFunctionDef, ClassDef)


def touched_symbols(before: bytes, after: bytes) -> frozenset[str]:
    """Return the names of what a change edits, adds or removes: ``f``, ``C``, ``C.method``.

    Of a class, its methods are apart from the rest of it. Nothing where a text is no Python.
    """
    old, new = _texts_of(before), _texts_of(after)
    return frozenset(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _texts_of(text: bytes) -> dict[str, bytes]:
    tree = parse(text)
    if tree is None:
        return {}
    lines = text.split(b"\n")
    found: dict[str, bytes] = {}
    waiting: list[tuple[str, Module | ClassDef]] = [("", tree)]
    for prefix, owner in waiting:
        for node in owner.body:
            if not isinstance(node, _DEFINITIONS):
                continue
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            kept = list(range(start - 1, node.end_lineno or node.lineno))
            name = prefix + node.name
            if isinstance(node, ClassDef):
                waiting.append((f"{name}.", node))
                inner = [n for n in node.body if isinstance(n, _DEFINITIONS)]
                apart = {at for n in inner for at in range(n.lineno - 1, n.end_lineno or 0)}
                kept = [at for at in kept if at not in apart]
            # A name that is defined twice, as a property is, has all its texts.
            found[name] = found.get(name, b"") + b"\n".join(lines[at] for at in kept)
    return found
