"""What warm processes do in a scope's work place: make it, clear it, judge it, commit it.

Each function gets and returns JSON as bytes, and may be done twice: what is there
already is left as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from guild_plugins.delivery.commit import GatesRefused, NothingStaged, Wish, commit_scopes
from guild_plugins.delivery.message import Messages
from guild_plugins.delivery.starting import CannotStart, Order, start
from guild_plugins.git.process import run_git
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import open_repository
from guild_plugins.graph.boundaries import reading
from guild_plugins.graph.boundaries.gate import Gate
from guild_plugins.graph.boundaries.violations import Violation


def place(payload: bytes) -> bytes:
    """Make the work place of one scope; return its path and whether its set-up is done."""
    asked = json.loads(payload)
    order = Order(asked["name"], (asked["scope"],), base=asked["base"])
    try:
        (started,) = start(open_repository(Path(asked["top"])), order)
    except CannotStart as error:
        return _answer(path="", trouble=str(error))
    trouble = started.trouble
    return _answer(path=started.place.path, trouble=trouble.explain() if trouble else "")


def clear(payload: bytes) -> bytes:
    """Take back what an attempt left that did not end: nobody knows how far it came."""
    top = Path(json.loads(payload)["path"])
    run_git(["reset", "-q", "--hard"], top)
    run_git(["clean", "-ffdq"], top)
    return _answer()


def check(payload: bytes) -> bytes:
    """Stage what a scope's command changed, and judge it."""
    asked = json.loads(payload)
    repository = open_repository(Path(asked["path"]))
    run_git(["add", "--all"], repository.top)
    gate = Gate(repository, lambda tree: reading.read_rules(repository.top, tree))
    verdict = gate.judge(gate.staged(None), (asked["scope"],))
    return _answer(findings=[_line(one) for one in verdict.judged.new if not one.is_warning])


def commit(payload: bytes) -> bytes:
    """Commit what is staged; where there is nothing, say what the branch's tip is."""
    asked = json.loads(payload)
    repository = open_repository(Path(asked["path"]))
    wish = Wish(messages=Messages(common=asked["task"], task=asked["name"]))
    try:
        report = commit_scopes(repository, wish)
    except NothingStaged:
        return _answer(commit=read_head(repository.top).commit, findings=[])
    except GatesRefused as error:
        return _answer(commit=None, findings=[str(error)])
    return _answer(commit=report.commits[-1].commit, findings=[])


def _answer(**values: Any) -> bytes:
    return json.dumps(values).encode()


def _line(violation: Violation) -> str:
    return f"{violation.path}:{violation.line}: {violation.message} [{violation.rule}]"
