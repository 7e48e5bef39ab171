"""Keeping a merge that the rules propose: the part of `proposals` that the merge driver runs.

Git starts the driver once per file, and every third conflict has a proposal:
neither ``pathlib`` nor ``json`` nor ``hashlib`` is imported here.
"""

from __future__ import annotations

import os

try:
    from _blake2 import blake2b  # as hashlib has it, without OpenSSL
except ImportError:  # a build of Python that leaves hashing to OpenSSL
    from hashlib import blake2b

FOLDER = os.path.join("guild", "proposals")  # noqa: PTH118 - see above


def keep(start: str, path: str, reason: str, text: bytes) -> None:
    """Keep a proposal in the repository that a directory lies in; outside of one, do nothing."""
    git_dir = _git_dir(start)
    if git_dir is None:
        return
    folder = os.path.join(git_dir, FOLDER)  # noqa: PTH118
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    with open(os.path.join(folder, name_for(path)), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"\0".join((os.fsencode(path), reason.encode(), text)))


def name_for(path: str) -> str:
    """Return the name of the file that the proposal for a path is in."""
    return blake2b(os.fsencode(path), digest_size=20).hexdigest()


def parts_of(content: bytes) -> tuple[str, str, bytes]:
    """Return path, reason and text, as they were kept.

    :raises ValueError: It is no proposal.
    """
    path, reason, text = content.split(b"\0", 2)
    return os.fsdecode(path), reason.decode(), text


def _git_dir(start: str) -> str | None:
    """Return the git directory of the work tree that a directory lies in, as ``git.repository``."""
    folder = os.path.abspath(start)  # noqa: PTH100
    while True:
        entry = f"{folder}{os.sep}.git"
        if os.path.lexists(f"{entry}{os.sep}HEAD"):
            return entry
        named = _named_in(entry)
        if named.startswith("gitdir:"):
            target = os.path.join(folder, named.removeprefix("gitdir:").strip())  # noqa: PTH118
            if os.path.isdir(target):  # noqa: PTH112
                return os.path.normpath(target)
        parent = os.path.dirname(folder)  # noqa: PTH120
        if parent == folder:
            return None
        folder = parent


def _named_in(entry: str) -> str:
    try:
        with open(entry, "rb") as file:  # noqa: PTH123
            return os.fsdecode(file.readline(65536)).rstrip("\r\n")
    except OSError:
        return ""
