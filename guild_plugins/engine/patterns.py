"""Three shapes of parallel work, for plugins and scripts: map-reduce, fork-join, pipeline.

Run by the engine that runs `guild run`: in warm processes, the longest way to the end first,
each item by itself. What raises is tried again after a pause that doubles; an item whose
process is lost is begun anew; one that fails for good harms nothing but itself.

Functions are called in other processes: they are found by their name, in a module that
can be imported, and what they take and return can be pickled. Without facts that are kept:
what is interrupted begins at the beginning. Not to be called from a running event loop.

    >>> lengths = pipeline({"a": "one", "b": "three"}, [str.upper, len])  # doctest: +SKIP
    >>> {name: outcome.value for name, outcome in lengths.items()}        # doctest: +SKIP
    {'a': 3, 'b': 5}
"""

from __future__ import annotations

import asyncio
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from guild_plugins.engine.driver.driver import Driver
from guild_plugins.engine.driver.local import LocalHands
from guild_plugins.engine.driver.work import Call, Failed, Passed, Work
from guild_plugins.engine.pipeline.pool import cores_for, pool_bounds
from guild_plugins.stages.events import fresh_id
from guild_plugins.stages.runs import Limits, RunEvent, RunStarted, Unit, UnitFailed, UnitFinished

Item = TypeVar("Item")
Found = TypeVar("Found")
Result = TypeVar("Result")

_PLACE = f"{__name__}:_apply"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What came of one item.

    :param value: What the last function returned; ``None`` where one failed.
    :param trouble: Why it failed, in a line; empty where it did not.
    """

    value: Result | None = None
    trouble: str = ""


class PatternBroken(Exception):
    """Items failed where all were needed, or the work was interrupted."""

    def __init__(self, troubles: Mapping[str, str]) -> None:
        super().__init__(troubles)
        self.troubles = dict(troubles)

    def __str__(self) -> str:
        listed = "; ".join(f"{name}: {trouble}" for name, trouble in self.troubles.items())
        return listed or "it was interrupted"


def fork_join(
    tasks: Mapping[str, Callable[[], Result]], *, workers: int | None = None, tries: int = 3
) -> dict[str, Outcome[Result]]:
    """Call functions side by side, and return what came of each, in their order.

    :param workers: As many at once; else as many as there are tasks, as the machine allows.
    :param tries: How often a function that raises is called.
    """
    return _drive({name: [partial(_call, task)] for name, task in tasks.items()}, workers, tries)


def pipeline(
    items: Mapping[str, Any],
    stages: Sequence[Callable[[Any], Any]],
    *,
    workers: int | None = None,
    tries: int = 3,
) -> dict[str, Outcome[Any]]:
    """Take each item through all stages, without waiting for the others.

    :param stages: The first gets the item, each other what the one before returned.
    """
    if not stages:
        return {name: Outcome(item) for name, item in items.items()}
    first, *rest = stages
    ways: dict[str, list[Callable[[Any], Any]]] = {
        name: [partial(_call, partial(first, item)), *rest] for name, item in items.items()
    }
    return _drive(ways, workers, tries)


def map_reduce(
    items: Mapping[str, Item],
    find: Callable[[Item], Found],
    join: Callable[[dict[str, Found]], Result],
    *,
    workers: int | None = None,
    tries: int = 3,
) -> Result:
    """Find something out about each item, and join what was found, in the items' order.

    :param join: Called here, once, with what was found about every item.
    :raises PatternBroken: An item failed; `fork_join` is for who can do without some.
    """
    ways = {name: [partial(_call, partial(find, item))] for name, item in items.items()}
    outcomes: dict[str, Outcome[Found]] = _drive(ways, workers, tries)
    troubles = {name: outcome.trouble for name, outcome in outcomes.items() if outcome.trouble}
    if troubles:
        raise PatternBroken(troubles)
    return join({name: outcome.value for name, outcome in outcomes.items()})  # type: ignore[misc]


def _call(function: Callable[[], Result], _: object) -> Result:
    return function()


def _apply(payload: bytes) -> bytes:
    """Call a function, in a warm process."""
    function, value = pickle.loads(payload)  # noqa: S301 - our own coordinator's
    return pickle.dumps(function(pickle.loads(value)))  # noqa: S301


@dataclass
class _Shop:
    """Knows what each unit calls, and what came of it."""

    folder: Path
    ways: Mapping[str, Sequence[Callable[[Any], Any]]]
    values: dict[str, bytes] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)

    def note(self, event: RunEvent) -> None:
        """Remember why an item failed."""
        if isinstance(event, UnitFailed):
            self.troubles[_of(event.unit)[0]] = event.reason
        elif isinstance(event, UnitFinished):
            self.troubles.pop(_of(event.unit)[0], None)

    def work(self, unit: Unit, _: int) -> Work:
        """Call the function of one stage for one item."""
        name, place = _of(unit.id)
        before = self.values.get(f"{place - 1}/{name}", pickle.dumps(None))
        payload = pickle.dumps((self.ways[name][place], before))
        ended = yield Call(function=_PLACE, payload=payload, log=self.folder / "log")
        if ended.value is None:
            return Failed(kind="broke", reason=ended.broke or f"exit code {ended.code}")
        self.values[unit.id] = ended.value
        return Passed()


class _Nowhere:
    def append(self, *events: RunEvent, durable: bool = True) -> None:
        """Forget them."""


def _of(id: str) -> tuple[str, int]:
    place, _, name = id.partition("/")
    return name, int(place)


def _units(ways: Mapping[str, Sequence[object]], tries: int) -> Iterable[Unit]:
    for name, stages in ways.items():
        for place in range(len(stages)):
            after = (f"{place - 1}/{name}",) if place else ()
            yield Unit(id=f"{place}/{name}", stage=str(place), scope=name, after=after, tries=tries)


def _drive(
    ways: Mapping[str, Sequence[Callable[[Any], Any]]], workers: int | None, tries: int
) -> dict[str, Outcome[Any]]:
    if not ways:
        return {}
    least, most = pool_bounds(len(ways)) if workers is None else (workers, workers)
    cores = float(cores_for(os.cpu_count() or 1)) if workers is None else float(workers)
    run = fresh_id()
    started = RunStarted(
        id=fresh_id(), at=time.time(), run=run, task="", name="", base="", command=(),
        limits=Limits(least=least, most=most, cores=cores, pause=0.1),
        units=tuple(_units(ways, tries)),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        shop = _Shop(Path(folder), ways)

        async def drive() -> bool:
            hands = partial(LocalHands, dict(os.environ))
            driver = Driver(run, shop, _Nowhere(), hands, lambda *_: None)
            return (await driver.drive(started)).is_complete

        if not asyncio.run(drive()):
            raise PatternBroken({})
    return {name: _outcome(shop, name, len(stages)) for name, stages in ways.items()}


def _outcome(shop: _Shop, name: str, stages: int) -> Outcome[Any]:
    value = shop.values.get(f"{stages - 1}/{name}")
    if value is None:
        return Outcome(trouble=shop.troubles.get(name, "it was not done"))
    return Outcome(pickle.loads(value))  # noqa: S301 - our own process's
