"""The driver in real merges of git: what is clean, what stays open, and what a crash leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins.delivery.attaching import START, driver_command
from guild_plugins.delivery.driver import drive
from tests.delivery.conftest import ROOT, Repo

A = "\n\ndef a():\n    path = os.getcwd()\n    return path\n"
BASE = f"import os\n{A}"
OURS = f"import os\nimport re\n{A.replace('os.getcwd()', 're.escape(os.getcwd())')}"
THEIRS = f"import os\nimport sys\n{A}\n\ndef b():\n    return sys.path\n"
MERGED = "import os\nimport re\nimport sys\n"

FIGHT = {"a.txt": "one\n"}, {"a.txt": "two\n"}, {"a.txt": "three\n"}


def test_git_merge_takes_what_the_rules_settle(repo: Repo) -> None:
    repo.fork({"m.py": BASE}, {"m.py": OURS}, {"m.py": THEIRS})

    repo.git("merge", "topic")

    assert repo.text("m.py").startswith(MERGED)
    assert "def b()" in repo.text("m.py")
    assert "re.escape" in repo.text("m.py")


def test_a_rebase_and_a_cherry_pick_take_it_too(repo: Repo) -> None:
    repo.fork({"m.py": BASE}, {"m.py": OURS}, {"m.py": THEIRS})

    repo.git("cherry-pick", "topic")
    picked = repo.text("m.py")
    repo.git("reset", "-q", "--hard", "HEAD~")
    repo.git("rebase", "-q", "topic")

    assert picked.startswith(MERGED)
    assert sorted(repo.text("m.py").splitlines()) == sorted(picked.splitlines())


def test_a_stash_is_applied_over_a_conflict(repo: Repo) -> None:
    repo.commit({"m.py": BASE})
    (repo.top / "m.py").write_text(OURS)
    repo.git("stash")
    repo.commit({"m.py": THEIRS})

    repo.git("stash", "pop")

    assert "import re\n" in repo.text("m.py")
    assert "import sys\n" in repo.text("m.py")


def test_work_of_two_worktrees_is_merged(
    repo: Repo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo.commit({"m.py": BASE})
    other = tmp_path_factory.mktemp("other") / "tree"
    repo.git("worktree", "add", "-q", "-b", "topic", str(other))
    (other / "m.py").write_text(THEIRS)
    repo.git("-C", str(other), "commit", "-qam", "theirs")
    repo.commit({"m.py": OURS})

    repo.git("merge", "topic")

    assert repo.text("m.py").startswith(MERGED)


def test_what_stays_open_has_the_markers_of_git(repo: Repo) -> None:
    repo.fork(*FIGHT)

    repo.git("merge", "topic", code=1)

    assert repo.text("a.txt") == "<<<<<<< ours\ntwo\n=======\nthree\n>>>>>>> topic\n"
    assert repo.git("diff", "--name-only", "--diff-filter=U") == "a.txt\n"


def test_the_style_of_conflicts_is_that_of_the_user(repo: Repo) -> None:
    repo.git("config", "merge.conflictStyle", "diff3")
    repo.fork(*FIGHT)

    repo.git("merge", "topic", code=1)

    assert "||||||| base\none\n=======\n" in repo.text("a.txt")


def test_a_criss_cross_history_with_a_conflict_in_its_bases_keeps_every_line(repo: Repo) -> None:
    repo.fork(*FIGHT)
    repo.git("branch", "old-main")
    repo.git("merge", "topic", code=1)
    repo.commit({"a.txt": "two and three\n"})
    repo.git("checkout", "-q", "topic")
    repo.git("merge", "old-main", code=1)
    repo.commit({"a.txt": "three and two\n"})
    repo.git("checkout", "-q", "main")

    repo.git("merge", "topic", code=1)

    text = repo.text("a.txt")
    assert "two and three\n" in text
    assert "three and two\n" in text
    assert text.count("<<<<<<<") == text.count(">>>>>>>") == 1


def test_a_definition_that_git_would_double_is_a_conflict(repo: Repo) -> None:
    middle = "".join(f"x{number} = {number}\n" for number in range(9))
    repo.fork(
        {"m.py": middle},
        {"m.py": f"def f():\n    return 1\n\n\n{middle}"},
        {"m.py": f"{middle}\n\ndef f():\n    return 2\n"},
    )

    repo.git("merge", "topic", code=1)

    text = repo.text("m.py")
    assert "<<<<<<< ours\n=======\n\n\ndef f():\n    return 2\n>>>>>>> topic\n" in text
    assert "return 1" in text


def test_names_of_any_bytes_and_line_ends_are_kept(repo: Repo) -> None:
    name = "-odd 'name\n\".txt"
    repo.fork(
        {name: "\ufeffa\r\nb\r\nc\r\nd\r\ne\f\r\nend"},
        {name: "\ufeffA\r\nb\r\nc\r\nd\r\ne\f\r\nend"},
        {name: "\ufeffa\r\nb\r\nc\r\nd\r\ne\f\r\nEND"},
    )

    repo.git("merge", "topic")

    merged = (repo.top / name).read_bytes().decode()
    assert merged == "\ufeffA\r\nb\r\nc\r\nd\r\ne\f\r\nEND"


def test_binary_files_stay_in_conflict(repo: Repo) -> None:
    repo.commit({"a.bin": b"\0one"})
    repo.git("checkout", "-qb", "topic")
    repo.commit({"a.bin": b"\0three"})
    repo.git("checkout", "-q", "main")
    repo.commit({"a.bin": b"\0two"})

    repo.git("merge", "topic", code=1)

    assert (repo.top / "a.bin").read_bytes() == b"\0two"


@pytest.mark.parametrize("how", ["raise RuntimeError", "import os; os.kill(os.getpid(), 9)"])
def test_a_crash_leaves_the_markers_of_git(tmp_path: Path, how: str) -> None:
    program = (
        "import sys; import guild_plugins.merge.engine as engine\n"
        f"def conclude(*_): {how}\n"
        "engine.conclude = conclude\n"
        "from guild_plugins.delivery.driver import drive\n"
        "sys.exit(drive(sys.argv[1:]))\n"
    )
    script = tmp_path / "crash.py"
    script.write_text(program)
    top = tmp_path / "repo"
    top.mkdir()
    repo = Repo(top, driver=f"{sys.executable} {script} %O %A %B %L %P")
    repo.fork(*FIGHT)

    repo.git("merge", "topic", code=None)

    assert repo.text("a.txt") == "<<<<<<< ours\ntwo\n=======\nthree\n>>>>>>> topic\n"
    assert repo.git("diff", "--name-only", "--diff-filter=U") == "a.txt\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "code", "merged"),
    [
        ("two\n", "three\n", 1, "<<<<<<< ours\ntwo\n=======\nthree\n>>>>>>> theirs\n"),
        ("one\n2\n3\n4\nnew\n", "first\n2\n3\n4\n", 0, "first\n2\n3\n4\nnew\n"),
    ],
)
def test_a_kill_before_anything_was_written_leaves_what_git_makes_of_it(
    repo: Repo, tmp_path: Path, ours: str, theirs: str, code: int, merged: str
) -> None:
    script = tmp_path / "killed.py"
    script.write_text("import os\nos.kill(os.getpid(), 9)\n")
    repo.git("config", "merge.guild.driver", driver_command(Path(sys.executable), script))
    repo.fork({"a.txt": "one\n2\n3\n4\n"}, {"a.txt": ours}, {"a.txt": theirs})

    repo.git("merge", "topic", code=code)

    assert repo.text("a.txt") == merged
    assert repo.git("diff", "--name-only", "--diff-filter=U") == ("a.txt\n" if code else "")


def test_a_rebase_over_a_conflict_keeps_both_sides_and_goes_on(repo: Repo) -> None:
    repo.fork(*FIGHT)

    repo.git("rebase", "topic", code=1)
    shown = repo.text("a.txt")
    (repo.top / "a.txt").write_text("both\n")
    repo.git("add", "a.txt")
    repo.git("-c", "core.editor=true", "rebase", "--continue")

    assert "three\n" in shown
    assert "two\n" in shown
    assert repo.git("log", "-1", "--format=%P") == repo.git("rev-parse", "topic")


def test_a_proposal_is_kept_beside_the_conflict_and_can_be_accepted(repo: Repo) -> None:
    base = "x = 1\ny = 2\nz = f(a, b)\n"
    repo.fork(
        {"m.py": base},
        {"m.py": base.replace("a,", "\n    c,")},
        {"m.py": base.replace("f(", "g(")},
    )

    repo.git("merge", "topic", code=1)
    guild = [sys.executable, "-m", "guild_plugins.start", "resolve"]
    listed = subprocess.run(guild, cwd=repo.top, env=repo.env, capture_output=True, text=True)
    subprocess.run([*guild, "--accept", "m.py"], cwd=repo.top, env=repo.env, check=True)

    assert listed.stdout.startswith("m.py: ")
    assert repo.text("m.py") == "x = 1\ny = 2\nz = g(\n    c, b)\n"


def test_where_guild_is_gone_git_merges(repo: Repo) -> None:
    gone = [
        (Path("/no where/python"), START),
        (Path(sys.executable), Path("/50%/x")),
    ]
    repo.fork(*FIGHT)

    for python, script in gone:
        repo.git("config", "merge.guild.driver", driver_command(python, script))
        repo.git("merge", "topic", code=1)
        assert repo.text("a.txt") == "<<<<<<< ours\ntwo\n=======\nthree\n>>>>>>> theirs\n"
        repo.git("merge", "--abort")


def test_what_a_start_imports_is_on_a_budget(tmp_path: Path) -> None:
    import_of = "import {}\n\n\ndef f():\n    return {}.path\n"
    sides = {"O": ("os", "a.sep"), "A": ("sys", "a.sep"), "B": ("os", "b.sep")}
    for name, (module, value) in sides.items():
        (tmp_path / name).write_text(import_of.format(module, module) + f"\n\nx = {value}\n")
    program = (
        "import sys; before = set(sys.modules); sys.argv[1:] = ['merge-driver', *'OAB7', 'm.py']\n"
        f"sys.path.append({ROOT!r}); from guild_plugins.start import main\n"
        "print(main(), *sorted(set(sys.modules) - before))\n"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    code, *loaded = done.stdout.split()
    ours = {name for name in loaded if name.startswith("guild_plugins")}
    assert code in "01"
    assert "guild_plugins.merge.engine" in ours
    assert set(loaded) - ours <= {
        *("__future__", "_ast", "_collections_abc", "_stat", "abc", "_abc", "errno"),
        *("genericpath", "itertools", "os", "os.path", "posixpath", "stat", "warnings"),
    }


def test_what_is_installed_is_found_without_site(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.append({ROOT!r}); sys.argv[1:] = ['merge-driver']\n"
        "from guild_plugins import start; sys.meta_path.append(start.Installed)\n"
        "before = sys.path[:]; import pluggy, no_such\n"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True
    )

    assert "No module named 'no_such'" in done.stderr


def test_too_few_arguments_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert drive(["base"]) == 2

    assert "git config merge.guild.driver" in capsys.readouterr().err
