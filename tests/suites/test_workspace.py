"""Packages that cannot share one pytest, in one command."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path

import pytest

from tests.suites.runs import expect, run, write

NAMES = ("api", "core", "web")


def member(name: str, home: str | None = None) -> dict[str, str]:
    """Return a package that has the same module names as every other."""
    home = home or f"packages/{name}"
    return {
        f"{home}/pyproject.toml": f"""
            [project]
            name = "shop-{name}"
            version = "1"
            [tool.pytest.ini_options]
            pythonpath = ["src"]
            markers = ["of_{name}"]
            addopts = "--strict-markers"
        """,
        f"{home}/src/helper.py": f"NAME = '{name}'\n",
        f"{home}/tests/__init__.py": "",
        f"{home}/tests/conftest.py": f"""
            import pytest
            @pytest.fixture
            def name(): return "{name}"
        """,
        f"{home}/tests/test_core.py": f"""
            import os
            import pytest
            import helper
            from tests import test_more
            @pytest.mark.of_{name}
            def test_name(name): assert name == helper.NAME == test_more.NAME == "{name}"
            def test_place(): assert os.path.basename(os.getcwd()) == "{name}"
        """,
        f"{home}/tests/test_more.py": f"""
            NAME = "{name}"
            class TestIt:
                def test_more(self): pass
        """,
    }


ROOT = {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n"}


def passing(*names: str) -> Counter[tuple[str, str]]:
    tests = (
        "test_core.py::test_name",
        "test_core.py::test_place",
        "test_more.py::TestIt::test_more",
    )
    return Counter(
        {(f"packages/{name}/tests/{test}", "passed"): 1 for name in names for test in tests}
    )


@pytest.fixture(scope="module", params=["in git", "without git"])
def workspace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = write(tmp_path_factory.mktemp("workspace"), ROOT)
    for name in NAMES:
        write(tree, member(name))
    if request.param == "in git":
        subprocess.run(["git", "init", "-q", str(tree)], check=True)
    return tree


@pytest.mark.parametrize("workers", ["0", "3"])
def test_what_plain_pytest_refuses_passes_in_one_command(workspace: Path, workers: str) -> None:
    alone = run(workspace, "-p", "no:cacheprovider")

    ended = run(workspace, "--guild-scopes", "-n", workers)

    assert alone.code == pytest.ExitCode.INTERRUPTED
    assert ended.outcomes == passing(*NAMES), ended.out
    assert ended.code == pytest.ExitCode.OK
    assert ended.out.count("test session starts") == 1
    assert all("3 passed" in ended.row(name) for name in NAMES), ended.out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_one_package_by_its_path_or_from_within_it_is_as_with_plain_pytest(
    workspace: Path, workers: str
) -> None:
    asked = ("--guild-scopes", "-n", workers, "-p", "no:cacheprovider")
    test = "packages/web/tests/test_core.py::test_name"
    alone = run(workspace, "packages/core", "-p", "no:cacheprovider")

    by_path = run(workspace, "packages/core", *asked)
    by_id = run(workspace, *asked, test)
    within = run(workspace / "packages/api", *asked)

    assert len(alone.outcomes) == 3
    assert by_path.outcomes == alone.outcomes, by_path.out
    assert by_id.outcomes == {("tests/test_core.py::test_name", "passed"): 1}, by_id.out
    assert len(within.of("passed")) == 3, within.out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_packages_that_fail_or_cannot_be_imported_fail_alone(tmp_path: Path, workers: str) -> None:
    tree = write(tmp_path, ROOT)
    for name in NAMES:
        write(tree, member(name))
    write(
        tree,
        {
            "packages/api/tests/test_wrong.py": "def test_wrong(): assert 0\n",
            "packages/web/tests/test_error.py": "import no_such_module\n",
        },
    )

    ended = run(tree, "--guild-scopes", "-n", workers)

    wrong = Counter({("packages/api/tests/test_wrong.py::test_wrong", "failed"): 1})
    assert ended.outcomes == passing(*NAMES) + wrong, ended.out
    assert ended.files == {("packages/web/tests/test_error.py", "failed"): 1}
    assert "1 failed" in ended.row("api")
    assert "1 error" in ended.row("web")
    assert "3 passed" in ended.row("core")
    assert ended.code == pytest.ExitCode.TESTS_FAILED


# -- settings of a scope --------------------------------------------------------------

OWN = """
    [tool.pytest.ini_options]
    [tool.guild.scopes.plain]
    paths = ["plain/**"]
    [tool.guild.scopes.own]
    paths = ["own/**"]
    [tool.guild.scopes.own.pytest]
    rootdir = "own"
    python = {python}
    inifile = "own/special.ini"
    env = {{ SHADE = "green" }}
"""
PLACE = """
    import os, sys
    def test_place(request):
        shade = os.environ.get("SHADE", "none")
        ini = request.config.inipath
        with open(os.environ["PLACES"], "a") as file:
            file.write(f"{__name__} {shade} {ini.name} {sys.prefix}\\n")
"""


def interpreter(folder: Path) -> Path:
    """Make an interpreter of its own, which sees the packages of this one."""
    venv.create(folder, symlinks=True)
    inside = next(folder.glob("lib/python*/site-packages"))
    paths = [path for path in sys.path if "site-packages" in path]
    paths.append(str(Path(__file__).parents[2]))
    (inside / "outer.pth").write_text("\n".join(paths))
    return folder / "bin" / "python"


def test_a_scope_has_its_own_interpreter_variables_and_configuration(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "environment")
    tree = write(
        tmp_path / "tree",
        {
            "pyproject.toml": OWN.format(python=json.dumps(str(python))),
            "plain/test_plain.py": PLACE,
            "own/special.ini": "[pytest]\n",
            "own/test_own.py": PLACE,
        },
    )
    expect(tree, 3)
    places = tmp_path / "places"

    ended = run(tree, "--guild-scopes", "-n2", env={"PLACES": str(places)})

    assert ended.code == pytest.ExitCode.OK, ended.out
    assert sorted(places.read_text().splitlines()) == [
        f"test_own green special.ini {python.parents[1]}",
        f"test_plain none pyproject.toml {sys.prefix}",
    ]
    assert ended.of("passed") == {
        "own/test_own.py::test_place",
        "plain/test_plain.py::test_place",
    }


def test_an_interpreter_that_does_not_exist_costs_its_scope_alone(tmp_path: Path) -> None:
    tree = write(
        tmp_path,
        {
            "pyproject.toml": OWN.format(python='"no/such/python"'),
            "plain/test_plain.py": "def test_plain(): pass\n",
            "own/special.ini": "[pytest]\n",
            "own/test_own.py": "def test_own(): pass\n",
        },
    )
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n2")

    assert ended.of("passed") == {"plain/test_plain.py::test_plain"}, ended.out
    assert ended.files == {("own", "failed"): 1}
    assert "no/such/python" in ended.text_of("own")
    assert ended.code == pytest.ExitCode.TESTS_FAILED


def test_an_exclusive_scope_runs_when_nothing_else_does(tmp_path: Path) -> None:
    spans = tmp_path / "spans"
    noting = """
        import os, time, pytest
        @pytest.mark.parametrize("x", range(3))
        def test_span(x):
            start = time.time()
            time.sleep(0.15)
            with open(os.environ["SPANS"], "a") as file:
                file.write(f"{__name__} {start} {time.time()}\\n")
    """
    tree = write(
        tmp_path / "tree",
        {
            "pyproject.toml": """
                [tool.pytest.ini_options]
                [tool.guild.scopes.shared]
                paths = ["shared/**"]
                [tool.guild.scopes.alone]
                paths = ["alone/**"]
                pytest = { exclusive = true }
            """,
            "alone/test_alone.py": noting,
            "alone/test_alone_too.py": noting,
            **{f"shared/test_{number}.py": noting for number in range(4)},
        },
    )
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", "-n3", env={"SPANS": str(spans)})

    rows = [line.split() for line in spans.read_text().splitlines()]
    told = [(name, float(start), float(end)) for name, start, end in rows]
    alone = [(start, end) for name, start, end in told if "alone" in name]
    others = [(name, start, end) for name, start, end in told if "alone" not in name]
    both = [(x, y) for x in others for y in others if x[0] < y[0] and x[1] < y[2] and y[1] < x[2]]
    assert len(ended.of("passed")) == 18
    assert len(alone) == 6
    assert both, "the others run side by side"
    assert not [
        (name, start) for name, start, end in others for s, e in alone if start < e and s < end
    ]
    assert all(a[1] <= b[0] for a, b in zip(sorted(alone), sorted(alone)[1:], strict=False))


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_scope_with_settings_but_no_root_directory_of_its_own_runs_once_with_them(
    tmp_path: Path, workers: str
) -> None:
    shade = "import os\ndef test_{0}(): assert os.environ.get('SHADE') == {1}\n"
    tree = write(
        tmp_path,
        {
            "pyproject.toml": """
                [tool.pytest.ini_options]
                [tool.guild.scopes.green]
                paths = ["green/**"]
                pytest = { env = { SHADE = "green" } }
                [tool.guild.scopes.few]
                paths = ["few/**"]
                pytest = { args = ["-k", "not others"] }
                [tool.guild.scopes.other]
                paths = ["other/**"]
                pytest = { inifile = "other/own.ini" }
                [tool.guild.scopes.plain]
                paths = ["plain/**"]
            """,
            "few/test_few.py": shade.format("few", "None") + shade.format("others", "1"),
            "other/own.ini": "[pytest]\npython_functions = check_*\n",
            "other/test_other.py": "def check_other(): pass\ndef test_other(): assert 0\n",
            "green/test_green.py": shade.format("green", "'green'"),
            "plain/test_plain.py": shade.format("plain", "None"),
        },
    )
    expect(tree, 3)

    ended = run(tree, "--guild-scopes", workers)
    named = run(tree, "--guild-scopes", workers, "green/test_green.py", "plain")

    green = ("green/test_green.py::test_green", "passed")
    plain = ("plain/test_plain.py::test_plain", "passed")
    assert named.outcomes == {green: 1, plain: 1}, named.out
    assert ended.outcomes == {
        ("few/test_few.py::test_few", "passed"): 1,
        ("other/test_other.py::check_other", "passed"): 1,
        green: 1,
        plain: 1,
    }, ended.out


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_mistake_in_the_configuration_is_told_as_one_of_usage(
    tmp_path: Path, workers: str
) -> None:
    tree = write(
        tmp_path, {"guild.toml": "[scopes.a]\npath = 3\n", "test_a.py": "def test_a(): pass\n"}
    )

    ended = run(tree, "--guild-scopes", workers)

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: guild.toml:2: scopes.a.path is no key" in ended.out
    assert "INTERNALERROR" not in ended.out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_all_node_ids_of_a_member_run(workspace: Path, workers: str) -> None:
    core = "packages/{}/tests/test_core.py::{}".format
    asked = {core("web", "test_name"), core("web", "test_place"), core("api", "test_name")}

    ended = run(workspace, "--guild-scopes", "-n", workers, "-p", "no:cacheprovider", *asked)

    assert ended.outcomes == {(test, "passed"): 1 for test in asked}, ended.out


def test_what_members_would_run_is_counted(workspace: Path) -> None:
    ended = run(workspace, "--guild-scopes", "--collect-only", "-p", "no:cacheprovider")

    assert "9 tests collected" in ended.out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_tests_outside_their_scopes_root_directory_run_with_the_others(
    tmp_path: Path, workers: str
) -> None:
    tree = write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "guild.toml": """
                [scopes.auth]
                paths = ["svc"]
                tests = ["tests/auth"]
                [scopes.auth.pytest]
                rootdir = "svc"
            """,
            "svc/test_inside.py": "def test_inside(): pass\n",
            "tests/auth/test_outside.py": "def test_outside(): pass\n",
            "tests/test_other.py": "def test_other(): pass\n",
        },
    )

    whole = run(tree, "--guild-scopes", "-n", workers)
    named = run(tree, "--guild-scopes", "-n", workers, "svc", "tests")

    expected = {
        "svc/test_inside.py::test_inside",
        "tests/auth/test_outside.py::test_outside",
        "tests/test_other.py::test_other",
    }
    assert whole.of("passed") == named.of("passed") == expected
    assert whole.code == named.code == pytest.ExitCode.OK


def test_packages_named_by_path_keep_their_settings_where_the_root_has_none(tmp_path: Path) -> None:
    seen = "def test_seen(request): assert 'of_NAME' in request.config.getini('markers')\n"
    own = {
        f"packages/{name}/tests/test_seen.py": seen.replace("NAME", name)
        for name in ("core", "web")
    }
    tree = write(tmp_path, member("core") | member("web") | own)
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    # pytest takes the first package's directory for the root, and its file for the settings.
    asked = ("packages/core/tests/test_seen.py", "packages/web/tests/test_seen.py")
    ran = run(tree, "--guild-scopes", "-n", "2", *asked)
    assert (ran.code, len(ran.of("passed"))) == (0, 2), ran.out


def _two_members(tmp_path: Path) -> Path:
    files = {"pyproject.toml": '[tool.uv.workspace]\nmembers = ["libs/*"]\n'}
    for name in ("a", "b"):
        files |= {
            f"libs/{name}/pyproject.toml": f'[project]\nname = "{name}"\nversion = "1"\n',
            f"libs/{name}/pytest.ini": "[pytest]\n",
            f"libs/{name}/tests/__init__.py": "",
            f"libs/{name}/tests/conftest.py": f"WHOSE = '{name}'\n",
            f"libs/{name}/tests/test_x.py": f"""
                from tests.conftest import WHOSE
                def test_{name}(): assert WHOSE == {name!r}
            """,
        }
    return write(tmp_path, files)


def test_a_member_runs_after_the_one_that_pytest_was_started_in(tmp_path: Path) -> None:
    tree = _two_members(tmp_path)

    ended = run(tree / "libs/a", "--guild-scopes", "-n0", ".", "../b")

    assert ended.of("passed") == {f"libs/{x}/tests/test_x.py::test_{x}" for x in "ab"}
    assert ended.code == pytest.ExitCode.OK


ONCE = """\
    import sys
    SET_UP = []
    {holder} = SET_UP

    def pytest_configure():
        if {holder}:
            raise ValueError("only once")
        {holder}.append(1)
"""


def test_a_plugin_that_its_module_lets_set_up_only_once_is_imported_anew(tmp_path: Path) -> None:
    tree = write(_two_members(tmp_path), {"once.py": ONCE.format(holder="SET_UP")})

    ended = run(tree, "--guild-scopes", "-n0", "-p", "once")

    assert len(ended.of("passed")) == 2, ended.out
    assert ended.code == pytest.ExitCode.OK


def test_a_plugin_that_a_process_lets_set_up_only_once_is_told_and_the_run_fails(
    tmp_path: Path,
) -> None:
    once = ONCE.replace("= SET_UP", "= getattr(sys, 'once', SET_UP)").format(holder="sys.once")
    tree = write(_two_members(tmp_path), {"once.py": once})

    ended = run(tree, "--guild-scopes", "-n0", "-p", "once")

    assert "libs/b could not be set up after others" in ended.out
    assert "only once" in ended.out
    assert "with -n 1 it has a process of its own" in ended.out
    assert "INTERNALERROR" not in ended.out
    assert ended.code == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("body", "code", "option"),
    [
        ("pytest.exit('enough', returncode=7)", 7, "-v"),
        ("assert 0", 1, "-x"),
    ],
)
def test_what_ends_the_run_of_a_member_ends_the_whole_run(
    tmp_path: Path, body: str, code: int, option: str
) -> None:
    test = f"import pytest\ndef test_a(): {body}\n"
    tree = write(_two_members(tmp_path), {"libs/a/tests/test_x.py": test})

    ended = run(tree, "--guild-scopes", "-n0", option)

    assert ended.code == code, ended.out
    assert not ended.of("passed"), ended.out
