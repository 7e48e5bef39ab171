"""Requests as the engine would make them, and plugins that answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guild_plugins.scopes.model import Scope
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.models import GateRequest, JoinRequest, Stage, StageRequest, StageResult

CORE = Scope("core", ("src/core",))
WEB = Scope("web", ("src/web",), depends_on=("core",))


def unit(stage: Stage = Stage.IMPLEMENT, directory: str | Path = "/nowhere") -> StageRequest:
    return StageRequest(run="r1", task="t", stage=stage, scope=CORE, directory=str(directory))


def change(directory: str | Path = "/nowhere", *changed: str) -> GateRequest:
    return GateRequest(
        scope=CORE, scopes=(CORE, WEB), directory=str(directory), base=None, changed=changed
    )


def results() -> JoinRequest:
    found = {"core": StageResult(summary="small"), "web": StageResult(summary="large")}
    return JoinRequest(run="r1", task="t", scopes=(CORE, WEB), results=found)


class Plugin:
    """A plugin made of functions; ``name=function``."""

    def __init__(self, **functions: Any) -> None:
        self.__dict__.update(functions)


def plugins(**named: object) -> Plugins:
    """Return a manager with plugins; those named later are asked first."""
    return Plugins(named)
