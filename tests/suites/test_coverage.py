import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from coverage import CoverageData

from guild_plugins.suites.coverage_report import Combined
from guild_plugins.suites.recorder import Measuring, Recorder, signed_off

from .runs import Run, expect, run, started, write

SCOPED = ("--guild-scopes", "--guild-cov", "-n2", "-p", "no:cov")
ALONE = (*SCOPED, "-n0")

SHOP = {
    "pyproject.toml": """
        [tool.guild.scopes.api]
        paths = ["api/**"]
        tests = ["api/tests"]

        [tool.guild.scopes.web]
        paths = ["web/**"]
        tests = ["web/tests"]
        """,
    "conftest.py": """
        def pytest_report_teststatus(report):
            if report.outcome == "never":
                return "x", "x", "x"
        """,
    "api/__init__.py": "",
    "api/price.py": """
        VAT = 20

        def gross(net):
            if net < 0:
                raise ValueError(net)
            return net * (100 + VAT) // 100

        def discount(net, percent):
            for _ in range(percent):
                net -= net // 100
            return net

        def unused():
            return None
        """,
    "api/tests/test_price.py": """
        import pytest
        from api.price import gross

        @pytest.mark.parametrize("net", [0, 100])
        def test_gross(net):
            assert gross(net) >= net

        def test_negative():
            with pytest.raises(ValueError):
                gross(-1)
        """,
    "api/tests/test_more.py": """
        def test_import():
            import api.price
        """,
    "web/__init__.py": "",
    "web/page.py": """
        from api.price import discount, gross

        def page(net):
            return f"<p>{discount(gross(net), 3)}" if net else "<p>free"
        """,
    "web/tests/test_page.py": """
        from web.page import page

        def test_page():
            assert page(100).startswith("<p>")
        """,
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path, SHOP)
    expect(tmp_path, 5.0)
    return tmp_path


def points(path: Path) -> dict[str, set[object]]:
    data = CoverageData(str(path))
    data.read()
    of = data.arcs if data.has_arcs() else data.lines
    return {file: set(of(file) or ()) for file in data.measured_files()}


def rows(ended: Run) -> dict[str, list[str]]:
    """Return the table by scope: name to figures."""
    _, _, table = ended.out.rpartition("Own tests")
    table = table.partition("TOTAL")[0]
    lines = re.findall(r"^([\w-]+) +(\d.*%.*)$", table, re.MULTILINE)
    return {name: figures.split() for name, figures in lines}


@pytest.fixture(params=["lines", "branches"])
def kind(request: pytest.FixtureRequest, shop: Path) -> str:
    kind: str = request.param
    write(shop, {".coveragerc": f"[run]\nbranch = {kind == 'branches'}\nsource = .\n"})
    return kind


@pytest.mark.usefixtures("kind")
def test_the_same_lines_as_in_one_process(shop: Path) -> None:
    run(shop, "-p", "no:guild", "--cov", "-n0", "--cov-report=")
    expected = points(shop / ".coverage")

    for workers in ("-n2", "-n0"):
        ended = run(shop, *SCOPED, workers)

        assert ended.code == 0, ended.out
        assert points(shop / ".coverage") == expected


def test_the_table_tells_own_tests_from_others(shop: Path) -> None:
    write(shop, {".coveragerc": "[run]\nsource = .\nomit = */tests/*\n"})

    by_workers = rows(run(shop, *SCOPED))
    alone = rows(run(shop, *SCOPED, "-n0"))

    assert by_workers["api"] == ["11", "91%", "64%", "82%"]
    assert by_workers["web"] == ["3", "100%", "100%", "0%"]
    assert {name: alone[name] for name in ("api", "web")} == {
        name: by_workers[name] for name in ("api", "web")
    }


def test_a_standard_file_is_written_with_scopes_as_contexts(shop: Path) -> None:
    run(shop, *SCOPED)

    data = CoverageData(str(shop / ".coverage"))
    data.read()
    data.set_query_contexts(["web"])
    assert {"api", "web"} <= data.measured_contexts()
    assert set(data.lines(str(shop / "api/price.py")) or ()) >= {4, 6, 9, 10, 11}
    assert not list(shop.glob(".coverage.*"))


def test_reports_are_written_where_the_configuration_says(shop: Path) -> None:
    write(shop, {".coveragerc": "[xml]\noutput = out/cov.xml\n[json]\npretty_print = true\n"})
    formats = ("term-missing", "xml", "json", "html", "lcov")

    ended = run(shop, *ALONE, *(f"--guild-cov-report={name}" for name in formats))

    assert (shop / "out/cov.xml").is_file()
    assert json.loads((shop / "coverage.json").read_bytes())["totals"]["covered_lines"]
    assert (shop / "htmlcov/index.html").is_file()
    assert (shop / "coverage.lcov").is_file()
    assert "Missing" in ended.out
    assert "Coverage XML written to out/cov.xml" in ended.out


def test_a_scope_below_its_floor_fails_the_run(shop: Path) -> None:
    write(shop, {"pytest.ini": "[pytest]\nguild_cov_fail_under = api: 99\n"})

    ended = run(shop, *SCOPED, "--guild-cov-fail-under=api:99", "--guild-cov-fail-under=web=50")

    assert ended.code == 1
    assert re.search(r"coverage of scope api is 9\d\.\d\d%, below its floor of 99%", ended.out)
    assert "scope web is" not in ended.out


def test_the_floor_in_a_scopes_configuration_counts(shop: Path) -> None:
    scope = "[tool.guild.scopes.{0}]\npaths = ['{0}']\ncoverage.fail_under = {1}\n"
    write(shop, {"pyproject.toml": scope.format("api", 99) + scope.format("web", 50)})

    ended = run(shop, *ALONE, "--guild-cov-report=none")

    assert ended.code == 1
    assert re.search(r"coverage of scope api is 9\d\.\d\d%, below its floor of 99%", ended.out)
    assert "scope web is" not in ended.out


def test_the_floor_of_the_projects_own_configuration_counts(shop: Path) -> None:
    write(shop, {".coveragerc": "[report]\nfail_under = 100\n"})

    ended = run(shop, *ALONE, "--guild-cov-report=none")

    assert ended.code == 1
    assert "coverage of the whole is" in ended.out


def test_a_scope_that_did_not_run_is_not_judged(shop: Path) -> None:
    ended = run(shop, *ALONE, "--guild-scope=web", "--guild-cov-fail-under=api: 100")

    assert ended.code == 0, ended.out


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("--guild-scopes", "--guild-cov", "--cov"), "--guild-cov and --cov would both measure"),
        (("--guild-cov",), "--guild-cov needs --guild-scopes"),
        ((*ALONE, "--no-such-option"), "unrecognized arguments"),
        ((*ALONE, "--guild-cov-report=pdf"), "'pdf' is none of"),
        ((*ALONE, "--guild-cov-fail-under=apy: 9"), "no scope is called 'apy'"),
        ((*ALONE, "--guild-cov-fail-under=api"), "is not 'SCOPE: PERCENT'"),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(
    shop: Path, args: tuple[str, ...], problem: str
) -> None:
    ended = run(shop, *args)

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert problem in ended.out
    assert "Traceback" not in ended.out


def test_coverage_is_not_imported_without_the_switch(shop: Path) -> None:
    test = "import sys\n\ndef test_it():\n    assert 'coverage' not in sys.modules\n"
    write(shop, {"api/tests/test_modules.py": test})

    ended = run(shop, "--guild-scopes", "-n2", "-p", "no:cov")

    assert ended.code == 0, ended.out


def test_a_crash_makes_coverage_incomplete_and_the_summary_says_so(shop: Path) -> None:
    crash = "import os\n\ndef test_crash():\n    os._exit(3)\n"
    write(shop, {"web/tests/test_crash.py": crash})

    ended = run(shop, *SCOPED)

    assert ended.code == 1
    assert re.search(r"coverage is incomplete: worker gw\d crashed", ended.out)
    assert rows(ended)["api"]


def test_what_ran_before_the_first_failure_is_reported(shop: Path) -> None:
    failing = "from api.price import unused\n\ndef test_it():\n    assert unused()\n"
    write(shop, {"api/tests/test_fails.py": failing})

    ended = run(shop, *SCOPED, "-x", "-n1")

    assert ended.code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "incomplete" not in ended.out
    assert 14 in points(shop / ".coverage")[str(shop / "api/price.py")]


def test_what_ran_before_ctrl_c_is_reported(shop: Path) -> None:
    slow = """
        import pathlib, time
        from api.price import unused

        def test_slow():
            unused()
            pathlib.Path("asleep").touch()
            time.sleep(30)
        """
    write(shop, {"api/tests/test_slow.py": slow})

    with started(shop, *SCOPED) as running:
        deadline = time.monotonic() + 30
        while not (shop / "asleep").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        running.interrupt()
        ended = running.end()

    assert ended.code == pytest.ExitCode.INTERRUPTED
    assert "coverage by scope" in ended.out
    assert 14 in points(shop / ".coverage")[str(shop / "api/price.py")]


def test_subprocesses_are_measured_where_the_project_says_so(shop: Path) -> None:
    test = f"""
        import subprocess, sys

        def test_it():
            code = "from api.price import unused; unused()"
            subprocess.run([sys.executable, "-c", code], check=True, cwd={str(shop)!r})
        """
    write(
        shop,
        {".coveragerc": "[run]\npatch = subprocess\nsource = .\n", "web/tests/test_sub.py": test},
    )

    ended = run(shop, *SCOPED)

    assert ended.code == 0, ended.out
    assert 14 in points(shop / ".coverage")[str(shop / "api/price.py")]
    assert not list(shop.glob(".coverage.*"))


def test_data_of_the_run_before_are_gone(shop: Path) -> None:
    run(shop, *ALONE)

    run(shop, *ALONE, "--guild-scope=web")

    assert not points(shop / ".coverage").get(str(shop / "api/tests/test_price.py"))


def test_a_worker_elsewhere_sends_its_data(tmp_path: Path) -> None:
    here, there, data = (tmp_path / name for name in ("here", "there", "data"))
    for directory in (here, there, data):
        directory.mkdir()
    write(here, {"code.py": "a = 1\nb = 2\n"})
    measuring = Measuring(str(here), None, str(data))
    sent = CoverageData(no_disk=True)
    sent.set_context("api")
    sent.add_lines({str(there / "code.py"): [1, 2]})
    combined = Combined(measuring)

    combined.add_remote("gw0", str(there), sent.dumps(), "")
    combined.combine()

    assert points(here / ".coverage") == {str(here / "code.py"): {1, 2}}
    assert signed_off(measuring, "gw0") == ""


def test_a_recorder_that_shares_no_directory_returns_its_data(shop: Path, tmp_path: Path) -> None:
    code = f"""
        from pathlib import Path
        from guild_plugins.suites.recorder import Measuring, Recorder

        recorder = Recorder(Measuring({str(shop)!r}, None, "/nowhere/at/all"), "gw0")
        recorder.start()
        from api.price import unused
        recorder.switch("api")
        unused()
        Path("sent").write_bytes(recorder.finish())
        """
    write(shop, {"send.py": code})

    subprocess.run([sys.executable, "send.py"], cwd=shop, check=True)

    received = CoverageData(str(tmp_path / "received"))
    received.loads((shop / "sent").read_bytes())
    received.set_query_contexts(["api"])
    assert 14 in (received.lines(str(shop / "api/price.py")) or ())


def test_a_recorder_without_coverage_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "coverage", None)
    measuring = Measuring(str(tmp_path), None, str(tmp_path))
    recorder = Recorder(measuring, "gw0")

    recorder.start()
    recorder.switch("api")
    recorder.finish()

    assert "has no coverage.py" in (signed_off(measuring, "gw0") or "")
    assert Recorder.running is None
