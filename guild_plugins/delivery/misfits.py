"""What one side of a merge began to do that the other side's code no longer allows.

Beside names that are gone (`merge.collisions`): calls that do not fit a function's new
parameters, and imports of modules that are gone. Only what a side began to do counts;
what it did before is the other side's to have followed.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guild_plugins.delivery.collisions import BothSides
from guild_plugins.graph.boundaries.breaking import no_longer_fits
from guild_plugins.graph.boundaries.offers import Offers
from guild_plugins.graph.boundaries.surface import Signature, read_surface
from guild_plugins.graph.boundaries.uses import Use, uses_of
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.imports import Import
from guild_plugins.graph.modules import INIT, Modules
from guild_plugins.graph.parsing import parse
from guild_plugins.graph.reading import read_imports

Changed = dict[str, tuple[Signature, Signature]]


class Misfit(NamedTuple):
    """A use that does not fit.

    :param kind: ``call`` or ``module``.
    :param by: The side that changed the module: 0 is ours.
    """

    kind: str
    user: str
    line: int
    module: str
    name: str
    by: int


def find_misfits(both: BothSides, graph: ImportGraph, roots: Sequence[str]) -> list[Misfit]:
    """Return the calls and imports that do not fit.

    :param graph: Of the merged tree.
    :param roots: Where its packages lie.
    """
    found: list[Misfit] = []
    for by in (0, 1):
        for module in sorted(both.sides[by]):
            signatures = _changed_signatures(both, by, module)
            if signatures:
                found += _misfitting_calls(both, graph, by, module, signatures)
        found += _lost_modules(both, graph, roots, by)
    return found


def changed_signatures(before: bytes, after: bytes) -> Changed:
    """Return the functions at the top of a module that are called otherwise than before."""
    old_tree, new_tree = parse(before), parse(after)
    if not isinstance(old_tree, ast.Module) or not isinstance(new_tree, ast.Module):
        return {}
    was, now = read_surface(old_tree), read_surface(new_tree)
    pairs = ((name, old, now.get(name)) for name, old in was.items())
    return {name: (old, new) for name, old, new in pairs if old and new and old != new}


def _changed_signatures(both: BothSides, by: int, module: str) -> Changed:
    """Return what a side changed, as the merge has it."""
    versions = both.changed[module]
    own = versions.ours if by == 0 else versions.theirs
    changed = changed_signatures(versions.base, own)
    if not changed:
        return {}
    merged = changed_signatures(versions.base, versions.merged)
    return {name: pair for name, pair in merged.items() if name in changed}


def _misfitting_calls(
    both: BothSides, graph: ImportGraph, by: int, module: str, signatures: Changed
) -> Iterator[Misfit]:
    for path in sorted(both.sides[1 - by]):
        versions = both.changed[path]
        if not any(name.encode() in versions.merged for name in signatures):
            continue
        after = versions.theirs if by == 0 else versions.ours
        texts = (versions.base, after, versions.merged)
        before, own, merged = (list(_calls(graph, path, text, module)) for text in texts)
        new = Counter(map(_shape, own)) - Counter(map(_shape, before))
        for use in merged:
            if use.call is None or use.name not in signatures or not new[_shape(use)]:
                continue
            new[_shape(use)] -= 1
            if no_longer_fits(use.call, *signatures[use.name]):
                yield Misfit("call", path, use.line, module, use.name, by)


def _calls(graph: ImportGraph, path: str, text: bytes, module: str) -> Iterator[Use]:
    """Yield the calls of a module's functions in a version of a file."""
    tree = parse(text)
    if not isinstance(tree, ast.Module):
        return
    if path != module:
        yield from (use for use in uses_of(graph, path, tree, module) if use.call is not None)
        return
    rebound = _rebound(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name not in rebound:
                yield Use(name, node.lineno, node)


def _rebound(tree: ast.Module) -> set[str]:
    """Return the names that a module gives to anything but a function or class at its top."""
    found = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _is_bound(n)}
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = Counter(node.name for node in ast.walk(tree) if isinstance(node, kinds))
    return found | {name for name, count in names.items() if count > 1}


def _is_bound(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def _shape(use: Use) -> tuple[object, ...]:
    """Return what two calls have in common that are the same to a signature."""
    if use.call is None:
        return (use.name,)
    starred = any(isinstance(arg, ast.Starred) for arg in use.call.args)
    names = sorted(keyword.arg or "**" for keyword in use.call.keywords)
    return (use.name, len(use.call.args), starred, *names)


def replaced_modules(
    both: BothSides, graph: ImportGraph, roots: Sequence[str]
) -> set[tuple[str, str]]:
    """Return files with the modules that they import and that are gone, and not missed."""
    found = (each for by in (0, 1) for each in _imports_of_lost(both, graph, roots, by))
    return {(path, target) for path, _, target, is_missed in found if not is_missed}


def _lost_modules(
    both: BothSides, graph: ImportGraph, roots: Sequence[str], by: int
) -> Iterator[Misfit]:
    """Yield the imports that one side began, of modules that the other removed."""
    for path, statement, target, is_missed in _imports_of_lost(both, graph, roots, by):
        known = {_key(found) for found in read_imports(both.changed[path].base).imports}
        if is_missed and _key(statement) not in known and not statement.is_optional:
            yield Misfit("module", path, statement.line, target, "", by)


def _imports_of_lost(
    both: BothSides, graph: ImportGraph, roots: Sequence[str], by: int
) -> Iterator[tuple[str, Import, str, bool]]:
    """Yield where one side imports what the other removed, and whether that is missed."""
    lost = {path for path in both.sides[by] if _is_lost(both, by, path)}
    if not lost:
        return
    before, offers = Modules(both.paths | lost, roots), Offers(graph)
    for path in sorted(both.sides[1 - by] & both.paths):
        for statement in read_imports(both.changed[path].merged).imports:
            for target in sorted(lost.intersection(before.find(path, statement).files)):
                named = Import(statement.module, (), statement.line, statement.level)
                is_itself = target in before.find(path, named).files
                is_missed = is_itself or not _is_found(graph, offers, path, statement)
                yield path, statement, target, is_missed


def _is_lost(both: BothSides, by: int, path: str) -> bool:
    versions = both.changed[path]
    own = versions.ours if by == 0 else versions.theirs
    if path in both.paths or own or not path.endswith(".py"):
        return False
    stem = path.removesuffix(f"/{INIT}").removesuffix(".py")
    return not {f"{stem}.py", f"{stem}/{INIT}"} & both.paths


def _is_found(graph: ImportGraph, offers: Offers, path: str, statement: Import) -> bool:
    """Say whether an import still gives everything that it names."""
    files = graph.modules.find(path, statement).files
    names = [name for name in statement.names if name != "*"]
    return bool(files and names) and all(
        any(offers.has(file, name) for file in files) for name in names
    )


def _key(found: Import) -> tuple[str, int, tuple[str, ...]]:
    return (found.module, found.level, found.names)
