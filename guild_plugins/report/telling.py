"""Telling what is done while it is done, to a reader who may go away meanwhile."""

from __future__ import annotations

import os
import sys


def tell(text: str) -> None:
    """Print a line; where nobody reads any more, what it tells of goes on nevertheless."""
    try:
        print(text)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
