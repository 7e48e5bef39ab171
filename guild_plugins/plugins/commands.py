"""How Guild implements and tests a scope where no other plugin does: by commands.

The user's own command changes a scope, and pytest proves it.
"""

from __future__ import annotations

import sys
from typing import Final

from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import CommandLine, StageRequest

PYTEST: Final = (sys.executable, "-m", "pytest", "-q", "--guild-scopes", "-n", "0")
"""In one process: the other scopes keep the other cores busy."""

PASSING: Final = (0, 5)
FAILING: Final = (1, 2, 4)
"""Pytest's exit codes where tests pass, or there are none, and where some fail, cannot be
collected, or have a ``conftest.py`` that cannot be imported."""


@hookimpl
def guild_implement(request: StageRequest) -> CommandLine | None:
    """Run the command that the user gave for it."""
    return CommandLine(words=request.command) if request.command else None


@hookimpl
def guild_test(request: StageRequest) -> CommandLine:
    """Run the scope's suite, or all tests that its change can affect."""
    which = ["--guild-affected", "--guild-base", "HEAD"]
    if request.options.get("tests", "scope") == "scope":
        which = [f"--guild-scope={request.scope.id}"]
    return CommandLine(words=(*PYTEST, *which), passing=PASSING, objecting=FAILING)
