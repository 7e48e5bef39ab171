"""The port behind which other machines are: it supplies slots, and nothing else.

The graph of units, retries, events and leases stay with the coordinator. An
executor may lose an order or carry it out twice: the coordinator sees to it that
each takes effect once.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorRequest:
    """The executor that a run asks for, as on the command line.

    :param name: Such as ``dask``.
    :param address: Where it is to be reached, in the executor's own notation.
    :param workers: How many slots are wanted at most.
    """

    name: str
    address: str | None = None
    workers: int = 1
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """One call to be made somewhere: plain data, so that it reaches any machine.

    :param id: Equal for repetitions of the same work.
    :param function: What to call, as ``package.module:function``.
    :param payload: Its one argument; what it returns comes back likewise.
    """

    id: str
    function: str
    payload: bytes


@runtime_checkable
class Executor(Protocol):
    """Slots for work orders. Its methods are called from one thread."""

    @property
    def slots(self) -> int:
        """How many orders can be carried out at once, now."""

    def submit(self, order: WorkOrder) -> Future[bytes]:
        """Carry out an order. The future ends in an error where a worker was lost."""

    def close(self) -> None:
        """End what is left and give everything back. A second call does nothing."""
