"""Slots on other hosts, by execnet: a gateway is a slot, and one that is lost is opened again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

import execnet

from guild_plugins.stages.executors import WorkOrder

AGAIN: Final = 5
"""Times that all gateways together are opened again."""

END: Final = object()

LOOP: Final = """
from importlib import import_module
for function, payload in channel:
    module, _, name = function.partition(":")
    channel.send(getattr(import_module(module), name)(payload))
"""


class Gateways:
    """One slot for each of execnet's specifications, such as ``ssh=host//python=python3``."""

    def __init__(self, specs: list[str]) -> None:
        self._group = execnet.Group()
        self._lock = threading.Lock()
        self._free: list[Any] = []
        self._waiting: dict[Any, Future[bytes]] = {}
        self._left = AGAIN
        self._is_closed = False
        for spec in specs:
            self._open(spec)

    @property
    def slots(self) -> int:
        """How many orders can be carried out at once, now."""
        with self._lock:
            return len(self._free) + len(self._waiting)

    def submit(self, order: WorkOrder) -> Future[bytes]:
        """Send an order to a gateway that has none."""
        future: Future[bytes] = Future()
        with self._lock:
            channel = self._free.pop()
            self._waiting[channel] = future
        with suppress(OSError):  # where the gateway is gone, `hear` is told as well
            channel.send((order.function, order.payload))
        return future

    def close(self) -> None:
        """End all gateways, with what they do."""
        self._is_closed = True
        self._group.terminate(timeout=1.0)

    def _open(self, spec: str) -> None:
        channel = self._group.makegateway(spec).remote_exec(LOOP)
        channel.setcallback(self._hear(channel, spec), endmarker=END)
        with self._lock:
            self._free.append(channel)

    def _hear(self, channel: Any, spec: str) -> Callable[[object], None]:
        def hear(answer: Any) -> None:
            with self._lock:
                future = self._waiting.pop(channel, None)
                if answer is not END:
                    self._free.append(channel)
                elif channel in self._free:
                    self._free.remove(channel)
            if future is not None and answer is END:
                future.set_exception(EOFError("the gateway is gone"))
            elif future is not None:
                future.set_result(answer)
            if answer is END and not self._is_closed and self._left:
                self._left -= 1
                threading.Thread(target=self._reopen, args=(spec,), daemon=True).start()

        return hear

    def _reopen(self, spec: str) -> None:
        with suppress(OSError, EOFError, ValueError, execnet.HostNotFound):
            self._open(spec)
