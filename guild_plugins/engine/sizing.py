"""What work is expected to cost, and how many workers it deserves.

Pure arithmetic over units. What is known about a unit comes from earlier runs;
what is not known is estimated from its size, by the units that are known where
there are some, by a prior where there are none.
"""

from collections.abc import Iterable
from statistics import median
from typing import Final

from guild_plugins.engine.messages import Unit

SECONDS_PER_BYTE: Final = 0.001 / 40
"""The prior: 40 bytes of test code run for a millisecond, 100 KB for 2.5 seconds.

A short test is about 600 bytes with its share of imports, and pytest alone
spends some milliseconds on it. Real suites lie between a third of this and many
times as much. Erring high starts workers that were asked for and proves wrong by
a second or two, once: the next run knows. Erring low would run a slow suite
in one worker.
"""

UNSTATED_SECONDS: Final = 0.25
"""The prior for a unit of unknown size: a file of 10 KB."""

LEAST_SECONDS: Final = 0.001
"""No unit is free: collecting an empty file costs about this."""


def expected_seconds(units: Iterable[Unit]) -> dict[int, float]:
    """Return what each unit is expected to cost, by its id."""
    units = tuple(units)
    known = [unit for unit in units if unit.seconds is not None]
    rates = [unit.seconds / unit.size for unit in known if unit.seconds and unit.size]
    rate = median(rates) if rates else SECONDS_PER_BYTE
    unstated = median(u.seconds for u in known if u.seconds is not None) if known else None
    flat = UNSTATED_SECONDS if unstated is None else unstated
    has_sizes = any(unit.size for unit in units)

    def expect(unit: Unit) -> float:
        if unit.seconds is not None:
            return unit.seconds
        return unit.size * rate if has_sizes else flat

    return {unit.id: max(expect(unit), LEAST_SECONDS) for unit in units}


def parts(unit: Unit, seconds: float, least: float) -> int:
    """Return how many workers could share the unit with at least ``least`` seconds each.

    An estimate is no reason to start workers for a file that may hold one test.
    """
    if unit.seconds is None or not unit.divisible or unit.exclusive:
        return 1
    return max(1, int(seconds / least))


def deserves_worker(seconds: float, workers: int, *, startup: float, floor: float = 0.0) -> bool:
    """Tell whether work shared by ``workers`` should get one worker more.

    Workers boot side by side, so ``n`` of them cost one boot of wall time and
    ``n`` boots of processor time. Going from one to ``n`` saves
    ``seconds * (1 - 1/n)`` of wall time, which is ``seconds / n`` for each that
    was added: that must be worth its boot. Where one indivisible unit already
    takes as long as all else together (``floor``), nothing is saved.

    :param seconds: The work that is left to share.
    :param workers: How many share it now; the first is always deserved.
    """
    if workers == 0:
        return True
    return seconds / (workers + 1) >= startup and seconds / workers > floor
