"""What kind of file a path names: this decides which rules may settle its conflicts."""

from __future__ import annotations

import re

PYTHON, JSON, TOML, YAML, INI = "python", "json", "toml", "yaml", "ini"
CHANGELOG, PEOPLE, PINS, LOCK, PROSE, TEXT = "changelog", "people", "pins", "lock", "prose", "text"
PATTERNS, NOTEBOOK, CSV, STATE = "patterns", "notebook", "csv", "state"

VERIFIED = frozenset((PYTHON, JSON, NOTEBOOK, TOML, INI))
"""Kinds of which even what git merges by itself is checked."""

_LOCKS = frozenset(
    (
        "cargo.lock",
        "composer.lock",
        "flake.lock",
        "gemfile.lock",
        "go.sum",
        "npm-shrinkwrap.json",
        "package-lock.json",
        "pdm.lock",
        "pipfile.lock",
        "pnpm-lock.yaml",
        "poetry.lock",
        "uv.lock",
        "yarn.lock",
    )
)
_ENDINGS = {
    ".py": PYTHON,
    ".pyi": PYTHON,
    ".pyw": PYTHON,
    ".json": JSON,
    ".toml": TOML,
    ".yaml": YAML,
    ".yml": YAML,
    ".cfg": INI,
    ".ini": INI,
    ".ipynb": NOTEBOOK,
    ".csv": CSV,
    ".lock": LOCK,
    ".guild-state": STATE,
}
_PROSE = frozenset((".rst", ".md", ".txt", ".inc", ""))
_CHANGELOG = re.compile(
    r"(^|/)(changes?|changelog|news|history|whatsnew|releases?|release[-_ ]?notes?)[^/]*(\.\w+)?$"
    r"|/whatsnew/|/changelog/"
)
_PEOPLE = re.compile(r"(^|/)(authors|contributors|credits|thanks|codeowners|\.mailmap)[^/]*$")
_PINS = re.compile(r"(^|/)(requirements|constraints)[^/]*\.(txt|in)$|(^|/)requirements/")


def kind_of(path: str) -> str:
    """Return the kind of a file by its name; what is not known is ``text``."""
    path = path.lower()
    name = path.rpartition("/")[2]
    stem, dot, last = name.rpartition(".")
    ending = dot + last if stem else ""
    known = LOCK if name in _LOCKS else _ENDINGS.get(ending)
    if known:
        return known
    for kind, pattern in ((PINS, _PINS), (CHANGELOG, _CHANGELOG), (PEOPLE, _PEOPLE)):
        if pattern.search(path):
            return kind
    if name.startswith(".") and name.endswith("ignore"):
        return PATTERNS
    return PROSE if ending in _PROSE else TEXT
