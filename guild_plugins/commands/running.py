"""Running the command that a lease is held for."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Final

from guild_plugins.errors import Exit
from guild_plugins.report.text import printable

NOT_FOUND: Final = 127
"""The exit code of shells for a command that is not there."""


def run_command(command: Sequence[str], environ: Mapping[str, str], handle: int) -> int:
    """Run a command, pass on what tells us to end, and return its code as a shell would."""
    if not command:
        return Exit.DONE
    try:
        process = subprocess.Popen(command, env=environ, pass_fds=(handle,))
    except OSError as error:
        print(f"guild: {printable(command[0])}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND

    def pass_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    # The terminal tells the command of an interruption as well.
    reactions: dict[int, Callable[[int, FrameType | None], None] | signal.Handlers] = {
        signal.SIGINT: signal.SIG_IGN,
        signal.SIGTERM: pass_on,
        signal.SIGHUP: pass_on,
    }
    before = {number: signal.signal(number, action) for number, action in reactions.items()}
    try:
        code = process.wait()
    finally:
        for number, action in before.items():
            signal.signal(number, action)
    return code if code >= 0 else 128 - code
