"""Telling of a run while it goes on: a table that is drawn again, lines, or events as JSON."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Final, Protocol, TextIO

from guild_plugins.engine.pipeline.account import Account
from guild_plugins.engine.pipeline.core import Pipeline
from guild_plugins.report.runs import render_live, told
from guild_plugins.stages.codec import encode
from guild_plugins.stages.runs import RunEvent, UnitFailed, UnitFinished

PAUSE: Final = 0.2
"""Seconds between two drawings of the table."""


class Teller(Protocol):
    """Tells of a run."""

    def tell(self, event: RunEvent, pipeline: Pipeline) -> None:
        """Hear of a fact, after it was applied."""

    def close(self) -> None:
        """Leave the terminal as it should be."""


def teller_for(
    stream: TextIO, environ: Mapping[str, str], account: Account, *, as_json: bool
) -> Teller:
    """Return what suits the place that is written to."""
    if as_json:
        return JsonTeller(stream)
    is_live = stream.isatty() and environ.get("TERM") != "dumb" and "CI" not in environ
    return TableTeller(stream) if is_live else LineTeller(stream, account)


class JsonTeller:
    """Prints every event, one a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, event: RunEvent, _: Pipeline) -> None:
        """Print it, with its type first."""
        text = encode(event).replace("{", f'{{"type":"{type(event).__name__}",', 1)
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is left to do."""


class LineTeller:
    """Prints a line for each unit that ends, for logs."""

    def __init__(self, stream: TextIO, account: Account) -> None:
        self._stream, self._account = stream, account

    def tell(self, event: RunEvent, _: Pipeline) -> None:
        """Print ends."""
        if isinstance(event, UnitFinished):
            seconds = self._account.seconds_of(event.unit)
            print(told(event.unit, None, seconds), file=self._stream, flush=True)
        elif isinstance(event, UnitFailed):
            print(told(event.unit, event.reason, None), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is left to do."""


class TableTeller:
    """Draws the table where it stands, a few times a second at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0
        self._next = 0.0
        self._pipeline: Pipeline | None = None

    def tell(self, event: RunEvent, pipeline: Pipeline) -> None:
        """Draw, unless that was just done."""
        self._pipeline = pipeline
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            self._draw(event.at)

    def close(self) -> None:
        """Draw the last state, and leave it there."""
        if self._pipeline is not None:
            self._draw(time.time())

    def _draw(self, at: float) -> None:
        assert self._pipeline is not None, "there was a fact"
        size = shutil.get_terminal_size()
        lines = render_live(self._pipeline, at, (size.columns, size.lines))
        up = f"\x1b[{self._drawn}F" if self._drawn else ""
        text = "".join(f"\x1b[2K{line}\n" for line in lines)
        self._stream.write(f"{up}{text}\x1b[J")
        self._stream.flush()
        self._drawn = len(lines)


def default_teller(account: Account, *, as_json: bool) -> Teller:
    """Return what suits the standard output."""
    return teller_for(sys.stdout, os.environ, account, as_json=as_json)
