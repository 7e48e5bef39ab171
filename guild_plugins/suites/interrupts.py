"""Ctrl-C: the first one ends the run in order, the next one waits for nobody.

Python raises KeyboardInterrupt at every SIGINT, wherever the process is. Once pytest is
busy ending (workers tear their fixtures down, the summary is written) that would break the
end off and show where. So from then on the signal does something else.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType


class Interrupts:
    """Takes SIGINT over from Python for the length of a session.

    :param hurry: Called in the main thread, between any two of its steps, for each signal
        that comes while the run is ending already.
    """

    def __init__(self, hurry: Callable[[], None]) -> None:
        self._hurry = hurry
        self._is_ending = False
        self._is_ours = False

    def install(self) -> None:
        """Begin, where the signal still is Python's: others know what they do with it."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._is_ours = True

    def uninstall(self) -> None:
        """Give the signal back."""
        if self._is_ours:
            self._is_ours = False
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def note_ending(self) -> None:
        """Note that the run is ending, without a signal too."""
        self._is_ending = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._is_ending:
            self._hurry()
            return
        self._is_ending = True
        __tracebackhide__ = True  # the interruption is where the signal came
        signal.default_int_handler(number, frame)
