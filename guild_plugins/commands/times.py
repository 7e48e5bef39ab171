"""Times as people write them. Pure."""

from __future__ import annotations

import argparse
import math
from typing import Final

from guild_plugins.errors import Exit, GuildError

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class TimeUnclear(GuildError):
    """A point in time cannot be read."""

    slug = "time-unclear"
    exit = Exit.USAGE
    remedy = "Write 30m, 2h or 1d for that long ago, 2026-01-31T12:00, or an event's number."

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"{self.text!r} is no point in time."


def seconds(text: str) -> float:
    """Return the seconds in ``90``, ``30s``, ``1.5m``, ``8h`` or ``2d``.

    :raises ValueError: It is none of these, or not more than nothing.
    """
    factor = UNITS.get(text[-1:], 0)
    number = float(text[:-1] if factor else text) * (factor or 1)
    if not 0 < number < math.inf:
        raise ValueError(f"{text!r} is no length of time")
    return number


def duration(text: str) -> float:
    """Read a length of time from the command line."""
    try:
        return seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is none; write 90, 30m, 8h or 2d") from None


def in_words(length: float) -> str:
    """Return a length of time in its largest fitting unit."""
    for unit, factor in reversed(UNITS.items()):
        if length >= factor:
            return f"{length / factor:.0f}{unit}"
    return "0s"
