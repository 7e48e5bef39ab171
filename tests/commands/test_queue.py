"""``guild queue`` and ``guild land --queue``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guild_plugins import cli
from guild_plugins.errors import Exit
from tests.commands.repos import git, isolate
from tests.delivery.landing.repos import Trunk

CORE = {"core/n.py": "N = 1\n"}
DOC = {"doc/n": "1\n"}


@pytest.fixture
def trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trunk:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Trunk.make(tmp_path / "repo")
    monkeypatch.chdir(made.top)
    made.branch("t/core", CORE)
    made.branch("t/doc", DOC)
    return made


def queue(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["queue", *words, "--json"]) == Exit.DONE
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


def names(data: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(one["branch"].rpartition("/")[2], one["refused"]) for one in data["waiting"]]


def land(command: str = "true") -> int:
    return cli.main(["land", "--queue", "--at-once", "1", "--test-command", command])


def test_the_queue_is_landed_in_its_order_and_is_empty_then(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(capsys, "add", "--task", "t")
    assert names(queue(capsys, "order", "doc")) == [("doc", None), ("core", None)]

    assert land() == Exit.DONE

    subjects = git(trunk.top, "log", "--format=%(trailers:key=Scope,valueonly)", "-2", "main")
    assert subjects.split() == [b"core", b"doc"]
    assert names(queue(capsys)) == []


def test_what_is_left_waits_until_its_branch_moves(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(capsys, "add", "core")
    assert land("false") == Exit.NO
    assert names(queue(capsys)) == [("core", "tests")]

    at = trunk.at("main")
    assert land() == Exit.DONE, "nothing is tried"
    assert trunk.at("main") == at

    trunk.branch("t/core", {"core/m.py": "M = 1\n"})
    assert names(queue(capsys)) == [("core", None)]
    assert land() == Exit.DONE
    assert trunk.at("main") != at


def test_a_paused_queue_lands_nothing(trunk: Trunk, capsys: pytest.CaptureFixture[str]) -> None:
    queue(capsys, "add", "core")
    assert queue(capsys, "pause")["paused"]
    at = trunk.at("main")

    assert land() == Exit.DONE
    assert "paused" in capsys.readouterr().out
    assert trunk.at("main") == at
    assert not queue(capsys, "resume")["paused"]


def test_branches_are_added_once_and_removed(
    trunk: Trunk, capsys: pytest.CaptureFixture[str]
) -> None:
    queue(capsys, "add", "t/core")
    assert names(queue(capsys, "add", "core")) == [("core", None)]
    assert names(queue(capsys, "remove", "core")) == []
    assert cli.main(["queue", "remove", "core"]) == Exit.USAGE
    assert cli.main(["queue", "list"]) == Exit.DONE
    assert "0 in the queue" in capsys.readouterr().out
