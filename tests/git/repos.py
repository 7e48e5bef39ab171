"""Real repositories for tests, with nothing of the user's own settings in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from guild_plugins.git.repository import Repository, find_repository


def make(folder: Path, files: Mapping[str, str | bytes] | None = None, *init: str) -> Repository:
    """Make a repository with a first commit of the given files."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main", *init)
    if files is not None:
        write(folder, files)
        commit(folder)
    found = find_repository(folder)
    assert found is not None
    return found


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "changed")
    return git(folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *args: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    who += ["-c", "protocol.file.allow=always"]
    done = subprocess.run(
        ["git", *who, *args], cwd=folder, env=kept | quiet, check=True, capture_output=True
    )
    return os.fsdecode(done.stdout)
