"""Functions that warm processes call in tests."""

from __future__ import annotations

import os
import signal
import threading
import time


def pid(_: bytes) -> bytes:
    return str(os.getpid()).encode()


def doze(_: bytes) -> bytes:
    time.sleep(0.5)
    return pid(b"")


def pid_and_thread(_: bytes) -> bytes:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return pid(b"")


def shout(payload: bytes) -> bytes:
    print("heard")
    return payload.upper()


def fail(_: bytes) -> bytes:
    raise ValueError("not today")


def die(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def die_once(marker: bytes) -> bytes:
    if os.path.exists(marker):  # noqa: PTH110
        return b"alive"
    open(marker, "wb").close()  # noqa: PTH123
    return die(b"")


def hoard(payload: bytes) -> bytes:
    hoarded = bytearray(int(payload))
    time.sleep(60)
    return bytes(hoarded[:1])


def sleep(_: bytes) -> bytes:
    time.sleep(60)
    return b""
