"""What stays open looks as git shows it, byte for byte; judged by git's own merges."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.git.process import run_git
from guild_plugins.merge.diff3 import Alignment
from guild_plugins.merge.lines import split_lines
from guild_plugins.merge.render import Labels, Style, render
from tests.merge.triples import Triple, triples


@pytest.fixture(scope="module")
def cases() -> list[Triple]:
    return [case for case in triples(seed=7, count=400) if len(set(case)) == 3]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, cases: list[Triple]) -> Path:
    top = tmp_path_factory.mktemp("as-git")
    run_git(["init", "-q"], top)
    for side, name in enumerate(("base", "ours", "theirs")):
        run_git(["fast-import", "--quiet"], top, input=_commit(name, side, cases))
    return top


def _commit(name: str, side: int, cases: list[Triple]) -> bytes:
    head = f"commit refs/heads/{name}\ncommitter a <a@b> 1 +0000\ndata 0\n".encode()
    parent = b"from refs/heads/base\n" if side else b""
    files = (
        b"M 644 inline %d\ndata %d\n%s\n" % (number, len(case[side]), case[side])
        for number, case in enumerate(cases)
    )
    return head + parent + b"".join(files)


def _merged_by_git(top: Path, style: str, count: int) -> list[bytes]:
    args = ["-c", f"merge.conflictStyle={style}", "merge-tree", "--write-tree", "-z"]
    tree = run_git([*args, "ours", "theirs"], top, accept=(0, 1)).split(b"\0")[0].decode()
    wanted = "".join(f"{tree}:{number}\n" for number in range(count))
    output = run_git(["cat-file", "--batch"], top, input=wanted.encode())
    texts = []
    while output:
        head, _, output = output.partition(b"\n")
        size = int(head.split()[2])
        texts.append(output[:size])
        output = output[size + 1 :]
    return texts


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
def test_conflicts_look_as_git_shows_them(
    repository: Path, cases: list[Triple], style: str
) -> None:
    base = run_git(["rev-parse", "--short", "base"], repository).strip()
    labels = Labels(b"ours", base, b"theirs")

    shown = [
        render(Alignment(*map(split_lines, case)), {}, Style(style, labels=labels))
        for case in cases
    ]

    assert shown == _merged_by_git(repository, style, len(cases))
    assert sum(b"<<<<<<<" in text for text in shown) > 100
