"""What warm processes do in a scope's work place: make it, clear it, judge it, commit it.

Each function gets and returns JSON as bytes, and may be done twice: what is there
already is left as it is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from guild_plugins.delivery.commit import GatesRefused, NothingStaged, Wish, commit_scopes
from guild_plugins.delivery.copies import place_at, unchanged_copies
from guild_plugins.delivery.message import Messages
from guild_plugins.delivery.starting import CannotStart, Order, start
from guild_plugins.git.apart import MAGIC, without
from guild_plugins.git.process import run_git
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import open_repository
from guild_plugins.graph.boundaries import reading
from guild_plugins.graph.boundaries.gate import Gate
from guild_plugins.plugins.gates import Gates
from guild_plugins.plugins.running.joining import CannotJoin, join
from guild_plugins.stages.places import GROUP, may_have_plugins, trusted_places


def place(payload: bytes) -> bytes:
    """Make the work place of one scope; return its path and whether its set-up is done."""
    asked = json.loads(payload)
    repository = open_repository(Path(asked["top"]))
    try:
        base = join(repository.top, asked["base"], asked["on"])
        order = Order(asked["name"], (asked["scope"],), base=base)
        (started,) = start(repository, order)
    except (CannotStart, CannotJoin) as error:
        return _answer(path="", trouble=str(error))
    trouble = started.trouble
    tip = read_head(Path(started.place.path)).commit
    return _answer(path=started.place.path, base=tip, trouble=trouble.explain() if trouble else "")


def clear(payload: bytes) -> bytes:
    """Take back what an attempt left that did not end: nobody knows how far it came."""
    top = Path(json.loads(payload)["path"])
    run_git(["reset", "-q", "--hard"], top)
    one = place_at(open_repository(top))
    copies = [copied.path for copied in one.copied] if one is not None else []
    left = without(lambda words: run_git(words, top), copies)
    run_git(["clean", "-ffdq", *left], top, extra_env=MAGIC)
    return _answer()


def check(payload: bytes) -> bytes:
    """Stage what was changed in a scope, and have all gates judge it."""
    asked = json.loads(payload)
    repository = open_repository(Path(asked["path"]))
    one = place_at(repository)
    copies = unchanged_copies(one, repository.top) if one is not None else []
    left = without(lambda words: run_git(words, repository.top), copies)
    run_git(["add", "--all", *left], repository.top, extra_env=MAGIC)
    gate = Gate(repository, lambda tree: reading.read_rules(repository.top, tree))
    # Staged whole, the files that are judged lie in the work tree.
    subject = gate.staged(None)._replace(is_work_tree=True)
    others = None
    if may_have_plugins(GROUP, trusted_places(repository.top)):
        others = Gates(repository, os.environ)
    verdict = gate.judge(subject, (asked["scope"],), others)
    return _answer(
        changed=len(subject.changes),
        findings=[one._asdict() for one in verdict.judged.new if not one.is_warning],
        faults=[fault.explain() for fault in verdict.faults],
    )


def commit(payload: bytes) -> bytes:
    """Commit what is staged; where there is nothing, say what the branch's tip is."""
    asked = json.loads(payload)
    repository = open_repository(Path(asked["path"]))
    wish = Wish(messages=Messages(common=asked["task"], task=asked["name"]))
    try:
        report = commit_scopes(repository, wish)
    except NothingStaged:
        tip = read_head(repository.top).commit
        return _answer(commit=tip, is_new=tip != asked["base"])
    except GatesRefused as error:
        return _answer(commit=None, trouble=str(error))
    return _answer(commit=report.commits[-1].commit, is_new=True)


def _answer(**values: Any) -> bytes:
    return json.dumps(values).encode()
