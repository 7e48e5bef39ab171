"""``guild merge``: two commits in memory, asked of others first where that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.cli import main
from tests.delivery.conftest import Repo
from tests.delivery.test_mergers import JOINS, configure, program


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path)


def test_a_merge_in_memory_asks_it_where_that_is_wanted(
    repo: Repo, capfd: pytest.CaptureFixture[str]
) -> None:
    configure(repo, program(JOINS))
    repo.fork({"inner/a.odd": "one\n"}, {"inner/a.odd": "two\n"}, {"inner/a.odd": "three\n"})
    command = ["-C", str(repo.top), "merge-tree"]

    codes = [main([*command, *more, "main", "topic"]) for more in ([], ["--mergers"])]

    tree = capfd.readouterr().out.rpartition("tree ")[2].split()[0]
    assert codes == [1, 0]
    assert repo.git("show", f"{tree}:inner/a.odd") == "two\nthree\n"
