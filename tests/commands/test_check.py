"""``guild check`` on real repositories."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository
from tests.git.repos import commit, git, make, write
from tests.graph.boundaries.books import scopes

FILES = {
    "guild.toml": scopes(a='depends_on = ["b"]\nowners = ["@a"]', b="depends_on = []"),
    "a/__init__.py": "",
    "a/x.py": "import b.y\n",
    "b/__init__.py": "",
    "b/y.py": "def f(p): pass\n",
    "c/__init__.py": "",
    "c/z.py": "",
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = make(tmp_path / "repo", FILES)
    monkeypatch.chdir(made.top)
    return made


class Check:
    """Runs the command, and reads what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self, *args: str) -> tuple[int, str]:
        code = cli.main(["check", *args])
        out, err = self._capsys.readouterr()
        return code, out + err

    def data(self, *args: str) -> dict[str, Any]:
        code, out = self.text("--format", "json", *args)
        data: dict[str, Any] = json.loads(out)
        assert data["clean"] == (code == Exit.DONE)
        return data

    def places(self, *args: str) -> list[tuple[str, str, int]]:
        return [(v["rule"], v["path"], v["line"]) for v in self.data(*args)["violations"]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    return Check(capsys)


def test_each_form_judges_its_own_tree(repo: Repository, check: Check) -> None:
    write(repo.top, {"a/x.py": "import c\n"})
    first = commit(repo.top)
    write(repo.top, {"a/x.py": "\nimport c\n", "b/y.py": "import a\n"})
    git(repo.top, "add", "b/y.py")

    assert check.places() == [("depends-on", "a/x.py", 2), ("depends-on", "b/y.py", 1)]
    assert check.places("--staged") == [("depends-on", "b/y.py", 1)]
    assert check.places("--tree", first) == [("depends-on", "a/x.py", 1)]
    assert check.places("--tree", f"{first}^") == []
    assert check.places("--range", f"{first}^..{first}") == [("depends-on", "a/x.py", 1)]
    assert check.places("--range", f"{first}...{first}") == []
    assert check.places("--scope", "b") == [("depends-on", "b/y.py", 1)]


def test_text_shows_place_rule_chain_owner_and_remedy(repo: Repository, check: Check) -> None:
    write(repo.top, {"a/x.py": "import c.z\n"})

    code, text = check.text()

    assert code == Exit.NO
    assert text == (
        "a/x.py:1: depends-on: a imports c, which it does not depend on\n"
        "  chain: a/x.py:1 -> c/z.py\n"
        "  owner: @a (a)\n"
        "  remedy: Import something else, or add 'c' to depends_on of a.\n"
        "\n"
        "1 violation (6 files, 3 scopes)\n"
    )


def test_a_partly_staged_file_is_judged_by_its_staged_half(repo: Repository, check: Check) -> None:
    write(repo.top, {"a/x.py": "import c\n"})
    git(repo.top, "add", "-A")
    write(repo.top, {"a/x.py": "import b\n"})

    assert check.places("--staged") == [("depends-on", "a/x.py", 1)]
    assert check.places() == []


def test_a_staged_import_of_an_untracked_file_is_caught(repo: Repository, check: Check) -> None:
    write(repo.top, {"a/x.py": "import json\nfrom a import new\n", "a/new.py": "import b\n"})
    write(repo.top, {".gitignore": "_version.py\n", "a/_version.py": ""})
    write(repo.top, {"a/y.py": "from ._version import v\n"})
    git(repo.top, "add", "a/x.py", "a/y.py", ".gitignore")

    assert check.places("--staged") == [("missing", "a/x.py", 2)]
    git(repo.top, "add", "-N", "a/new.py")
    assert check.places("--staged") == [("missing", "a/x.py", 2)]
    git(repo.top, "add", "a/new.py")
    assert check.places("--staged") == []


def test_whoever_imports_a_deleted_or_renamed_module_is_told(
    repo: Repository, check: Check
) -> None:
    write(repo.top, {"c/z.py": "try:\n    import b.y\nexcept ImportError:\n    pass\n"})
    commit(repo.top)
    git(repo.top, "mv", "b/y.py", "b/w.py")

    assert check.places("--staged") == [("missing", "a/x.py", 1)]
    assert check.places() == [("missing", "a/x.py", 1)]
    commit(repo.top)
    assert check.places("--range", "HEAD^..HEAD") == [("missing", "a/x.py", 1)]


def test_a_module_that_becomes_a_package_is_not_missed(repo: Repository, check: Check) -> None:
    (repo.top / "b/y.py").unlink()
    write(repo.top, {"b/y/__init__.py": ""})
    git(repo.top, "add", "-A")

    assert check.places("--staged") == []


def test_a_syntax_error_is_one_violation_and_the_rest_is_judged(
    repo: Repository, check: Check
) -> None:
    write(repo.top, {"a/broken.py": "import c\ndef f(:\n", "a/x.py": "import c\n"})
    git(repo.top, "add", "-A")

    expected = [("depends-on", "a/broken.py", 1), ("unreadable", "a/broken.py", 2)]
    assert check.places("--staged") == [*expected, ("depends-on", "a/x.py", 1)]


def test_strange_names_links_and_submodules_are_no_obstacle(
    repo: Repository, check: Check, tmp_path: Path
) -> None:
    strange = os.fsdecode(b"a/\xff \n-x.py")
    inner = make(tmp_path / "inner", {"i.py": "import c\n"})
    write(repo.top, {strange: "import c\n"})
    (repo.top / "a/link.py").symlink_to("x.py")
    (repo.top / "a/dangling.py").symlink_to("/nowhere")
    git(repo.top, "submodule", "--quiet", "add", str(inner.top), "a/sub.py")
    git(repo.top, "add", "-A")

    for args in ((), ("--staged",)):
        assert check.places(*args) == [("depends-on", strange, 1)]
    for form in ("text", "github", "sarif"):
        code, out = check.text("--format", form)
        assert code == Exit.NO
        assert out.isprintable() or "\udcff" not in out


def test_a_repository_of_sha256_is_judged_alike(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make(tmp_path / "repo", FILES, "--object-format=sha256")
    monkeypatch.chdir(repo.top)
    write(repo.top, {"a/x.py": "import c\n"})
    git(repo.top, "add", "-A")

    assert check.places("--staged") == check.places() == [("depends-on", "a/x.py", 1)]


def test_the_first_commit_is_judged_too(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make(tmp_path / "repo")
    monkeypatch.chdir(repo.top)
    write(repo.top, {**FILES, "a/x.py": "import c\n"})
    git(repo.top, "add", "-A")

    assert check.places("--staged") == check.places() == [("depends-on", "a/x.py", 1)]


def test_a_commit_of_some_paths_is_judged_by_the_index_that_git_hands_over(
    repo: Repository, tmp_path: Path
) -> None:
    hook = repo.top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\n"
        f"exec '{sys.executable}' -c 'import sys; from guild_plugins.cli import main; "
        'sys.exit(main(["check", "--staged"]))\'\n'
    )
    hook.chmod(0o755)
    write(repo.top, {"a/x.py": "import c\n", "b/y.py": "x = 1\n"})
    git(repo.top, "add", "-A")

    git(repo.top, "commit", "-q", "-m", "one", "--", "b/y.py")

    assert git(repo.top, "diff", "--name-only", "HEAD^", "HEAD").split() == ["b/y.py"]
    with pytest.raises(Exception, match="commit"):
        git(repo.top, "commit", "-q", "-m", "other", "--", "a/x.py")


def test_a_baseline_lets_old_violations_be_and_only_becomes_shorter(
    repo: Repository, check: Check
) -> None:
    write(repo.top, {"a/x.py": "import c\nimport c.z\n"})
    assert check.text("--baseline")[0] == Exit.DONE
    assert len(check.data()["known"]) == 2
    assert check.data("--scope", "b")["mended"] == []

    write(repo.top, {"a/x.py": "\n\nimport c\n", "b/y.py": "import c\n"})
    data = check.data()
    assert [v["path"] for v in data["violations"]] == ["b/y.py"]
    assert [m["target"] for m in data["mended"]] == ["c/z.py"]

    assert check.text("--baseline")[0] == Exit.NO
    write(repo.top, {"a/x.py": "import c\nimport c.z\n"})
    assert [(v["path"], v["target"]) for v in check.data()["violations"]] == [
        ("a/x.py", "c/z.py"),
        ("b/y.py", "c/__init__.py"),
    ]


def test_what_is_mended_has_to_be_struck_out(repo: Repository, check: Check) -> None:
    write(repo.top, {"a/x.py": "import c\n"})
    check.text("--baseline")
    write(repo.top, {"a/x.py": ""})

    code, text = check.text()
    assert code == Exit.NO
    assert "guild-baseline.json: mended: depends-on a/x.py c/__init__.py" in text
    assert check.text("--baseline")[0] == Exit.DONE
    assert check.text()[0] == Exit.DONE


@pytest.mark.parametrize("content", ["", "[]", '{"version": 9}', '{"version": 1}'])
def test_a_baseline_that_is_none_is_an_error(repo: Repository, check: Check, content: str) -> None:
    write(repo.top, {"guild-baseline.json": content})

    code, text = check.text()

    assert code == Exit.USAGE
    assert "guild-baseline" in text


def test_a_change_of_one_scope_touches_its_own_paths_alone(repo: Repository, check: Check) -> None:
    write(repo.top, {"a/x.py": "x = 1\n", "b/y.py": "y = 1\n", "README": "r"})
    git(repo.top, "add", "-A")

    expected = [("ownership", "README", 1), ("ownership", "b/y.py", 1)]
    assert check.places("--staged", "--scope", "a") == expected
    assert check.places("--staged") == []
    git(repo.top, "checkout", "-q", "-b", "guild/task/a")
    assert check.places("--staged") == expected
    commit(repo.top)
    assert check.places("--range", "HEAD^..HEAD", "--scope", "b") == [
        ("ownership", "README", 1),
        ("ownership", "a/x.py", 1),
    ]


PUBLIC = {
    "guild.toml": scopes(b='public = ["b.y"]'),
    "b/y.py": "def f(p): pass\ndef g(p, q=1): pass\nK = 1\n",
    "a/x.py": "from b.y import f as h, K\nimport b.y\nh(1)\nb.y.g(1, q=2)\nb.y.g(1)\n",
    "c/z.py": "from b import y\ny.f(p=1)\ny.f(*[1])\n",
    "b/own.py": "from .y import f\nf(1)\n",
}


@pytest.mark.parametrize(
    ("after", "broken"),
    [
        ("def f(p, q=2): pass\ndef g(p, q=1, *, r=1): pass\nK = 2\n", []),
        (
            "def f(other): pass\ndef g(p, q=1): pass\nK = 1\n",
            [("c/z.py", 2)],
        ),
        (
            "def f(p, q): pass\ndef g(p, q=1): pass\nK = 1\n",
            [("a/x.py", 3), ("b/own.py", 2), ("c/z.py", 2)],
        ),
        ("def f(p): pass\ndef g(p): pass\nK = 1\n", [("a/x.py", 4)]),
        ("def f(p): pass\ndef g(p, q=1): pass\n", [("a/x.py", 1)]),
        ("def f(p): pass\nK = 1\n", [("a/x.py", 4)]),
        ("from b.other import *\n", []),
    ],
)
def test_a_public_surface_that_changes_names_each_importer_it_breaks(
    repo: Repository, check: Check, after: str, broken: list[tuple[str, int]]
) -> None:
    write(repo.top, PUBLIC)
    commit(repo.top)
    write(repo.top, {"b/y.py": after})
    git(repo.top, "add", "-A")

    expected = [("breaking", path, line) for path, line in broken]
    assert check.places("--staged") == expected
    assert check.places() == expected


def test_a_staged_edge_that_completes_a_chain_is_found(repo: Repository, check: Check) -> None:
    config = scopes(top="acyclic = true", a='forbids = ["c"]')
    write(repo.top, {"guild.toml": config, "b/y.py": "x = 1\n", "c/z.py": "import a\n"})
    commit(repo.top)
    write(repo.top, {"b/y.py": "x = 2\n"})
    git(repo.top, "add", "-A")
    assert check.places("--staged") == []

    write(repo.top, {"b/y.py": "import c\n"})
    git(repo.top, "add", "-A")

    rules = [(v["rule"], v["path"]) for v in check.data("--staged")["violations"]]
    assert rules == [("forbids", "a/x.py"), ("cycle", "c/z.py")]


def test_the_configuration_judged_by_is_that_of_the_tree(repo: Repository, check: Check) -> None:
    write(repo.top, {"guild.toml": scopes(c="depends_on = []"), "c/z.py": "import a\n"})
    git(repo.top, "add", "c/z.py")

    assert check.places("--staged") == []
    git(repo.top, "add", "guild.toml")
    assert check.places("--staged") == [("depends-on", "c/z.py", 1)]
    assert check.places("--tree", "HEAD") == []


@pytest.mark.parametrize(
    "args",
    [
        ("--tree", "nowhere"),
        ("--range", "nowhere..HEAD"),
        ("--range", "HEAD...nowhere"),
        ("--scope", "nowhere"),
        ("--baseline", "--scope", "a"),
    ],
)
def test_what_does_not_exist_is_an_error(
    repo: Repository, check: Check, args: tuple[str, ...]
) -> None:
    code, text = check.text(*args)

    assert code == Exit.USAGE
    assert text.startswith("guild: ")


def test_outside_of_a_repository_there_is_nothing_to_judge(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert check.text()[0] == Exit.UNSUPPORTED
