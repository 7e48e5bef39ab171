from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.delivery import installing
from guild_plugins.errors import Exit
from guild_plugins.git.shims import HOOKS, shim
from tests.commands.repos import git, isolate, make_repository

CONFIG = """
[scopes.core]
paths = ["core"]
[scopes.web]
paths = ["web"]
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = make_repository(tmp_path / "re po")
    monkeypatch.chdir(folder)
    write(folder, "guild.toml", CONFIG)
    write(folder, "core/a.py", "A = 1\n")
    write(folder, "web/a.py", "A = 1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    program = write(tmp_path / "bin", "guild", f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    monkeypatch.setattr(installing, "program", lambda: str(program))
    monkeypatch.setattr(installing, "are_hooks_configurable", lambda _: False)
    return folder


PROGRAM = "from guild_plugins.start import main\nraise SystemExit(main())\n"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def script(folder: Path, name: str, text: str) -> Path:
    path = write(folder / ".git/hooks", name, f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def commit(folder: Path, *args: str) -> tuple[bool, str]:
    command = ["git", "commit", "-qm", "x", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return all that is in a git directory: mode and content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, _content(path))
        for path in sorted(folder.rglob("*"))
    }


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(path.readlink())
    return path.read_bytes() if path.is_file() else b""


# -- installing and its contrary -------------------------------------------------------


@pytest.mark.parametrize("has_hooks", [True, False])
def test_what_is_taken_out_leaves_the_repository_as_it_was(repo: Path, *, has_hooks: bool) -> None:
    if has_hooks:
        script(repo, "pre-commit", "exit 0")
        (repo / ".git/hooks/commit-msg").symlink_to("../../no-such-script")
        write(repo, "attributes", "*.py -text").chmod(0o640)  # without an end of line
        (repo / ".git/info/attributes").unlink(missing_ok=True)
        (repo / ".git/info/attributes").symlink_to("../../attributes")
    else:
        subprocess.run(["rm", "-rf", repo / ".git/hooks", repo / ".git/info"], check=True)
    before = everything(repo)

    assert cli.main(["install"]) == Exit.DONE
    assert everything(repo / ".git") != before
    assert cli.main(["uninstall"]) == Exit.DONE

    assert everything(repo) == before


def test_installing_twice_changes_nothing(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(repo, "pre-commit", "exit 0")
    cli.main(["install"])
    once = everything(repo / ".git")
    capsys.readouterr()

    assert cli.main(["install", "--json"]) == Exit.DONE

    assert json.loads(capsys.readouterr().out) == {"steps": []}
    assert everything(repo / ".git") == once


def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script(repo, "pre-commit", "exit 0")
    before = everything(repo / ".git")

    assert cli.main(["install", "--dry-run"]) == Exit.DONE

    assert "would be installed: hook, beside what was there" in capsys.readouterr().out
    assert everything(repo / ".git") == before


def test_what_others_changed_meanwhile_stays(repo: Path) -> None:
    attributes = write(repo / ".git/info", "attributes", "*.bin -diff\n")
    cli.main(["install"])
    git(repo, "config", "user.nickname", "me")
    attributes.write_bytes(attributes.read_bytes() + b"*.txt text\n")

    assert cli.main(["uninstall"]) == Exit.DONE

    assert git(repo, "config", "user.nickname") == b"me"
    assert b"guild" not in (repo / ".git/config").read_bytes()
    assert attributes.read_text() == "*.bin -diff\n*.txt text\n"


def test_an_install_that_was_killed_half_way_is_taken_out_as_well(repo: Path) -> None:
    hook = script(repo, "pre-commit", "exit 0")
    before = everything(repo / ".git")
    os.link(hook, hook.with_name("pre-commit.before-guild"))

    assert cli.main(["uninstall"]) == Exit.DONE

    assert everything(repo / ".git") == before


def test_a_tool_that_came_later_keeps_its_hook(repo: Path) -> None:
    script(repo, "pre-commit", "exit 0")
    cli.main(["install"])
    ours = repo / ".git/hooks/pre-commit"
    ours.rename(ours.with_name("pre-commit.legacy"))
    theirs = script(repo, "pre-commit", "exec $0.legacy")

    assert cli.main(["uninstall"]) == Exit.DONE

    assert theirs.read_text() == "#!/bin/sh\nexec $0.legacy\n"
    assert (theirs.parent / "pre-commit.legacy").read_text() == "#!/bin/sh\nexit 0\n"
    assert not (theirs.parent / "pre-commit.before-guild").exists()


@pytest.mark.parametrize("kind", ["outside", "tracked"])
def test_a_hooks_folder_that_is_not_the_clones_own_is_left_alone(
    repo: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = repo.parent / "shared" if kind == "outside" else repo / ".githooks"
    write(folder, "pre-commit", "#!/bin/sh\n")
    git(repo, "add", "-A")
    git(repo, "config", "core.hooksPath", str(folder))

    assert cli.main(["install"]) == Exit.UNSUPPORTED

    assert "core.hooksPath says" in capsys.readouterr().err
    assert (folder / "pre-commit").read_text() == "#!/bin/sh\n"
    assert not (repo / ".git/guild").exists()


def test_an_ignored_hooks_folder_gets_the_hooks_as_husky_has_it(repo: Path) -> None:
    write(repo, ".husky/_/.gitignore", "*")
    write(repo, ".husky/_/pre-commit", "#!/bin/sh\nexit 0\n").chmod(0o755)
    git(repo, "config", "core.hooksPath", ".husky/_")
    before = everything(repo / ".husky")

    assert cli.main(["install"]) == Exit.DONE
    assert git(repo, "config", "core.hooksPath") == b".husky/_"
    assert "guild" in (repo / ".husky/_/pre-commit").read_text()
    assert cli.main(["uninstall"]) == Exit.DONE

    assert everything(repo / ".husky") == before


# -- what git does then ------------------------------------------------------------------


def test_the_hook_that_was_there_is_asked_first(repo: Path) -> None:
    script(repo, "pre-commit", "echo theirs >&2; exit 3")
    cli.main(["install"])
    write(repo, "core/a.py", "A = 2\n")

    done, said = commit(repo, "-a")

    assert (done, said) == (False, "theirs\n")


def test_a_scopes_branch_takes_its_own_paths_and_names_it_in_the_message(repo: Path) -> None:
    cli.main(["install"])
    git(repo, "switch", "-qc", "guild/fix/core")
    write(repo, "web/a.py", "A = 2\n")

    done, said = commit(repo, "-a")
    assert not done
    assert "'web/a.py': owned by web, and this branch is for core" in said

    git(repo, "restore", "web/a.py")
    write(repo, "core/a.py", "A = 2\n")
    assert commit(repo, "-a")[0]
    assert git(repo, "log", "-1", "--format=%B") == b"x\n\nScope: core\nTask: fix\n"
    git(repo, "commit", "-q", "--amend", "--no-edit")
    assert git(repo, "log", "-1", "--format=%B") == b"x\n\nScope: core\nTask: fix\n"
    edited = 'printf "y\\n\\nTask: fix\\n" >'
    subprocess.run(["git", "-c", f"core.editor={edited}", "commit", "-q", "--amend"], check=True)
    assert git(repo, "log", "-1", "--format=%B") == b"y\n\nTask: fix\nScope: core\n"


def test_a_rule_between_scopes_holds_for_what_is_staged(repo: Path) -> None:
    write(repo, "guild.toml", CONFIG.replace('["web"]', '["web"]\nforbids = ["core"]'))
    git(repo, "commit", "-qam", "a rule")
    cli.main(["install"])
    write(repo, "web/a.py", "import core.a\n")

    done, said = commit(repo, "-a")

    assert not done
    assert "core" in said


def test_what_could_not_be_installed_is_not_told_as_installed(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        if path.name == "commit-msg":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(installing, "write", refuse)

    assert cli.main(["install"]) == Exit.RECOVERY

    said = capsys.readouterr()
    assert "hooks/prepare-commit-msg\n" in said.out
    assert "hooks/commit-msg\n" not in said.out
    assert "Permission denied" in said.err


def test_a_partial_commit_passes_the_hook(repo: Path) -> None:
    cli.main(["install"])
    git(repo, "switch", "-qc", "guild/fix/core")
    for name in ("core/a.py", "web/a.py"):
        write(repo, name, "A = 7\n")
    git(repo, "add", "-A")

    assert cli.main(["commit", "-m", "x"]) == Exit.NO
    assert cli.main(["commit", "--partial", "-m", "x"]) == Exit.NO

    assert git(repo, "diff", "--name-only", "HEAD~1", "HEAD") == b"core/a.py"
    assert git(repo, "status", "--porcelain") == b"M  web/a.py"


def test_commits_off_scope_branches_are_refused_where_that_is_wanted(repo: Path) -> None:
    cli.main(["install"])
    write(repo, "guild.toml", CONFIG + '[hooks]\nbranch = "require"\n')

    done, said = commit(repo, "-a")

    assert not done
    assert "main is no scope's branch" in said
    switched = subprocess.run(
        ["git", "switch", "-qc", "other"], cwd=repo, capture_output=True, text=True, check=True
    )
    assert "commits belong on a scope's branch here" in switched.stderr


def test_the_branch_of_a_commit_is_made_where_that_is_wanted(repo: Path) -> None:
    write(repo, "guild.toml", CONFIG + '[hooks]\nbranch = "create"\n')
    git(repo, "commit", "-qam", "create")
    cli.main(["install"])
    write(repo, "core/a.py", "A = 5\n")
    write(repo, "web/a.py", "A = 5\n")
    before = git(repo, "rev-parse", "HEAD")

    done, said = commit(repo, "-a")
    assert not done
    assert "what is staged is of several scopes: core, web" in said
    done, said = commit(repo, "core/a.py")
    assert not done
    assert "guild/main/core is made for it: git switch guild/main/core, and commit again" in said
    assert git(repo, "symbolic-ref", "HEAD").strip() == b"refs/heads/main"
    assert "guild/main/core is there: git switch" in commit(repo, "core/a.py")[1]

    git(repo, "switch", "-q", "guild/main/core")
    assert commit(repo, "core/a.py")[0]
    assert git(repo, "rev-parse", "main") == git(repo, "rev-parse", "HEAD~1") == before
    assert git(repo, "status", "--porcelain") == b" M web/a.py"


def test_a_rebased_scope_branch_is_one_though_none_is_checked_out(repo: Path) -> None:
    write(repo, "guild.toml", CONFIG + '[hooks]\nbranch = "require"\n')
    git(repo, "commit", "-qam", "require")
    git(repo, "switch", "-qc", "guild/fix/core")
    write(repo, "core/a.py", "A = 5\n")
    git(repo, "commit", "-qam", "work")
    cli.main(["install"])
    edit = ["-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "-qi", "HEAD~1"]
    git(repo, *edit)
    write(repo, "core/a.py", "A = 6\n")

    git(repo, "commit", "-qa", "--amend", "--no-edit")

    git(repo, "rebase", "--continue")
    assert git(repo, "show", "guild/fix/core:core/a.py") == b"A = 6"


def test_a_push_is_judged_though_the_commits_were_not(repo: Path) -> None:
    git(repo.parent, "init", "-q", "--bare", "there.git")
    git(repo, "remote", "add", "origin", str(repo.parent / "there.git"))
    git(repo, "push", "-q", "origin", "main")
    cli.main(["install"])
    git(repo, "switch", "-qc", "guild/fix/core")
    write(repo, "web/a.py", "A = 2\n")
    git(repo, "commit", "-qam", "past the hooks", "--no-verify")

    push = ["git", "push", "-q", "origin", "HEAD"]
    refused = subprocess.run(push, cwd=repo, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "owned by web, and this branch is for core" in refused.stderr

    git(repo, "reset", "-q", "--hard", "main")
    write(repo, "core/a.py", "A = 2\n")
    git(repo, "commit", "-qam", "fine")
    subprocess.run(push, cwd=repo, capture_output=True, check=True)


def test_a_push_runs_the_tests_that_it_affects_once_that_is_trusted(repo: Path) -> None:
    git(repo.parent, "init", "-q", "--bare", "there.git")
    git(repo, "remote", "add", "origin", str(repo.parent / "there.git"))
    write(repo, "guild.toml", CONFIG + '[hooks]\ntests = ["sh", "-c", "echo $@ >ran", "-"]\n')
    write(repo, "core/test_a.py", "from core import a\n")
    write(repo, "web/test_a.py", "from web import a\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "tests")
    git(repo, "push", "-q", "origin", "main")
    cli.main(["install"])
    write(repo, "core/a.py", "A = 2\n")
    git(repo, "commit", "-qam", "change")
    push = ["git", "push", "-q", "origin", "main"]

    refused = subprocess.run(push, cwd=repo, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "hooks.tests is not trusted" in refused.stderr
    assert cli.main(["trust"]) == Exit.DONE
    subprocess.run(push, cwd=repo, capture_output=True, check=True)

    assert (repo / "ran").read_text() == "./core/test_a.py\n"


def test_a_commit_is_noted_in_the_journal(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["install"])
    cli.main(["lock", "core"])
    write(repo, "core/a.py", "A = 2\n")
    assert commit(repo, "-a")[0]
    capsys.readouterr()

    cli.main(["events", "--type", "CommitMade", "--json"])

    assert git(repo, "rev-parse", "HEAD").decode() in capsys.readouterr().out


def test_git_merges_with_the_driver_but_where_the_project_says_otherwise(repo: Path) -> None:
    write(repo, ".gitattributes", "*.bin binary\nNEWS merge=union\n")
    write(repo, "NEWS", "1\n")
    write(repo, "some b[1].bin", "1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "attributes")

    cli.main(["install"])

    names = ["NEWS", "some b[1].bin", "core/a.py"]
    said = git(repo, "check-attr", "merge", "--", *names).decode().splitlines()
    assert [line.rpartition(": ")[2] for line in said] == ["union", "unset", "guild"]
    _both_add_an_import(repo)
    git(repo, "merge", "-q", "other")
    assert (repo / "core/a.py").read_text().startswith("import ast\nimport json\n")


def _both_add_an_import(repo: Path) -> None:
    text = "import sys\n\nA = 1\n"
    write(repo, "core/a.py", text)
    git(repo, "commit", "-qam", "base")
    git(repo, "switch", "-qc", "other")
    write(repo, "core/a.py", "import json\n" + text)
    git(repo, "commit", "-qam", "theirs")
    git(repo, "switch", "-q", "main")
    write(repo, "core/a.py", "import ast\n" + text)
    git(repo, "commit", "-qam", "ours")


def test_the_scripts_for_other_hook_folders_are_the_ones_that_are_installed() -> None:
    folder = Path(__file__).parents[2] / "hooks"

    assert sorted(path.name for path in folder.iterdir()) == sorted(HOOKS)
    for path in folder.iterdir():
        assert path.read_text() == shim(path.name)
        assert os.access(path, os.X_OK)
