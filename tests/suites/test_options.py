from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guild_plugins.suites.options import OPTIONS, is_on, settle
from tests.suites.runs import run, write

pytest_plugins = "pytester"


def settled(pytester: pytest.Pytester, *arguments: str) -> Any:
    config = pytester.parseconfig(*arguments)
    settle(config)
    return config.option


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--guild-maxfail=some"], "--guild-maxfail: 'some' is not a whole number, 0 or more"),
        (["--guild-scope-timeout=inf"], "--guild-scope-timeout: 'inf' is not a number of seconds"),
        (["--guild-import-guard=maybe"], "'maybe' is none of stop, repair, off"),
        (["-o", "guild_scope_timeout=-1"], "ini option guild_scope_timeout: -1.0 is not"),
        (["-o", "guild_maxfail=x"], "ini option guild_maxfail: "),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(
    pytester: pytest.Pytester, arguments: list[str], why: str
) -> None:
    with pytest.raises(pytest.UsageError, match=why):
        settled(pytester, *arguments)


def test_without_a_word_every_option_has_its_default(pytester: pytest.Pytester) -> None:
    option = settled(pytester)

    assert {o.name: getattr(option, o.name) for o in OPTIONS} == {
        o.name: o.default for o in OPTIONS
    }


def test_the_ini_file_sets_what_the_command_line_does_not(pytester: pytest.Pytester) -> None:
    pytester.makeini(
        """
        [pytest]
        guild_scopes = true
        guild_scope = api web
        guild_shard = 1/2
        guild_report = a.json
        guild_maxfail = 3
        guild_scope_timeout = 1.5
        guild_import_guard = off
        guild_whole_scopes = true
        """
    )

    from_ini = settled(pytester)
    from_line = settled(pytester, "--guild-maxfail=0", "--guild-scope=x", "--guild-report=b.json")

    assert from_ini.guild_scopes is True
    assert from_ini.guild_scope == ["api", "web"]
    assert (from_ini.guild_maxfail, from_ini.guild_scope_timeout) == (3, 1.5)
    assert (from_ini.guild_import_guard, from_ini.guild_whole_scopes) == ("off", True)
    assert (from_line.guild_maxfail, from_line.guild_scope) == (0, ["x"])
    assert (from_line.guild_report, from_line.guild_shard) == ("b.json", "1/2")


def test_the_command_line_can_switch_the_ini_file_off(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nguild_scopes = true\n")

    assert is_on(pytester.parseconfig())
    assert not is_on(pytester.parseconfig("--no-guild-scopes"))


def test_native_toml_values_are_understood(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", pytest="[pytest]\nguild_maxfail = 2\nguild_scope_timeout = 2.5\n")

    option = settled(pytester)

    assert (option.guild_maxfail, option.guild_scope_timeout) == (2, 2.5)


def test_no_flag_swallows_a_path(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a="")

    for option in OPTIONS:
        if option.kind == "flag":
            config = pytester.parseconfig("--guild-scopes", option.flag, "test_a.py")
            assert config.args == ["test_a.py"]


def test_a_shard_that_is_none_ends_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a="def test(): pass")

    result = pytester.runpytest_inprocess("--guild-scopes", "-n0", "--guild-shard=3/2")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--guild-shard: '3/2' names no part*"])


@pytest.mark.parametrize("value", ["../report.json", "other"])
def test_a_value_that_is_a_path_does_not_move_the_root(tmp_path: Path, value: str) -> None:
    text = "def test_here(request): assert request.config.getini('xfail_strict') == True"
    tree = write(
        tmp_path / "tree",
        {"pytest.ini": "[pytest]\nxfail_strict = true\n", "test_it.py": text},
    )
    write(tree / "other", {"pytest.ini": "[pytest]\n", "test_it.py": text})
    write(tmp_path, {"report.json": "{}"})
    flag = "--guild-report" if value.endswith("json") else "--guild-cov-source"

    ended = run(tree, "--guild-scopes", "-n0", "test_it.py", flag, value)

    assert f"rootdir: {tree}\n" in ended.out
    assert ended.of("passed") == {"test_it.py::test_here"}


def test_options_of_the_ini_file_count_whatever_a_value_looks_like(tmp_path: Path) -> None:
    options = "--strict-markers -p beside_it --deselect=test_it.py::test_there"
    ini = f"[pytest]\naddopts = {options}\npythonpath = lib\n"
    tree = write(
        tmp_path / "tree",
        {
            "pytest.ini": ini,
            "lib/beside_it.py": "def pytest_report_header(): return 'is beside it'",
            "test_it.py": "def test_here(): pass\ndef test_there(): pass",
        },
    )
    write(tmp_path, {"report.json": "{}"})

    ended = run(tree, "--guild-scopes", "-n2", "--guild-report", "../report.json")

    assert ended.of("passed") == {"test_it.py::test_here"}
    assert "is beside it" in ended.out
    assert ended.code == pytest.ExitCode.OK
