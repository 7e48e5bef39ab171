"""What a landing leaves in the history: trailers of its commits, read back with git alone.

The commit of a landed branch has trunk as its only parent, so git does not know that
the branch was merged. ``Landed-Tip`` says it: what goes on after that tip is merged
from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guild_plugins.git.process import GitFailed, run_git

TIP: Final = "Landed-Tip"
TESTED: Final = "Tested-Tree"
GENERATION: Final = "Lease-Generation"
REBUILT: Final = "Rebuilt"
KEYS: Final = ("Scope", "Task", GENERATION, TIP, TESTED, REBUILT)
"""The trailers of a landed commit, in their order."""

_OURS: Final = re.compile(rf"^({'|'.join(KEYS)}|Lease):".encode(), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Landing:
    """One landed commit, as its trailers tell it.

    :param generation: Of the newest lease that the branch was written under, if any.
    :param tested: The tree that was tested, as it says.
    :param rebuilt: Barriers that were in conflict and made anew.
    """

    commit: str
    parents: tuple[str, ...]
    tree: str
    scope: str
    task: str
    tip: str
    tested: str
    generation: int | None
    rebuilt: tuple[str, ...] = ()


def trailers_for(
    task: str,
    scope: str,
    *,
    tip: str,
    tree: str,
    generation: int | None,
    rebuilt: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Return the trailers of the commit that a branch becomes."""
    lease = [(GENERATION, str(generation))] if generation is not None else []
    made = [(REBUILT, json.dumps(path)) for path in rebuilt]
    return [("Scope", scope), ("Task", task), *lease, (TIP, tip), (TESTED, tree), *made]


def without_ours(message: bytes) -> bytes:
    """Return a message without lines that would be taken for our trailers."""
    lines = [line for line in message.splitlines(keepends=True) if not _OURS.match(line)]
    return b"".join(lines).rstrip(b"\n") + b"\n"


def landings_in(top: Path, span: Sequence[str]) -> Iterator[Landing]:
    """Yield the landings among commits, the newest first; only along first parents.

    :param span: Revisions, as ``git log`` takes them.
    """
    wanted = ",".join(f"key={key}" for key in KEYS)
    form = f"--format=%H%x00%P%x00%T%x00%(trailers:only,unfold,{wanted})%x00"
    words = ["log", "--first-parent", "--no-show-signature", form, *span, "--"]
    fields = run_git(words, top).split(b"\0")
    for at in range(0, len(fields) - 4, 4):
        commit, parents, tree, trailers = (
            part.decode("utf-8", "replace") for part in fields[at : at + 4]
        )
        pairs = [line.partition(": ")[::2] for line in trailers.splitlines()]
        said = dict(pairs)
        if TIP in said:
            number = said.get(GENERATION, "")
            yield Landing(
                commit.strip(),
                tuple(parents.split()),
                tree,
                said.get("Scope", ""),
                said.get("Task", ""),
                said[TIP],
                said.get(TESTED, ""),
                int(number) if number.isdigit() else None,
                tuple(_path(value) for key, value in pairs if key == REBUILT),
            )


def _path(value: str) -> str:
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def landed_of(top: Path, tip: str, onto: str) -> tuple[Landing, int] | None:
    """Return how a branch came onto trunk last, and how many commits it has made since.

    ``None`` where nothing of it was landed, or nobody can tell.
    """
    try:
        base = run_git(["merge-base", onto, tip, "--"], top).split()[0].decode()
        own = run_git(["rev-list", tip, f"^{onto}", "--"], top).decode().split()
        found = [one for one in landings_in(top, [f"{base}..{onto}"]) if one.tip in set(own)]
        if not found:
            return None
        without = [f"^{one.tip}" for one in found]
        words = ["rev-list", "--count", tip, f"^{onto}", *without, "--"]
        return found[0], int(run_git(words, top))
    except (GitFailed, IndexError):
        return None
