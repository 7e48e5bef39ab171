from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins.git.locks import gate
from guild_plugins.git.snapshots import index_tree, revision_tree, work_tree
from guild_plugins.git.trees import MemoryTree
from guild_plugins.graph import facts as facts_module
from guild_plugins.graph.facts import Facts, read_in_processes
from guild_plugins.graph.graph import Edge, ImportGraph
from guild_plugins.graph.roots import import_roots, is_project_file
from guild_plugins.graph.store import Store
from tests.git.repos import git, make, write
from tests.scopes.trees import MemoryTree as Contents

FILES = {
    "app/__init__.py": "",
    "app/a.py": "from app import b\nimport json\n",
    "app/b.py": "def f():\n    from .sub import c\n",
    "app/sub/__init__.py": "",
    "app/sub/c.py": "",
    "conftest.py": "import app\n",
    "tests/conftest.py": "",
    "tests/test_a.py": "import app.a\n",
}


def in_memory(files: dict[str, str]) -> ImportGraph:
    return ImportGraph(MemoryTree({p: text.encode() for p, text in files.items()}), ("",))


def test_files_need_what_they_import_their_packages_and_their_conftests() -> None:
    graph = in_memory(FILES)

    needs = {path: [(e.target, e.kind, e.line) for e in graph.edges_of(path)] for path in FILES}

    assert needs["app/a.py"] == [("app/b.py", "import", 1), ("app/__init__.py", "package", 0)]
    assert needs["app/b.py"][0] == ("app/sub/c.py", "import", 2)
    assert [n[0] for n in needs["app/sub/c.py"]] == ["app/sub/__init__.py", "app/__init__.py"]
    assert needs["tests/test_a.py"] == [
        ("app/a.py", "import", 1),
        ("tests/conftest.py", "conftest", 0),
        ("conftest.py", "conftest", 0),
    ]
    assert [n[0] for n in needs["tests/conftest.py"]] == ["conftest.py"]


def test_a_link_needs_what_it_points_to(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", {"app/a.py": "import app.b\n", "app/b.py": ""})
    (repo.top / "tools").mkdir()
    (repo.top / "tools/run.py").symlink_to("../app/a.py")
    (repo.top / "away.py").symlink_to("/nowhere.py")
    git(repo.top, "add", "-A")

    graph = ImportGraph(index_tree(repo), ("",))

    assert graph.edges_of("tools/run.py") == (Edge("app/a.py", "link"),)
    assert graph.edges_of("away.py") == ()


def test_one_broken_file_is_a_problem_of_its_own() -> None:
    graph = in_memory({**FILES, "app/broken.py": "import app.a\nfrom app import (\n"})

    graph.load()

    assert graph.imports_of("app/broken.py").problems[0].line == 2
    assert graph.edges_of("app/a.py")[0].target == "app/b.py"


def test_every_tree_of_a_repository_has_its_own_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "FEW", 0)
    repo = make(tmp_path / "repo", FILES, "--object-format=sha256")
    write(repo.top, {"app/a.py": "import app.sub.c\n"})
    git(repo.top, "add", "-A")
    write(repo.top, {"app/a.py": "import app.new\n", "app/new.py": ""})
    store = Store(repo.common_dir / "guild")

    def first(tree: object) -> str:
        graph = ImportGraph(tree, ("",), Facts(store, repo.top))  # type: ignore[arg-type]
        return graph.edges_of("app/a.py")[0].target

    assert first(revision_tree(repo, "HEAD")) == "app/b.py"
    assert first(index_tree(repo)) == "app/sub/c.py"
    assert first(work_tree(repo)) == "app/new.py"
    assert first(revision_tree(repo, "HEAD")) == "app/b.py"
    store.close()


def test_what_was_read_once_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "FEW", 0)
    repo = make(tmp_path / "repo", FILES)
    store = Store(repo.common_dir / "guild")
    tree = revision_tree(repo, "HEAD")
    ImportGraph(tree, ("",), Facts(store)).load()
    store.close()

    class Closed:
        entries = tree.entries

        def read(self, oids: object) -> object:
            assert not list(oids)  # type: ignore[call-overload]
            return iter(())

    again = ImportGraph(Closed(), ("",), Facts(Store(repo.common_dir / "guild")))  # type: ignore[arg-type]

    again.load()
    assert again.edges_of("app/a.py")[0].target == "app/b.py"


def test_a_damaged_store_is_begun_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save({"a": "1"})
    store.close()
    (tmp_path / "graph.db").write_bytes(b"nonsense" * 1000)

    assert store.load(["a"]) == {}
    store.save({"a": "2"})
    store.close()
    assert Store(tmp_path).load(["a", "b"]) == {"a": "2"}


def test_a_store_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    store = Store(tmp_path / "file" / "guild")
    store.save({"a": "1"})

    assert store.load(["a"]) == {}
    store.close()


def test_many_processes_keep_what_they_read(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from guild_plugins.graph.store import Store\n"
        "for n in range(40):\n"
        "    s = Store(Path(sys.argv[1])); s.save({f'{sys.argv[2]}-{n}': 'x' * 5000}); s.close()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]

    processes = [subprocess.Popen([*command, str(number)]) for number in range(3)]

    assert [process.wait() for process in processes] == [0, 0, 0]
    wanted = [f"{p}-{n}" for p in range(3) for n in range(40)]
    assert len(Store(tmp_path).load(wanted)) == 120
    with sqlite3.connect(tmp_path / "graph.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_several_processes_read_the_same_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make(tmp_path / "repo", FILES)
    write(repo.top, {"app/a.py": "import app.sub\n", "sitecustomize.py": "1/0", "json.py": "1/0"})
    monkeypatch.setattr(facts_module, "MANY", 1)
    monkeypatch.setattr(facts_module, "FEW", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.chdir(repo.top)
    tree = work_tree(repo)
    graph, plain = ImportGraph(tree, ("",), Facts(None, repo.top)), ImportGraph(tree, ("",))

    graph.load()

    assert [graph.edges_of(p) for p in graph.files] == [plain.edges_of(p) for p in graph.files]
    assert read_in_processes(repo.top, ["0" * 40], 2) == {}


USUAL = ("src", "lib", "python")
PYTEST = '[tool.pytest.ini_options]\npythonpath = ["x", "."]'
SETUPTOOLS = '[tool.setuptools.packages.find]\nwhere = ["code"]'
NESTED = ("a/src", "a/lib", "a/python", "a")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app/__init__.py": ""}, (*USUAL, "")),
        ({"src/__init__.py": ""}, ("lib", "python", "")),
        ({"pyproject.toml": PYTEST}, ("x", "", *USUAL)),
        ({"pyproject.toml": SETUPTOOLS}, ("code", *USUAL, "")),
        ({"a/setup.py": "", "tests/data/setup.py": ""}, (*USUAL, "", *NESTED)),
    ],
)
def test_source_roots_are_those_of_every_project(
    files: dict[str, str | bytes], expected: tuple[str, ...]
) -> None:
    roots = import_roots(Contents(files), [path for path in files if is_project_file(path)])

    assert roots == expected


def test_a_store_that_another_process_does_not_let_go_of_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guild_plugins.graph.database.PATIENCE", 0.02)
    Store(tmp_path).save({"a" * 40: "[[],[]]"})
    store = Store(tmp_path)

    with gate(tmp_path / "graph.lock"):
        store.save({"b" * 40: "[[],[]]"})
        assert store.load(["a" * 40]) == {}

    assert store.load(["a" * 40, "b" * 40]) == {"a" * 40: "[[],[]]"}
