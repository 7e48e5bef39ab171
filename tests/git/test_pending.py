from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from guild_plugins.git.pending import git_at_work


def test_git_is_seen_at_work_in_a_folder_and_below(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    inside = folder / "a"
    inside.mkdir(parents=True)
    with subprocess.Popen(
        ["git", "hash-object", "--stdin"], cwd=inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 20
        while git_at_work(folder) != [process.pid]:  # it is not git before it has begun
            assert time.monotonic() < deadline
            time.sleep(0.01)

        assert git_at_work(tmp_path / "other") == []
        process.communicate(b"")

    assert git_at_work(folder) == []


def test_git_that_only_reads_objects_is_not_at_work(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with subprocess.Popen(
        ["git", "-c", "core.quotePath=false", "cat-file", "--batch"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"HEAD\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"HEAD missing\n"

        assert git_at_work(tmp_path) == []


def test_the_git_that_an_alias_was_started_by_is_not_somebody_else(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    script = (
        "from pathlib import Path\n"
        "from guild_plugins.git.pending import git_at_work\n"
        f"print(git_at_work(Path({str(tmp_path)!r})))"
    )
    alias = ["-c", f"alias.look=!{sys.executable}"]

    command = ["git", *alias, "look", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
