"""Slots on a dask cluster: each thread of its workers, as they join and leave."""

from __future__ import annotations

import time
from concurrent.futures import Future
from importlib import import_module
from typing import Any, Final

import dask
from distributed import Client, LocalCluster

from guild_plugins.stages.executors import WorkOrder

OLD: Final = 0.5
"""Seconds after which the cluster is asked again how many workers it has."""


class Cluster:
    """A cluster that is there, or one of this machine's processes.

    :param address: Of its scheduler.
    """

    def __init__(self, address: str | None, workers: int) -> None:
        # A lost worker is the coordinator's to know of: it counts, and it begins units anew.
        dask.config.set({"distributed.scheduler.allowed-failures": 0})
        self._own = None
        if address is None:
            self._own = LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
            )
        self._client = Client(address if self._own is None else self._own)
        self._slots, self._asked = workers, 0.0

    @property
    def slots(self) -> int:
        """How many orders can be carried out at once, now."""
        if time.monotonic() - self._asked > OLD:
            self._slots = sum(self._client.nthreads().values())
            self._asked = time.monotonic()
        return self._slots

    def submit(self, order: WorkOrder) -> Future[bytes]:
        """Carry out an order on any worker."""
        task = self._client.submit(_call, order.function, order.payload, key=order.id, pure=False)
        future: Future[bytes] = Future()
        task.add_done_callback(lambda done: self._settle(done, future))
        return future

    def close(self) -> None:
        """Leave the cluster; one of this machine ends."""
        self._client.close(timeout=5)
        if self._own is not None:
            self._own.close(timeout=5)

    def _settle(self, done: Any, future: Future[bytes]) -> None:
        try:
            future.set_result(done.result())
        except BaseException as error:  # noqa: BLE001 - a cancellation is told as any other loss
            self._asked = 0.0  # a worker is gone: what is sent now must not wait behind another
            future.set_exception(ConnectionError(f"{type(error).__name__}: {error}"))


def _call(function: str, payload: bytes) -> bytes:
    module, _, name = function.partition(":")
    result: bytes = getattr(import_module(module), name)(payload)
    return result
