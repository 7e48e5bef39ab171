from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit

PYPROJECT = "[project]\r\nname = 'x'   # odd  layout\r\n\r\n[tool.x]\r\na = [1,\r\n 2]"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "project"
    for name in ("auth", "core", "mail", "search", "web"):
        folder = root / "src" / "app" / name
        folder.mkdir(parents=True)
        for number in range(4):
            (folder / f"m{number}.py").write_text("x = 1\n" * 50)
    (root / "src/app/__init__.py").write_text("")
    (root / "tests").mkdir()
    (root / "tests/test_auth.py").write_text("import app.auth\n")
    monkeypatch.chdir(root)
    return root


def test_the_scopes_of_a_project_without_git_are_listed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["scopes"])

    out = capsys.readouterr().out
    assert code == Exit.DONE
    assert "auth        5  src/app/auth/**    tests/test_auth.py" in out


def test_a_new_repository_in_a_subfolder_is_listed_too(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", str(project)], check=True)

    code = cli.main(["-C", str(project / "src/app"), "scopes", "--json"])

    data = json.loads(capsys.readouterr().out)
    assert code == Exit.DONE
    assert (data["version"], data["origin"], data["root"]) == (1, "discovered", str(project))
    assert [scope["id"] for scope in data["scopes"]][:2] == ["app", "auth"]


def test_a_path_is_explained_with_its_evidence(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["scopes", "--explain", "tests/test_auth.py"])

    out = capsys.readouterr().out
    assert code == Exit.DONE
    assert out.startswith("tests/test_auth.py: auth (tests = 'tests/test_auth.py')")
    assert "named like src/app/auth" in out


def test_a_path_outside_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["scopes", "--explain", "../elsewhere"])

    assert code == Exit.USAGE
    assert "outside" in capsys.readouterr().err


def test_discovered_scopes_pass_their_own_check(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["scopes", "--check"])

    assert code == Exit.DONE
    assert "All is well" in capsys.readouterr().out


def test_the_check_tells_what_is_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "guild.toml").write_text(
        "[scopes.a]\npaths = ['src/app/*/m1.py', 'gone']\n"
        "[scopes.b]\npaths = ['src/app/*/m?.py', 'src/app/auth']\n"
        "[scopes.c]\npaths = ['src/app/[a-c]*/m1.py']\n"
        "[scopes.d]\npaths = ['nothing']\n"
    )

    (project / "src/app/web/other.py").write_text("")

    code = cli.main(["scopes", "--check", "--json"])

    findings = json.loads(capsys.readouterr().out)["findings"]
    kinds = {(finding["kind"], finding["subject"]) for finding in findings}
    assert code == Exit.NO
    assert ("empty", "d") in kinds
    assert ("empty", "a") in kinds
    assert ("uncovered", "src/app/web") in kinds
    assert ("doubly-claimed", "src/app/core/m1.py") in kinds


def test_setup_only_adds_to_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = project / "pyproject.toml"
    target.write_bytes(PYPROJECT.encode())
    target.chmod(0o640)

    code = cli.main(["setup", "--yes"])

    after = target.read_bytes()
    assert code == Exit.DONE
    assert after.startswith(PYPROJECT.encode())
    assert after.count(b"\n") == after.count(b"\r\n")
    assert target.stat().st_mode & 0o777 == 0o640
    scopes = tomllib.loads(after.decode())["tool"]["guild"]["scopes"]
    assert scopes["auth"] == {"paths": ["src/app/auth/**"], "tests": ["tests/test_auth.py"]}
    assert "# tests tests/test_auth.py: named like src/app/auth" in after.decode()
    assert not list(project.glob(".pyproject*"))


def test_what_setup_wrote_reads_as_what_was_discovered(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["scopes", "--json"])
    before = json.loads(capsys.readouterr().out)
    cli.main(["setup", "--yes"])
    capsys.readouterr()

    cli.main(["scopes", "--json"])

    after = json.loads(capsys.readouterr().out)
    assert after["origin"] == "configured"
    assert [s["paths"] for s in after["scopes"]] == [s["paths"] for s in before["scopes"]]
    assert cli.main(["scopes", "--check"]) == Exit.DONE


@pytest.mark.parametrize(("args", "code"), [(["--dry-run"], Exit.DONE), ([], Exit.USAGE)])
def test_setup_writes_nothing_unasked(
    project: Path, args: list[str], code: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())

    ended = cli.main(["setup", *args])

    assert ended == code
    assert not (project / "guild.toml").exists()


def test_setup_does_not_overwrite(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "guild.toml").write_text("[scopes.a]\npaths = ['src/**']\n")

    code = cli.main(["setup", "--yes"])

    assert code == Exit.NO
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["tool = {}\n", "[tool]\nguild = {barriers = []}\n"])
def test_setup_refuses_a_file_that_tables_cannot_be_added_to(
    project: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pyproject.toml").write_text(text)

    code = cli.main(["setup", "--yes"])

    assert code == Exit.USAGE
    assert (project / "pyproject.toml").read_text() == text
    assert "setup-impossible" in capsys.readouterr().err


def test_a_wrong_configuration_ends_in_one_line_and_no_traceback(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "guild.toml").write_text("[scopes.a]\npath = ['x']\n")

    code = cli.main(["scopes"])

    err = capsys.readouterr().err
    assert code == Exit.USAGE
    assert err.startswith("guild: guild.toml:2: scopes.a.path is no key that Guild knows.")
    assert "Did you mean 'paths'?" in err
    assert "Traceback" not in err


def test_names_are_printed_without_what_a_terminal_would_obey(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["scopes", "--explain", "src/\x1b[31m\udcff\n.py"])

    out = capsys.readouterr().out
    assert out.startswith(r"src/\x1b[31m\xff\n.py: root")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("guild ")


def test_an_interruption_has_its_exit_code(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)

    code = cli.main(["scopes"])

    assert code == Exit.INTERRUPTED


def test_what_may_not_be_written_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(args: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere")

    monkeypatch.setattr(cli, "_run", refuse)

    assert cli.main(["scopes"]) == Exit.RECOVERY
    assert capsys.readouterr().err == "guild: Permission denied: '/somewhere'\n"


@pytest.mark.parametrize(
    "words",
    [
        "fix core web --no-worktree",
        "fix --no-worktree core web",
        "--no-worktree fix core web",
        "fix core --no-worktree web",
    ],
)
def test_words_may_stand_on_both_sides_of_an_option(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    seen = []
    monkeypatch.setattr(cli, "_run", lambda args: seen.append(args) or 0)

    assert cli.main(["start", *words.split()]) == Exit.DONE

    assert (seen[0].task, seen[0].scopes, seen[0].worktree) == ("fix", ["core", "web"], False)


def test_an_unknown_option_is_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["start", "fix", "--no-worktree", "core", "--nonsense"])
    assert "unrecognized arguments: core --nonsense" in capsys.readouterr().err


def test_every_command_has_a_help_line() -> None:
    commands = [*cli.COMMANDS.values(), *map(cli._deferred, cli.DEFERRED)]

    lines = [(command.run.__doc__ or "").split("\n")[0] for command in commands]

    assert all(line and not line.endswith(".") for line in lines)
