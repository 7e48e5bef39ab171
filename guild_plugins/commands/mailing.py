"""What the commands that send and receive messages have in common."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from guild_plugins.commands.times import duration
from guild_plugins.coordination.mail import Mail
from guild_plugins.coordination.mail_errors import ScopeUnsaid
from guild_plugins.coordination.place import Place, place_in, prepare
from guild_plugins.git.repository import open_repository

PATIENCE: Final = 60.0
"""Seconds that are waited where nobody says how long."""


def mail_of(directory: Path, scope: str | None, environ: Mapping[str, str] = os.environ) -> Mail:
    """Return the messages of the run that this process is a part of, else those of no run.

    :param scope: Who sends and receives; ``None`` for what the run says.
    :raises ScopeUnsaid: Nobody says it.
    """
    name = who_is(scope, environ)
    place = place_in(open_repository(directory).common_dir)
    prepare(place)
    return Mail(folder_of(place, environ), name)


def who_is(scope: str | None, environ: Mapping[str, str]) -> str:
    """Return which scope this is.

    :raises ScopeUnsaid: Nobody says it.
    """
    name = scope or environ.get("GUILD_SCOPE")
    if not name:
        raise ScopeUnsaid
    return name


def folder_of(place: Place, environ: Mapping[str, str]) -> Path:
    """Return the folder of the run that this process is a part of, else one for no run."""
    run = environ.get("GUILD_RUN", "")
    is_run = re.fullmatch("[0-9a-f]{8,64}", run)
    return place.folder / "runs" / run if is_run else place.folder / "mail"


def who_argument(parser: argparse.ArgumentParser) -> None:
    """Add who sends and receives."""
    parser.add_argument("--as", dest="scope", metavar="SCOPE", help="(default: GUILD_SCOPE)")


def wait_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """Add how long is waited."""
    parser.add_argument(
        "--wait", type=duration, default=PATIENCE, metavar="TIME", help=f"{what} (default: 60s)"
    )


def body_of(words: Sequence[str]) -> bytes:
    """Return what is to be sent: the words, or what comes on the standard input."""
    return os.fsencode(" ".join(words)) if words else sys.stdin.buffer.read()
