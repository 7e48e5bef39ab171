from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guild_plugins import cli
from guild_plugins.delivery import clashes, kept_looks, live
from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from tests.commands.repos import GUILD, git, isolate, make_repository

NUMBERS = "".join(f"NUMBER_{n} = {n}\n" for n in range(30))
BASE = {
    "lib/__init__.py": "",
    "lib/m.py": f"def load(path):\n    return path\n\n\n{NUMBERS}\n\n"
    "def other():\n    return load(1)\n",
    "lib/gone.py": "def f():\n    return 1\n",
    "app.py": "print(1)\n",
    "data.toml": "[a]\nx = 1\n\n[b]\ny = 1\n",
    "text.txt": "".join(f"{n:02}\n" for n in range(30)),
}

Files = Mapping[str, str | None]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    write(folder, BASE)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "base")
    return folder


def write(folder: Path, files: Files) -> None:
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def branch(folder: Path, name: str, files: Files) -> None:
    """Commit changes on a scope branch of their own."""
    git(folder, "checkout", "-q", "-b", f"guild/t/{name}", "main")
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", name)
    git(folder, "checkout", "-q", "main")


def edited(name: str, old: str, new: str) -> dict[str, str]:
    assert old in BASE[name]
    return {name: BASE[name].replace(old, new)}


def look(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    code = cli.main(["clashes", "--json", *options])
    pairs: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["pairs"]
    assert code == (Exit.NO if any(pair["clashes"] for pair in pairs) else Exit.DONE)
    return pairs


def kinds(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [clash["kind"] for pair in look(capsys) for clash in pair["clashes"]]


CALLER = "from lib.m import load\n\nload(1)\n"

CLASHING: dict[str, tuple[Files, Files, str]] = {
    "the same line": (
        edited("text.txt", "05\n", "a\n"),
        edited("text.txt", "05\n", "b\n"),
        "conflict",
    ),
    "a file that is gone": ({"text.txt": None}, edited("text.txt", "05\n", "b\n"), "conflict"),
    "both added": ({"new": "1\n"}, {"new": "2\n"}, "conflict"),
    "file and folder": ({"new": "1\n"}, {"new/x": "2\n"}, "conflict"),
    "a folder that moved": (
        {"lib/__init__.py": None, "lib/m.py": None, "lib/gone.py": None}
        | {f"src/{name}": BASE[name] for name in ("lib/m.py", "lib/gone.py")},
        {"lib/added.py": "x = 1\n"},
        "conflict",
    ),
    "renamed and called": (edited("lib/m.py", "load", "read"), {"app.py": CALLER}, "name"),
    "renamed and called by its module": (
        edited("lib/m.py", "load", "read"),
        {"new.py": "import lib.m\n\nlib.m.load(2)\n"},
        "name",
    ),
    "another parameter": (
        edited("lib/m.py", "load(path)", "load(path, mode)"),
        {"app.py": CALLER},
        "call",
    ),
    "a parameter in front of others": (
        edited("lib/m.py", "load(path)", "load(mode, path=0)"),
        {"app.py": CALLER},
        "call",
    ),
    "a keyword that is gone": (
        edited("lib/m.py", "def load(path):\n    return path", "def load(file):\n    return file"),
        {"app.py": "from lib import m\n\nm.load(path=1)\n"},
        "call",
    ),
    "another parameter, in one file": (
        {
            "lib/m.py": BASE["lib/m.py"]
            .replace("load(path)", "load(path, mode)")
            .replace("load(1)", "load(1, 2)")
        },
        edited("lib/m.py", "NUMBER_20 = 20\n", "NUMBER_20 = 20\nNUMBER_X = load(3)\n"),
        "call",
    ),
    "renamed, in one file": (
        edited("lib/m.py", "load", "read"),
        edited("lib/m.py", "NUMBER_20 = 20\n", "NUMBER_20 = 20\nNUMBER_X = load(3)\n"),
        "unsound",
    ),
    "a module that is gone": ({"lib/gone.py": None}, {"app.py": "import lib.gone\n"}, "module"),
    "a module that is gone, by its package": (
        {"lib/gone.py": None},
        {"app.py": "from lib import gone\n\ngone.f()\n"},
        "module",
    ),
    "a module that moved": (
        {"lib/gone.py": None, "lib/here.py": BASE["lib/gone.py"]},
        {"app.py": "from lib.gone import f\n\nf()\n"},
        "module",
    ),
}


@pytest.mark.parametrize("case", CLASHING)
@pytest.mark.parametrize("turned", [False, True])
def test_what_would_go_wrong_is_found(
    repo: Path, capsys: pytest.CaptureFixture[str], case: str, turned: bool
) -> None:
    one, two, kind = CLASHING[case]
    branch(repo, "a", two if turned else one)
    branch(repo, "b", one if turned else two)

    assert set(kinds(capsys)) == {kind}

    cli.main(["clashes"])
    assert "guild/t/a and guild/t/b\n  " in capsys.readouterr().out


COMPATIBLE: dict[str, tuple[Files, Files]] = {
    "other files": (edited("text.txt", "05\n", "a\n"), {"new": "x\n"}),
    "the same change": (edited("text.txt", "05\n", "a\n"), edited("text.txt", "05\n", "a\n")),
    "other lines": (edited("text.txt", "05\n", "a\n"), edited("text.txt", "25\n", "b\n")),
    "an old caller": (edited("lib/m.py", "load(path)", "load(file)"), {"app.py": CALLER}),
    "a call that fits": (
        edited("lib/m.py", "load(path)", "load(path, mode=1)"),
        {"app.py": CALLER},
    ),
    "the same name elsewhere": (
        edited("lib/m.py", "load", "read"),
        {"app.py": "from other.m import load\n\nload(1)\n"},
    ),
    "an import that may fail": (
        {"lib/gone.py": None},
        {"app.py": "try:\n    import lib.gone\nexcept ImportError:\n    pass\n"},
    ),
    "a module that became a package": (
        {"lib/gone.py": None, "lib/gone/__init__.py": BASE["lib/gone.py"]},
        {"app.py": "import lib.gone\n"},
    ),
    "a module whose name the package keeps": (
        {"lib/gone.py": None, "lib/_gone.py": BASE["lib/gone.py"]}
        | {"lib/__init__.py": "from . import _gone as gone\n"},
        {"app.py": "from lib import gone\n\ngone.f()\n"},
    ),
    "values of one file": (
        edited("data.toml", "x = 1", "x = 2"),
        edited("data.toml", "y = 1", "y = 2"),
    ),
    "a caller that is no caller": (
        edited("lib/m.py", "load(path)", "load(path, mode)"),
        {"app.py": "from lib.m import load\n\n\ndef f(load):\n    load(1)\n"},
    ),
}


@pytest.mark.parametrize("case", COMPATIBLE)
def test_what_is_compatible_is_no_clash(
    repo: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    one, two = COMPATIBLE[case]
    branch(repo, "a", one)
    branch(repo, "b", two)

    assert look(capsys) == []


def test_a_function_that_both_edit_without_harm_is_near(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "def f():\n" + "".join(f"    x{n} = {n}\n" for n in range(20))
    write(repo, {"long.py": long})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "long")
    branch(repo, "a", {"long.py": long.replace("x2 = 2\n", "x2 = 22\n")})
    branch(repo, "b", {"long.py": long.replace("x15 = 15\n", "x15 = 0\n")})

    (pair,) = look(capsys)

    assert pair["clashes"] == []
    assert pair["near"] == [{"path": "long.py", "symbols": ["f"]}]
    assert cli.main(["clashes"]) == Exit.DONE
    assert capsys.readouterr().out == "Nothing clashes: 2 branches.\n"
    cli.main(["clashes", "--near"])
    assert "long.py: both edit f; it merges" in capsys.readouterr().out


def test_what_guilds_merge_settles_is_told_and_said_to_be(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imports = "import os\nimport sys\n\nprint(os, sys)\n"
    write(repo, {"i.py": imports})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "imports")
    for name in ("json", "re"):
        branch(repo, name, {"i.py": imports.replace("os\n", f"os\nimport {name}\n")})

    (pair,) = look(capsys)

    assert [(c["kind"], c["is_settled"]) for c in pair["clashes"]] == [("conflict", True)]


def test_what_lies_in_a_work_tree_counts_and_is_not_touched(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(repo, "a", edited("lib/m.py", "load", "read"))
    git(repo, "worktree", "add", "-q", "-b", "guild/t/b", "../b")
    tree = repo.parent / "b"
    write(tree, {"new.py": CALLER, ".gitignore": "ignored.py\n", "ignored.py": "x"})
    index = (repo / ".git/worktrees/b/index").read_bytes()
    before = git(tree, "status", "--porcelain=v2"), git(repo, "for-each-ref"), index

    (pair,) = look(capsys)

    assert [(c["kind"], c["path"]) for c in pair["clashes"]] == [("name", "new.py")]
    index = (repo / ".git/worktrees/b/index").read_bytes()
    assert (git(tree, "status", "--porcelain=v2"), git(repo, "for-each-ref"), index) == before
    git(repo, "fsck", "--strict")
    write(tree, {"new.py": "x = 1\n"})
    assert look(capsys) == []


def test_filters_of_the_repository_are_not_run(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(repo, "a", {"x.f": "1\n"})
    git(repo, "checkout", "-q", "-b", "guild/t/b")
    git(repo, "config", "filter.f.clean", "touch ran; cat")
    git(repo, "config", "filter.f.required", "true")
    write(repo, {".gitattributes": "*.f filter=f\n", "x.f": "2\n"})

    assert kinds(capsys) == ["conflict"]

    assert not (repo / "ran").exists()


def test_repositories_in_a_work_tree_and_large_files_are_left_out(
    repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    branch(repo, "a", {"new": "1\n", "large": "1\n"})
    git(repo, "checkout", "-q", "-b", "guild/t/b")
    git(repo, "init", "-q", "nested")
    monkeypatch.setattr(live, "LARGE", 100)
    write(repo, {"nested/x": "x", "new": "2\n", "large": "x" * 100})

    (pair,) = look(capsys)

    assert [clash["path"] for clash in pair["clashes"]] == ["new"]


def test_a_work_tree_that_cannot_be_read_counts_as_committed(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(repo, "a", edited("text.txt", "05\n", "a\n"))
    branch(repo, "b", edited("text.txt", "05\n", "b\n"))
    git(repo, "worktree", "add", "-q", "../b", "guild/t/b")
    write(repo.parent / "b", {"text.txt": BASE["text.txt"]})
    (repo / ".git/worktrees/b/index").write_bytes(b"damaged")

    assert kinds(capsys) == ["conflict"]

    cli.main(["clashes"])
    assert "its last commit counts" in capsys.readouterr().err


def test_what_is_named_is_looked_at_instead(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    branch(repo, "a", edited("text.txt", "05\n", "a\n"))
    write(repo, edited("text.txt", "05\n", "not committed\n"))

    (pair,) = look(capsys, "main", "guild/t/a")

    assert (pair["ours"], pair["theirs"]) == ("guild/t/a", "main")
    assert cli.main(["clashes", "main", "--", "-x"]) == Exit.USAGE


def test_branches_without_a_common_commit_are_told(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(repo, "a", {"x": "1"})
    commit = git(repo, "commit-tree", "-m", "x", "HEAD^{tree}").decode()
    git(repo, "branch", "guild/t/b", commit)

    assert kinds(capsys) == ["unrelated"]


def test_names_of_any_kind_are_shown_and_harm_nothing(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"new\nline\xff.py")
    branch(repo, "a", {name: "x = 1\n"})
    branch(repo, "b", {name: "x = 2\n"})

    cli.main(["clashes"])

    assert "new\\nline\\xff.py" in capsys.readouterr().out


def test_a_look_costs_what_changed_since_the_last_one(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        branch(repo, f"b{number}", edited("text.txt", "05\n", f"x{number}\n"))
    merged: list[tuple[str, ...]] = []
    merge = clashes.merge_sides

    def counted(sides: Sides) -> Any:
        merged.append((sides.ours, sides.theirs))
        return merge(sides)

    monkeypatch.setattr(clashes, "merge_sides", counted)
    repository = open_repository(repo)
    file = repo / ".git/guild/clashes.json"

    def look_again() -> int:
        kept = kept_looks.KeptLooks(file)
        merged.clear()
        assert len(clashes.find_clashes(repository, live.find_live(repository), kept)) == 15
        return len(merged)

    assert [look_again(), look_again()] == [15, 0]
    git(repo, "checkout", "-q", "guild/t/b3")
    write(repo, edited("text.txt", "05\n", "changed\n"))
    assert [look_again(), look_again()] == [5, 0]
    git(repo, "commit", "-qam", "the same content, committed")
    assert look_again() == 0
    file.write_text("damaged")
    assert look_again() == 15


def test_what_no_look_asks_for_is_dropped_in_time(tmp_path: Path) -> None:
    for _ in range(kept_looks.PATIENCE + 2):
        kept = kept_looks.KeptLooks(tmp_path / "kept")
        kept.get("used", clashes.Between, clashes.Between)
        if not (tmp_path / "kept").exists():
            kept.get("once", clashes.Between, clashes.Between)
        kept.end_look()

    text = (tmp_path / "kept").read_text()
    assert "used" in text
    assert "once" not in text


@pytest.mark.parametrize("way", ["notice", "polling"])
def test_watching_tells_what_comes_and_what_goes(repo: Path, way: str) -> None:
    if way == "notice":
        pytest.importorskip("watchfiles")
    branch(repo, "a", edited("text.txt", "05\n", "a\n"))
    git(repo, "worktree", "add", "-q", "-b", "guild/t/b", "../b")
    options = ["--every", "0.2"] if way == "polling" else []
    command = [*GUILD, "clashes", "--watch", *options]
    with subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "Nothing clashes: 2 branches.\n"
            _until(process, repo, edited("text.txt", "05\n", "b\n"), "+ guild/t/a and guild/t/b")
            assert "+   conflict  text.txt:6" in process.stdout.readline()
            _until(process, repo, edited("text.txt", "05\n", "05\n"), "- guild/t/a and guild/t/b")
        finally:
            process.kill()


def _until(process: subprocess.Popen[str], repo: Path, files: Files, line: str) -> None:
    time.sleep(0.3)  # notice is given only of what comes after it was asked for
    write(repo.parent / "b", files)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{line}\n"
