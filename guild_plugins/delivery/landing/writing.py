"""The commit that a landed branch becomes: its message, its author, its trailers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.delivery.landing.merging import Merged
from guild_plugins.delivery.landing.trail import trailers_for, without_ours
from guild_plugins.git.process import run_git
from guild_plugins.git.writing import (
    clean_message,
    signing_options,
    with_trailers,
    write_commit,
)

_FORM: Final = "--format=%an%x00%ae%x00%ad%x00%B%x00"


def write_landing(
    top: Path,
    branch: Branch,
    merged: Merged,
    generation: int | None,
    rebuilt: Sequence[str] = (),
) -> str:
    """Write the commit on top of trunk, signed if that is configured; no reference is moved."""
    commits = _commits(top, merged)
    trailers = trailers_for(
        branch.task,
        branch.scope,
        tip=branch.tip,
        tree=merged.tree,
        generation=generation,
        rebuilt=rebuilt,
    )
    text = with_trailers(top, clean_message(top, _message(branch, commits)), trailers)
    return write_commit(
        top,
        merged.tree,
        [merged.head],
        text,
        signing=signing_options(top, None),
        who=_author(commits),
    )


def _commits(top: Path, merged: Merged) -> list[list[bytes]]:
    """Return author, mail, date and message of the branch's own commits, the oldest first."""
    span = [f"{merged.base}..{merged.tip}", f"^{merged.head}"]
    words = ["log", "--reverse", "--no-merges", "--date=raw", "--no-show-signature", _FORM]
    fields = run_git([*words, *span, "--"], top).split(b"\0")
    found = [fields[at : at + 4] for at in range(0, len(fields) - 4, 4)]
    return [[one[0].lstrip(b"\n"), *one[1:]] for one in found]


def _message(branch: Branch, commits: list[list[bytes]]) -> bytes:
    """Return the one message, or a list of the subjects of several."""
    if len(commits) == 1:
        return without_ours(commits[0][3])
    subjects = [one[3].split(b"\n", 1)[0] for one in commits]
    head = f"{branch.task}: {branch.scope}\n\n".encode()
    return head + b"".join(b"- " + subject + b"\n" for subject in subjects)


def _author(commits: list[list[bytes]]) -> dict[str, str]:
    """Return the author, where all commits have the same; else whoever lands them is."""
    people = {(one[0], one[1]) for one in commits}
    if len(people) != 1:
        return {}
    name, mail, date = (part.decode("utf-8", "surrogateescape") for part in commits[-1][:3])
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail, "GIT_AUTHOR_DATE": f"@{date}"}
