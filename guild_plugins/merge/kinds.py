"""What kind of file a path names: this decides which rules may settle its conflicts."""

from __future__ import annotations

PYTHON, JSON, TOML, YAML, INI = "python", "json", "toml", "yaml", "ini"
CHANGELOG, PEOPLE, PINS, LOCK, PROSE, TEXT = "changelog", "people", "pins", "lock", "prose", "text"
PATTERNS, NOTEBOOK, CSV, STATE = "patterns", "notebook", "csv", "state"
JAVASCRIPT, TYPESCRIPT, TSX, GO, RUST, JAVA = (
    "javascript",
    "typescript",
    "tsx",
    "go",
    "rust",
    "java",
)

CODE = frozenset((JAVASCRIPT, TYPESCRIPT, TSX, GO, RUST, JAVA))
"""Languages that are read through tree-sitter, where its grammars are installed."""

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
    ".tsv": CSV,
    ".js": JAVASCRIPT,
    ".mjs": JAVASCRIPT,
    ".cjs": JAVASCRIPT,
    ".jsx": JAVASCRIPT,
    ".ts": TYPESCRIPT,
    ".mts": TYPESCRIPT,
    ".cts": TYPESCRIPT,
    ".tsx": TSX,
    ".go": GO,
    ".rs": RUST,
    ".java": JAVA,
    ".lock": LOCK,
    ".guild-state": STATE,
}
_PROSE = frozenset((".rst", ".md", ".txt", ".inc", ""))
_CHANGELOGS = ("change", "news", "history", "whatsnew", "release")
_CHANGELOG_FOLDERS = ("whatsnew/", "changelog/")
_PEOPLE = ("authors", "contributors", "credits", "thanks", "codeowners", ".mailmap")
_PINS = ("requirements", "constraints")


def kind_of(path: str) -> str:
    """Return the kind of a file by its name; what is not known is ``text``."""
    path = path.lower()
    name = path.rpartition("/")[2]
    stem, dot, last = name.rpartition(".")
    ending = dot + last if stem else ""
    known = LOCK if name in _LOCKS else _ENDINGS.get(ending)
    if known:
        return known
    if ending in (".txt", ".in") and (name.startswith(_PINS) or "requirements/" in path):
        return PINS
    is_log = name.startswith(_CHANGELOGS) or any(folder in path for folder in _CHANGELOG_FOLDERS)
    if is_log and ending in _PROSE:
        return CHANGELOG
    if name.startswith(_PEOPLE):
        return PEOPLE
    if name.startswith(".") and name.endswith("ignore"):
        return PATTERNS
    return PROSE if ending in _PROSE else TEXT
