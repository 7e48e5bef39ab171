"""``guild affected`` and ``guild matrix --affected`` on real repositories."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.git.repos import commit, git, make, write
from tests.graph.test_impact import ALL, CORE, FILES


def test_a_plugin_that_the_project_installs_affects_all_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = '[project.entry-points.pytest11]\nx = "core.a"\n'
    repo = repository(tmp_path, monkeypatch, {**FILES, "pyproject.toml": points})
    write(repo, {"core/a.py": "x = 2\n"})

    cli.main(["affected"])

    assert capsys.readouterr().out.split() == ALL


def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str]) -> Path:
    repo = make(tmp_path / "repo", files)
    monkeypatch.chdir(repo.top)
    return repo.top


def test_what_is_beyond_the_base_is_listed_explained_and_printed_as_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    top = repository(tmp_path, monkeypatch, FILES)
    git(top, "checkout", "-q", "-b", "work")
    write(top, {"tests/core/conftest.py": "x = 1\n"})
    commit(top)
    git(top, "checkout", "-q", "main")
    write(top, {"core/a.py": "x = 3\n"})
    commit(top)
    git(top, "checkout", "-q", "work")
    write(top, {"tests/web/test_new.py": ""})

    codes = [cli.main(["affected", "--base", "main", *form]) for form in ([], ["--explain"])]
    out = capsys.readouterr().out.splitlines()
    cli.main(["affected", "--base", "main", "--json"])
    data = json.loads(capsys.readouterr().out)

    assert codes == [Exit.DONE, Exit.DONE]
    assert out[:4] == [*CORE, "tests/web/test_new.py"]
    assert out[5] == "  tests/core/test_a.py <- tests/core/conftest.py (conftest)"
    assert data["changed"] == ["tests/core/conftest.py", "tests/web/test_new.py"]
    assert [(t["path"], t["scope"]) for t in data["tests"]][2:] == [
        ("tests/core/test_none.py", "core"),
        ("tests/web/test_new.py", "web"),
    ]
    assert cli.main(["affected", "--base", "nowhere"]) == Exit.USAGE


def test_a_matrix_divides_what_is_affected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    top = repository(tmp_path, monkeypatch, FILES)
    assert cli.main(["matrix", "--shards", "2", "--affected", "--github"]) == Exit.DONE
    assert capsys.readouterr().out == 'matrix={"include":[]}\n'
    write(top, {"tests/core/conftest.py": "x = 1\n"})
    guild = Path(sys.executable).parent / "guild"
    command = [guild, "matrix", "--shards", "2", "--affected", "--github"]

    done = subprocess.run(command, cwd=top, check=True, capture_output=True, text=True)

    data = json.loads(done.stdout.removeprefix("matrix="))
    assert {part["paths"] for part in data["include"]} == {" ".join(CORE)}
    assert all(part["scopes"] == "core" for part in data["include"])


def test_another_environment_than_the_base_was_tested_in_affects_all_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = 'variables = ["MOON"]\n' + FILES["guild.toml"]
    repository(tmp_path, monkeypatch, {**FILES, "guild.toml": config})
    record = str(tmp_path / "env.json")

    def affected(*args: str) -> list[str]:
        assert cli.main(["affected", "--environment", record, *args]) == Exit.DONE
        return capsys.readouterr().out.splitlines()

    assert affected() == ALL  # nobody wrote it down
    cli.main(["affected", "--save-environment", record])
    assert affected() == []
    monkeypatch.setenv("MOON", "full")
    assert affected() == ALL
    assert affected("--explain")[1] == (f"  {ALL[0]} <- the environment (variable MOON is set)")
    data = json.loads("\n".join(affected("--json")))
    assert data["environment"] == ["variable MOON is set"]
    assert data["changed"] == []
    (tmp_path / "env.json").write_text("?")
    assert cli.main(["affected", "--environment", record]) == Exit.USAGE
