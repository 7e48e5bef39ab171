"""What tests run in beside the repository's files: Python, the platform, packages, variables.

No tree holds it. So what a base was tested in is written down there (`as_text`), and
compared where its change is judged: whatever differs can affect every test.
Values of variables are kept as digests alone; they may be secrets.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from guild_plugins.errors import Exit, GuildError

VERSION = 1
NOTHING_KNOWN = "it is not known what the base was tested in"

Environment = Mapping[str, str]
"""Each fact by name: ``Python``, ``platform``, ``package NAME``, ``variable NAME``."""


class EnvironmentInvalid(GuildError):
    """A file does not say what a base was tested in."""

    slug = "environment-invalid"
    exit = Exit.USAGE
    remedy = "Write it anew with: guild affected --save-environment FILE"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def observe(
    top: Path, variables: Iterable[str], environ: Mapping[str, str], path: Iterable[str]
) -> Environment:
    """Return what this Python is, what it can import, and the variables that tests depend on.

    :param top: The repository: packages that are installed from it are part of its trees.
    :param path: Where packages lie, as in ``sys.path``.
    """
    folders = [folder for folder in path if not _is_own(folder, top)]
    packages = [package for folder in folders for package in _distributions(folder, top)]
    # The first of two with one name is the one that is imported.
    facts = {f"package {name}": version for name, version in reversed(packages)}
    facts["Python"] = f"{platform.python_implementation()} {platform.python_version()}"
    facts["platform"] = f"{sys.platform} {platform.machine()}"
    for name in variables:
        if name in environ:
            value = f"{name}={environ[name]}".encode("utf-8", "surrogateescape")
            facts[f"variable {name}"] = hashlib.sha256(value).hexdigest()[:16]
    return facts


def differences(before: Environment, after: Environment) -> tuple[str, ...]:
    """Return in words what is no longer as it was, sorted."""
    pairs = ((n, before.get(n), after.get(n)) for n in sorted(before.keys() | after.keys()))
    return tuple(_told(name, was, now) for name, was, now in pairs if was != now)


def as_text(facts: Environment) -> str:
    """Return facts as JSON."""
    return json.dumps({"version": VERSION, "facts": dict(sorted(facts.items()))}, indent=2) + "\n"


def from_file(path: Path) -> Environment | None:
    """Return the facts that a file holds; ``None`` where there is no file.

    :raises EnvironmentInvalid: It cannot be read.
    """
    try:
        data = json.loads(path.read_bytes())
        facts = data["facts"]
        if data["version"] != VERSION or not all(isinstance(v, str) for v in facts.values()):
            raise EnvironmentInvalid(str(path), "is of another version")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvironmentInvalid(str(path), f"cannot be read: {error!r}") from None
    return dict(facts)


def _told(name: str, before: str | None, after: str | None) -> str:
    kind, _, bare = name.partition(" ")
    if kind == "variable":
        state = "is set" if before is None else "is not set"
        return f"{name} {'has another value' if before and after else state}"
    if kind == "package" and (before is None or after is None):
        return f"{name} is {'not ' if after is None else ''}installed"
    return f"{bare or name} {after}, was {before}"


def _distributions(folder: str, top: Path) -> list[tuple[str, str]]:
    """Return name and version of what is installed in a folder, by the names of its metadata."""
    try:
        names = sorted(os.listdir(folder or "."))  # noqa: PTH208
    except OSError:
        return []
    found = []
    for name in names:
        stem, _, ending = name.rpartition(".")
        if ending in ("dist-info", "egg-info") and not _is_from(Path(folder, name), top):
            package, _, version = stem.partition("-")
            found.append((package.replace("_", "-").lower(), version))
    return found


def _is_own(folder: str, top: Path) -> bool:
    """Say whether a folder is one of the repository's, and no environment that lies in it."""
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - links are kept, as in the path
    return place.is_relative_to(top) and place.name not in ("site-packages", "dist-packages")


def _is_from(metadata: Path, top: Path) -> bool:
    """Say whether a package is installed from a repository, as with ``pip install -e``."""
    try:
        url = json.loads((metadata / "direct_url.json").read_bytes())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return str(url).startswith("file://") and f"{url}/".startswith(f"{top.as_uri()}/")
