from __future__ import annotations

from pathlib import Path

import pytest

from tests.delivery.landing.repos import Trunk
from tests.git.user import isolate


@pytest.fixture
def trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trunk:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Trunk.make(tmp_path / "repo")
    monkeypatch.chdir(made.top)
    return made
