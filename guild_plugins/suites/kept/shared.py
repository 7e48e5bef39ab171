"""Records of other clones and machines, in a folder or wherever fsspec reaches.

A record is one object, named by its key. It is signed with a secret that is read from
the user's own environment and never from a clone: whoever can write to the store cannot
make up a result. What is broken, is signed otherwise or lies under another key's name is no record,
and a warning says so.
"""

from __future__ import annotations

import hmac
import json
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.graph.closures import word_of
from guild_plugins.suites.kept.records import Record, decode, encode

STORE, KEY, KEY_FILE, READ_ONLY = (
    "GUILD_STORE",
    "GUILD_STORE_KEY",
    "GUILD_STORE_KEY_FILE",
    "GUILD_STORE_READ_ONLY",
)
"""The variables that say where the store is, and with what it is signed."""

MAGIC: Final = b"guild-result 2\n"
DIGITS: Final = 64
LARGEST: Final = 64 * 1024 * 1024
"""Bytes that an object may become when it is unpacked."""


class StoreUnusable(GuildError):
    """The shared store cannot be used."""

    slug = "store-unusable"
    exit = Exit.USAGE

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"The shared store cannot be used: {self.problem}."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a shared store is.

    :param url: What fsspec understands, such as ``s3://bucket/results``; or a folder.
    """

    url: str
    secret: bytes
    is_read_only: bool = False


def place_from(environ: Mapping[str, str]) -> Place | None:
    """Return the store that the user's environment names; ``None`` where it names none.

    :raises StoreUnusable: It names no secret to sign with, or one that cannot be read.
    """
    url = environ.get(STORE)
    if not url:
        return None
    secret = environ.get(KEY, "").encode()
    if not secret and environ.get(KEY_FILE):
        try:
            secret = Path(environ[KEY_FILE]).read_bytes().strip()
        except OSError as error:
            raise StoreUnusable(f"{KEY_FILE} cannot be read: {error.strerror}") from error
    if not secret:
        raise StoreUnusable(f"results are signed, and neither {KEY} nor {KEY_FILE} says with what")
    return Place(url, secret, environ.get(READ_ONLY, "") not in ("", "0"))


class Parcel(NamedTuple):
    """A record with the coverage that it names."""

    record: Record
    covers: Mapping[str, bytes]


def seal(record: Record, secret: bytes, covers: Mapping[str, bytes] | None = None) -> bytes:
    """Return a record, with the coverage that it names, as a signed object."""
    given = {
        word: b64encode(body).decode()
        for word, body in (covers or {}).items()
        if word in record.covers
    }
    body = zlib.compress(encode(record) + b"\n" + json.dumps(given).encode("ascii"), 6)
    return MAGIC + _sign(record.key, body, secret) + b"\n" + body


def unseal(key: str, content: bytes, secret: bytes) -> Parcel | None:
    """Return what is in an object; ``None`` where it is not what was signed for this key."""
    start = len(MAGIC) + DIGITS
    signature, body = content[len(MAGIC) : start], content[start + 1 :]
    if not content.startswith(MAGIC) or content[start : start + 1] != b"\n":
        return None
    if not hmac.compare_digest(signature, _sign(key, body, secret)):
        return None
    try:
        unpacked = zlib.decompressobj().decompress(body, LARGEST)
    except zlib.error:
        return None
    said, _, given = unpacked.partition(b"\n")
    record = decode(said)
    if record is None or record.key != key:
        return None
    try:
        covers = {str(word): b64decode(body) for word, body in json.loads(given or b"{}").items()}
    except (ValueError, TypeError, AttributeError):
        return None
    named = {w: body for w, body in covers.items() if w in record.covers and is_named(w, body)}
    return Parcel(record, named)


def is_named(word: str, body: bytes) -> bool:
    """Say whether coverage has the name that its content makes."""
    return word == word_of(body.hex())


def _sign(key: str, body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, MAGIC + key.encode() + b"\n" + body, "sha256").hex().encode()


class SharedStore:
    """Records in a place that others read and write too. Its failures are warnings.

    :raises StoreUnusable: There is no fsspec, or it does not know the place.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.warnings: list[str] = []
        try:
            from fsspec.core import url_to_fs  # an extra, and slow to import
        except ImportError as error:
            raise StoreUnusable("fsspec is missing (pip install guild-plugins[store])") from error
        try:
            self._files, self._root = url_to_fs(place.url)
        except (ImportError, ValueError) as error:
            raise StoreUnusable(str(error)) from error

    def load(self, keys: Sequence[str]) -> dict[str, Parcel]:
        """Return the records that there are; what is not to be trusted is none."""
        found: dict[str, Parcel] = {}
        if not keys:
            return found
        paths = {self._path(key): key for key in keys}
        bad = 0
        for path, content in self._read(list(paths)).items():
            key = paths.get(path)
            if key is None or not isinstance(content, bytes):
                continue
            parcel = unseal(key, content, self._place.secret)
            if parcel is None or parcel.record.verdict != "passed":
                bad += 1
            else:
                found[key] = parcel
        if bad:
            self.warnings.append(
                f"shared store: {bad} results are damaged or not signed with this key, "
                "and were not used"
            )
        return found

    def _read(self, paths: list[str]) -> Mapping[str, Any]:
        try:
            read = self._files.cat(paths, on_error="return")
        except Exception as error:  # noqa: BLE001 - each kind of store has its own
            self._warn("cannot be read", error)
            return {}
        return read if isinstance(read, dict) else {paths[0]: read}

    def save(self, records: Sequence[Record], covers: Mapping[str, bytes] | None = None) -> None:
        """Give records to the others, with the coverage that they name.

        Nothing is given where the store is only to be read.
        """
        if self._place.is_read_only:
            return
        for record in records:
            path = self._path(record.key)
            draft = f"{path}.{os.getpid()}.new"
            try:
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(draft, seal(record, self._place.secret, covers))
                self._files.mv(draft, path)
            except Exception as error:  # noqa: BLE001 - each kind of store has its own
                self._warn("cannot be written", error)
                return

    def _path(self, key: str) -> str:
        return f"{self._root}/{key[:2]}/{key}"

    def _warn(self, what: str, error: Exception) -> None:
        self.warnings.append(f"shared store: {what}: {type(error).__name__}: {error}"[:300])


def shared_store(environ: Mapping[str, str]) -> SharedStore | None:
    """Return the shared store that the user's environment names, if it names one.

    :raises StoreUnusable: It cannot be used.
    """
    place = place_from(environ)
    return None if place is None else SharedStore(place)
