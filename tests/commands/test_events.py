from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.errors import Exit
from tests.commands.repos import GUILD, isolate, make_repository
from tests.coordination.helpers import granted


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "repo")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def journal(repo: Path) -> Journal:
    return Journal(place_in(repo / ".git"))


def test_events_are_shown_one_a_line_and_nothing_that_a_terminal_obeys(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.append(granted(1), granted(2, scope="co\x1bre"))

    code = cli.main(["events"])

    lines = capsys.readouterr().out.splitlines()
    assert code == Exit.DONE
    assert "LeaseGranted  generation=1 holder=h lease=l1 name=nä\\xff" in lines[0]
    assert "LeaseGranted  co\\x1bre: generation=2" in lines[1]


def test_events_are_filtered(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    journal.append(granted(1, scope="a", at=now - 7000), granted(2, scope="b", at=now))

    for choice in (["--scope", "b"], ["--since", "1h"], ["--since", "1"], ["--type", "X"]):
        cli.main(["events", "--json", *choice])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == [2, 2, 2]
    assert lines[0]["data"]["lease"] == "l2"


def test_a_time_that_cannot_be_read_is_told(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["events", "--since", "yesterday"])

    assert code == Exit.USAGE
    assert "time-unclear" in capsys.readouterr().err


def test_the_journal_is_checked(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    journal.append(granted(1))

    code = cli.main(["events", "--check"])

    assert (code, capsys.readouterr().out) == (Exit.DONE, "All is well: 1 events.\n")


def test_outside_of_a_repository_there_are_no_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["-C", str(tmp_path), "events"])

    assert code == Exit.UNSUPPORTED
    assert "no-repository" in capsys.readouterr().err


def test_following_shows_what_happens_later(journal: Journal, repo: Path) -> None:
    journal.append(granted(1))
    with subprocess.Popen(
        [*GUILD, "events", "--follow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=repo,
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        journal.append(granted(2))
        second = json.loads(process.stdout.readline())
        process.terminate()

    assert (first["seq"], second["seq"]) == (1, 2)
