"""Seed collisions across files into real repositories, and look for false alarms in real merges.

    python -m benchmarks.collisions [--seeds 100] [--merges 300] REPOSITORY.git ...

A seed takes something from a module on one side, everywhere in the repository (a
function, class, constant or method renamed, a module moved, a parameter added or taken
away), and on the other uses what was there in another file. Git merges both; reported
is what ``guild merge`` tells as ``CONFLICT (semantic)`` of the two files. A false alarm
is one in a real merge that git made clean and people committed as git made it.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.tree_merges import mirror
from guild_plugins.delivery.trees import SEMANTIC, NotMergeable, TreeMerge, merge_trees
from guild_plugins.git.new_objects import NewObjects
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.tree_merging import Change, Version, change_tree

SHORTEST = 5
"""A name of fewer letters is too common to be renamed everywhere."""

MOST_FILES = 60
_IDENTITY = {f"GIT_{w}_{k}": "x" for w in ("AUTHOR", "COMMITTER") for k in ("NAME", "EMAIL")}


class Target(NamedTuple):
    """Something of a module that is taken away."""

    kind: str
    path: str
    name: str
    owner: str = ""
    needed: int = 0


class Seed(NamedTuple):
    """Two sides, as the files that each of them changes; ``None`` for a file that goes."""

    target: Target
    use: str
    ours: dict[str, bytes | None]
    theirs: dict[str, bytes]


def main() -> int:
    """Seed and look; print one table, and each miss and alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=100, help="in each repository")
    parser.add_argument("--merges", type=int, default=300, help="looked at in each repository")
    args = parser.parse_args()
    made: Counter[str] = Counter()
    found: Counter[str] = Counter()
    looked = alarms = 0
    for repository in args.repository:
        with tempfile.TemporaryDirectory(prefix="guild-seeds-") as folder:
            top = mirror(repository, Path(folder, "mirror.git"))
            for seed, merge in _seeded(top, args.seeds):
                made[seed.target.kind] += 1
                if _is_reported(seed, merge):
                    found[seed.target.kind] += 1
                else:
                    print("missed", *seed.target, repr(seed.use), sep="  ", flush=True)
            for commit, told in _real(top, args.merges):
                looked += 1
                alarms += bool(told)
                for text in told:
                    print("alarm", commit, text, sep="  ", flush=True)
        print(f"{repository}: {sum(found.values())} of {sum(made.values())}", file=sys.stderr)
    print("| what was taken away | seeded | reported |\n| --- | --- | --- |")
    for kind, count in [*made.items(), ("all", sum(made.values()))]:
        hits = found[kind] if kind != "all" else sum(found.values())
        print(f"| {kind} | {count} | {hits} ({hits / max(1, count):.1%}) |")
    print(f"| alarms in {looked} real clean merges | | {alarms} ({alarms / max(1, looked):.1%}) |")
    return 0


def _seeded(top: Path, count: int) -> Iterator[tuple[Seed, TreeMerge]]:
    """Yield seeds and what became of their merge."""
    chance = random.Random(11)
    tip = run_git(["rev-parse", "HEAD"], top).decode().strip()
    tree = run_git(["rev-parse", "HEAD^{tree}"], top).decode().strip()
    output = run_git(["ls-tree", "-r", "-z", tree], top)
    rows = (row.partition(b"\t") for row in output.split(b"\0") if row)
    blobs = {
        n.decode("utf-8", "surrogateescape"): about.split()[2].decode() for about, _, n in rows
    }
    python = {path: blob for path, blob in blobs.items() if path.endswith(".py")}
    objects = GitObjects(top)
    by_blob = dict(objects.read(sorted(set(python.values()))))
    texts = {path: by_blob[blob] for path, blob in python.items() if blob in by_blob}
    targets = [target for path, text in texts.items() for target in _targets(path, text)]
    by_kind: dict[str, list[Target]] = {}
    for target in targets:
        by_kind.setdefault(target.kind, []).append(target)
    done = 0
    while done < count:
        target = chance.choice(by_kind[chance.choice(sorted(by_kind))])
        seed = _seed(target, texts, chance)
        if seed is None:
            continue
        commits = [
            _commit(top, objects, tree, tip, {**changes})
            for changes in (seed.ours, dict[str, bytes | None](seed.theirs))
        ]
        merge = merge_trees(top, commits[0], commits[1])
        if any(conflict.kind != SEMANTIC for conflict in merge.conflicts):
            continue
        done += 1
        yield seed, merge
    objects.close()


def _targets(path: str, text: bytes) -> Iterator[Target]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    if _module_of(path) is None or b"__getattr__" in text:
        return
    names = Counter(getattr(node, "name", "") for node in tree.body)
    yield Target("module moved", path, "")
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=[]) if names[name] == 1:
                yield Target("function renamed", path, name)
                if not node.args.vararg and not node.args.posonlyargs:
                    needed = len(node.args.args) - len(node.args.defaults)
                    plain = not any(d is None for d in node.args.kw_defaults)
                    if plain:
                        yield Target("parameter added", path, name, needed=needed)
            case ast.ClassDef(name=name) if names[name] == 1:
                yield Target("class renamed", path, name)
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
                        yield Target("method renamed", path, item.name, owner=name)
            case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper():
                yield Target("constant renamed", path, name)


def _seed(target: Target, texts: dict[str, bytes], chance: random.Random) -> Seed | None:
    module = _module_of(target.path)
    assert module is not None
    ours = _taken_away(target, texts)
    if ours is None:
        return None
    use, call = _use(target, module, chance)
    user = chance.choice([f"guild_seed_{chance.randrange(999)}.py", *texts])
    if user in ours or user == target.path or user.endswith("__init__.py"):
        user = "guild_seed.py"
    before = texts.get(user, b"")
    text = before + f"\n\ndef guild_seed():\n    {use}\n    return {call}\n".encode()
    return Seed(target, f"{use}; {call}", ours, {user: text})


def _taken_away(target: Target, texts: dict[str, bytes]) -> dict[str, bytes | None] | None:
    """Return the files that the removing side changes."""
    text = texts[target.path]
    if target.kind == "module moved":
        moved = target.path.removesuffix(".py") + "_moved.py"
        if target.path.endswith("__init__.py") or moved in texts:
            return None
        return {target.path: None, moved: text}
    if target.kind == "parameter added":
        head = re.compile(rb"(?m)^(def %s\s*\()" % target.name.encode())
        comma = b", " if re.search(head.pattern + rb"\s*[^)\s]", text) else b""
        return {target.path: head.sub(rb"\1guild_new" + comma, text, count=1)}
    if len(target.name) < SHORTEST:
        return None
    word = re.compile(rb"\b%s\b" % target.name.encode())
    mentioning = [path for path, each in texts.items() if word.search(each)]
    if len(mentioning) > MOST_FILES:
        return None
    new = target.name.encode() + b"_renamed"
    return {path: word.sub(new, texts[path]) for path in mentioning}


def _use(target: Target, module: str, chance: random.Random) -> tuple[str, str]:
    package, _, last = module.rpartition(".")
    if target.kind == "module moved":
        imports = [f"import {module}"] + ([f"from {package} import {last}"] if package else [])
        return chance.choice(imports), "1"
    if target.kind == "method renamed":
        return f"from {module} import {target.owner}", f"{target.owner}.{target.name}(1)"
    given = ", ".join("1" for _ in range(target.needed))
    call = f"({given})" if target.kind == "parameter added" else ""
    ways = [
        (f"from {module} import {target.name}", f"{target.name}{call}"),
        (f"from {module} import {target.name} as it", f"it{call}"),
        (f"import {module}", f"{module}.{target.name}{call}"),
        (f"import {module} as it", f"it.{target.name}{call}"),
    ]
    if package:
        ways.append((f"from {package} import {last}", f"{last}.{target.name}{call}"))
    return chance.choice(ways)


def _module_of(path: str) -> str | None:
    """Return the dotted name under which a file is imported from the top, ``src`` or ``lib``."""
    stem = path.removesuffix(".py").removesuffix("/__init__")
    parts = stem.split("/")
    if parts[0] in ("src", "lib"):
        del parts[0]
    if not parts or not all(part.isidentifier() for part in parts) or "test" in stem:
        return None
    return ".".join(parts)


def _commit(
    top: Path, objects: GitObjects, tree: str, parent: str, changes: dict[str, bytes | None]
) -> str:
    new = NewObjects(tree)
    made: dict[str, Change] = {
        path: None if text is None else Version("100644", new.add("blob", text))
        for path, text in changes.items()
    }
    oid = change_tree(new, objects.read_tree, tree, made)
    new.write(top)
    command = ["commit-tree", oid, "-p", parent, "-m", "seed"]
    return run_git(command, top, extra_env=_IDENTITY).decode().strip()


def _is_reported(seed: Seed, merge: TreeMerge) -> bool:
    return any(
        conflict.kind == SEMANTIC
        and conflict.paths[0] in seed.theirs
        and (seed.target.path in conflict.paths or f" {seed.target.name} in " in conflict.text)
        for conflict in merge.conflicts
    )


def _real(top: Path, count: int) -> Iterator[tuple[str, list[str]]]:
    """Yield clean merges that people committed as git made them, and what is told of them."""
    args = ["rev-list", "--all", "--parents", "--min-parents=2", "--max-parents=2"]
    rows = [row.split() for row in run_git(args, top).decode().splitlines()]
    random.Random(3).shuffle(rows)
    done = 0
    for commit, ours, theirs in rows:
        if done == count:
            return
        names = [f"{each}^{{tree}}" for each in (commit, ours, theirs)]
        taken, *sides = run_git(["rev-parse", *names], top).decode().split()
        if taken in sides:
            continue
        try:
            merge = merge_trees(top, ours, theirs)
        except (NotMergeable, GitFailed):
            continue
        if merge.tree == taken and not merge.files:
            done += 1
            yield commit, [c.text for c in merge.conflicts if c.kind == SEMANTIC]


if __name__ == "__main__":
    sys.exit(main())
