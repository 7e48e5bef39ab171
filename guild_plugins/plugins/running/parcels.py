"""What travels to another machine and back: a few values as JSON, and contents of git.

Never pickles, since who answers may be anybody. Contents are packs: of one commit
without its past, or of what comes on top of that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from guild_plugins.git.process import run_git

_HEAD: Final = 8
"""Bytes in front of everything: the length of the values."""

_SIZES: Final = "sizes"


class ParcelTorn(ValueError):
    """What came is no parcel."""


def wrap(values: Mapping[str, Any], *contents: bytes) -> bytes:
    """Return values and contents as one."""
    head = json.dumps({**values, _SIZES: [len(each) for each in contents]}).encode()
    return b"".join((len(head).to_bytes(_HEAD), head, *contents))


def unwrap(parcel: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return what `wrap` was given.

    :raises ParcelTorn: It is something else.
    """
    end = _HEAD + int.from_bytes(parcel[:_HEAD])
    try:
        values: dict[str, Any] = json.loads(parcel[_HEAD:end])
        sizes: list[int] = values.pop(_SIZES)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParcelTorn(str(error)) from None
    contents = []
    for size in sizes:
        contents.append(parcel[end : end + size])
        end += size
    if end != len(parcel):
        raise ParcelTorn(f"{len(parcel)} bytes, and {end} were announced")
    return values, contents


def pack_alone(top: Path, commit: str) -> bytes:
    """Return one commit with all its files, and nothing of its past."""
    return _pack(top, ["--no-walk", commit])


def pack_on_top(top: Path, wanted: Sequence[str], known: str) -> bytes:
    """Return what commits and trees have that a commit or a tree, known there, has not."""
    return _pack(top, [*wanted, f"^{known}", f"^{known}^{{tree}}"])


def unpack(top: Path, pack: bytes) -> None:
    """Add a pack's objects to a repository; no reference moves."""
    run_git(["index-pack", "--stdin"], top, input=pack)


def _pack(top: Path, commits: Sequence[str]) -> bytes:
    objects = run_git(["rev-list", "--objects", *commits, "--"], top)
    return run_git(["pack-objects", "--stdout", "-q"], top, input=objects)
