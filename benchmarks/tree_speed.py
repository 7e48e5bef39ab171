"""How long a merge of many files takes beside ``git merge-tree``.

    python -m benchmarks.tree_speed [--files 500] [--conflicts 20] [--rounds 7]

A repository is made in which one side changes half of the files and the other the
other half, some of them together, so that some conflict for git; every other of these
is settled by a rule, and written. CPU seconds of the process
and its children, medians of the rounds, which alternate.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.delivery.trees import merge_sides, merge_trees
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import run_git
from guild_plugins.git.tree_merging import Stages, merge_by_git
from guild_plugins.merge.engine import merge

GIT, FILES = "git merge-tree", "the engine on the files in conflict"
CONTENTS = "the whole merge in one process"
AROUND = 3
"""So many times as many files are there as are changed."""


def main() -> int:
    """Make the repository, measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500, help="changed by either side")
    parser.add_argument("--conflicts", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guild-speed-") as folder:
        top = Path(folder)
        make_repository(top, args.files, args.conflicts)
        found = merge_by_git(top, "ours", "theirs")
        assert found is not None
        assert len(found.stages) == args.conflicts
        cases = _read(top, found.stages)
        times: dict[str, list[float]] = {}
        for _, work in _ways(top, cases):
            work()  # so that bytecode is there
        for _ in range(args.rounds):
            for name, work in _ways(top, cases):
                times.setdefault(name, []).append(_cpu(work))
    median = {name: statistics.median(values) for name, values in times.items()}
    allowed = 1.5 * median[GIT] + median[FILES]
    print("| what | CPU s |\n| --- | --- |")
    for name, value in (*median.items(), ("1.5 x git + the files in conflict", allowed)):
        print(f"| {name} | {value:.3f} |")
    return 0 if median[CONTENTS] <= allowed else 1


def _ways(
    top: Path, cases: list[tuple[str, list[bytes]]]
) -> Iterator[tuple[str, Callable[[], object]]]:
    guild = [sys.executable, "-m", "guild_plugins.start", "merge-tree"]
    yield GIT, partial(_run, ["git", "merge-tree", "--write-tree", "ours", "theirs"], top)
    yield FILES, partial(_merge_files, cases)
    yield CONTENTS, partial(_merge, top)
    yield "the same and the check across all files", partial(merge_trees, top, "ours", "theirs")
    yield "the command guild merge-tree", partial(_run, [*guild, "ours", "theirs"], top)
    yield "the command, on two equal commits", partial(_run, [*guild, "ours", "ours"], top)


def make_repository(top: Path, files: int, conflicts: int) -> None:
    """Make branches ``ours`` and ``theirs`` of one base."""
    run_git(["init", "-q"], top)
    chance = random.Random(5)
    texts = {f"p{n % 40}/q{n % 7}/m{n}.py": _module(n, chance) for n in range(files * AROUND)}
    names = sorted(texts)[:files]
    both, rest = names[: conflicts * 2], names[conflicts * 2 :]
    ours = {name: _changed(texts[name], 4, "ours") for name in rest[::2]}
    theirs = {name: _changed(texts[name], 5, "theirs") for name in rest[1::2]}
    for number, name in enumerate(both):
        same = number < conflicts
        if same and number % 2:
            ours[name], theirs[name] = (_importing(texts[name], s) for s in ("ours", "theirs"))
            continue
        ours[name] = _changed(texts[name], 6, "ours")
        theirs[name] = _changed(texts[name], 6 if same else 15, "theirs")
    for branch, changed in (("base", texts), ("ours", ours), ("theirs", theirs)):
        stream = "".join(
            f"M 644 inline {path}\ndata {len(text)}\n{text}\n" for path, text in changed.items()
        )
        parent = "" if branch == "base" else "from refs/heads/base\n"
        head = f"commit refs/heads/{branch}\ncommitter a <a@b> 1 +0000\ndata 0\n{parent}"
        run_git(["fast-import", "--quiet"], top, input=(head + stream).encode())


def _module(number: int, chance: random.Random) -> str:
    imports = "".join(
        f"from p{chance.randrange(40)}.q0 import m{chance.randrange(99)}\n" for _ in range(4)
    )
    functions = "".join(
        f"\n\ndef f{number}_{each}(one, two=None):\n    value = helper(one, two, {each})\n"
        f"    if value:\n        return value.part{chance.randrange(99)}\n    return {each}\n"
        for each in range(20)
    )
    return f"import os\n{imports}\nLIMIT = {number}\n{functions}"


def _changed(text: str, at: int, side: str) -> str:
    before = f"    return {at}\n"
    return text.replace(before, f"    other_{side} = {at}\n    return other_{side}\n", 1)


def _importing(text: str, side: str) -> str:
    return text.replace("import os\n", f"import os\nimport {side}\n", 1) + f"\nX = {side}.one\n"


def _merge(top: Path) -> None:
    with closing(GitObjects(top)) as objects:
        merge_sides(Sides(top, "ours", "theirs", objects))


def _read(top: Path, stages: Stages) -> list[tuple[str, list[bytes]]]:
    return [
        (path, [run_git(["cat-file", "blob", versions[side].blob], top) for side in (1, 2, 3)])
        for path, versions in stages.items()
    ]


def _merge_files(cases: list[tuple[str, list[bytes]]]) -> None:
    for path, (base, ours, theirs) in cases:
        merge(path, base, ours, theirs)


def _run(command: list[str], top: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    env |= {"PYTHONPYCACHEPREFIX": str(top / ".bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, cwd=top, env=env, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr


def _cpu(work: Callable[[], object]) -> float:
    before = _used()
    work()
    return _used() - before


def _used() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


if __name__ == "__main__":
    sys.exit(main())
