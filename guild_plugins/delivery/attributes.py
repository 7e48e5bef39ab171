"""Which files the merge driver is for: a block in ``info/attributes``.

That file has the last word in git, over the project's own ``.gitattributes``. So where
these say how a file is merged (``binary``, ``merge=union``), the block repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository

BEGIN: Final = b"# guild install: begin\n"
END: Final = b"# guild install: end\n"
_SPECIAL: Final = b"*?[]\\"


def block_for(repository: Repository) -> bytes:
    """Return the block, for attributes as they are without one."""
    return b"".join((BEGIN, b"* merge=guild\n", *_exceptions(_specified(repository)), END))


def without_block(text: bytes) -> bytes:
    """Return what somebody else wrote."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return before + after if begin and end else text


def block_in(text: bytes) -> bytes | None:
    """Return the block that is there."""
    others = len(without_block(text))
    start = text.find(BEGIN)
    return text[start : start + len(text) - others] if others < len(text) else None


def _specified(repository: Repository) -> dict[bytes, bytes]:
    """Return how files are merged by the project's own attributes, where these say."""
    names = run_git(["ls-files", "-z"], repository.top)
    said = run_git(["check-attr", "-z", "--stdin", "merge"], repository.top, input=names)
    words = said.split(b"\0")[:-1]
    triples = zip(words[::3], words[2::3], strict=True)
    return {path: value for path, value in triples if value not in (b"unspecified", b"guild")}


def _exceptions(specified: Mapping[bytes, bytes]) -> Iterator[bytes]:
    for path, value in sorted(specified.items()):
        word = {b"set": b"merge", b"unset": b"-merge"}.get(value, b"merge=" + value)
        yield b"%s %s\n" % (_pattern(path), word)


def _pattern(path: bytes) -> bytes:
    r"""Return the pattern of one path, quoted as git reads it.

    >>> _pattern(b"docs/a b[1].md")
    b'"/docs/a b\\\\[1\\\\].md"'
    """
    escaped = b"".join(b"\\%c" % byte if byte in _SPECIAL else b"%c" % byte for byte in path)
    quoted = b"".join(
        b"\\%03o" % byte if byte < 32 else b"\\%c" % byte if byte in b'"\\' else b"%c" % byte
        for byte in escaped
    )
    return b'"/%s"' % quoted if quoted != path or b" " in path else b"/" + path
