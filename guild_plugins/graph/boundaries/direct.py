"""Rules that one import statement keeps or breaks. Pure, given a graph."""

from __future__ import annotations

from collections.abc import Iterator

from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.boundaries.violations import Step, Violation
from guild_plugins.graph.graph import Edge, ImportGraph
from guild_plugins.graph.imports import Import
from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.model import ROOT, Scope


def judge_file(book: RuleBook, graph: ImportGraph, path: str) -> Iterator[Violation]:
    """Yield what a file's own imports break."""
    scope = book.scope(book.owner_of(path))
    for problem in graph.imports_of(path).problems:
        yield Violation(
            "unreadable",
            path,
            problem.line,
            problem.message,
            scope.id,
            remedy="Mend the file; until then nothing is known of what it imports.",
            owners=scope.owners,
        )
    for edge in graph.imports(path):
        if edge.statement is not None and counts(book, edge.statement):
            yield from _judge_edge(book, scope, path, edge, edge.statement)
    yield from _internal(book, graph, scope, path)


def counts(book: RuleBook, statement: Import) -> bool:
    """Say whether the rules look at an import."""
    return not (book.rules.ignore_type_checking and statement.is_type_checking)


def _judge_edge(
    book: RuleBook, scope: Scope, path: str, edge: Edge, statement: Import
) -> Iterator[Violation]:
    target = book.scope(book.owner_of(edge.target))
    if target.id == scope.id:
        return

    def broken(rule: str, message: str, remedy: str, *, is_warning: bool = False) -> Violation:
        return Violation(
            rule,
            path,
            edge.line,
            message,
            scope.id,
            edge.target,
            remedy,
            (Step(path, edge.line), Step(edge.target, 0)),
            scope.owners,
            is_warning,
        )

    until = dict(scope.deprecated).get(target.id)
    if until is not None:
        yield broken(
            "deprecated",
            f"{scope.id} imports {target.id}, which it shall not from {until} on",
            f"Do without {edge.target}.",
            is_warning=True,
        )
    elif scope.depends_on is not None and target.id not in (*scope.depends_on, ROOT):
        yield broken(
            "depends-on",
            f"{scope.id} imports {target.id}, which it does not depend on",
            f"Import something else, or add {target.id!r} to depends_on of {scope.id}.",
        )
    ours, theirs = book.layer_of.get(scope.id), book.layer_of.get(target.id)
    if ours is not None and theirs is not None and theirs < ours:
        yield broken(
            "layers",
            f"{scope.id} imports {target.id}, which is a layer above it",
            f"Move what {scope.id} needs into its own layer or below, or pass it in.",
        )
    if target.public is not None and not _is_public(target.public, edge.target, statement):
        yield broken(
            "public",
            f"{scope.id} imports {_what(edge, statement)}, which {target.id} does not make public",
            f"Import from what is public ({', '.join(target.public[:3]) or 'nothing is'}), "
            f"or add it to public of {target.id}.",
        )


def _is_public(public: tuple[str, ...], target: str, statement: Import) -> bool:
    """Say whether a scope lets a file, or the names taken from it, be imported.

    An entry with a slash is a pattern of paths; else it is a module by its
    dotted name, or a name in one.
    """
    module = _module(target)
    names = [name for name in statement.names if not _is_module(module, statement, name)]
    open_names = set()
    for entry in public:
        if "/" in entry:
            if parse_glob(entry).matches(target):
                return True
        elif _is_called(module, entry):
            return True
        else:
            parent, _, name = entry.rpartition(".")
            if parent and _is_called(module, parent):
                open_names.add(name)
    return bool(names) and open_names.issuperset(names)


def is_public_file(public: tuple[str, ...], path: str) -> bool:
    """Say whether something of a file is public: all of it, or names in it."""
    return _is_public(public, path, Import("", (), 0)) or any(
        _is_called(_module(path), entry.rpartition(".")[0]) for entry in public if "/" not in entry
    )


def _module(path: str) -> str:
    """Return a file's dotted name, counted from the top."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_module(module: str, statement: Import, name: str) -> bool:
    """Say whether a name taken from a package is the module itself."""
    return module.endswith(f"{statement.module}.{name}".lstrip("."))


def _is_called(module: str, name: str) -> bool:
    return module == name or module.endswith(f".{name}")


def _what(edge: Edge, statement: Import) -> str:
    return f"{', '.join(statement.names)} from {edge.target}" if statement.names else edge.target


def _internal(book: RuleBook, graph: ImportGraph, scope: Scope, path: str) -> Iterator[Violation]:
    """Yield imports of third-party packages that another scope keeps to itself."""
    if not book.keepers:
        return
    for statement, found in graph.resolved(path):
        packages = {name.partition(".")[0] for name in found.unknown} if not statement.level else ()
        for package in sorted(packages):
            keeper = book.keepers.get(package, scope.id)
            if keeper != scope.id and counts(book, statement):
                yield Violation(
                    "internal",
                    path,
                    statement.line,
                    f"{scope.id} imports {package}, which is internal to {keeper}",
                    scope.id,
                    package,
                    f"Use what {keeper} offers for it.",
                    (Step(path, statement.line),),
                    scope.owners,
                )
