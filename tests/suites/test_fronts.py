"""The same tests with the same outcomes as plain pytest, however it is asked."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import pytest

from tests.suites.runs import Run, expect, run, write

NOTE = """
    import os
    def note(what):
        with open(os.environ["SETUPS"], "a") as file:
            file.write(f"{os.getpid()} {what}\\n")
"""
PROJECT = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        python_files = ["test_*.py", "check_*.py", "__init__.py"]
        norecursedirs = ["left_out", ".*"]
        markers = ["slow"]
    """,
    "noting.py": NOTE,
    "conftest.py": """
        import os, sys
        sys.path.insert(0, os.path.dirname(__file__))
        import pytest
        from noting import note

        collect_ignore = ["ignored"]
        collect_ignore_glob = ["*_unwanted.py"]

        @pytest.fixture(scope="session", autouse=True)
        def whole(): note("session")

        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yaml":
                return Table.from_parent(parent, path=file_path)

        class Table(pytest.File):
            def collect(self):
                for line in self.path.read_text().splitlines():
                    name, _, value = line.partition(": ")
                    yield Row.from_parent(self, name=name, value=value)

        class Row(pytest.Item):
            def __init__(self, *, value, **others):
                super().__init__(**others)
                self.value = value
            def runtest(self): assert self.value == "good"
            def repr_failure(self, excinfo): return f"{self.name} is {self.value}"
            def reportinfo(self): return self.path, 0, self.name
    """,
    "tables/first.yaml": "one: good\ntwo: bad\n",
    "tables/second.yaml": "one: good\n",
    "tables/note.txt": "no test\n",
    "ignored/test_ignored.py": "raise RuntimeError\n",
    "left_out/test_left_out.py": "raise RuntimeError\n",
    "plain/test_unwanted.py": "raise RuntimeError\n",
    "pack/__init__.py": "def test_in_init(): pass\n",
    "pack/conftest.py": """
        import pytest
        from noting import note
        @pytest.fixture(scope="package")
        def packed():
            note("package pack")
            return []
        @pytest.fixture
        def level(): return 1
    """,
    "pack/test_top.py": "def test_top(packed, level): assert level == 1\n",
    "pack/one/__init__.py": "",
    "pack/one/conftest.py": """
        import pytest
        @pytest.fixture
        def level(level): return level + 1
    """,
    "pack/one/test_same.py": "def test_same(packed, level): assert level == 2\n",
    "pack/two/__init__.py": "",
    "pack/two/test_same.py": "def test_same(packed, level): assert level == 1\n",
    "plain/test_parameters.py": """
        import pytest
        @pytest.mark.parametrize("b", ["x", "a b", "c/d", "e::f", "[g]", "\\u00e9", "h-i"])
        @pytest.mark.parametrize("a", [1, 2])
        def test_both(a, b): assert (a, b) != (2, "x")
        @pytest.mark.slow
        def test_slow(): pass
        @pytest.fixture(scope="module", params=["m", "n"])
        def by_module(request): return request.param
        def test_first(by_module): pass
        def test_second(by_module): assert by_module == "m"
    """,
    "plain/test_classes.py": """
        import pytest
        from noting import note
        @pytest.fixture(scope="module", autouse=True)
        def moduled(): note("module")
        class TestOuter:
            @pytest.fixture(scope="class", autouse=True)
            def classed(self): note("class")
            def test_one(self): pass
            def test_two(self): assert 0
            class TestInner:
                def test_three(self): pass
        class TestOther(TestOuter): pass
    """,
    "plain/test_unittest.py": """
        import unittest
        class Case(unittest.TestCase):
            @classmethod
            def setUpClass(cls): cls.there = True
            def test_there(self): assert self.there
            def test_wrong(self): self.fail("wrong")
            def test_parts(self):
                for part in range(3):
                    with self.subTest(part=part): assert part != 1
            @unittest.skip("not now")
            def test_not_now(self): pass
        class Broken(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise ValueError("no class")
            def test_never(self): pass
    """,
    "plain/test_subtests.py": """
        def test_parts(subtests):
            for part in range(3):
                with subtests.test(part=part): assert part != 2
    """,
    "plain/test_marks.py": """
        import pytest
        @pytest.mark.xfail
        def test_expected(): assert 0
        @pytest.mark.xfail
        def test_unexpected(): pass
        @pytest.mark.xfail(strict=True)
        def test_strict(): pass
        @pytest.mark.skip(reason="why not")
        def test_skipped(): pass
        def test_skips(): pytest.skip("in the middle")
        @pytest.fixture
        def sour():
            yield
            raise ValueError("at the end")
        def test_sour(sour): pass
    """,
    "plain/test_skipped_module.py": """
        import pytest
        pytest.skip("not here", allow_module_level=True)
        def test_never(): pass
    """,
    "plain/test_needs.py": "import pytest\nx = pytest.importorskip('no_such')\n",
    "plain/check_other_name.py": "def test_other(): pass\n",
    "plain/test_nothing.py": "",
    "plain/guide.rst": ">>> 1 + 1\n2\n",
    "plain/test_text.txt": ">>> 1 + 1\n3\n",
    "plain/module.py": "def double(x):\n    '''>>> double(2)\n    4'''\n    return x * 2\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("fronts"), PROJECT)


def look(tree: Path, *args: str, cwd: Path | None = None) -> tuple[Run, Counter[str]]:
    """Run pytest, and return with it which fixtures each process set up."""
    setups = tree / "setups"
    setups.unlink(missing_ok=True)
    ended = run(tree, *args, env={"SETUPS": str(setups)}, cwd=cwd)
    lines = setups.read_text().splitlines() if setups.exists() else []
    return ended, Counter(lines)


@pytest.fixture(scope="module")
def plain(project: Path) -> tuple[Run, Counter[str]]:
    return look(project, "-p", "no:cacheprovider", "-rA", f"--junitxml={project / 'plain.xml'}")


def cases(path: Path) -> Counter[tuple[str | None, ...]]:
    """Return the test cases in a JUnit report, with what is in each."""
    return Counter(
        (case.get("classname"), case.get("name"), *(part.tag for part in case))
        for case in ElementTree.parse(path).iter("testcase")
    )


def summary(ended: Run) -> list[str]:
    """Return the lines that ``-rA`` makes, without what differs wherever reports travel."""
    _, _, end = ended.out.partition("short test summary info")
    lines = [line.partition(" - ")[0].replace("'", "") for line in end.splitlines()[1:-1]]
    return sorted(line for line in lines if line)


def kinds(setups: Counter[str]) -> Counter[str]:
    return Counter(line.partition(" ")[2] for line in setups.elements())


@pytest.mark.parametrize("workers", ["0", "1", "2", "4"])
def test_a_whole_project_ends_as_with_plain_pytest(
    project: Path, plain: tuple[Run, Counter[str]], workers: str
) -> None:
    expected, expected_setups = plain
    expect(project, 3)
    report = project / f"report{workers}.xml"

    ended, setups = look(project, "--guild-scopes", "-n", workers, "-rA", f"--junitxml={report}")

    assert len(expected.outcomes) > 45
    assert ended.outcomes == expected.outcomes, ended.out
    assert ended.files == expected.files
    assert ended.code == expected.code == pytest.ExitCode.TESTS_FAILED
    assert cases(report) == cases(project / "plain.xml")
    assert summary(ended) == summary(expected)
    assert all(count == 1 for line, count in setups.items() if "session" in line)
    assert all(count == 1 for line, count in setups.items() if "package" in line), setups
    if workers in ("0", "1"):
        assert kinds(setups) == kinds(expected_setups)


SELECTIONS = {
    "by expression and mark": ("-k", "same or both or parts or one", "-m", "not slow"),
    "left out": (
        "--deselect=plain/test_marks.py::test_expected",
        "--deselect=plain/test_classes.py::TestOuter",
        "--ignore=plain/test_unittest.py",
        "--ignore-glob=*/two/*",
    ),
    "by node id, with overlap": (
        "plain/test_classes.py::TestOuter::test_one",
        "plain/test_parameters.py::test_both[1-c/d]",
        "plain/test_parameters.py::test_both[2-e::f]",
        "plain/test_parameters.py::test_first",
        "pack/one",
        "pack",
        "pack/one/test_same.py::test_same",
        "plain/test_classes.py::TestOuter",
        "tables/first.yaml",
    ),
    "with doctests": ("--doctest-modules", "--doctest-glob=*.rst", "plain", "noting.py"),
    "twice": ("--keep-duplicates", "plain/test_marks.py", "plain/test_marks.py"),
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_selection_is_the_one_that_plain_pytest_makes(project: Path, selection: str) -> None:
    args = SELECTIONS[selection]
    expected, _ = look(project, "-p", "no:cacheprovider", *args)
    expect(project, 3)

    ended, _ = look(project, "--guild-scopes", "-n2", *args)

    assert expected.outcomes
    assert ended.outcomes == expected.outcomes, ended.out
    assert ended.files == expected.files
    assert ended.code == expected.code


def test_a_run_from_a_subdirectory_has_the_ids_of_the_root(project: Path) -> None:
    folder = project / "pack"
    expected, _ = look(project, "one", "test_top.py", cwd=folder)

    ended, _ = look(project, "--guild-scopes", "-n2", "one", "test_top.py", cwd=folder)

    assert set(ended.outcomes) == {
        ("pack/one/__init__.py::test_in_init", "passed"),
        ("pack/one/test_same.py::test_same", "passed"),
        ("pack/test_top.py::test_top", "passed"),
    } & set(expected.outcomes)
    assert ended.outcomes == expected.outcomes


@pytest.mark.parametrize("asked", ["--collect-only", "--setup-plan", "--fixtures-per-test"])
def test_what_only_shows_prints_what_plain_pytest_prints(project: Path, asked: str) -> None:
    expected, _ = look(project, asked, "-q", "-p", "no:cacheprovider")

    ended, _ = look(project, "--guild-scopes", "-n2", asked, "-q")

    assert timeless(ended.out) == timeless(expected.out)
    assert ended.code == expected.code


def timeless(out: str) -> list[str]:
    """Return the lines of an output without times, addresses and the list of plugins."""
    lines = [re.sub(r"\b\d+\.\d+ ?s\b|0x\w+", "", line) for line in out.splitlines()]
    return [line.strip(" =") for line in lines if not line.startswith(("plugins:", "metadata:"))]


def test_without_the_switch_nothing_changes(project: Path) -> None:
    expected, _ = look(project, "-p", "no:guild", "-p", "no:cacheprovider", "-v")

    ended, _ = look(project, "-p", "no:cacheprovider", "-v")

    assert timeless(ended.out) == timeless(expected.out)
    assert ended.code == expected.code


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("plain/test_marks.py::test_no_such",), pytest.ExitCode.USAGE_ERROR),
        (("-k", "no_such_test"), pytest.ExitCode.NO_TESTS_COLLECTED),
        (("plain/test_nothing.py",), pytest.ExitCode.NO_TESTS_COLLECTED),
    ],
)
def test_what_cannot_be_run_has_the_exit_code_of_plain_pytest(
    project: Path, args: tuple[str, ...], code: int
) -> None:
    expected, _ = look(project, *args)

    ended, _ = look(project, "--guild-scopes", "-n2", *args)

    assert (ended.code, expected.code) == (code, code), ended.out
    told = [line for line in expected.out.splitlines() if line.startswith("ERROR: ")]
    assert all(line in ended.out for line in told), ended.out


SMALL = {
    "pytest.ini": """
        [pytest]
        testpaths = here
    """,
    "here/test_some.py": """
        import pytest
        @pytest.mark.parametrize("x", range(6))
        def test_some(x): assert x != 3
    """,
    "here/test_more.py": "def test_more(): pass\ndef test_wrong(): assert 0\n",
    "there/test_elsewhere.py": "raise RuntimeError\n",
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write(tmp_path, SMALL)


SOME = {("here/test_some.py::test_some[3]", "failed"): 1} | {
    (f"here/test_some.py::test_some[{x}]", "passed"): 1 for x in (0, 1, 2, 4, 5)
}
MORE = {
    ("here/test_more.py::test_more", "passed"): 1,
    ("here/test_more.py::test_wrong", "failed"): 1,
}


@pytest.mark.parametrize(
    "args",
    [
        ("-n", "auto"),
        ("-p", "no:xdist"),
        ("-p", "no:terminal", "-n2"),
        ("-p", "no:cacheprovider", "-n2", "--dist", "loadfile", "-v", "--durations=3"),
        ("--tx", "2*popen", "-qq"),
        ("--tx", f"popen//python={sys.executable}", "-d"),
    ],
)
def test_every_way_to_ask_for_workers_runs_the_same(small: Path, args: tuple[str, ...]) -> None:
    ended = run(small, "--guild-scopes", *args)

    assert ended.outcomes == SOME | MORE, ended.out
    assert ended.code == pytest.ExitCode.TESTS_FAILED


def test_the_environment_may_turn_it_on_and_the_last_failures_are_run_again(small: Path) -> None:
    env = {"PYTEST_ADDOPTS": "--guild-scopes -n2"}
    first = run(small, env=env)

    again = run(small, "--lf", env=env)
    ahead = run(small, "--ff", "-n1", env=env)

    failed = {node for node, what in SOME | MORE if what == "failed"}
    assert first.outcomes == ahead.outcomes == SOME | MORE
    assert again.outcomes == {(node, "failed"): 1 for node in failed}
    assert "= scopes =" in first.out
    assert "= scopes =" in again.out


# -- other plugins -----------------------------------------------------------------

PLUGGED = {
    "pytest.ini": """
        [pytest]
        asyncio_default_fixture_loop_scope = function
    """,
    "code.cfg": "",
    "measured.py": """
        def used():
            return 1
        def unused():
            return 2
    """,
    "conftest.py": "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\n",
    "test_flaky.py": """
        import pathlib
        def test_flaky(tmp_path_factory):
            tries = pathlib.Path(__file__).with_name("tries")
            tries.write_text((tries.read_text() if tries.exists() else "") + "x")
            assert len(tries.read_text()) > 2
        def test_always_wrong(): assert 0
    """,
    "test_measured.py": """
        import time
        import pytest
        import measured
        def test_used(): assert measured.used() == 1
        @pytest.mark.timeout(0.5)
        @pytest.mark.flaky(reruns=0)
        def test_takes_long(): time.sleep(5)
        @pytest.mark.asyncio
        async def test_async(): pass
        @pytest.mark.parametrize("x", range(12))
        def test_order(x): pass
    """,
}


def test_other_plugins_do_their_work(tmp_path: Path) -> None:
    tree = write(tmp_path, PLUGGED)
    expect(tree, 3)
    options = ("--reruns=2", "--cov=measured", "--cov-report=term", "--html=page.html")

    ended = run(tree, "--guild-scopes", "-n2", *options, plugins=())

    assert ended.outcomes["test_flaky.py::test_flaky", "rerun"] == 2
    assert ended.outcomes["test_flaky.py::test_flaky", "passed"] == 1
    assert ended.outcomes["test_flaky.py::test_always_wrong", "rerun"] == 2
    assert {"test_flaky.py::test_always_wrong", "test_measured.py::test_takes_long"} == ended.of(
        "failed"
    )
    assert "Timeout" in ended.text_of("test_measured.py::test_takes_long")
    assert len(ended.of("passed")) == 15
    assert re.search(r"measured.py +4 +1 +75%", ended.out), ended.out
    assert "test_measured.py::test_used" in (tree / "page.html").read_text()
    assert "--randomly-seed=" in ended.out
    assert ended.code == pytest.ExitCode.TESTS_FAILED


def test_a_random_order_can_be_repeated(tmp_path: Path) -> None:
    tree = write(tmp_path, PLUGGED)
    options = ("--guild-scopes", "-n1", "-k", "order")
    plugins = ("-p", "xdist", "-p", "guild", "-p", "randomly")

    first = run(tree, *options, "--randomly-seed=3", plugins=plugins)
    second = run(tree, *options, "--randomly-seed=3", plugins=plugins)
    other = run(tree, *options, "--randomly-seed=4", plugins=plugins)

    assert order(first) == order(second) != order(other)
    assert sorted(order(first)) == sorted(order(other))
    assert order(first) != sorted(order(first))


def order(ended: Run) -> list[str]:
    return [node for _, node, *_ in ended.records]


def test_a_node_id_that_does_not_exist_ends_the_run_before_other_files_run(tmp_path: Path) -> None:
    many = {f"many/test_{i}.py": "def test_many(): pass\n" for i in range(5)}
    tree = write(tmp_path, {"pytest.ini": "[pytest]\n", "test_z.py": "def test_z(): pass\n"} | many)
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n1", "many", "test_z.py::test_nothing")

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "not found" in ended.out
    assert not ended.outcomes


def test_plugins_see_the_whole_heap_until_the_session_is_over(tmp_path: Path) -> None:
    conftest = """
        import gc
        KEPT = []
        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"kept by {len(gc.get_referrers(KEPT))}")
    """
    tree = write(tmp_path, {"conftest.py": conftest, "test_a.py": "def test_a(): pass\n"})

    ended = run(tree, "--guild-scopes", "-n1")

    assert "kept by 1" in ended.out, ended.out


def test_a_worker_gives_tests_the_surroundings_that_they_have_without_it(tmp_path: Path) -> None:
    seen = """
        import json, os, pathlib, signal, sys
        def test_seen():
            hidden = ("PYTEST_XDIST", "PYTEST_CURRENT_TEST", "SEEN", "TMPDIR", "OUTCOMES")
            seen = {
                "env": {k: v for k, v in os.environ.items() if not k.startswith(hidden)},
                "cwd": os.getcwd(),
                "argv": [part for part in sys.argv if not part.startswith(("--guild", "-n"))],
                "path": sys.path,
                "terminals": [os.isatty(number) for number in (0, 1, 2)],
                "interrupt": str(signal.getsignal(signal.SIGINT)),
                "limit": sys.getrecursionlimit(),
                "warnings": sys.warnoptions,
            }
            pathlib.Path(os.environ["SEEN"]).write_text(json.dumps(seen))
    """
    tree = write(tmp_path, {"pytest.ini": "[pytest]\n", "test_seen.py": seen})

    for name, options in (("plain", ()), ("ours", ("--guild-scopes", "-n1"))):
        run(tree, *options, env={"SEEN": str(tmp_path / name), "COLUMNS": ""})

    plain, ours = (json.loads((tmp_path / name).read_text()) for name in ("plain", "ours"))
    assert "LINES" not in plain["env"]
    assert ours == plain
