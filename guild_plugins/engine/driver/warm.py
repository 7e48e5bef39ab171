"""A warm process: it has imported what it needs, and answers one call after the other.

Started as ``python -m``, with one socket: a frame asks, a frame answers, and the end
of the stream is the end. So whoever loses its coordinator ends with its call.
What the called function prints goes to the file that the call names. A call that left
threads behind, such as a plugin's that hangs, spends the process: it is not used again.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

HEAD: Final = 8
"""Bytes in front of a frame: its length."""


def main(handle: int) -> None:
    """Answer calls until nobody asks."""
    with socket.socket(fileno=handle) as link:
        while (frame := _receive(link)) is not None:
            function, payload, log = pickle.loads(frame)  # noqa: S301 - our own
            is_done, value = _answer(function, payload, log)
            is_spent = threading.active_count() > 1
            _send(link, pickle.dumps((is_done, value, is_spent)))


def call(function: str, payload: bytes) -> bytes:
    """Call a function that is named as ``package.module:function``."""
    module, _, name = function.partition(":")
    found = cast("Callable[[bytes], bytes]", getattr(import_module(module), name))
    return found(payload)


def _answer(function: str, payload: bytes, log: str) -> tuple[bool, bytes]:
    """Return whether the call returned, and what, or how it failed."""
    _print_to(log)
    try:
        return True, call(function, payload)
    except BaseException as error:  # one call's end is not the process's
        traceback.print_exc()
        if isinstance(error, KeyboardInterrupt):
            raise
        return False, f"{type(error).__name__}: {error}".encode("utf-8", "replace")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _print_to(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _receive(link: socket.socket) -> bytes | None:
    head = _exactly(link, HEAD)
    return _exactly(link, int.from_bytes(head)) if head is not None else None


def _exactly(link: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _send(link: socket.socket, frame: bytes) -> None:
    link.sendall(len(frame).to_bytes(HEAD) + frame)


if __name__ == "__main__":
    main(int(sys.argv[1]))
