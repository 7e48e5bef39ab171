"""What the files of a scope say by themselves: size, languages, complexity, what they offer.

Pure: paths and contents come in, plain data goes out.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mccabe import PathGraphingAstVisitor

from guild_plugins.graph.boundaries.surface import read_surface
from guild_plugins.scopes.kinds import is_test_file

LONG: Final = 8
"""Lines from which on a function that is there twice is told."""

LARGEST: Final = 1 << 20
"""Bytes up to which a file is looked into."""

LANGUAGES: Final = {
    "py": "Python", "pyi": "Python", "pyx": "Cython", "c": "C", "h": "C", "cc": "C++",
    "cpp": "C++", "hpp": "C++", "rs": "Rust", "go": "Go", "java": "Java", "kt": "Kotlin",
    "js": "JavaScript", "jsx": "JavaScript", "mjs": "JavaScript", "ts": "TypeScript",
    "tsx": "TypeScript", "rb": "Ruby", "sh": "Shell", "bash": "Shell", "sql": "SQL",
    "html": "HTML", "css": "CSS", "scss": "CSS", "md": "Markdown", "rst": "reStructuredText",
    "txt": "Text", "toml": "TOML", "json": "JSON", "yaml": "YAML", "yml": "YAML", "ini": "INI",
    "cfg": "INI", "ipynb": "Notebook", "xml": "XML", "svg": "SVG",
}  # fmt: skip


@dataclass
class Reading:
    """What was read of one scope so far."""

    files: int = 0
    lines: Counter[str] = field(default_factory=Counter)
    """By language."""
    tests: int = 0
    """Lines of tests."""
    code: int = 0
    """Lines of Python that is no test."""
    public: int = 0
    modules: int = 0
    unreadable: list[str] = field(default_factory=list)
    functions: list[tuple[int, str]] = field(default_factory=list)
    """The complexity of each function, and where it is."""
    long: dict[str, str] = field(default_factory=dict)
    """Where functions are that are worth comparing, by a digest of what they do."""

    def add(self, path: str, content: bytes) -> None:
        """Read one file."""
        self.files += 1
        if len(content) > LARGEST or b"\0" in content[:8192]:
            return
        name = path.rpartition("/")[2]
        count = content.count(b"\n")
        language = LANGUAGES.get(name.rpartition(".")[2].lower(), "other")
        self.lines[language] += count
        if name.endswith(".py"):
            self._add_python(path, name, content, count)

    def _add_python(self, path: str, name: str, content: bytes, count: int) -> None:
        if is_test_file(name) or name == "conftest.py":
            self.tests += count
            return
        self.code += count
        self.modules += 1
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(content)
            visitor = PathGraphingAstVisitor()
            visitor.preorder(tree, visitor)
        except (SyntaxError, ValueError, RecursionError):
            self.unreadable.append(path)
            return
        self.public += sum(not name.startswith("_") for name in read_surface(tree))
        for graph in visitor.graphs.values():
            self.functions.append((graph.complexity(), f"{path}:{graph.lineno} {graph.entity}"))
        self.long.update(_digests(path, tree))

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        self.functions.sort(key=lambda one: (-one[0], one[1]))
        total = sum(complexity for complexity, _ in self.functions)
        return {
            "files": self.files,
            "lines": dict(self.lines.most_common()),
            "code": self.code,
            "tests": self.tests,
            "modules": self.modules,
            "public": self.public,
            "unreadable": self.unreadable,
            "complexity": {
                "total": total,
                "functions": len(self.functions),
                "worst": [[number, place] for number, place in self.functions[:3]],
            },
            "long": self.long,
        }


def read_files(files: Iterable[tuple[str, bytes]]) -> Reading:
    """Return what some files say."""
    reading = Reading()
    for path, content in files:
        reading.add(path, content)
    return reading


def _digests(path: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield a digest of what each long function does, whatever it is called and says of itself."""
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if (node.end_lineno or 0) - node.lineno < LONG:
            continue
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        if sum(1 for each in body for _ in ast.walk(each)) < 8 * LONG:
            continue
        text = ast.dump(ast.Module(body, []))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        yield digest, f"{path}:{node.lineno} {node.name}"
