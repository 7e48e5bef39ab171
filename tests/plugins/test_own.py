"""Guild's own plugins, asked through the hooks like anyone's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from guild_plugins.coordination.trust import trust
from guild_plugins.git.process import git_environment
from guild_plugins.plugins.loading import load_plugins
from guild_plugins.scopes.config import find_source
from guild_plugins.scopes.model import Scope
from guild_plugins.scopes.tree import DiskTree
from guild_plugins.stages import hookspecs
from guild_plugins.stages.calls import Calls
from guild_plugins.stages.models import GateRequest, MergeRequest, Stage, StageRequest, Undecided
from tests.git import user
from tests.git.user import isolate, make_repository

RULES = (
    "[scopes.core]\npaths = ['core']\ndepends_on = []\n"
    "[scopes.web]\npaths = ['web']\ndepends_on = ['core']\n"
)
CORE, WEB = Scope("core", ("core",), depends_on=()), Scope("web", ("web",), depends_on=("core",))


@pytest.fixture
def calls() -> Calls:
    plugins = load_plugins({"GUILD_DISABLE_PLUGINS": "*"})
    assert plugins.faults == ()
    return plugins.within(60)


def test_the_scopes_are_those_that_discovery_finds(tmp_path: Path, calls: Calls) -> None:
    (tmp_path / "pkg").mkdir()
    for name in ("__init__", "m"):
        (tmp_path / "pkg" / f"{name}.py").write_text("x = 1\n")
    tree = DiskTree(tmp_path, ["pkg/__init__.py", "pkg/m.py"])

    found = calls.first(hookspecs.guild_discover_scopes, tree=tree)

    assert found is not None
    assert [scope.id for scope in found.value.scopes] == ["pkg"]


@pytest.mark.parametrize(
    ("theirs", "merged"),
    [(b"a\nb\nC\n", b"A\nb\nC\n"), (b"x\nb\nc\n", Undecided), (b"a\nb\nc\n", b"A\nb\nc\n")],
)
def test_a_file_is_merged_or_left_to_a_person(
    theirs: bytes, merged: bytes | type[Undecided], calls: Calls
) -> None:
    request = MergeRequest(
        path="f.txt", scope="core", base=b"a\nb\nc\n", ours=b"A\nb\nc\n", theirs=theirs
    )

    found = calls.first(hookspecs.guild_merge_file, request=request)

    assert found is not None
    if merged is Undecided:
        assert isinstance(found.value, Undecided)
        assert found.value.reason
    else:
        assert found.value == merged


def test_an_import_against_the_rules_is_kept_out(tmp_path: Path, calls: Calls) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "guild.toml").write_text(RULES)
    for name in ("core", "web"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "base")
    base = git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / "core" / "m.py").write_text("import web\n")

    def judge(scope: Scope, on: str | None) -> list[tuple[str, str]]:
        request = GateRequest(
            scope=scope,
            scopes=(CORE, WEB),
            directory=str(tmp_path),
            base=on,
            changed=("core/m.py",),
        )
        answers = calls.each(hookspecs.guild_check, request=request)
        return [(v.rule, v.path) for answer in answers for v in answer.value]

    assert ("depends-on", "core/m.py") in judge(CORE, base)
    assert judge(CORE, None) == []
    git(tmp_path, "clean", "-qfd")
    assert judge(CORE, base) == []


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", *args],
        cwd=folder,
        env={**git_environment(os.environ), "HOME": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_a_scopes_branch_is_landed_from_its_work_tree(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    top = make_repository(tmp_path / "repo")
    settings = '[landing]\nonto = "main"\ntests = ["true"]\n'
    (top / "guild.toml").write_text(f"{settings}{RULES}")
    user.git(top, "add", "-A")
    user.git(top, "commit", "-qm", "first")
    source = find_source(DiskTree(top, ()))
    assert source is not None
    trust(top / ".git", source, os.environ)
    user.git(top, "switch", "-q", "-c", "guild/t/core")
    (top / "core").mkdir()
    (top / "core/a.py").write_text("x = 1\n")
    user.git(top, "add", "-A")
    user.git(top, "commit", "-qm", "x")
    request = StageRequest(
        run="r", task="t", stage=Stage.LAND, scope=CORE, directory=os.fspath(top)
    )

    answers = [calls.first(hookspecs.guild_land, request=request) for _ in range(2)]

    kinds = [answer.value.data["kind"] for answer in answers if answer is not None]
    assert kinds == ["landed", "nothing"], "once more is harmless"
    assert user.git(top, "show", "main:core/a.py") == b"x = 1"
