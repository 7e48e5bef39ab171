"""Git as a user has it, with nothing of the user's own settings in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def isolate(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing of the user's git in, and nothing of ours out."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "GUILD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *args: str | bytes, input: bytes | None = None) -> bytes:
    """Run git as a user would, and return what it prints, without the last line break."""
    done = subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, input=input)
    return done.stdout.removesuffix(b"\n")


def make_repository(folder: Path, *options: str) -> Path:
    """Make an empty repository with the branch ``main``."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main", *options)
    return folder
