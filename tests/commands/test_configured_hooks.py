from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.delivery import installing
from guild_plugins.errors import Exit
from guild_plugins.git.hooks import are_hooks_configurable
from guild_plugins.git.shims import HOOKS
from tests.commands.repos import git, isolate, make_repository
from tests.commands.test_install import PROGRAM, everything, script, write

CONFIG = "[scopes.core]\npaths = ['core']\ndepends_on = []\n[scopes.web]\npaths = ['web']\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    folder = make_repository(tmp_path / "re po")
    monkeypatch.chdir(folder)
    write(folder, "guild.toml", CONFIG)
    write(folder, "web/a.py", "A = 1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    program = write(tmp_path / "bin", "guild", f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    monkeypatch.setattr(installing, "program", lambda: str(program))
    return folder


@pytest.fixture
def configurable(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of a git that runs configured hooks, as far as Guild knows."""
    monkeypatch.setattr(installing, "are_hooks_configurable", lambda _: True)
    return repo


def configured(folder: Path) -> dict[str, str]:
    lines = git(folder, "config", "--get-regexp", r"^hook\.guild-").decode().split("\n")
    return dict(line.split(" ", 1) for line in lines)


def test_hooks_go_into_the_configuration_and_their_folder_is_not_touched(
    configurable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = script(configurable, "pre-commit", "exit 0")
    before = {path.name: path.read_bytes() for path in there.parent.iterdir()}

    assert cli.main(["install"]) == Exit.DONE

    found = configured(configurable)
    assert {f"hook.guild-{name}.event": name for name in HOOKS}.items() <= found.items()
    assert {path.name: path.read_bytes() for path in there.parent.iterdir()} == before
    for name in HOOKS:
        assert os.access(configurable / ".git/guild/hooks" / name, os.X_OK)
    capsys.readouterr()
    assert cli.main(["install"]) == Exit.DONE
    assert capsys.readouterr().out == "Nothing to install.\n"


def test_a_configured_command_finds_its_script_wherever_the_clone_is(configurable: Path) -> None:
    cli.main(["install"])
    write(configurable, "web/b.py", "import (\n")
    git(configurable, "add", "-A")
    command = configured(configurable)["hook.guild-pre-commit.command"]
    moved = configurable.rename(configurable.with_name("moved"))

    done = subprocess.run(
        ["sh", "-c", f'{command} "$@"', "sh"], cwd=moved, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert "web/b.py:1: unreadable" in done.stderr


def test_a_hooks_folder_that_others_own_is_in_nobodys_way(
    configurable: Path, tmp_path: Path
) -> None:
    git(configurable, "config", "core.hooksPath", str(tmp_path / "shared"))

    assert cli.main(["install"]) == Exit.DONE

    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize("options", [[], ["--no-merge-driver"], ["--hook", "pre-push"]])
def test_taken_out_the_repository_is_as_it_was(configurable: Path, options: list[str]) -> None:
    git(configurable, "config", "hook.own.event", "pre-push")
    config = configurable / ".git/config"
    config.write_bytes(config.read_bytes().rstrip(b"\n") + b" # no end of line")
    before = everything(configurable / ".git")
    cli.main(["install", *options])

    assert cli.main(["uninstall"]) == Exit.DONE

    assert everything(configurable / ".git") == before


def test_what_others_configured_meanwhile_stays(configurable: Path) -> None:
    cli.main(["install"])
    git(configurable, "config", "hook.own.event", "pre-push")

    assert cli.main(["uninstall"]) == Exit.DONE

    assert git(configurable, "config", "--get-regexp", "^(hook|merge)[.]") == (
        b"hook.own.event pre-push"
    )


def test_one_way_takes_the_place_of_the_other(
    configurable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["install", "--scripts"])
    assert (configurable / ".git/hooks/pre-commit").exists()

    cli.main(["install"])

    assert "instead of hook" in capsys.readouterr().out
    assert not (configurable / ".git/hooks/pre-commit").exists()
    cli.main(["install", "--scripts"])
    assert "instead of configured hook" in capsys.readouterr().out
    assert not (configurable / ".git/guild/hooks").exists()


def test_a_git_that_knows_no_configured_hooks_gets_scripts(repo: Path) -> None:
    if are_hooks_configurable(repo):
        pytest.skip("this git does")

    cli.main(["install"])

    assert (repo / ".git/hooks/pre-commit").exists()


def test_git_runs_them_and_guilds_own_git_commands_set_none_off(repo: Path) -> None:
    if not are_hooks_configurable(repo):
        pytest.skip("this git runs no configured hooks")
    cli.main(["install"])
    write(repo, "core/a.py", "import web.a\n")
    git(repo, "add", "-A")
    done = subprocess.run(["git", "commit", "-qm", "x"], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 1
    assert "core/a.py:1: depends-on" in done.stderr

    for event in ("post-checkout", "post-index-change", "reference-transaction"):
        git(repo, "config", "hook.own.event", event, "--add")
    git(repo, "config", "hook.own.command", "touch ran; true")
    assert cli.main(["start", "t", "web"]) == Exit.DONE
    assert not list(repo.parent.rglob("ran"))
