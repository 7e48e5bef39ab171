"""Faults: each harms its test, its file or its scope, and no other; and every run ends."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.suites.runs import Run, expect, run, started, write

PROJECT = "[tool.pytest.ini_options]\n"
SCOPED = """
    [tool.pytest.ini_options]
    [tool.guild.scopes.calm]
    paths = ["calm/**"]
    [tool.guild.scopes.wild]
    paths = ["wild/**"]
"""
CALM = """
    import pytest

    @pytest.mark.parametrize("x", range(8))
    def test_some(x): assert x != 5

    @pytest.mark.skip
    def test_skipped(): pass

    @pytest.mark.xfail
    def test_expected(): assert 0
"""
BURST = """
    import os, signal, sys
    import pytest

    @pytest.mark.parametrize("x", range(40))
    def test_before(x): assert x != 7

    def test_bad({argument}):
        {body}

    @pytest.mark.parametrize("x", range(40))
    def test_after(x): assert x != 9
"""


def burst(body: str, argument: str = "") -> str:
    return BURST.format(body=body, argument=argument)


FAULTS = {
    "pyproject.toml": PROJECT,
    "calm/test_one.py": CALM,
    "calm/test_two.py": CALM,
    "exits/test_exit.py": burst("os._exit(0)"),
    "exits/test_sysexit.py": burst("sys.exit(5)"),
    "signals/test_kill.py": burst("os.kill(os.getpid(), signal.SIGKILL)"),
    "signals/test_several.py": """
        import os, signal
        def test_one(): pass
        def test_segfault(): os.kill(os.getpid(), signal.SIGSEGV)
        def test_two(): assert 0
        def test_last(): os._exit(1)
    """,
    "fixtures/test_teardown.py": """
        import os, pytest
        @pytest.fixture
        def sour():
            yield
            os._exit(1)
        def test_before(): pass
        def test_sour(sour): pass
        def test_after(): pass
    """,
    "fixtures/test_session.py": """
        import os, pytest
        @pytest.fixture(scope="session")
        def sour(): os._exit(1)
        def test_before(): pass
        def test_sour(sour): pass
        def test_after(): pass
    """,
    "imports/test_crash.py": "import os\nos._exit(1)\ndef test_never(): pass\n",
    "imports/test_error.py": "import no_such_module\ndef test_never(): pass\n",
    "imports/test_fine.py": "def test_fine(): pass\n",
    "conftests/raises/conftest.py": "raise ValueError('no')\n",
    "conftests/raises/test_one.py": "def test_never(): pass\n",
    "conftests/raises/test_two.py": "def test_never(): pass\n",
    "conftests/raises/deep/test_three.py": "def test_never(): pass\n",
    "conftests/exits/conftest.py": "import os\nos._exit(1)\n",
    "conftests/exits/test_one.py": "def test_never(): pass\n",
    "conftests/test_beside.py": "def test_beside(): pass\n",
    "zz/test_last.py": "import os\ndef test_first(): pass\ndef test_last(): os._exit(1)\n",
}
CRASHING = [
    "exits/test_exit.py::test_bad",
    "fixtures/test_session.py::test_sour",
    "fixtures/test_teardown.py::test_sour",
    "signals/test_kill.py::test_bad",
    "signals/test_several.py::test_last",
    "signals/test_several.py::test_segfault",
    "zz/test_last.py::test_last",
]
LOST = Counter(
    {
        ("conftests/exits/test_one.py", "failed"): 1,
        ("conftests/raises", "failed"): 1,
        ("imports/test_crash.py", "failed"): 1,
        ("imports/test_error.py", "failed"): 1,
    }
)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("faulty"), FAULTS)


@pytest.fixture(scope="module")
def others(faulty: Path) -> Run:
    """What plain pytest says of all tests but those that bring a worker down."""
    lost = {"imports/test_crash.py", "imports/test_error.py"}
    lost |= {"conftests/raises", "conftests/exits"}
    left_out = [f"--deselect={test}" for test in CRASHING] + [f"--ignore={path}" for path in lost]
    return run(faulty, *left_out, "-p", "no:cacheprovider")


@pytest.mark.parametrize("workers", [1, 4])
def test_each_fault_is_named_once_and_every_other_outcome_is_that_of_plain_pytest(
    faulty: Path, others: Run, workers: int
) -> None:
    expect(faulty, 3)

    ended = run(faulty, "--guild-scopes", f"-n{workers}")

    assert len(others.outcomes) > 250
    assert without(ended, CRASHING) == others.outcomes, ended.out
    assert ended.crashes == CRASHING
    assert all(ended.outcomes[test, "failed"] == 1 for test in CRASHING)
    assert all(f"while running {test}" in ended.text_of(test) for test in CRASHING)
    assert ended.files == LOST, ended.out
    assert "while collecting imports/test_crash.py" in ended.text_of("imports/test_crash.py")
    assert "ValueError: no" in ended.text_of("conftests/raises")
    assert ended.code == pytest.ExitCode.TESTS_FAILED


def test_the_table_says_of_each_scope_what_became_of_it(faulty: Path) -> None:
    expect(faulty, 3)

    ended = run(faulty, "--guild-scopes", "-n2", "calm", "signals", "imports")

    assert "20 2 failed" in ended.row("calm")
    assert "85 3 crashed, 3 failed" in ended.row("signals")
    assert "1 2 errors" in ended.row("imports")
    assert all(f"crashed: {test} brought " in ended.out for test in CRASHING if "signals" in test)


def without(ended: Run, tests: list[str]) -> Counter[tuple[str, str]]:
    return Counter({key: n for key, n in ended.outcomes.items() if key[0] not in tests})


def test_a_worker_that_is_killed_while_it_waits_takes_nothing_with_it(tmp_path: Path) -> None:
    tree = write(
        tmp_path,
        {
            "pyproject.toml": PROJECT,
            "a/test_quick.py": """
                import os, pathlib
                def test_quick():
                    pathlib.Path("pid").write_text(str(os.getpid()))
                def test_held_back(): pass
            """,
            "b/test_slow.py": """
                import contextlib, os, pathlib, signal, time
                import pytest
                if not os.path.exists("killed"):
                    while not os.path.exists("pid"):
                        time.sleep(0.05)
                    time.sleep(0.5)
                    pathlib.Path("killed").write_text("")
                    other = int(pathlib.Path("pid").read_text())
                    if other != os.getpid():  # both files may be one worker's
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(other, signal.SIGKILL)
                    time.sleep(0.3)
                @pytest.mark.parametrize("x", range(10))
                def test_slow(x): pass
            """,
        },
    )
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n2")

    assert sum(ended.outcomes.values()) == len(ended.of("passed")) == 12
    assert ended.crashes == []
    assert ended.code == pytest.ExitCode.OK


HANGING = {
    "pyproject.toml": SCOPED,
    "calm/test_calm.py": CALM,
    "wild/test_hangs.py": burst("import time; time.sleep(600)"),
    "wild/test_hangs_at_import.py": "import time\ntime.sleep(600)\n",
}


def test_what_hangs_is_ended_with_its_scope_and_named(tmp_path: Path) -> None:
    tree = write(tmp_path, HANGING)
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n2", "--guild-scope-timeout=3")

    calm = {key: n for key, n in ended.outcomes.items() if key[0].startswith("calm/")}
    named = [*ended.crashes, *(path for path, _ in ended.files)]
    assert sorted(Counter(what for _, what in calm).items()) == [
        ("failed", 1),
        ("passed", 7),
        ("skipped", 1),
        ("xfailed", 1),
    ]
    assert named
    assert set(named) <= {"wild/test_hangs.py::test_bad", "wild/test_hangs_at_import.py"}
    assert "scope wild ran longer than 3 s" in ended.text_of(named[0])
    assert "not run" in ended.row("wild")
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert ended.seconds < 30


def test_a_plugin_that_breaks_a_worker_costs_the_tests_that_it_breaks(tmp_path: Path) -> None:
    tree = write(
        tmp_path,
        {
            "pyproject.toml": SCOPED,
            "calm/test_calm.py": CALM,
            "wild/conftest.py": """
                def pytest_runtest_logstart(nodeid):
                    if nodeid.endswith("test_broken"):
                        raise RuntimeError("the plugin broke")
            """,
            "wild/test_wild.py": "def test_a(): pass\ndef test_broken(): pass\ndef test_z(): pass\n",  # noqa: E501
        },
    )
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n2")

    assert ended.crashes == ["wild/test_wild.py::test_broken"]
    assert "RuntimeError: the plugin broke" in ended.text_of("wild/test_wild.py::test_broken")
    assert {"wild/test_wild.py::test_a", "wild/test_wild.py::test_z"} <= ended.of("passed")
    assert len(ended.of("passed")) == 9
    assert ended.code == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("fault", ["os._exit(1)", "raise ValueError('no worker')"])
def test_workers_that_do_not_come_up_end_the_run(tmp_path: Path, fault: str) -> None:
    tree = write(
        tmp_path,
        {
            "pyproject.toml": SCOPED,
            "conftest.py": f"import os\nif 'PYTEST_XDIST_WORKER' in os.environ: {fault}\n",
            "calm/test_calm.py": CALM,
            "wild/test_wild.py": CALM,
        },
    )
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n2")

    assert ended.files == Counter({("calm", "failed"): 1, ("wild", "failed"): 1})
    assert "workers do not come up" in ended.text_of("calm")
    assert "no worker" in ended.text_of("calm") or "os._exit" in fault
    assert not ended.outcomes
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert ended.seconds < 30


def test_workers_that_end_for_no_test_are_given_up_after_a_few(tmp_path: Path) -> None:
    tree = write(
        tmp_path,
        {
            "pyproject.toml": PROJECT,
            "conftest.py": """
                import os
                import pytest
                @pytest.hookimpl(tryfirst=True)
                def pytest_runtestloop(session):
                    if hasattr(session.config, "workerinput"):
                        os._exit(1)
            """,
            "test_one.py": "def test_one(): pass\n",
        },
    )

    ended = run(tree, "--guild-scopes", "-n1")

    assert "no test is to blame" in ended.out
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert ended.seconds < 45


CRASHES = """
    import os, pytest
    @pytest.mark.parametrize("x", range(30))
    def test_crash(x): os._exit(1)
"""


def test_restarts_are_bounded_where_the_command_line_says_so(tmp_path: Path) -> None:
    tree = write(tmp_path, {"pyproject.toml": PROJECT, "test_crash.py": CRASHES})

    ended = run(tree, "--guild-scopes", "-n1", "--max-worker-restart=1")

    assert ended.crashes == [f"test_crash.py::test_crash[{x}]" for x in (0, 1)]
    assert "maximum crashed workers reached: 1" in ended.out
    assert ended.code == pytest.ExitCode.TESTS_FAILED


# -- what ends a run before its time ----------------------------------------------

STOPPING = {
    "pyproject.toml": SCOPED,
    "calm/test_calm.py": """
        import time, pytest
        @pytest.mark.parametrize("x", range(400))
        def test_calm(x): time.sleep(0.05)
    """,
    "wild/test_wild.py": """
        import os, pytest
        def test_first(): pass
        def test_ends():
            if os.environ["ENDING"] == "exit": pytest.exit("that is enough", returncode=7)
            if os.environ["ENDING"] == "interrupt": raise KeyboardInterrupt
            assert os.environ["ENDING"] != "fail"
            if os.environ["ENDING"] == "crash": os._exit(1)
        @pytest.mark.parametrize("x", range(40))
        def test_rest(x):
            assert os.environ["ENDING"] != "fail"
    """,
}


@pytest.fixture(scope="module")
def stopping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = write(tmp_path_factory.mktemp("stopping"), STOPPING)
    expect(tree, 30)
    return tree


@pytest.mark.parametrize(
    ("ending", "options", "said"),
    [
        ("exit", (), "Exit: that is enough"),
        ("interrupt", (), "interrupted in wild/test_wild.py::test_ends"),
        ("fail", ("-x",), "stopping after 1 failures"),
        ("crash", ("-x",), "stopping after 1 failures"),
        ("fail", ("--maxfail=3",), "stopping after 3 failures"),
    ],
)
def test_what_stops_pytest_stops_all_workers_with_the_same_exit_code(
    stopping: Path, ending: str, options: tuple[str, ...], said: str
) -> None:
    env = {"ENDING": ending}
    plain = run(stopping, *options, "wild", env={"ENDING": ending.replace("crash", "fail")})
    expect(stopping, 30)

    ended = run(stopping, "--guild-scopes", "-n2", *options, env=env)

    assert said in ended.out
    assert ended.code == plain.code, ended.out
    assert len(ended.of("passed")) < 200
    assert "wild/test_wild.py::test_first" in ended.of("passed")
    assert ended.of("failed") >= plain.of("failed")
    assert (ending == "crash") == bool(ended.crashes)


def test_a_scope_is_given_up_after_its_failures_and_the_others_go_on(stopping: Path) -> None:
    expect(stopping, 30)

    ended = run(
        stopping,
        "--guild-scopes",
        "-n2",
        "--guild-maxfail=1",
        "--deselect=calm/test_calm.py::test_calm",
        "-k",
        "wild or (calm and 1-)",
        env={"ENDING": "fail"},
    )
    alone = run(
        stopping, "--guild-scopes", "-n0", "--guild-maxfail=2", "wild", env={"ENDING": "fail"}
    )

    assert "wild/test_wild.py::test_ends" in ended.of("failed")
    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert len(alone.of("failed")) == 2
    assert "2 failed, 39 tests not run" in alone.row("wild")


@pytest.mark.parametrize("whole_group", [True, False])
def test_an_interruption_from_the_keyboard_says_what_ran_until_then(
    stopping: Path, whole_group: bool
) -> None:
    expect(stopping, 30)
    with started(stopping, "--guild-scopes", "-n2", env={"ENDING": "none"}) as running:
        running.wait_for_outcomes(20)

        os.kill(running.process.pid, signal.SIGINT) if not whole_group else running.interrupt()
        since = time.monotonic()
        ended = running.end()

    assert ended.code == pytest.ExitCode.INTERRUPTED
    assert "not run" in ended.row("calm")  # tests, or files when none was open yet
    assert len(ended.of("passed")) >= 20
    assert time.monotonic() - since < 15


LINGERING = {
    "pytest.ini": "[pytest]\n",
    "test_lingers.py": """
        import pathlib, time
        import pytest
        @pytest.fixture(scope="session", autouse=True)
        def lingers():
            yield
            pathlib.Path("tearing_down").touch()
            time.sleep(600)
        @pytest.mark.parametrize("x", range(400))
        def test_some(x): time.sleep(0.05)
    """,
}


@pytest.mark.parametrize("whole_group", [True, False])
def test_a_second_interruption_waits_for_no_worker(tmp_path: Path, whole_group: bool) -> None:
    tree = write(tmp_path, LINGERING)
    with started(tree, "--guild-scopes", "-n2") as running:
        running.wait_for_outcomes(5)
        running.interrupt() if whole_group else os.kill(running.process.pid, signal.SIGINT)
        running.wait_for(tree / "tearing_down")

        running.interrupt() if whole_group else os.kill(running.process.pid, signal.SIGINT)
        since = time.monotonic()
        ended = running.end()

    assert time.monotonic() - since < 8  # workers that are waited for are given ten seconds
    assert ended.code == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in ended.out
    assert "tests not run" in ended.row("root")
    assert len(ended.of("passed")) >= 5
