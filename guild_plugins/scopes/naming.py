"""Names for scopes that were found: readable, unique, and safe as part of a branch name.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from guild_plugins.scopes.model import ROOT, ScopeId

MAX_LENGTH = 100

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def problem_with(name: str) -> str | None:
    """Say why a name cannot be a scope's id; ``None`` where it can.

    An id is one segment of a branch name, a file's name on systems that do not
    tell capitals apart, and an argument on a command line.
    """
    if not name:
        return "is empty"
    if name.lower() == ROOT:
        return "is the name of the implicit scope for all that no scope claims"
    if len(name) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if name[0] in "-." or name[-1] == ".":
        return "begins with '-' or '.', or ends with '.'"
    if name.endswith(".lock"):
        return "ends with '.lock', which git keeps for its own files"
    if ".." in name:
        return "has '..' in it, which git does not allow in a branch"
    if _UNSAFE.search(name):
        return "has a character other than letters, digits, '.', '_' and '-'"
    return None


def name_for(path: str, taken: Collection[ScopeId]) -> ScopeId:
    """Return an id for a folder, its segments joined with ``-``, unlike those taken."""
    name = _UNSAFE.sub("-", path.replace("/", "-")).strip("-.")
    name = re.sub(r"\.{2,}", ".", name)[: MAX_LENGTH - 8].rstrip("-.")
    if problem_with(name):
        name = f"scope-{name.removesuffix('.lock')}".rstrip("-.")
    used = {other.lower() for other in taken}
    number, candidate = 2, name
    while candidate.lower() in used:
        candidate, number = f"{name}-{number}", number + 1
    return candidate
