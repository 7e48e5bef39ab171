"""What a work tree is in the middle of, and who else is at work in a repository."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from guild_plugins.errors import Exit, GuildError

_SIGNS: Final = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or git am",
    "BISECT_LOG": "a bisection",
    "sequencer": "a series of picks",
}


class InProgress(GuildError):
    """The work tree is in the middle of something that only git can finish."""

    slug = "in-progress"
    exit = Exit.UNSUPPORTED
    remedy = "Finish it with git, or abort it; git status says how."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"The work tree is in the middle of {self.what}; nothing was changed."


def refuse_in_progress(git_dir: Path) -> None:
    """Refuse a work tree in which git has begun something that it has not ended.

    :raises InProgress: It has.
    """
    for name, what in _SIGNS.items():
        if (git_dir / name).exists():
            raise InProgress(what)


def merged_heads(git_dir: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the commits that are being merged into what is checked out, if any.

    Before ``git merge`` has written ``MERGE_HEAD``, which is after pre-merge-commit, only
    its variables ``GITHEAD_<commit>`` say so.
    """
    try:
        return (git_dir / "MERGE_HEAD").read_text("ascii").split()
    except OSError:
        sign = "GITHEAD_"
        return [name.removeprefix(sign) for name in environ if name.startswith(sign)]


def git_at_work(*folders: Path) -> list[int]:
    """Return the git processes that were started in one of the folders, or below.

    Without those that this process was started by, as an alias is by git, and without
    ``git cat-file``, which lives long and locks nothing. Nothing where the system does not
    list processes.
    """
    tops = [os.path.realpath(folder) for folder in folders]
    found, own = [], _ancestors()
    for name in os.listdir("/proc") if Path("/proc/self").exists() else ():  # noqa: PTH208
        if name.isdigit() and _may_lock(name) and int(name) not in own:
            try:
                place = os.readlink(f"/proc/{name}/cwd")  # noqa: PTH115 - may be no path at all
            except OSError:
                continue
            if any(f"{place}/".startswith(f"{top}/") for top in tops):
                found.append(int(name))
    return found


def _ancestors() -> set[int]:
    """Return the processes that this one comes from, with itself."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return found


def _may_lock(pid: str) -> bool:
    """Say whether a process is git's and may have locked something."""
    try:
        if not Path(f"/proc/{pid}/comm").read_bytes().startswith(b"git"):
            return False
        return _command(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")) != b"cat-file"
    except OSError:
        return False


def _command(words: Sequence[bytes]) -> bytes:
    """Return the word that says what git is to do, after the options before it."""
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith(b"-"):
            return word
        if word in (b"-c", b"-C"):
            next(rest, None)
    return b""
