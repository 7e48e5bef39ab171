"""What files and history say, and what only all scopes show together."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guild_plugins.git.process import git_environment
from guild_plugins.plugins.research.history import Touched, past_of, read_history
from guild_plugins.plugins.research.profile import profile_of
from guild_plugins.plugins.research.reading import read_files

LONG = "\n".join(f"    x{n} = a + {n} * b - f({n})" for n in range(10))


def test_files_are_counted_by_language_tests_apart() -> None:
    found = read_files(
        [
            ("a/m.py", b"def f(x):\n    if x:\n        return 1\n    return 2\n\n_g = 1\nH = 2\n"),
            ("a/test_m.py", b"def test_f():\n    pass\n"),
            ("a/conftest.py", b"\n"),
            ("a/README.md", b"# a\n"),
            ("a/logo.png", b"\x89PNG\0\0"),
            ("a/Makefile", b"all:\n"),
        ]
    ).as_data()

    assert found["files"] == 6
    assert found["lines"] == {"Python": 10, "Markdown": 1, "other": 1}
    assert (found["code"], found["tests"], found["modules"]) == (7, 3, 1)
    assert found["public"] == 2
    assert found["complexity"] == {
        "total": 2,
        "functions": 1,
        "worst": [[2, "a/m.py:1 f"]],
    }


@pytest.mark.parametrize("content", [b"def f(:\n", b"x = '\xff'\n", b"\xef\xbb\xbfx = (\n"])
def test_a_file_that_is_no_python_is_named_and_the_rest_is_read(content: bytes) -> None:
    found = read_files([("a/bad.py", content), ("a/good.py", b"def f(): pass\n")]).as_data()

    assert found["unreadable"] == ["a/bad.py"]
    assert found["complexity"]["functions"] == 1


def test_a_long_function_that_is_there_twice_is_found_whatever_it_is_called() -> None:
    first = f'def one(a, b):\n    """Do it."""\n{LONG}\n'.encode()
    second = f"def other(a, b):\n{LONG}\n".encode()
    data = {
        "core": read_files([("core/a.py", first)]).as_data(),
        "web": read_files([("web/b.py", second)]).as_data(),
        "cli": read_files([("cli/c.py", b"def one(a, b): return a\n")]).as_data(),
    }

    assert profile_of(data)["duplicates"] == [["core/a.py:1 one", "web/b.py:1 other"]]


def touched(*paths: str, at: int = 1, author: str = "a") -> Touched:
    return Touched(author, at, dict.fromkeys(paths, 2))


def owner_of(path: str) -> str:
    return path.split("/")[0] if "/" in path else "root"


def test_history_says_how_often_a_scope_changes_and_together_with_what() -> None:
    history = [
        touched("core/a", "core/b", "web/c", "CHANGES", at=5),
        touched("core/a", "web/c", "CHANGES", at=9, author="b"),
        touched("core/a"),
        touched("docs/x"),
        touched("core/a", *(f"s{n}/x" for n in range(20))),  # says nothing of what belongs together
    ]

    found = past_of("core", history, owner_of)

    assert (found["commits"], found["lines"], found["newest"]) == (4, 10, 9)
    assert found["authors"] == [["a", 3], ["b", 1]]
    assert found["changes_with"] == {"web": 2, "root": 2}
    assert found["wants"] == {"web/c": 2, "CHANGES": 2}


def test_history_is_read_from_git_with_odd_names_and_binary_files(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        environ = {**git_environment({"PATH": "/usr/bin:/bin"}), "HOME": str(tmp_path)}
        who = ["-c", "user.name=n", "-c", "user.email=n@x"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, env=environ, check=True)

    git("init", "-q")
    (tmp_path / "a b\n.py").write_text("1\n2\n")
    (tmp_path / "x.bin").write_bytes(b"\0\1")
    git("add", "-A")
    git("commit", "-qm", "one")
    (tmp_path / "a b\n.py").write_text("1\n3\n")
    git("commit", "-qam", "two")

    newest, oldest = read_history(tmp_path, "HEAD")

    assert newest.paths == {"a b\n.py": 2}
    assert oldest.paths == {"a b\n.py": 2, "x.bin": 0}
    assert newest.author == "n@x"


def finding(**more: object) -> dict[str, object]:
    return {"code": 100, "tests": 100, "complexity": {"total": 10}, **more}


def test_risk_grows_with_churn_complexity_dependents_and_missing_tests() -> None:
    calm = finding()
    data = {
        "calm": calm,
        "churning": finding(history={"lines": 50, "wants": {}}),
        "needed": finding(imported_by={"calm": 1}),
        "untested": finding(tests=0),
        "all": finding(tests=0, imported_by={"calm": 1}, history={"lines": 50, "wants": {}}),
        "other": {"whatever": 1},
    }

    risk = profile_of(data)["risk"]

    assert risk["all"] == 1.0
    assert risk["other"] == 0.0
    assert all(risk["calm"] < risk[name] < 1 for name in ("churning", "needed", "untested"))


def test_a_profile_shows_who_depends_on_whom_and_what_several_want() -> None:
    data = {
        "core": finding(imports={"web": 1}, history={"lines": 1, "wants": {"uv.lock": 3}}),
        "web": finding(
            imports={"core": 4, "gone": 1}, history={"lines": 1, "wants": {"uv.lock": 2}}
        ),
    }

    found = profile_of(data)

    assert found["dependencies"] == {"core": ["web"], "web": ["core"]}
    assert sorted(found["circle"]) == ["core", "web"]
    assert found["wanted"] == {"uv.lock": ["core", "web"]}
    assert found["preset"] == "simple"


def test_no_scope_at_all_gives_an_empty_profile() -> None:
    assert profile_of({})["risk"] == {}
