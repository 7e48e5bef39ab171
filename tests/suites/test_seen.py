"""What people and scripts see of whole runs."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from guild_plugins.suites import results
from guild_plugins.suites.matrix import NotDivisible, survey

from .runs import QUIET, Run, environment, run, started, write

SCHEMA = json.loads(Path(results.__file__).with_name("report.schema.json").read_text())

SHOP = {
    "pytest.ini": "[pytest]\n",
    "guild.toml": """
        [scopes.good]
        paths = ["good/**"]
        [scopes.bad]
        paths = ["bad/**"]
        [scopes.worse]
        paths = ["worse/**"]
        """,
    "good/test_good.py": """
        import pytest

        @pytest.mark.parametrize("i", range(20))
        def test_good(i):
            pass
        """,
    "bad/test_bad.py": """
        import pytest

        @pytest.fixture
        def broken():
            raise RuntimeError("no database")

        def test_fails():
            assert 1 == 2, "they differ"

        def test_errs(broken):
            pass

        def test_skips():
            pytest.skip("because")

        @pytest.mark.xfail
        def test_is_expected():
            assert 0

        def test_passes():
            pass
        """,
    "worse/test_crash.py": """
        import os

        def test_before():
            pass

        def test_crashes():
            os._exit(3)
        """,
    "worse/test_import.py": "import no_such_module\n",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shop"), SHOP)


@pytest.fixture(scope="module")
def seen(shop: Path) -> Run:
    return run(
        shop,
        *("--guild-scopes", "-n2", "--guild-report", "new/report.json", "--tb=no"),
        env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(shop / "summary.md")},
    )


@pytest.fixture(scope="module")
def report(seen: Run, shop: Path) -> Any:
    assert seen.code == 1
    return read(shop / "new/report.json")


def read(path: Path) -> Any:
    content = json.loads(path.read_text())
    jsonschema.validate(content, SCHEMA)
    return content


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_there_is_a_line_for_each_scope_and_no_dots(seen: Run) -> None:
    assert re.search(r"^ *\d+%  good   20 passed  \d+\.\d s$", seen.out, re.MULTILINE)
    assert re.search(r"%  bad    1 failed, 1 error, 1 passed, 1 skipped, 1 xfailed  ", seen.out)
    assert re.search(r"%  worse  1 crashed, 1 error, 1 passed  ", seen.out)
    assert not re.search(r"^[.FEsx]+( |$)", seen.out, re.MULTILINE)


def test_failures_are_told_at_once(seen: Run) -> None:
    running = seen.out.partition("= scopes =")[0]

    assert "FAILED bad/test_bad.py::test_fails - AssertionError: they differ" in running
    assert "ERROR bad/test_bad.py::test_errs - RuntimeError: no database" in running
    assert "ERROR worse/test_import.py - ModuleNotFoundError: No module named" in running


def test_the_last_line_is_pytests_own(seen: Run) -> None:
    last = seen.out.strip().splitlines()[-1]

    assert "2 failed, 22 passed, 1 skipped, 1 xfailed, 2 errors in " in last


def test_the_table_tells_what_became_of_each_scope(seen: Run) -> None:
    assert seen.row("good").startswith("good 20 passed ")
    assert seen.row("bad").startswith("bad 5 1 failed, 1 error ")
    assert seen.row("worse").startswith("worse 2 1 crashed, 1 error ")
    assert "crashed: worse/test_crash.py::test_crashes brought gw" in seen.out


def test_the_report_counts_each_outcome_once(report: Any) -> None:
    totals = report["totals"]

    assert totals["tests"] == 27
    assert {name: totals[name] for name in results.OUTCOMES} == {
        "passed": 22, "failed": 1, "error": 2, "skipped": 1, "xfailed": 1, "xpassed": 0,
        "cached": 0, "crashed": 1,
    }  # fmt: skip
    assert {scope["name"]: scope["outcome"] for scope in report["scopes"]} == {
        "good": "passed", "bad": "failed", "worse": "crashed",
    }  # fmt: skip
    for name in ("tests", "not_run", *results.OUTCOMES):
        assert sum(scope[name] for scope in report["scopes"]) == totals[name]
    assert sum(worker["ran"] for worker in report["workers"]) + totals["crashed"] == 27
    assert 0 < report["time_to_first_test_s"] <= totals["wall_s"]


def test_the_report_names_failures_with_their_lines(report: Any) -> None:
    kinds = {failure["nodeid"]: failure["kind"] for failure in report["failures"]}
    lines = {failure["nodeid"]: failure["line"] for failure in report["failures"]}

    assert kinds == {
        "bad/test_bad.py::test_fails": "failed",
        "bad/test_bad.py::test_errs": "error",
        "worse/test_crash.py::test_crashes": "crashed",
        "worse/test_import.py": "error",
    }
    assert lines["bad/test_bad.py::test_fails"] == 8


def test_github_is_told(seen: Run, shop: Path) -> None:
    assert (
        "::error file=bad/test_bad.py,line=8,title=failed%3A bad/test_bad.py%3A%3Atest_fails::"
        "AssertionError: they differ" in seen.out
    )
    assert "| good | 20 | passed |" in (shop / "summary.md").read_text()


def test_one_process_sees_the_same(shop: Path, report: Any) -> None:
    alone = run(
        shop, "--guild-scopes", "-n0", "--guild-report", "alone.json", "-k", "not crashes",
        "--tb=no",
    )  # fmt: skip

    here = {scope["name"]: scope for scope in read(shop / "alone.json")["scopes"]}
    assert alone.code == 1
    assert "%  bad    1 failed, 1 error, 1 passed, 1 skipped, 1 xfailed  " in alone.out
    there = {scope["name"]: scope for scope in report["scopes"]}
    for name in ("good", "bad"):
        assert [here[name][what] for what in ("tests", *results.OUTCOMES)] == [
            there[name][what] for what in ("tests", *results.OUTCOMES)
        ]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_was_collected_counts_the_deselected_as_well(tmp_path: Path, workers: str) -> None:
    tests = "def test_yes(): pass\ndef test_no(): pass\n"
    tree = write(tmp_path, {"test_a.py": tests, "test_b.py": tests})

    run(tree, "--guild-scopes", workers, "--guild-report", "r.json", "-k", "yes")

    report = json.loads((tree / "r.json").read_text())
    totals = report["totals"]
    assert (totals["tests"], totals["collected"], totals["deselected"]) == (2, 4, 2)
    assert sum(worker["collected"] for worker in report["workers"]) == 4


def test_quiet_is_quiet_and_verbose_has_every_test(shop: Path) -> None:
    quiet = run(shop, "--guild-scopes", "-n1", "-q", "good")
    verbose = run(shop, "--guild-scopes", "-n1", "-v", "good")

    assert re.fullmatch(r"\s*20 passed in [\d.]+s\s*", quiet.out)
    assert "[gw0] PASSED good/test_good.py::test_good[19]" in verbose.out
    assert "scope  tests" in verbose.out


def test_without_a_terminal_plugin_all_else_works(shop: Path) -> None:
    silent = run(
        shop, "--guild-scopes", "-n1", "-p", "no:terminal", "--guild-report", "silent.json", "good"
    )

    assert silent.code == 0
    assert read(shop / "silent.json")["totals"]["passed"] == 20


def test_an_early_end_tells_what_did_not_run(shop: Path) -> None:
    cut = run(
        shop, "--guild-scopes", "-n1", "-x", "--guild-report", "cut.json", "--tb=no",
        "bad", "good",
    )  # fmt: skip

    report = read(shop / "cut.json")
    totals = report["totals"]
    assert cut.code == pytest.ExitCode.TESTS_FAILED
    assert "stopping after 1 failures" in report["interrupted"]
    assert totals["not_run"] + totals["not_run_files"] > 0
    assert re.search(r"^not run: .* stopping after 1 failures$", cut.out, re.MULTILINE)


def test_ctrl_c_leaves_a_report(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "test_slow.py": """
                import pathlib, time

                def test_one():
                    pass

                def test_slow():
                    pathlib.Path("begun").touch()
                    time.sleep(60)
                """,
        },
    )
    with started(tmp_path, "--guild-scopes", "-n1", "--guild-report", "r.json") as running:
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        running.interrupt()
        ended = running.end()

    report = read(tmp_path / "r.json")
    assert ended.code == pytest.ExitCode.INTERRUPTED
    assert report["interrupted"]
    assert report["totals"]["passed"] == 1
    assert report["totals"]["not_run"] == 1


def test_coverage_is_in_the_table_and_in_the_report(shop: Path) -> None:
    ended = run(
        shop, "--guild-scopes", "-n1", "--guild-cov", "--guild-report", "cov.json", "good",
        plugins=(*QUIET, "-p", "no:cov"),
    )  # fmt: skip

    (scope,) = read(shop / "cov.json")["scopes"]
    assert scope["coverage"] == 100
    assert re.search(r"^good +20  passed .* 100\.0%$", ended.out, re.MULTILINE)


def test_a_report_that_cannot_be_written_is_told(shop: Path) -> None:
    ended = run(shop, "--guild-scopes", "-n1", "--guild-report", "guild.toml/r.json", "good")

    assert ended.code == 0
    assert "The report could not be written to " in ended.out


def test_shards_run_every_file_once(shop: Path) -> None:
    every: list[str] = []
    for part in ("1/2", "2/2"):
        ended = run(shop, "--guild-scopes", "-n0", "--guild-shard", part, "-k", "not crashes")
        every += [node for node, _ in ended.outcomes] + [node for node, _ in ended.files]
        assert f"note: part {part}: " in ended.out

    assert len(every) == len(set(every))
    assert {node.split("::")[0] for node in every} == {
        "good/test_good.py", "bad/test_bad.py", "worse/test_crash.py", "worse/test_import.py",
    }  # fmt: skip


def test_only_whole_files_teach_durations(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "test_a.py": "def test_x(): pass\ndef test_y(): pass\n",
            "test_b.py": "def test_x(): pass\n",
        },
    )
    kept = tmp_path / ".pytest_cache/d/guild/durations.json"

    def known() -> set[str]:
        return set(json.loads(kept.read_text())["files"]) if kept.exists() else set()

    run(tmp_path, "--guild-scopes", "-n1", "test_a.py::test_x")
    assert known() == set()
    run(tmp_path, "--guild-scopes", "-n1", "-k", "test_x")
    assert known() == {"test_b.py"}
    run(tmp_path, "--guild-scopes", "-n0")
    assert known() == {"test_a.py", "test_b.py"}


def test_the_matrix_divides_as_the_machines_do(shop: Path) -> None:
    found = survey(shop, 2)
    ended = run(shop, "--guild-scopes", "-n0", "--guild-shard", "1/2", "-k", "not crashes")

    assert sum(part.files for part in found.parts) == found.files == 4
    assert f"division {found.division}" in ended.out
    assert [row["shard"] for row in found.as_github()["include"]] == [
        f"1/2@{found.division}",
        f"2/2@{found.division}",
    ]


def test_a_machine_that_divides_otherwise_refuses(shop: Path) -> None:
    ended = run(shop, "--guild-scopes", "-n0", "--guild-shard", "1/2@00000000")

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "divides the files otherwise" in ended.out


def test_the_matrix_imports_nothing_that_is_tested(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\naddopts = --only-conftest-knows\n",
            "conftest.py": "raise SystemExit('imported')\n",
            "test_a.py": "raise SystemExit('imported')\n",
        },
    )

    found = survey(tmp_path, 3)

    assert [part.files for part in found.parts] == [1, 0, 0]
    assert len(found.as_github()["include"]) == 1


def test_a_matrix_of_nothing_is_refused(shop: Path) -> None:
    with pytest.raises(NotDivisible, match="not 1 or more"):
        survey(shop, 0)
    with pytest.raises(NotDivisible, match="nowhere"):
        survey(shop, 2, ["nowhere"])


def test_a_terminal_has_one_line_that_comes_and_goes(shop: Path, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "test_slow.py": """
                import time

                def test_one():
                    time.sleep(0.6)

                def test_two():
                    time.sleep(0.6)
                """,
        },
    )

    text = "".join(in_terminal(tmp_path, "--guild-scopes", "-n1"))

    assert re.search(r"\r\x1b\[K +\d+%  \d tests  [\d.]+ s  root", text)
    plain = re.sub(r"[^\n]*\r\x1b\[K", "", text.replace("\r\n", "\n"))
    plain = re.sub(r"\x1b\[[\d;]*m", "", plain)
    assert re.search(r"^root  2 passed  1\.\d s$", plain, re.MULTILINE)
    assert "tests  " not in plain.partition("= scopes =")[0]


def in_terminal(tree: Path, *args: str) -> Iterator[str]:
    """Run pytest in a pseudo-terminal and yield what it writes."""
    ours, its = pty.openpty()
    home = tree / "home"
    home.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *QUIET, *args],
        cwd=tree,
        env={**environment(home), "TERM": "xterm", "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                data = os.read(ours, 65536)
            except OSError:  # its end is closed
                break
            if not data:
                break
            yield data.decode(errors="replace")
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)
