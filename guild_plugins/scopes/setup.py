"""Scopes as configuration: the text that ``guild setup`` adds, and to which file.

Pure, given a tree. What is in the file already stays as it is, byte for byte:
text is only added at its end, and the whole is read again before it is offered.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.config import GUILD_TOML, PYPROJECT, Source, find_source
from guild_plugins.scopes.model import PytestSettings, Scope
from guild_plugins.scopes.tree import Tree

WIDTH = 96


class AlreadyConfigured(GuildError):
    """There are scopes in the configuration, and they are not overwritten."""

    slug = "already-configured"
    remedy = "Edit the scopes there, or remove them and run guild setup again."

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file

    def __str__(self) -> str:
        return f"{self.file} has scopes already; nothing was changed."


class NothingFound(GuildError):
    """The project shows no scopes to write down."""

    slug = "no-scopes-found"
    remedy = 'Write them by hand: [tool.guild.scopes.NAME] with paths = ["src/name/**"].'

    def __str__(self) -> str:
        return "No scopes were found in this project."


class SetupImpossible(GuildError):
    """Scopes cannot be added to the file as it is written."""

    slug = "setup-impossible"
    exit = Exit.USAGE
    remedy = f"Put what guild setup --dry-run shows into {GUILD_TOML} instead."

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file

    def __str__(self) -> str:
        return f"{self.file} is written so that tables cannot be added at its end."


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """A file to write: its name, what it holds now, and what it will hold."""

    file: str
    before: bytes | None
    added: str

    @property
    def after(self) -> bytes:
        """The whole content to write."""
        before = self.before or b""
        newline = b"\r\n" if b"\r\n" in before else b"\n"
        gap = b"" if not before else newline if before.endswith(b"\n") else newline * 2
        return before + gap + self.added.encode().replace(b"\n", newline)


def plan_setup(tree: Tree, scopes: Iterable[Scope], barriers: Iterable[str]) -> SetupPlan:
    """Plan the configuration of these scopes: in ``pyproject.toml`` where there is one.

    :raises AlreadyConfigured: The configuration has scopes.
    :raises NothingFound: There is no scope to write.
    :raises SetupImpossible: The file cannot take what is to be added.
    """
    source = find_source(tree)
    if source is not None and source.table.get("scopes"):
        raise AlreadyConfigured(source.file)
    chosen = tuple(scopes)
    if not chosen:
        raise NothingFound
    file = GUILD_TOML
    if source is not None:
        file = source.file
    elif tree.read(PYPROJECT) is not None:
        file = PYPROJECT
    prefix = "tool.guild." if file == PYPROJECT else ""
    parts = [render_scope(scope, prefix) for scope in chosen]
    if source is None:
        head = f"[{prefix[:-1]}]\n" if prefix else ""
        parts.insert(0, head + render_barriers(barriers))
    plan = SetupPlan(file, tree.read(file), "\n".join(parts))
    _prove(plan, prefix)
    return plan


def render_barriers(barriers: Iterable[str]) -> str:
    """Return the setting for the paths that every scope depends on."""
    return f"# A change to one of these affects every scope.\n{_list('barriers', barriers)}"


def render_scope(scope: Scope, prefix: str) -> str:
    """Return one scope's tables, with the evidence as comments."""
    lines = [f"[{prefix}scopes.{_key(scope.id)}]"]
    lines += [f"# {_one_line(e.claim)}: {_one_line(e.reason)}" for e in scope.evidence]
    text = "\n".join(lines) + "\n" + _list("paths", scope.paths)
    if scope.tests:
        text += _list("tests", scope.tests)
    if scope.depends_on is not None:
        text += _list("depends_on", scope.depends_on)
    if scope.pytest != PytestSettings() and scope.pytest.rootdir:
        text += f"pytest.rootdir = {_string(scope.pytest.rootdir)}\n"
    return text


def _prove(plan: SetupPlan, prefix: str) -> None:
    """Read the planned file as configuration, and what it held before as it was."""
    try:
        after = tomllib.loads(plan.after.decode())
        before = tomllib.loads((plan.before or b"").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SetupImpossible(plan.file) from error
    table = after["tool"]["guild"] if prefix else after
    from guild_plugins.scopes.schema import validate  # pydantic: only here and in `config`

    text = plan.after.decode()
    key = ("tool", "guild") if prefix else ()
    validate(Source(plan.file, text, key, table), Path(plan.file))
    for name, value in before.items():
        if name != "tool" and after.get(name) != value:
            raise SetupImpossible(plan.file)


def _list(name: str, values: Iterable[str]) -> str:
    items = [_string(value) for value in values]
    line = f"{name} = [{', '.join(items)}]\n"
    if len(line) <= WIDTH:
        return line
    return f"{name} = [\n" + "".join(f"    {item},\n" for item in items) + "]\n"


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else _string(name)


def _string(value: str) -> str:
    """Return a TOML basic string."""
    return '"' + "".join(map(_character, value)) + '"'


def _character(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\U{ord(sign):08X}"


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
