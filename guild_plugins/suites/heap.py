"""Keeps the garbage collector from walking what a test session never frees, and memory low.

Modules, collected tests and pytest's own objects live as long as the session,
and every automatic full collection walks them all (some 100 ms each for a
large suite). They are frozen (`gc.freeze`) after each file's
collection, and automatic collections then look at what tests make.

Code that asks the collector itself must not see a difference, so ``collect``,
``get_objects`` and ``get_referrers`` thaw everything first.
"""

from __future__ import annotations

import ctypes
import gc
import time
from typing import Any

THAW_EVERY = 64
"""Files after which everything is thawed once, so that what died meanwhile is freed."""

TRIM_EVERY = 0.5
"""Seconds between two trims, which cost some milliseconds each."""


class Heap:
    """The frozen part of the heap; one a process."""

    def __init__(self) -> None:
        self._collect, self._objects, self._referrers = (
            gc.collect,
            gc.get_objects,
            gc.get_referrers,
        )
        self._settled = 0
        self._trim_at = 0.0
        self._give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it

    def install(self) -> None:
        """Put the functions that thaw in the place of the collector's own."""
        gc.collect = self.collect
        gc.get_objects = self.get_objects
        gc.get_referrers = self.get_referrers

    def uninstall(self) -> None:
        """Put the collector's own functions back, and thaw."""
        gc.collect, gc.get_objects, gc.get_referrers = (
            self._collect,
            self._objects,
            self._referrers,
        )
        gc.unfreeze()

    def settle(self) -> None:
        """Free what is dead and freeze what lives.

        A full collection only now and then: besides its cost, CPython starts the
        next automatic one by the number of objects that the last one left, so it
        must be the number of all.
        """
        if self._settled % THAW_EVERY == 0:
            gc.unfreeze()
            self._collect()
        else:
            self._collect(1)
        self._settled += 1
        gc.freeze()

    def trim(self) -> None:
        """Give memory that tests have freed back to the system, now and then.

        The C library keeps it otherwise: after networkx's algorithm tests 35 MB of 250.
        """
        now = time.monotonic()
        if self._give_back is not None and now >= self._trim_at:
            self._give_back(0)
            self._trim_at = now + TRIM_EVERY

    def collect(self, generation: int = 2) -> int:
        """As ``gc.collect``, over frozen objects too."""
        if generation < 2:
            return self._collect(generation)
        gc.unfreeze()
        try:
            return self._collect(generation)
        finally:
            gc.freeze()

    def get_objects(self, generation: int | None = None) -> list[Any]:
        """As ``gc.get_objects``, with frozen objects among the oldest."""
        gc.unfreeze()
        try:
            return self._objects(generation=generation)
        finally:
            gc.freeze()

    def get_referrers(self, *objects: Any) -> list[Any]:
        """As ``gc.get_referrers``, with frozen objects."""
        gc.unfreeze()
        try:
            return [found for found in self._referrers(*objects) if found is not objects]
        finally:
            gc.freeze()
