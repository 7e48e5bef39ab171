"""Who owns a path, by a ``CODEOWNERS`` file.

Pure, given a tree. The last line that matches decides, and a
line without owners says that nobody owns it, which is not the same as no line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from guild_plugins.scopes.globs import Glob, parse_glob
from guild_plugins.scopes.tree import Tree

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")

_FIELD = re.compile(r"(?:\\.|[^\s\\])+")
_SECTION = re.compile(r"\^?\[[^\]]+\](\[\d+\])?")


@dataclass(frozen=True, slots=True)
class OwnersLine:
    """One line: a pattern, and who owns what it matches."""

    number: int
    glob: Glob
    owners: tuple[str, ...]


def parse_codeowners(text: str) -> tuple[OwnersLine, ...]:
    """Read the lines that can be read; a pattern that makes no sense matches nothing.

    GitLab's sections are read for their lines; their default owners are not.
    """
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith("#") or _SECTION.match(bare):
            continue
        fields = _FIELD.findall(bare)
        if not fields:
            continue
        pattern, *owners = fields
        for place, owner in enumerate(owners):
            if owner.startswith("#"):
                del owners[place:]
                break
        try:
            glob = parse_glob(_anchored(pattern))
        except ValueError:
            continue
        lines.append(OwnersLine(number, glob, tuple(owners)))
    return tuple(lines)


def read_codeowners(tree: Tree) -> tuple[OwnersLine, ...]:
    """Return the lines of the project's file, from the first place that has one."""
    content = next(filter(None, map(tree.read, PLACES)), b"")
    return parse_codeowners(content.decode("utf-8", "replace"))


def line_for(lines: tuple[OwnersLine, ...], path: str) -> OwnersLine | None:
    """Return the line that decides about a path; ``None`` where no line matches."""
    return next((line for line in reversed(lines) if line.glob.matches(path)), None)


def _anchored(pattern: str) -> str:
    """Write a pattern that may match at any depth so that it is anchored at the root."""
    plain = re.sub(r"\\(.)", r"\1", pattern)
    body = re.sub(r"\[", "[[]", plain.rstrip("/"))  # CODEOWNERS has no character classes
    if body.startswith("/"):
        return body.lstrip("/") or "**"
    return body if "/" in body else f"**/{body}"
