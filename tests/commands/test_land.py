"""``guild land`` as a whole: real suites in a work tree of their own, trust, status and stop."""

from __future__ import annotations

import json
import sys
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from guild_plugins import cli
from guild_plugins.delivery.landing.testing import Means, clean_environment, failed_scopes
from guild_plugins.errors import Exit
from guild_plugins.git import adding
from tests.commands.repos import git, isolate
from tests.delivery.landing.repos import CONFIG, Trunk


@pytest.fixture
def trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trunk:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Trunk.make(tmp_path / "repo")
    monkeypatch.chdir(made.top)
    return made


def land(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = cli.main(["land", "--json", *words])
    data: dict[str, Any] = json.loads(capsys.readouterr().out or "{}")
    return code, data


TEST_G = "from web.b import g\n\n\ndef test_g():\n    assert g() == 1\n"
TEST_F = "from core.a import f\n\n\ndef test_f():\n    assert f() >= 1\n"
INI = "[pytest]\naddopts = -p no:cacheprovider -p no:randomly\n"


def test_the_suites_of_the_merged_closure_run_where_the_merged_tree_is(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the merged tree is wrong: each branch passes alone."""
    config = CONFIG.replace('paths = ["web"]', 'paths = ["web"]\ntests = ["web/test_g.py"]')
    trunk.write({"guild.toml": config, "pytest.ini": INI, "core/test_f.py": TEST_F})
    trunk.commit("tests")
    trunk.branch("t/web", {"web/test_g.py": TEST_G})
    trunk.branch("t/core", {"core/a.py": "def f():\n    return 2\n"})

    code, data = land(capsys, "--task", "t", "-n", "0")

    core, web = data["outcomes"]
    assert (code, core["kind"], web["kind"]) == (Exit.NO, "landed", "tests")
    assert core["trials"][0]["note"].startswith("1 passed")
    assert "assert 2 == 1" in Path(web["trials"][0]["log"]).read_text()
    assert [path.name for path in trunk.top.parent.iterdir() if "guild" in path.name] == []
    assert len(git(trunk.top, "worktree", "list").splitlines()) == 1


def test_what_cannot_break_each_other_is_tested_as_one_and_only_what_fails_is_left(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = {"core/test_f.py": TEST_F, "doc/test_doc.py": "def test_doc():\n    pass\n"}
    trunk.write({"pytest.ini": INI, **tests})
    trunk.commit("tests")
    trunk.branch("t/core", {"core/a.py": "def f():\n    return 2\n"})
    trunk.branch("t/doc", {"doc/test_doc.py": "def test_doc():\n    assert 1 == 2\n"})

    code, data = land(capsys, "--task", "t", "--at-once", "1", "-n", "0")

    core, doc = data["outcomes"]
    assert (code, core["kind"], doc["kind"]) == (Exit.NO, "landed", "tests")
    assert doc["trials"][0]["failed"] == ["doc"]
    assert {one["trials"][0]["log"] for one in (core, doc)} == {core["trials"][0]["log"]}


def test_a_command_of_the_configuration_needs_trust_and_is_trunks(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "import os, sys; sys.exit(not os.path.exists('core/n.py'))"
    command = json.dumps([sys.executable, "-c", script])
    trunk.write({"guild.toml": f"{CONFIG}\n[landing]\ntests = {command}\n"})
    trunk.commit("command")
    trunk.branch("t/core", {"core/n.py": "N = 1\n"})
    looser = f'{CONFIG}\n[landing]\ntests = ["true"]\n'
    trunk.branch("t/root", {"guild.toml": looser})

    assert cli.main(["land", "--all"]) == Exit.UNSUPPORTED
    assert "not-trusted" in capsys.readouterr().err
    assert cli.main(["trust"]) == Exit.DONE
    assert "landing.tests" in capsys.readouterr().out
    outcomes = [land(capsys, name)[1]["outcomes"][0]["kind"] for name in ("t/root", "t/core")]

    assert outcomes == ["tests", "landed"]


def test_what_passes_the_second_time_lands_and_is_called_flaky(
    trunk: Trunk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    script = f"import pathlib, sys; p = pathlib.Path({str(mark)!r}); " + (
        "seen = p.exists(); p.touch(); sys.exit(not seen)"
    )
    (tmp_path / "flaky.py").write_text(script)
    trunk.branch("t/core", {"core/n.py": "N = 1\n"})

    code, data = land(capsys, "core", "--test-command", f"{sys.executable} {tmp_path / 'flaky.py'}")

    assert (code, data["outcomes"][0]["trials"][0]["flaky"]) == (Exit.DONE, True)


def test_a_work_tree_that_could_not_be_made_leaves_no_folder(
    trunk: Trunk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    trunk.branch("t/core", {"core/a.py": "def f():\n    return 2\n"})
    monkeypatch.setattr(adding, "_publish", full)
    at = trunk.at("main")

    code = cli.main(["land", "--task", "t", "--test-command", "true"])

    assert code != Exit.DONE
    assert trunk.at("main") == at
    assert not trunk.top.with_name("repo.guild").exists()
    assert len(git(trunk.top, "worktree", "list").splitlines()) == 1


def test_a_test_that_takes_too_long_is_ended(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    trunk.branch("t/core", {"core/n.py": "N = 1\n"})

    _, data = land(capsys, "core", "--timeout", "0.2s", "--test-command", "sleep 60")

    (outcome,) = data["outcomes"]
    assert (outcome["kind"], outcome["details"]) == ("tests", ["it took longer than 0.2 s"])


def test_status_and_stop_know_that_a_branch_has_landed(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "t", "core"])
    place = trunk.top.with_name("repo.guild") / "t" / "core"
    (place / "core/a.py").write_text("def f():\n    return 2\n")
    Trunk(place).commit("Two")
    assert land(capsys, "core", "--test-command", "true")[0] == Exit.DONE
    (trunk.top / "core/a.py").write_text("def f():\n    return 3\n")
    trunk.commit("trunk changes it again, so that merging once more conflicts")

    capsys.readouterr()
    cli.main(["status", "--json"])
    (row,) = json.loads(capsys.readouterr().out)["workplaces"]
    cli.main(["status"])
    table = capsys.readouterr().out
    code = cli.main(["stop", "t"])

    assert (row["landed"], row["ahead"]) == (trunk.at("main~1"), 0)
    assert "ready, landed" in table
    assert code == Exit.DONE
    assert not place.exists()


def test_a_branch_that_went_on_is_not_stopped(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["start", "t", "core"])
    place = trunk.top.with_name("repo.guild") / "t" / "core"
    for text in ("N = 1\n", "N = 2\n"):
        (place / "core/n.py").write_text(text)
        Trunk(place).commit(text)
        if "1" in text:
            land(capsys, "core", "--test-command", "true")

    capsys.readouterr()
    cli.main(["status"])

    assert "ready, went on" in capsys.readouterr().out
    assert cli.main(["stop", "t"]) == Exit.NO


def test_what_was_done_is_told_in_lines(trunk: Trunk, capsys: pytest.CaptureFixture[str]) -> None:
    trunk.branch("t/core", {"core/a.py": "def f():\n    return 2\n"}, "two")
    trunk.write({"core/a.py": "def f():\n    return 3\n"})
    trunk.commit("three")

    assert cli.main(["land", "--all", "--test-command", "true"]) == Exit.NO

    text = capsys.readouterr().out
    assert "t/core  left: it conflicts" in text
    assert "core/a.py:2:" in text
    assert "(ask @core)" in text
    assert "then: guild resolve t/core --onto main" in text


def test_landings_are_verified_and_what_is_wrong_is_said(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    trunk.branch("t/core", {"core/n.py": "N = 1\n"})
    land(capsys, "core", "--test-command", "true")

    assert cli.main(["verify"]) == Exit.DONE
    assert capsys.readouterr().out == "1 landings: 0 wrong, 0 not fully checked\n"
    (trunk.top / "core/n.py").write_text("N = 2\n")
    git(trunk.top, "commit", "-qa", "--amend", "--no-edit")
    assert cli.main(["verify", "main~1..main"]) == Exit.NO
    assert "t/core  wrong: its tree is" in capsys.readouterr().out


def test_the_environment_of_tests_leads_to_no_other_work_tree() -> None:
    given = {
        "GIT_DIR": "x",
        "GUILD_LEASES": "a:1",
        "GUILD_STORE": "s3://b",
        "PYTEST_ADDOPTS": "--deselect x",
        "PATH": "/bin",
        "PYTHONPATH": "/repo/src:/other:/repo.guild/t/core",
    }

    kept = clean_environment(given, ["/repo", "/repo.guild/t/core"])

    assert kept == {"GUILD_STORE": "s3://b", "PATH": "/bin", "PYTHONPATH": "/other"}


def test_a_commands_base_is_the_proven_commit() -> None:
    report = Path("report")
    assert Means(("make", "since={base}")).words("abc", report) == ["make", "since=abc"]
    assert "--guild-base=abc" in Means().words("abc", report)


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ('{"interrupted": null, "scopes": [%s]}', ("core", "doc")),
        ('{"interrupted": "ctrl-c", "scopes": [%s]}', ()),
        ('{"interrupted": null, "scopes": [%s', ()),
        ('{"interrupted": null, "scopes": [{"outcome": "failed"}]}', ()),
    ],
)
def test_a_report_names_the_scopes_that_did_not_pass_where_it_says_all(
    tmp_path: Path, text: str, failed: tuple[str, ...]
) -> None:
    outcomes = {"core": "failed", "doc": "not run", "web": "passed", "root": "empty"}
    rows = [{"name": name, "outcome": outcome} for name, outcome in outcomes.items()]
    file = tmp_path / "report.json"
    file.write_text(text.replace("%s", json.dumps(rows)[1:-1]))

    assert failed_scopes(file) == failed
    assert failed_scopes(tmp_path / "missing") == ()
