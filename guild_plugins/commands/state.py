"""``guild state``: values, sets, counters and logs that scopes share without conflict."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from guild_plugins.commands.mailing import folder_of, who_argument, who_is
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.turns import turn
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.repository import open_repository
from guild_plugins.merge import state_writing
from guild_plugins.merge.state import NotState
from guild_plugins.stages.events import fresh_id


class StateUnclear(GuildError):
    """Shared state cannot be read, or not be changed like that."""

    slug = "state-unclear"
    exit = Exit.USAGE

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The shared state cannot be used: {self.reason}."


def run(directory: Path, args: argparse.Namespace) -> int:
    """Share values, a set, counters and logs among the scopes of a run

    guild state prints what is there as JSON. Changes:

      set KEY VALUE   of several writes, the one that knew most of the others stands
      add NAME        to the set; remove NAME takes out what is known here
      count NAME [N]  up by N (1); what everybody counted is summed up
      log NAME TEXT   adds a line

    What was written in two places merges in any order, and never conflicts. With --file
    it is a file of the work tree, NAME.guild-state, to be committed: the merge driver
    knows its kind.
    """
    place = place_in(open_repository(directory).common_dir)
    prepare(place)
    file = args.file or folder_of(place, os.environ) / "shared.guild-state"
    if not args.words:
        data = _read(file)
        print(json.dumps(_checked(data), indent=2))
        return Exit.DONE
    writer = who_is(args.scope, os.environ)
    with turn(place.folder / "state.lock"):
        _write(file, _changed(_read(file), args.words, os.fsencode(writer)))
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("words", nargs="*", metavar="CHANGE", help="set, add, remove, count, log")
    parser.add_argument("--file", type=Path, metavar="PATH", help="a file of the work tree")
    who_argument(parser)


def _changed(text: bytes, words: list[str], writer: bytes) -> bytes:
    said = [os.fsencode(word) for word in words]
    try:
        match said:
            case [b"set", key, value]:
                return state_writing.set_value(text, key, value, writer)
            case [b"add", name]:
                return state_writing.add(text, name, fresh_id().encode())
            case [b"remove", name]:
                return state_writing.remove(text, name)
            case [b"count", name, *by] if len(by) < 2:
                return state_writing.count(text, name, int(by[0]) if by else 1, writer)
            case [b"log", name, line]:
                key = f"{time.time_ns():020}-{fresh_id()[:8]}".encode()
                return state_writing.log(text, name, line, key, writer)
    except ValueError as error:
        raise StateUnclear(str(error)) from None
    raise StateUnclear(f"{' '.join(words)!r} is no change")


def _checked(text: bytes) -> Mapping[str, object]:
    try:
        return state_writing.as_data(text)
    except NotState as error:
        raise StateUnclear(f"it holds {error}") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _write(file: Path, text: bytes) -> None:
    """Replace the file at once: who reads finds the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}-{fresh_id()[:8]}")
    try:
        new.write_bytes(text)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
