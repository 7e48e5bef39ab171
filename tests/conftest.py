from __future__ import annotations

import compileall
import os
import signal
from pathlib import Path

import pytest

import guild_plugins


def pytest_configure(config: pytest.Config) -> None:
    """Let programs that tests start hear Ctrl-C, though a shell that runs this behind does not.

    Hundreds of them import Guild, and many are told to write no bytecode, since the tests
    change files more often than bytecode can tell: so Guild's own is written here.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(guild_plugins.__file__).parent, quiet=2)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test see the git settings of whoever runs it, or the index of a hook that does."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
