"""What workers send: small records, batched, that outlive the worker.

One message per test phase is what makes short tests dear under xdist: a
pure-Python serialiser, a pipe and a thread switch each time. Here records are
marshalled (data only, in C) and sent together every few hundredths of a second.
Until they are sent they lie in a memory-mapped file, so that a worker that is
killed loses none of them and its last test can be named.
"""

from __future__ import annotations

import _thread
import marshal
import mmap
import struct
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

Record = tuple[Any, ...]

FORMAT: Final = 4
"""The marshal version: every supported Python reads it."""

INTERVAL: Final = 0.05
"""Seconds that a record may wait for company."""

CAPACITY: Final = 4 * 1024 * 1024
"""Bytes of unsent records; a larger record is sent on its own."""

HEADER: Final = struct.Struct("<QQ")  # sequence number of the batch, bytes in it
LENGTH: Final = struct.Struct("<I")


class Tag(IntEnum):
    """What a record says; its first field. The others are in the comment."""

    TEST_STARTED = 0  # unit, node id, location
    PHASE_PASSED = 1  # when, duration, start, stop, keywords or None when as before, index
    REPORT = 2  # the report as pytest serialises it
    TEST_FINISHED = 3
    TEST_DONE = 4  # unit, seconds
    XDIST_EVENT = 5  # name, keyword arguments: passed on to xdist as they are
    UNIT_OPENING = 6  # unit
    UNIT_OPENED = 7  # unit, tests to run, tests collected, seconds, about how many more
    UNIT_CLOSED = 8  # unit
    UNIT_RETURNED = 9  # unit: the answer to "recall"
    TESTS_RETURNED = 10  # unit, node ids: the answer to "divide", and to "recall" come too late
    UNIT_FORGOTTEN = 11  # unit, tests dropped
    HUNGRY = 12
    DESELECTED = 13  # node ids
    NOT_FOUND = 14  # unit, node ids that were asked for and do not exist
    FOREIGN_IMPORT = 15  # what to tell the user
    UNKNOWN_NAMES = 16  # what to tell the user of each
    UNIT_GREW = 17  # unit, tests to run, tests collected, seconds, about how many more
    UNREAD_RETURNED = 18  # unit, node ids of what holds tests, about how many: see "divide"


def encode(record: Record) -> bytes:
    """Return the record as bytes; what is not plain data becomes its ``repr``."""
    try:
        body = marshal.dumps(record, FORMAT)
    except ValueError:
        body = marshal.dumps(_plain(record), FORMAT)
    return LENGTH.pack(len(body)) + body


def decode(batch: bytes) -> Iterator[Record]:
    """Yield the records of a batch, in the order in which they were put."""
    at, end = 0, len(batch)
    while at < end:
        (length,) = LENGTH.unpack_from(batch, at)
        at += LENGTH.size
        yield marshal.loads(batch[at : at + length])  # noqa: S302 (our own worker's plain data)
        at += length


class Outbox:
    """Records on their way out of a worker.

    :param send: Sends one batch: its number, counted from 1, and its bytes.
    :param path: The file that keeps unsent records, or None where no file is
        shared with the controller; every batch then leaves at once.
    """

    def __init__(self, send: Callable[[int, bytes], None], path: Path | None) -> None:
        self._send = send
        self._lock = threading.RLock()
        self._sequence = 1
        self._used = 0
        self._store = _create(path) if path else None
        self._filled = threading.Event()
        self._closed = False
        if self._store is not None:
            HEADER.pack_into(self._store, 0, self._sequence, 0)
            # Below `threading`, which would trace it and show it to tests that look at threads.
            _thread.start_new_thread(self._flush_regularly, ())

    def put(self, record: Record) -> None:
        """Add a record; it leaves within ``INTERVAL`` seconds."""
        data = encode(record)
        with self._lock:
            if self._store is None:
                self._post(data)
                return
            if self._used + len(data) > CAPACITY:
                self.flush()
                if len(data) > CAPACITY:
                    self._post(data)
                    return
            start = HEADER.size + self._used
            self._store[start : start + len(data)] = data
            self._used += len(data)
            HEADER.pack_into(self._store, 0, self._sequence, self._used)
            if self._used == len(data):
                self._filled.set()

    def flush(self) -> None:
        """Send what waits, now."""
        with self._lock:
            if self._store is not None and self._used:
                self._post(self._store[HEADER.size : HEADER.size + self._used])

    def close(self) -> None:
        """Send what waits and end the thread."""
        self.flush()
        self._closed = True
        self._filled.set()

    def _post(self, batch: bytes) -> None:
        self._send(self._sequence, batch)
        self._sequence += 1
        self._used = 0
        if self._store is not None:
            HEADER.pack_into(self._store, 0, self._sequence, 0)

    def _flush_regularly(self) -> None:
        pause = threading.Event()
        while True:
            self._filled.wait()
            self._filled.clear()
            if self._closed:
                return
            pause.wait(INTERVAL)
            try:
                self.flush()
            except OSError:
                return  # the controller is gone, and this process is about to be


def unsent(path: Path, received: int) -> bytes:
    """Return what a dead worker had not sent.

    :param received: The number of the last batch that arrived.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    if len(content) < HEADER.size:
        return b""
    sequence, used = HEADER.unpack_from(content, 0)
    if sequence <= received:
        return b""
    return content[HEADER.size : HEADER.size + used]


def _create(path: Path) -> mmap.mmap:
    with path.open("wb+") as file:
        file.truncate(HEADER.size + CAPACITY)
        return mmap.mmap(file.fileno(), HEADER.size + CAPACITY)


def _plain(value: Any) -> Any:
    """Return ``value`` with everything that marshal refuses made plain."""
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, bool | int | float | str | bytes):
        base: Any = next(t for t in (bool, int, float, str, bytes) if isinstance(value, t))
        return base(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return repr(value)
