from __future__ import annotations

import json
from pathlib import Path

import pytest

from guild_plugins.plugins.running import carrying
from tests.git.user import git, isolate, make_repository

CONFIG = '[scopes.core]\npaths = ["core"]\n[workplaces]\ncopy = [".env"]\n'


def ask(function: str, **words: object) -> dict[str, object]:
    answer = getattr(carrying, function)(json.dumps(words).encode())
    found: dict[str, object] = json.loads(answer)
    return found


def test_a_copied_secret_is_neither_committed_nor_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(tmp_path / "home", monkeypatch)
    repo = make_repository(tmp_path / "repo")
    (repo / "guild.toml").write_text(CONFIG)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "first")
    (repo / ".env").write_text("SECRET=1\n")
    made = ask("place", top=str(repo), base="HEAD", on=[], name="t", scope="core")
    path = Path(str(made["path"]))
    (path / "core").mkdir()
    (path / "core/half.py").write_text("")

    ask("clear", path=str(path))
    assert sorted(entry.name for entry in path.iterdir()) == [".env", ".git", "guild.toml"]
    (path / "core").mkdir()
    (path / "core/a.py").write_text("A = 1\n")
    assert ask("check", path=str(path), scope="core")["findings"] == []
    ask("commit", path=str(path), task="a task", name="t")

    assert git(path, "show", "--format=", "--name-only", "HEAD") == b"core/a.py"
    assert (path / ".env").read_text() == "SECRET=1\n"
