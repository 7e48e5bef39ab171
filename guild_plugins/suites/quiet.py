"""A session that is seen by another one keeps its own terminal still."""

from __future__ import annotations

import pytest


def silence_terminal(config: pytest.Config) -> None:
    """Keep the terminal reporter for those who ask for it, and its hooks still.

    In a worker it writes to the null device, yet its formatting costs a tenth of
    a short test.
    """
    manager = config.pluginmanager
    reporter = manager.unregister(name="terminalreporter")
    if reporter is None:
        return
    for name in dir(reporter):
        if name.startswith("pytest_"):
            setattr(reporter, name, None)
    manager.register(reporter, "terminalreporter")
