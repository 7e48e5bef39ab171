"""Objects that are made in memory, and written in one go: as a pack that git unpacks.

Their ids are known before they are written, so a tree of many directories costs one
process and not one for each level.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from guild_plugins.git.process import run_git

_TYPES = {"tree": 2, "blob": 3}
_SHA1_DIGITS = 40
_FASTEST = 1
"""How much is compressed for the way to git, which does it again as the repository has it."""


class NewObjects:
    """Objects for one repository.

    :param like: The id of any object that is there: it tells which hash has the names.
    """

    def __init__(self, like: str) -> None:
        import hashlib  # it loads OpenSSL, and most merges write nothing

        self._hash = hashlib.sha1 if len(like) == _SHA1_DIGITS else hashlib.sha256
        self._found: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, content: bytes) -> str:
        """Take an object, a ``blob`` or a ``tree``, and return its id."""
        named = self._hash(b"%s %d\0" % (kind.encode(), len(content)), usedforsecurity=False)
        named.update(content)
        oid = named.hexdigest()
        self._found[oid] = (kind, content)
        return oid

    def write(self, top: Path) -> None:
        """Write what was taken, in that order; what is there already is left as it is.

        :raises GitFailed: Git could not write.
        """
        if not self._found:
            return
        head = b"PACK" + (2).to_bytes(4, "big") + len(self._found).to_bytes(4, "big")
        pack = head + b"".join(_packed(*each) for each in self._found.values())
        trailer = self._hash(pack, usedforsecurity=False).digest()
        run_git(["unpack-objects", "-q"], top, input=pack + trailer)


def _packed(kind: str, content: bytes) -> bytes:
    size = len(content)
    head = [_TYPES[kind] << 4 | size & 15]
    size >>= 4
    while size:
        head[-1] |= 128
        head.append(size & 127)
        size >>= 7
    return bytes(head) + zlib.compress(content, _FASTEST)
