"""Pairs of branches by the dozen: what git finds, what it does not, and what is no clash."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from guild_plugins.delivery.clashes import find_clashes
from guild_plugins.delivery.kept_looks import KeptLooks
from guild_plugins.delivery.live import Live
from guild_plugins.git.repository import Repository
from tests.git.repos import git, make

MODULES, FUNCTIONS, PAIRS = 8, 4, 50

Files = dict[str, str | None]
Function = tuple[int, int]
"""A module and a function of it, by their numbers."""


def name_of(function: Function) -> str:
    return f"work_{function[0]}_{function[1]}"


def text_of(module: int) -> str:
    """Each function calls one of the module before."""
    parts = [f"from pkg.m{module - 1} import {name_of((module - 1, 0))}\n"] if module else []
    for number in range(FUNCTIONS):
        inner = f"{name_of((module - 1, 0))}(1, 2)" if module and not number else "0"
        lines = "".join(f"    x{n} = {n}\n" for n in range(6))
        parts.append(f"def {name_of((module, number))}(a, b):\n{lines}    return {inner}\n")
    return "\n\n".join(parts)


BASE: dict[str, str] = {"pkg/__init__.py": ""} | {
    f"pkg/m{module}.py": text_of(module) for module in range(MODULES)
}


def renamed(function: Function) -> Files:
    name = name_of(function)
    new = {path: re.sub(rf"\b{name}\b", f"{name}_new", text) for path, text in BASE.items()}
    return {path: text for path, text in new.items() if text != BASE[path]}


def widened(function: Function, parameters: str) -> Files:
    """Give a function other parameters, and have its callers follow where they must."""
    name, path = name_of(function), f"pkg/m{function[0]}.py"
    files: Files = {}
    for place, text in BASE.items():
        new = text.replace(f"{name}(1, 2)", f"{name}(1, 2, 3)") if parameters == "a, b, c" else text
        new = new.replace(f"def {name}(a, b)", f"def {name}({parameters})")
        if new != text or place == path:
            files[place] = new
    return files


def moved(function: Function) -> Files:
    old = f"m{function[0]}"
    files: Files = {
        path: text.replace(f"pkg.{old} ", f"pkg.{old}_moved ")
        for path, text in BASE.items()
        if f"pkg.{old} " in text
    }
    return files | {f"pkg/{old}.py": None, f"pkg/{old}_moved.py": BASE[f"pkg/{old}.py"]}


def caller(function: Function, dice: random.Random) -> Files:
    name, module = name_of(function), f"m{function[0]}"
    text = dice.choice(
        (
            f"from pkg.{module} import {name}\n\n{name}(1, 2)\n",
            f"import pkg.{module}\n\npkg.{module}.{name}(1, 2)\n",
            f"from pkg import {module} as it\n\nit.{name}(1, b=2)\n",
        )
    )
    return {f"pkg/new_{dice.randrange(10**9)}.py": text}


def inner_caller(function: Function) -> Files:
    path = f"pkg/m{function[0]}.py"
    return {path: f"{BASE[path]}\n\ndef added():\n    return {name_of(function)}(1, 2)\n"}


def scribbled(dice: random.Random) -> tuple[Files, Files]:
    path = f"pkg/m{dice.randrange(MODULES)}.py"
    lines = BASE[path].split("\n")
    at = dice.randrange(len(lines))

    def edited(place: int) -> Files:
        new, kind = list(lines), dice.choice(("replace", "insert", "delete"))
        place = min(place, len(lines) - 1)
        comment = [] if kind == "delete" else [f"# {dice.random()}"]
        new[place : place + (kind != "insert")] = comment
        return {path: "\n".join(new)}

    return edited(at), edited(at + dice.choice((0, 0, 1, 2, 3, 9)))


class Seeds:
    """Branches of one repository, made all at once."""

    def __init__(self, top: Path) -> None:
        self.repository: Repository = make(top, BASE)
        self.base = git(top, "rev-parse", "HEAD").strip()

    def lives(self, changes: list[Files]) -> list[Live]:
        lines = []
        for number, files in enumerate(changes):
            lines.append(f"commit refs/heads/b{number:04}\ncommitter b <b@x> 1 +0000\n")
            lines.append(f"data 2\nx\nfrom {self.base}\n")
            for path, text in files.items():
                lines.append(f"D {path}\n" if text is None else f"M 100644 inline {path}\n")
                lines += [] if text is None else [f"data {len(text)}\n{text}\n"]
        top = self.repository.top
        command = ["git", "fast-import", "--quiet"]
        subprocess.run(command, cwd=top, input="".join(lines).encode(), check=True)
        form = "--format=%(refname:short) %(objectname) %(tree)"
        rows = git(top, "for-each-ref", form, "refs/heads/b*").splitlines()
        return [Live(name, tip, tip, tree) for name, tip, tree in (row.split(" ") for row in rows)]

    def pairs(self, changes: list[tuple[Files, Files]]) -> list[tuple[bool, set[str]]]:
        """Return of each pair whether git finds a conflict, and what kinds Guild finds."""
        lives = self.lives([side for pair in changes for side in pair])
        found = []
        for one, two in zip(lives[::2], lives[1::2], strict=True):
            told = find_clashes(self.repository, [one, two], KeptLooks())
            kinds = {clash.kind for pair in told for clash in pair.between.clashes}
            command = ["git", "merge-tree", "--write-tree", one.tip, two.tip]
            done = subprocess.run(command, cwd=self.repository.top, capture_output=True)
            found.append((done.returncode == 1, set(kinds)))
        return found


@pytest.fixture
def seeds(tmp_path: Path) -> Seeds:
    return Seeds(tmp_path / "repo")


def test_every_conflict_of_git_is_found_and_no_other(seeds: Seeds) -> None:
    dice = random.Random(5)

    found = seeds.pairs([scribbled(dice) for _ in range(PAIRS)])

    by_git = [is_conflict for is_conflict, _ in found]
    assert 10 < sum(by_git) < PAIRS - 10
    assert ["conflict" in kinds for _, kinds in found] == by_git


def some(dice: random.Random) -> tuple[Function, Function]:
    """Return two functions of modules that have nothing to do with one another."""
    one, two = dice.sample(range(0, MODULES, 2), 2)
    return (one, dice.randrange(1, FUNCTIONS)), (two, dice.randrange(1, FUNCTIONS))


CLASHING: list[Callable[[Function, random.Random], tuple[Files, Files, set[str]]]] = [
    lambda f, dice: (renamed(f), caller(f, dice), {"name"}),
    lambda f, dice: (widened(f, "a, b, c"), caller(f, dice), {"call"}),
    lambda f, dice: (widened(f, "b, a"), caller(f, dice), {"call"}),
    lambda f, dice: (moved(f), caller(f, dice), {"module"}),
    lambda f, dice: (widened((f[0], 0), "a, b, c"), inner_caller((f[0], 0)), {"call"}),
    lambda f, dice: (renamed((f[0], 0)), inner_caller((f[0], 0)), {"unsound"}),
]


def test_what_git_merges_and_breaks_is_found(seeds: Seeds) -> None:
    dice = random.Random(6)
    made = [CLASHING[n % len(CLASHING)](some(dice)[0], dice) for n in range(PAIRS)]

    found = seeds.pairs([(one, two) for one, two, _ in made])

    assert found == [(False, kinds) for _, _, kinds in made]


COMPATIBLE: list[Callable[[Function, Function, random.Random], tuple[Files, Files]]] = [
    lambda f, g, dice: (renamed(f), caller(g, dice)),
    lambda f, g, dice: (renamed(f), renamed(g)),
    lambda f, g, dice: (widened(f, "a, b, c=0"), caller(f, dice)),
    lambda f, g, dice: (widened(f, "a, b, c"), caller(g, dice)),
    lambda f, g, dice: (moved(f), caller(g, dice)),
    lambda f, g, dice: (caller(f, dice), caller(f, dice)),
    lambda f, g, dice: (widened((f[0], 0), "a, b, *, c=0"), inner_caller((f[0], 0))),
    lambda f, g, dice: (renamed(f), inner_caller(g)),
]


def test_what_is_compatible_is_no_clash(seeds: Seeds) -> None:
    dice = random.Random(7)
    made = [COMPATIBLE[n % len(COMPATIBLE)](*some(dice), dice) for n in range(PAIRS)]

    assert seeds.pairs(made) == [(False, set())] * PAIRS
