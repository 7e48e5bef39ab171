"""Import statements are a set of names: what either side added is in it, what either removed not.

Example: base ``from a import x``, ours ``from a import x, y``, theirs
``from a import w, x``; merged ``from a import w, x, y``. Statements that only
one side touched keep their text; one that both touched is written anew, sorted
where ours was sorted. A name that its side used and the merged code does not is
left out: the code that needed it went. That a name which was removed is still
used is found when the whole file is verified, and then nothing is settled.
"""

from __future__ import annotations

from _ast import Import, ImportFrom

from guild_plugins.merge.kinds import PYTHON
from guild_plugins.merge.names import parse
from guild_plugins.merge.rules.sides import Lines, Place, Sides, Uses, indent

Name = tuple[str, str, str | None]
"""Module with leading dots (empty for ``import x``), name, and what it is called here."""

WIDTH = 88
"""A statement written anew that would be longer is put in parentheses, a name a line."""


class Statement:
    """One import statement, or a line between them that imports nothing."""

    __slots__ = ("lines", "names", "plain")

    def __init__(self, lines: Lines, names: list[Name], plain: bool) -> None:
        self.lines, self.names, self.plain = lines, names, plain


def settle(sides: Sides, place: Place) -> Lines | None:
    """Return the union of what either side imports, less what either removed.

    Left to `settle_moved` are names that another module gives now, and names that
    nothing uses any more, places where both sides removed names, and statements
    with comments: people are of many minds about those.
    """
    return _merged(sides, place, plain=True)


def settle_moved(sides: Sides, place: Place) -> Lines | None:
    """Return the union, whatever happened to the names."""
    return _merged(sides, place, plain=False)


def _merged(sides: Sides, place: Place, *, plain: bool) -> Lines | None:
    if place.kind != PYTHON:
        return None
    if plain and any(b"#" in line for side in sides.all for line in side):
        return None
    base, ours, theirs = map(read_imports, sides.all)
    if base is None or ours is None or theirs is None or not (ours or theirs):
        return None
    if not any(statement.names for statement in [*ours, *theirs]):
        return None
    before, mine, yours = map(_all_names, (base, ours, theirs))
    by_sets = (mine & yours) | (mine - before) | (yours - before)
    wanted = by_sets - _fell_out(by_sets, mine, place.find_uses())
    if _is_bound_twice(wanted, before, mine, yours):
        return None
    if plain and (wanted != by_sets or _is_moved(before, mine, yours)):
        return None
    return _written(wanted, ours, theirs)


def _is_moved(base: set[Name], ours: set[Name], theirs: set[Name]) -> bool:
    """Return whether a name is from another module than before, or both sides removed some."""
    if base - ours and base - theirs:
        return True
    return any(
        {_bound(name) for name in base - side} & {_bound(name) for name in side - base}
        for side in (ours, theirs)
    )


def _all_names(statements: list[Statement]) -> set[Name]:
    return {name for statement in statements for name in statement.names}


def read_imports(lines: Lines) -> list[Statement] | None:
    """Return the statements of lines that only import, else ``None``."""
    depth = indent(lines)
    text = b"".join(line[depth:] if line.strip() else line for line in lines)
    tree = parse(text)
    if tree is None:
        return None
    statements: list[Statement] = []
    at = 0
    for node in tree.body:
        if not isinstance(node, Import | ImportFrom):
            return None
        statements += [Statement([line], [], False) for line in lines[at : node.lineno - 1]]
        end = node.end_lineno or node.lineno
        if node.lineno - 1 < at:
            return None
        plain = all(b"#" not in line for line in lines[node.lineno - 1 : end])
        statements.append(Statement(lines[node.lineno - 1 : end], _names(node), plain))
        at = end
    return statements + [Statement([line], [], False) for line in lines[at:]]


def _names(node: Import | ImportFrom) -> list[Name]:
    module = "." * node.level + (node.module or "") if isinstance(node, ImportFrom) else ""
    return [(module, alias.name, alias.asname) for alias in node.names]


def _fell_out(wanted: set[Name], ours: set[Name], uses: Uses) -> set[Name]:
    """Return the names that their side used, and whose last use was merged away."""
    return {
        name
        for name in wanted
        if not _uses(uses.merged, name)
        and (_uses(uses.ours, name) if name in ours else _uses(uses.theirs, name))
    }


def _uses(words: set[bytes], name: Name) -> bool:
    return name[1] == "*" or all(part.encode() in words for part in _bound(name).split("."))


def _bound(name: Name) -> str:
    return name[2] or name[1]


def _is_bound_twice(wanted: set[Name], *sides: set[Name]) -> bool:
    """Return whether two imports give the same name, as no side has it: one was moved."""

    def doubled(names: set[Name]) -> set[str]:
        bound = [_bound(name) for name in names if name[1] != "*"]
        return {name for name in bound if bound.count(name) > 1}

    return bool(doubled(wanted) - set().union(*map(doubled, sides)))


def _written(wanted: set[Name], ours: list[Statement], theirs: list[Statement]) -> Lines | None:
    """Write ours without what goes, then what is missing at its place among theirs."""
    merged: list[Statement] = []
    missing = wanted - {name for statement in ours for name in statement.names}
    for statement in ours:
        if not statement.names:
            merged.append(statement)
            continue
        kept = [name for name in statement.names if name in wanted]
        module = statement.names[0][0]
        more = [name for name in sorted(missing, key=_order) if module and name[0] == module]
        missing -= set(more)
        changed = _rewritten(statement, kept, more)
        if changed is None:
            return None
        if changed:
            merged.append(Statement(changed, kept + more, True))
    previous: Statement | None = None
    for statement in theirs:
        come = [name for name in statement.names if name in missing]
        if come:
            missing -= set(come)
            lines = _rewritten(statement, come, [])
            if lines is None:
                return None
            at = _place(merged, previous, module=come[0][0])
            new = Statement(lines, come, True)
            merged.insert(at, new)
            previous = new
        elif statement.names:
            previous = statement
        elif statement.lines[0].strip() and statement.lines not in [s.lines for s in merged]:
            return None
    return [line for statement in merged for line in statement.lines]


def _place(merged: list[Statement], previous: Statement | None, module: str) -> int:
    """Return where a statement of theirs goes: after the one that it follows there."""
    if previous is not None:
        for at, statement in enumerate(merged):
            if set(statement.names) & set(previous.names):
                return at + 1
    for at, statement in enumerate(merged):
        if statement.names and module < statement.names[0][0]:
            return at
    ends = [at + 1 for at, statement in enumerate(merged) if statement.names]
    return ends[-1] if ends else 0


def _rewritten(statement: Statement, kept: list[Name], more: list[Name]) -> Lines | None:
    """Return the statement with other names; ``None`` where a comment would be lost."""
    if kept == statement.names and not more:
        return statement.lines
    if not kept and not more:
        return [] if statement.plain else None
    if not statement.plain:
        return None
    names = _ordered(statement.names, kept, more)
    first = statement.lines[0]
    indent = first[: len(first) - len(first.lstrip())]
    end = b"\r\n" if first.endswith(b"\r\n") else b"\n"
    module = names[0][0]
    words = [
        name.encode() + (b" as " + alias.encode() if alias else b"") for _, name, alias in names
    ]
    if not module:
        return [indent + b"import " + b", ".join(words) + end]
    head = indent + b"from " + module.encode() + b" import "
    line = head + b", ".join(words)
    if len(statement.lines) == 1 and len(line) <= WIDTH:
        return [line + end]
    inner = statement.lines[1] if len(statement.lines) > 1 else b""
    deeper = inner[: len(inner) - len(inner.lstrip())] if b")" not in inner else b""
    deeper = deeper or indent + b"    "
    return [head + b"(" + end, *(deeper + word + b"," + end for word in words), indent + b")" + end]


def _ordered(before: list[Name], kept: list[Name], more: list[Name]) -> list[Name]:
    if before == sorted(before, key=_order):
        return sorted(kept + more, key=_order)
    if before == sorted(before):
        return sorted(kept + more)
    return kept + more


def _order(name: Name) -> tuple[str, str]:
    return name[0].lower(), name[1].lower()
