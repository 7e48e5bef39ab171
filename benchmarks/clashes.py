"""What ``guild clashes`` finds and what it makes up: seeded pairs, and real merges of a clone.

``python -m benchmarks.clashes CLONE --pairs 100 --merges 300``

Pairs of branches are seeded on the clone's newest commit: with random edits of the same files
(git says which clash), with changes that clash though git merges them (a function renamed, its
parameters changed, its module moved, and a new user of it), and with changes of the same kinds
that are compatible. Then the parents of real merges are compared: git says which conflict; of those
that people committed as git merged them, whatever else is told is listed, to be judged by hand.
Last, all seeded branches are looked at together: at first, again, and after one of them changed.

By hand: some tens of milliseconds for each pair.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from guild_plugins.delivery.clashes import Pair, find_clashes
from guild_plugins.delivery.kept_looks import KeptLooks
from guild_plugins.delivery.live import Live, find_live
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.report.clashes import render_pair

Files = dict[str, str | None]


class Function(NamedTuple):
    """A function at the top of a module, whose name means nothing else in the clone."""

    path: str
    module: str
    name: str
    parameters: int


class Clone:
    """A working copy of a clone, with branches that are made in it."""

    def __init__(self, source: Path, folder: Path, dice: random.Random) -> None:
        self.top, self.dice = folder, dice
        run(folder.parent, "clone", "-q", "--shared", str(source), folder.name)
        for key, value in (("user.name", "b"), ("user.email", "b@x"), ("gc.auto", "0")):
            run(folder, "config", key, value)
        self.base = run(folder, "rev-parse", "HEAD").strip()
        self.paths = [p for p in run(folder, "ls-files", "-z").split("\0") if p]
        self.python = [p for p in self.paths if p.endswith(".py") and (folder / p).is_file()]
        self.count = 0

    def text(self, path: str) -> str:
        return (self.top / path).read_text("utf-8", "surrogateescape")

    def branches(self, changes: list[Files]) -> list[str]:
        """Commit each of some changes on a branch of its own, and return their names."""
        names, lines = [], list[bytes]()
        for files in changes:
            self.count += 1
            names.append(f"guild/seed/b{self.count:04}")
            lines.append(f"commit refs/heads/{names[-1]}\ncommitter b <b@x> 1 +0000\n".encode())
            lines.append(f"data 6\nseeded\nfrom {self.base}\n".encode())
            for path, text in files.items():
                if text is None:
                    lines.append(f"D {path}\n".encode())
                    continue
                data = text.encode("utf-8", "surrogateescape")
                lines.append(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
        command = ["git", "fast-import", "--quiet"]
        subprocess.run(command, cwd=self.top, input=b"".join(lines), check=True)
        return names

    def functions(self) -> list[Function]:
        """Return functions in packages that others can be seeded to call."""
        words: Counter[str] = Counter()
        found = []
        for path in self.python:
            words.update(set(re.findall(r"\w+", self.text(path))))
        for path in self.python:
            if "test" in path or path.endswith("__init__.py") or "/" not in path:
                continue
            for node in ast.parse(self.text(path)).body:
                if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                    plain = not (node.args.vararg or node.args.kwarg or node.args.kwonlyargs)
                    if plain and words[node.name] <= 6 and len(node.name) > 5:
                        module = path.removesuffix(".py").removeprefix("src/").replace("/", ".")
                        found.append(Function(path, module, node.name, len(node.args.args)))
        return found


def run(folder: Path, *args: str, accept: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        ["git", *args], cwd=folder, capture_output=True, text=True, errors="surrogateescape"
    )
    if done.returncode not in accept:
        raise SystemExit(f"git {' '.join(args[:3])}: {done.stderr}")
    return done.stdout


def conflicts(top: Path, one: str, two: str) -> bool:
    """Ask git whether two commits conflict."""
    done = subprocess.run(
        ["git", "merge-tree", "--write-tree", one, two], cwd=top, capture_output=True
    )
    return done.returncode == 1


# -- seeds ---------------------------------------------------------------------


def scribble(clone: Clone) -> tuple[Files, Files]:
    """Edit lines of the same file on both sides, near each other or not."""
    dice, path = clone.dice, clone.dice.choice(clone.python)
    lines = clone.text(path).split("\n")
    at = dice.randrange(len(lines))

    def edited(place: int) -> Files:
        new, place = list(lines), max(0, min(len(lines) - 1, place))
        kind = dice.choice(("replace", "insert", "delete"))
        new[place : place + (kind != "insert")] = [] if kind == "delete" else [f"# {dice.random()}"]
        return {path: "\n".join(new)}

    return edited(at), edited(at + dice.choice((0, 0, 1, 2, 3, 5, 40)))


def moved(clone: Clone, function: Function) -> Files:
    """Move a module, and all that import it by the name of it."""
    new = function.path.replace(".py", "_moved.py")
    stem, last = function.module, function.module.rpartition(".")[2]
    files: Files = {}
    for path in clone.python:
        text = clone.text(path)
        changed = re.sub(rf"\b{re.escape(stem)}\b", f"{stem}_moved", text)
        changed = re.sub(rf"(from \.+){last}( import)", rf"\1{last}_moved\2", changed)
        changed = re.sub(rf"(from \.+ import ){last}\b", rf"\1{last}_moved as {last}", changed)
        if changed != text:
            files[path] = changed
    own = files.pop(function.path, None) or clone.text(function.path)
    return files | {function.path: None, new: own}


def renamed(clone: Clone, function: Function) -> Files:
    """Rename a function wherever it is used."""
    files: Files = {}
    for path in clone.python:
        text = clone.text(path)
        changed = re.sub(rf"\b{function.name}\b", f"{function.name}_renamed", text)
        if changed != text:
            files[path] = changed
    return files


def widened(clone: Clone, function: Function, parameter: str) -> Files:
    """Give a function one more parameter."""
    text = clone.text(function.path)
    start = re.search(rf"^def {function.name}\(", text, re.MULTILINE)
    assert start is not None
    return {function.path: text[: start.end()] + f"{parameter}, " * 1 + text[start.end() :]}


def defaulted(clone: Clone, function: Function) -> Files:
    """Give a function one more parameter with a default, at the end."""
    text = clone.text(function.path)
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == function.name:
            args = "".join(ast.unparse(node.args))
            args = f"{args}, seeded=None" if args else "seeded=None"
            lines = text.split("\n")
            head = f"def {node.name}({args}):"
            body = lines[node.body[0].lineno - 1 :]
            return {function.path: "\n".join([*lines[: node.lineno - 1], head, *body])}
    raise AssertionError(function)


def caller(clone: Clone, function: Function) -> Files:
    """Add a module that calls a function."""
    values = ", ".join(map(str, range(function.parameters)))
    package, _, last = function.module.rpartition(".")
    form = clone.dice.choice(("from", "module", "as", "package"))
    call = f"{function.name}({values})"
    text = {
        "from": f"from {function.module} import {function.name}\n\n{call}\n",
        "module": f"import {function.module}\n\n{function.module}.{call}\n",
        "as": f"import {function.module} as it\n\nit.{call}\n",
        "package": f"from {package} import {last}\n\n{last}.{call}\n",
    }[form]
    path = f"{function.path.rpartition('/')[0]}/seeded_{clone.dice.randrange(10**9)}.py"
    return {path: text}


def local_caller(clone: Clone, function: Function) -> Files:
    """Add a call in the function's own module, at its end."""
    values = ", ".join(map(str, range(function.parameters)))
    text = clone.text(function.path)
    return {function.path: f"{text}\n\ndef seeded():\n    return {function.name}({values})\n"}


def other(clone: Clone, functions: list[Function], function: Function) -> Function:
    """Return a function of another module."""
    return clone.dice.choice([f for f in functions if f.path != function.path])


Seed = Callable[[Clone, list[Function], Function], tuple[Files, Files]]

CLASHING: dict[str, Seed] = {
    "renamed, new caller": lambda c, _, f: (renamed(c, f), caller(c, f)),
    "renamed, new caller in its module": lambda c, _, f: (renamed(c, f), local_caller(c, f)),
    "one more parameter, new caller": lambda c, _, f: (widened(c, f, "seeded"), caller(c, f)),
    "one more parameter, new caller in its module": lambda c, _, f: (
        widened(c, f, "seeded"),
        local_caller(c, f),
    ),
    "module moved, new caller": lambda c, _, f: (moved(c, f), caller(c, f)),
}
COMPATIBLE: dict[str, Seed] = {
    "renamed, caller of another": lambda c, fs, f: (renamed(c, f), caller(c, other(c, fs, f))),
    "one more parameter with a default, new caller": lambda c, _, f: (
        defaulted(c, f),
        caller(c, f),
    ),
    "one more parameter, caller of another": lambda c, fs, f: (
        widened(c, f, "seeded"),
        caller(c, other(c, fs, f)),
    ),
    "module moved, caller of another": lambda c, fs, f: (moved(c, f), caller(c, other(c, fs, f))),
    "renamed, another renamed": lambda c, fs, f: (renamed(c, f), renamed(c, other(c, fs, f))),
    "two callers of one": lambda c, _, f: (caller(c, f), caller(c, f)),
    "a caller, and a caller in its module": lambda c, _, f: (caller(c, f), local_caller(c, f)),
}


def seeded(
    clone: Clone, functions: list[Function], seeds: dict[str, Seed], count: int
) -> Iterator[tuple[str, str, str]]:
    """Yield pairs of branches that git merges, with what was seeded."""
    kinds = [kind for _ in range(1 + count // len(seeds)) for kind in seeds][:count]
    while kinds:
        sides = [
            side
            for kind in kinds
            for side in seeds[kind](clone, functions, clone.dice.choice(functions))
        ]
        names = clone.branches(sides)
        left = []
        for kind, one, two in zip(kinds, names[::2], names[1::2], strict=True):
            if conflicts(clone.top, one, two):
                left.append(kind)
            else:
                yield kind, one, two
        kinds = left


# -- looking -------------------------------------------------------------------


def look(repository: Repository, *revisions: str) -> list[Pair]:
    return find_clashes(repository, find_live(repository, revisions), KeptLooks())


def kinds_of(pairs: list[Pair]) -> set[str]:
    return {clash.kind for pair in pairs for clash in pair.between.clashes}


def compare_scribbles(clone: Clone, repository: Repository, count: int) -> None:
    by_git = found = alarms = 0
    names = clone.branches([side for _ in range(count) for side in scribble(clone)])
    for one, two in zip(names[::2], names[1::2], strict=True):
        is_conflict, told = conflicts(clone.top, one, two), kinds_of(look(repository, one, two))
        by_git += is_conflict
        found += is_conflict and "conflict" in told
        alarms += not is_conflict and "conflict" in told
    print(
        f"random edits: {count} pairs; git finds {by_git}, Guild {found} of them, {alarms} others"
    )


def compare_seeds(
    clone: Clone, repository: Repository, functions: list[Function], count: int
) -> None:
    for title, seeds in (("clashing", CLASHING), ("compatible", COMPATIBLE)):
        tally: Counter[str] = Counter()
        told: Counter[str] = Counter()
        for kind, one, two in seeded(clone, functions, seeds, count):
            pairs = look(repository, one, two)
            tally[kind] += 1
            told[kind] += bool(kinds_of(pairs))
            if bool(kinds_of(pairs)) != (title == "clashing"):
                print(f"  {kind}: {one} {two}", *(render_pair(p, near=False) for p in pairs))
        print(f"{title}, and git merges all: {tally.total()} pairs; told of {told.total()}")
        for kind, number in tally.items():
            print(f"  {kind}: {told[kind]} of {number}")


def compare_merges(clone: Clone, repository: Repository, count: int) -> None:
    lines = run(clone.top, "rev-list", "--merges", f"--max-count={count}", "--parents", "HEAD")
    by_git = found = others = clean = 0
    alarms = []
    started = time.perf_counter()
    for line in lines.splitlines():
        merge, one, two, *more = line.split()
        if more:
            continue
        pairs = look(repository, one, two)
        told = kinds_of(pairs)
        tree = run(clone.top, "merge-tree", "--write-tree", one, two, accept=(0, 1)).split()[0]
        is_conflict = conflicts(clone.top, one, two)
        by_git += is_conflict
        found += is_conflict and "conflict" in told
        others += not is_conflict and "conflict" in told
        if not is_conflict and run(clone.top, "rev-parse", f"{merge}^{{tree}}").strip() == tree:
            clean += 1
            if told:
                alarms += [(merge, render_pair(pair, near=False)) for pair in pairs]
    spent = (time.perf_counter() - started) / max(1, len(lines.splitlines()))
    print(
        f"real merges: {len(lines.splitlines())}; git finds conflicts in {by_git}, Guild in "
        f"{found} of them and in {others} others ({spent * 1000:.0f} ms each, with git's own)"
    )
    print(f"of {clean} that were committed as git merges them, Guild tells of {len(alarms)}:")
    for merge, text in alarms:
        print(f"  {merge[:12]}: {text}")


def time_looks(clone: Clone, repository: Repository, count: int) -> None:
    lives: list[Live] = find_live(repository)[:count]
    kept = KeptLooks(clone.top / "kept.json")
    times = []
    for step in ("first", "again", "after one change"):
        if step == "after one change":
            name = lives[0].name
            run(clone.top, "checkout", "-q", "-f", name)
            (clone.top / "seeded.txt").write_text("x")
            run(clone.top, "add", "seeded.txt")
            run(clone.top, "commit", "-qm", "x")
            run(clone.top, "checkout", "-q", "-f", clone.base)
        started = time.perf_counter()
        kept = KeptLooks(clone.top / "kept.json")
        find_clashes(repository, find_live(repository, [e.name for e in lives]), kept)
        times.append(f"{step} {time.perf_counter() - started:.2f} s")
    print(f"{len(lives)} branches, {len(lives) * (len(lives) - 1) // 2} pairs: {', '.join(times)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--merges", type=int, default=200)
    parser.add_argument("--branches", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clashes-") as folder:
        clone = Clone(args.clone.resolve(), Path(folder, "clone"), random.Random(args.seed))
        repository = open_repository(clone.top)
        functions = clone.functions()
        print(f"{args.clone.name}: {len(clone.python)} Python files, {len(functions)} functions")
        compare_scribbles(clone, repository, args.pairs)
        compare_seeds(clone, repository, functions, args.pairs)
        time_looks(clone, repository, args.branches)
        compare_merges(clone, repository, args.merges)


if __name__ == "__main__":
    main()
