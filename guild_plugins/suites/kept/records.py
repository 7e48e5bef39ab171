"""What is kept of a test file's run. Pure.

A record says how each test ended and what the run needed beyond what its key is made
of: its inputs, each with what it was. It is plain JSON; what cannot be read is no record.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from guild_plugins.graph.closures import word_of

VERSION = 3
"""Of keys and records: both change their meaning with it."""

InputKind: TypeAlias = Literal["closure", "file", "folder", "place", "variable", "name"]
"""A Python file with all that it needs; a file's content; a folder's names; what is at a
place, if anything; a variable of the environment; what a module's name means in a file."""

Verdict: TypeAlias = Literal["passed", "failed", "flaky"]


class Input(NamedTuple):
    """One thing that a run needed: where it is, and a word for what it was.

    :param what: A path from the repository's top, or an absolute one outside of it; the
        variable's name; for a name, the file that says it, a blank and the name.
    :param was: Empty where there was none.
    """

    kind: InputKind
    what: str
    was: str


class Outcome(NamedTuple):
    """How one test ended.

    :param name: Its node id after the file's.
    :param category: ``passed``, ``skipped``, ``xfailed`` or ``xpassed``.
    :param seconds: Of setup, call and teardown together.
    :param reason: Why it was skipped or expected to fail.
    """

    name: str
    category: str
    seconds: float
    line: int | None = None
    domain: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One test file's run.

    :param key: What the outcome depends on and is known without running it.
    :param path: The file, from the repository's top.
    :param at: When it ran, in seconds since 1970.
    :param seconds: What it took a worker, collection included.
    :param failed: Names of the tests that failed, where it is no pass.
    :param coverage: A word for how coverage was measured, and the names of what was covered
        (see `covering`), with blanks between; empty where nobody measured.
    """

    key: str
    path: str
    verdict: Verdict
    at: float
    seconds: float
    inputs: tuple[Input, ...]
    outcomes: tuple[Outcome, ...] = ()
    failed: tuple[str, ...] = ()
    coverage: str = ""

    @property
    def inputs_word(self) -> str:
        """A word for the inputs: two runs with the same one needed the same."""
        return word_of(json.dumps(self.inputs))

    @property
    def covers(self) -> tuple[str, ...]:
        """The names of what was covered."""
        return tuple(self.coverage.split()[1:])

    def still_holds(self, identify: Callable[[InputKind, str], str]) -> bool:
        """Say whether all inputs are now what they were."""
        return all(identify(kind, what) == was for kind, what, was in self.inputs)


def encode(record: Record) -> bytes:
    """Return a record as JSON in ASCII, so that file names of any bytes survive."""
    data = {
        "version": VERSION,
        "key": record.key,
        "path": record.path,
        "verdict": record.verdict,
        "at": record.at,
        "seconds": record.seconds,
        "inputs": record.inputs,
        "outcomes": record.outcomes,
        "failed": record.failed,
        "coverage": record.coverage,
    }
    return json.dumps(data, separators=(",", ":")).encode("ascii")


def decode(content: bytes) -> Record | None:
    """Return the record that JSON stands for; ``None`` where it is none of this version."""
    try:
        data = json.loads(content)
        if data["version"] != VERSION or data["verdict"] not in ("passed", "failed", "flaky"):
            return None
        return Record(
            key=str(data["key"]),
            path=str(data["path"]),
            verdict=data["verdict"],
            at=float(data["at"]),
            seconds=float(data["seconds"]),
            inputs=_inputs(data["inputs"]),
            outcomes=tuple(_outcome(*entry) for entry in data["outcomes"]),
            failed=tuple(map(str, data["failed"])),
            coverage=str(data["coverage"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def input_of(content: str) -> Input | None:
    """Return the input that JSON stands for; ``None`` where it is none."""
    try:
        kind, what, was = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        return None
    return Input(kind, what, was) if {type(kind), type(what), type(was)} == {str} else None


def _inputs(entries: list[list[str]]) -> tuple[Input, ...]:
    """Return inputs, of which there may be a thousand in each of a thousand records."""
    if set(map(type, chain.from_iterable(entries))) - {str}:
        raise TypeError("an input is no text")
    return tuple(map(Input._make, entries))


def _outcome(
    name: str, category: str, seconds: float, line: int | None, domain: str, reason: str
) -> Outcome:
    return Outcome(
        str(name),
        str(category),
        float(seconds),
        None if line is None else int(line),
        str(domain),
        str(reason),
    )
