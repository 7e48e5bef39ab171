"""Writing shared state: registers, sets, counters and logs, as facts that merge (see `state`).

Pure: a text goes in, and a text with one more fact comes out. Counters and logs are
registers with names of their own: a counter is a number for each writer, and what it
counts is their sum; a line of a log is a register that is written once, and lines are
in the order of their keys.

A writer's name stands for one place of writing at a time: where two wrote under one
name without seeing each other, the higher write of the two counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guild_plugins.merge.state import elements, merge_states, registers, tags, values

COUNT: Final = b"count:"
LOG: Final = b"log:"


class Unwritable(ValueError):
    """A name, a value or a line cannot be written as a fact."""


def set_value(text: bytes, key: bytes, value: bytes, writer: bytes) -> bytes:
    """Write a register: after all writes that are known here."""
    if key.startswith((COUNT, LOG)):
        raise Unwritable(f"{key!r} is a counter or a log")
    return _write(text, key, value, writer)


def add(text: bytes, name: bytes, tag: bytes) -> bytes:
    """Add an element to the set.

    :param tag: Unique to this addition.
    """
    return merge_states(text, b"+ %s %s\n" % (_name(name), _name(tag)))


def remove(text: bytes, name: bytes) -> bytes:
    """Take an element out of the set: all additions of it that are known here."""
    gone = b"".join(b"- %s %s\n" % (_name(name), tag) for tag in tags(text, name))
    return merge_states(text, gone)


def count(text: bytes, name: bytes, by: int, writer: bytes) -> bytes:
    """Count up, or down where it is less than nothing."""
    key = COUNT + _name(name) + b":" + _name(writer)
    before = int(values(text).get(key, b"0"))
    return _write(text, key, b"%d" % (before + by), writer)


def log(text: bytes, name: bytes, line: bytes, key: bytes, writer: bytes) -> bytes:
    """Add a line to a log.

    :param key: Unique to the line; lines are in the order of their keys.
    """
    return _write(text, LOG + _name(name) + b":" + _name(key), line, writer)


def as_data(text: bytes) -> dict[str, Any]:
    """Return what the state says: ``values``, ``set``, ``counters`` and ``logs``."""
    found: dict[str, Any] = {"values": {}, "set": sorted(map(_text, elements(text)))}
    counters: dict[str, int] = {}
    logs: dict[str, list[str]] = {}
    for key, value in sorted(values(text).items()):
        if key.startswith(COUNT):
            name = _text(key.removeprefix(COUNT).rpartition(b":")[0])
            counters[name] = counters.get(name, 0) + int(value)
        elif key.startswith(LOG):
            name = _text(key.removeprefix(LOG).rpartition(b":")[0])
            logs.setdefault(name, []).append(_text(value))
        else:
            found["values"][_text(key)] = _text(value)
    return {**found, "counters": counters, "logs": logs}


def _write(text: bytes, key: bytes, value: bytes, writer: bytes) -> bytes:
    if b"\n" in value or b"\r" in value:
        raise Unwritable("a value is one line")
    known: Mapping[bytes, tuple[int, bytes, bytes]] = registers(text)
    clock = known[key][0] + 1 if key in known else 1
    return merge_states(text, b"= %s %d %s %s\n" % (_name(key), clock, _name(writer), value))


def _name(name: bytes) -> bytes:
    if not name or name.split() != [name]:
        raise Unwritable(f"{name!r} is empty or has blanks in it")
    return name


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
