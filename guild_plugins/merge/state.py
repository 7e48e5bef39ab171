"""Shared state in a file that merges without conflict, in any order (a CRDT).

A file of the kind is lines of ASCII, sorted, each one fact of one of two sorts::

    + NAME TAG              an element of a set was added; TAG is unique to the addition
    - NAME TAG              the addition with that tag was removed
    = KEY CLOCK WRITER VALUE   a register was written

``NAME``, ``KEY``, ``TAG`` and ``WRITER`` hold no blanks; ``CLOCK`` is a number;
``VALUE`` is the rest of the line. A merge is the union of the facts. A removal
wins over the addition that it names and over no other, and of the writes to a
key the one with the highest clock stands, then the highest writer, then the
highest value. So merging is commutative, associative and idempotent, whatever
the base; a fact that is superseded is left out, except removals, which have to
be remembered.
"""

from __future__ import annotations


class NotState(ValueError):
    """A line is none of the facts that a state file holds."""


def merge_states(*texts: bytes) -> bytes:
    """Return the union of the facts of any number of state files, in canonical form.

    :raises NotState: One of them holds something else.
    """
    sets: set[tuple[bytes, bytes, bytes]] = set()
    registers: dict[bytes, tuple[int, bytes, bytes]] = {}
    for text in texts:
        for line in text.split(b"\n"):
            if line:
                _take(line, sets, registers)
    removed = {(name, tag) for sort, name, tag in sets if sort == b"-"}
    lines = [
        b" ".join(fact) for fact in sets if fact[0] == b"-" or (fact[1], fact[2]) not in removed
    ]
    lines += [b"= %s %d %s %s" % (key, *write) for key, write in registers.items()]
    return b"".join(line + b"\n" for line in sorted(lines))


def elements(text: bytes) -> set[bytes]:
    """Return the names that are in the set: those with an addition that was not removed."""
    return {line.split()[1] for line in merge_states(text).splitlines() if line.startswith(b"+")}


def tags(text: bytes, name: bytes) -> set[bytes]:
    """Return the tags of an element's additions that were not removed."""
    rows = (line.split() for line in merge_states(text).splitlines() if line.startswith(b"+"))
    return {tag for _, each, tag in rows if each == name}


def registers(text: bytes) -> dict[bytes, tuple[int, bytes, bytes]]:
    """Return the clock, the writer and the value of each register."""
    rows = (line.split(b" ", 4) for line in merge_states(text).splitlines() if line[:1] == b"=")
    return {row[1]: (int(row[2]), row[3], row[4]) for row in rows}


def values(text: bytes) -> dict[bytes, bytes]:
    """Return the value of each register."""
    rows = (line.split(b" ", 4) for line in merge_states(text).splitlines() if line[:1] == b"=")
    return {row[1]: row[4] for row in rows}


def _take(
    line: bytes,
    sets: set[tuple[bytes, bytes, bytes]],
    registers: dict[bytes, tuple[int, bytes, bytes]],
) -> None:
    sort, _, rest = line.partition(b" ")
    if sort in (b"+", b"-"):
        words = rest.split(b" ")
        if len(words) != 2 or not all(words):
            raise NotState(line)
        sets.add((sort, words[0], words[1]))
        return
    words = rest.split(b" ", 3)
    if sort != b"=" or len(words) != 4 or not words[1].isdigit() or not words[0] or not words[2]:
        raise NotState(line)
    write = (int(words[1]), words[2], words[3])
    registers[words[0]] = max(registers.get(words[0], write), write)
