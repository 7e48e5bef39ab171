"""The configuration as a file: where it is, what it says, and what is wrong with it.

Configuration is ``[tool.guild]`` in the root's ``pyproject.toml``, or a
``guild.toml`` with the same keys at the top. It is read with the standard
library; the schema, and with it pydantic, is imported once there is something
to validate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.locate import line_of
from guild_plugins.scopes.model import (
    HookSettings,
    LandSettings,
    Rules,
    Scope,
    ScopeId,
    WorkSettings,
)
from guild_plugins.scopes.tree import Tree

PYPROJECT, GUILD_TOML = "pyproject.toml", "guild.toml"
MAX_BYTES = 1_000_000


class ConfigInvalid(GuildError):
    """The configuration cannot be used; says where, which key, and what would be right."""

    slug = "guild-config"
    exit = Exit.USAGE

    def __init__(self, file: str, line: int, key: str, problem: str, hint: str = "") -> None:
        super().__init__(file, line, key, problem, hint)
        self.file, self.line, self.key, self.problem, self.hint = file, line, key, problem, hint

    def __str__(self) -> str:
        key = f"{self.key} " if self.key else ""
        hint = f" Did you mean {self.hint!r}?" if self.hint else ""
        return f"{self.file}:{self.line}: {key}{self.problem}.{hint}"


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration as written: its file, its text and the table that is Guild's."""

    file: str
    text: str
    prefix: tuple[str, ...]
    table: Mapping[str, Any]

    def fault(
        self, key: tuple[str, ...], problem: str, *, near: tuple[str, ...] = (), hint: str = ""
    ) -> ConfigInvalid:
        """Return the error for a key.

        :param near: Valid names; the one nearest to the key's last part is suggested.
        """
        close = get_close_matches(key[-1], near, n=1, cutoff=0.5) if key and near else []
        line = line_of(self.text, self.prefix + key)
        name = ".".join(self.prefix + key)
        return ConfigInvalid(self.file, line, name, problem, hint or "".join(close))


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration says, validated. No scopes means that they are discovered."""

    file: Path
    scopes: tuple[Scope, ...]
    barriers: tuple[str, ...] | None
    """``None`` where the configuration does not say."""
    groups: Mapping[str, tuple[ScopeId, ...]]
    owned: frozenset[ScopeId]
    """The scopes whose owners the configuration names; CODEOWNERS speaks for the others."""
    rules: Rules = field(default_factory=Rules)
    work: WorkSettings = field(default_factory=WorkSettings)
    hooks: HookSettings = field(default_factory=HookSettings)
    landing: LandSettings = field(default_factory=LandSettings)


def find_source(tree: Tree) -> Source | None:
    """Return the configuration as written; ``None`` where there is none.

    :raises ConfigInvalid: It cannot be read, or both files have one.
    """
    text = _text(tree, PYPROJECT)
    found = None
    if text is not None:
        tool = _parse(PYPROJECT, text).get("tool")
        if isinstance(tool, Mapping) and "guild" in tool:
            found = Source(PYPROJECT, text, ("tool", "guild"), _table(PYPROJECT, text, tool))
    own = _text(tree, GUILD_TOML)
    if own is None:
        return found
    if found is not None:
        raise found.fault((), f"is configured here and in {GUILD_TOML}; keep one of them")
    return Source(GUILD_TOML, own, (), _parse(GUILD_TOML, own))


def read_configuration(root: Path, tree: Tree) -> Configured | None:
    """Return the validated configuration; ``None`` where there is none.

    :raises ConfigInvalid: It cannot be used.
    """
    source = find_source(tree)
    if source is None:
        return None
    from guild_plugins.scopes.schema import validate  # pydantic, seldom needed

    return validate(source, root / source.file)


def _text(tree: Tree, file: str) -> str | None:
    content = tree.read(file)
    if content is None:
        return None
    if len(content) > MAX_BYTES:
        raise ConfigInvalid(file, 1, "", f"The file is larger than {MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(file, line, "", "The file is not UTF-8") from None


def _parse(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, line = _decode_problem(str(error), text)
        raise ConfigInvalid(file, line, "", problem) from None
    except RecursionError:
        raise ConfigInvalid(file, 1, "", "The file is nested too deeply") from None


def _decode_problem(message: str, text: str) -> tuple[str, int]:
    """Take the line out of the reader's message: ``... (at line 3, column 7)``."""
    problem, _, place = message.rpartition(" (at ")
    digits = "".join(c if c.isdigit() else " " for c in place.partition(",")[0]).split()
    return problem or message, int(digits[0]) if digits else text.count("\n") + 1


def _table(file: str, text: str, tool: Mapping[str, Any]) -> Mapping[str, Any]:
    table = tool["guild"]
    if not isinstance(table, Mapping):
        line = line_of(text, ("tool", "guild"))
        raise ConfigInvalid(file, line, "tool.guild", "is no table")
    return table
