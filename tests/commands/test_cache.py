"""``guild cache``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from guild_plugins.cli import main
from guild_plugins.suites.kept.records import Record
from guild_plugins.suites.kept.store import Store

from .repos import isolate, make_repository


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    folder = make_repository(tmp_path / "shop")
    store = Store(folder / ".git" / "guild")
    records = [
        Record(f"k{n}", f"test_{n}.py", "passed", 1_700_000_000.0, 1.0, ()) for n in range(3)
    ]
    flaky = Record("k9", "test_\x1b.py", "flaky", 1_700_000_000.0, 1.0, ())
    store.save([*records, flaky], {"test_other.py": "started a process"})
    store.close()
    return folder


def guild(folder: Path, *args: str) -> int:
    return main(["-C", os.fspath(folder), *args])


def test_what_there_is_and_why_more_is_not(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guild(shop, "cache") == 0

    said = capsys.readouterr().out
    assert "3 results of 4 files" in said
    assert "not kept: 1 (started a process)" in said
    assert "flaky: test_\\x1b.py" in said


def test_the_same_as_data(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guild(shop, "cache", "stats", "--json") == 0

    data = json.loads(capsys.readouterr().out)
    assert data["verdicts"] == {"passed": 3, "flaky": 1}
    assert data["refused"] == {"started a process": 1}


def test_dropping_some_and_all(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guild(shop, "cache", "prune", "--max-mb", "0.0003") == 0
    pruned = int(capsys.readouterr().out.split()[0])
    assert 0 < pruned < 4

    assert guild(shop, "cache", "clear") == 0
    assert capsys.readouterr().out == f"{4 - pruned} results dropped\n"
    assert guild(shop, "cache") == 0
    assert capsys.readouterr().out.startswith("0 results of 0 files")


def test_a_repository_of_which_nothing_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_repository(tmp_path / "empty")

    assert guild(folder, "cache") == 0
    assert capsys.readouterr().out == "0 results of 0 files, 0.0 MB\n"
    assert not (folder / ".git" / "guild").exists()
