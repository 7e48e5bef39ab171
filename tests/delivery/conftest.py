from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins.delivery.attaching import START, driver_command

ROOT = str(Path(__file__).parents[2])
DRIVER = driver_command(Path(sys.executable), START)


class Repo:
    """A repository whose files are all merged by the driver."""

    def __init__(self, top: Path, driver: str = DRIVER) -> None:
        self.top = top
        self.env = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
        self.env |= {"HOME": str(top), "GIT_CONFIG_NOSYSTEM": "1", "PYTHONPATH": ROOT}
        for name in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{name}_NAME": "n", f"GIT_{name}_EMAIL": "e@x"}
        self.git("init", "-q", "-b", "main")
        self.git("config", "merge.guild.driver", driver)
        (top / ".git/info/attributes").write_text("* merge=guild\n")

    def git(self, *args: str, code: int | None = 0) -> str:
        done = subprocess.run(
            ["git", *args], cwd=self.top, env=self.env, capture_output=True, text=True, timeout=60
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def commit(self, files: dict[str, str | bytes]) -> None:
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.git("add", "-A")
        self.git("commit", "-qm", "x")

    def fork(self, base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> None:
        """Commit a base, theirs on branch ``topic`` and ours on ``main``."""
        self.commit(base)
        self.git("checkout", "-qb", "topic")
        self.commit(theirs)
        self.git("checkout", "-q", "main")
        self.commit(ours)

    def text(self, name: str) -> str:
        return (self.top / name).read_text()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)
