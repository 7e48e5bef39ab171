"""``guild research`` and ``guild plan``, and a plan that was edited carried out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.commands.repos import GUILD, git, isolate, make_repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    top = make_repository(tmp_path / "repo")
    settings = ""
    for name, code in {
        "core": "X = 1\n",
        "web": "from core.m import X\n",
        "cli": "Z = 1\n",
    }.items():
        (top / name).mkdir()
        (top / name / "m.py").write_text(code)
        settings += f'[tool.guild.scopes.{name}]\npaths = ["{name}"]\n'
    (top / "pyproject.toml").write_text(settings)
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    return top


def guild(top: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GUILD, *words], cwd=top, capture_output=True, text=True, timeout=120)


def test_research_tells_of_each_scope_and_writes_nothing(repo: Path) -> None:
    (repo / "core" / "m.py").write_text("not looked at: only commits are")
    done = guild(repo, "research", "--json")

    data = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert data["dependencies"] == {"core": [], "web": ["core"], "cli": []}
    assert data["scopes"]["web"]["imports"] == {"core": 1}
    assert data["scopes"]["core"]["imported_by"] == {"web": 1}
    assert data["scopes"]["core"]["history"]["commits"] == 1
    assert data["scopes"]["core"]["unreadable"] == []
    assert git(repo, "for-each-ref", "refs/heads/guild") == b""


def test_a_plan_in_order_is_written_edited_and_carried_out(repo: Path) -> None:
    done = guild(repo, "plan", "say more", "--in-order", "-o", "plan.toml")
    assert done.returncode == 0, done.stderr
    plan = (repo / "plan.toml").read_text()
    assert 'after = ["core"]' in plan
    step, _, rest = plan.partition('scope = "cli"')
    head, _, _ = step.rpartition("[[step]]")
    tail = rest.partition("[[step]]")
    (repo / "plan.toml").write_text(head + "".join(tail[1:]))  # cli is left alone

    work = "cat core/m.py > $0/n.py; echo 'Y = 2' >> $0/m.py"
    run = guild(
        repo, "run", "say more", "--plan", "plan.toml", "--no-tests", "--",
        "sh", "-c", work, "{scope}",
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
    branches = git(repo, "branch", "--list", "guild/*", "--format=%(refname:short)").decode()
    found = {name.rpartition("/")[2]: name for name in branches.split()}
    assert set(found) == {"core", "web"}
    # What web saw of core, and where its branch begins, is core's finished work.
    assert git(repo, "show", f"{found['web']}:web/n.py") == git(
        repo, "show", f"{found['core']}:core/m.py"
    )
    assert git(repo, "rev-parse", f"{found['web']}~1") == git(repo, "rev-parse", found["core"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task = 't'\n[[step]]\nscope = 'no'\ninstructions = 'i'\n", "no scope 'no'"),
        ("task = ", "cannot be carried out"),
    ],
)
def test_a_plan_that_cannot_be_used_is_refused_before_anything_is_done(
    repo: Path, text: str, said: str
) -> None:
    (repo / "plan.toml").write_text(text)

    done = guild(repo, "run", "t", "--plan", "plan.toml", "--", "true")

    assert done.returncode == 2
    assert said in done.stderr
