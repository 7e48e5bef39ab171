"""What the units of a run are about: the command, and what is done around it.

Where a scope is, and what was found wrong with it, is known from the facts alone, so
a process that resumes a run knows what the one before knew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guild_plugins.engine.driver.work import Call, Caps, Command, Ended, Failed, Passed
from guild_plugins.engine.driver.work import Step as Work
from guild_plugins.plugins.running import carrying
from guild_plugins.plugins.running.course import Step
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.runs import RunEvent, RunStarted, Unit, UnitFailed, UnitFinished

PYTEST: Final = (sys.executable, "-m", "pytest", "-q", "--guild-scopes", "-n", "0")
"""In one process: the other scopes keep the other cores busy."""

FAILING: Final = 1
NO_TESTS: Final = 5
"""Pytest's exit codes where tests fail, and where there are none."""

TAIL: Final = 2000
"""Characters of a log's end that a command is told when its work was not good."""


@dataclass
class RunShop:
    """Knows one run.

    :param top: The work tree that the run was asked for in.
    :param folder: Where logs and briefs are kept, a folder for each scope.
    :param paths: The paths of each scope, as the configuration names them.
    :param environ: Of the commands.
    :param caps: Of the command and of the tests.
    """

    top: Path
    folder: Path
    paths: Mapping[ScopeId, Sequence[str]]
    environ: Mapping[str, str]
    caps: Caps
    _started: RunStarted | None = None
    _places: dict[ScopeId, Path] = field(default_factory=dict)
    _findings: dict[ScopeId, str] = field(default_factory=dict)
    commits: dict[ScopeId, str] = field(default_factory=dict)
    """What was committed, by scope."""

    def log(self, unit: Unit) -> Path:
        """Return where a unit's output is kept."""
        return self.folder / str(unit.scope) / f"{unit.stage}.log"

    def note(self, event: RunEvent) -> None:
        """Learn where a scope is and what was found wrong with it."""
        match event:
            case RunStarted():
                self._started = event
            case UnitFinished(unit=id, result=result):
                scope, _, step = id.rpartition("/")
                if step == Step.PLACE:
                    self._places[scope] = Path(json.loads(result)["path"])
                elif step == Step.COMMIT:
                    self.commits[scope] = json.loads(result)["commit"]
            case UnitFailed(unit=id, reason=reason):
                self._findings[id.rpartition("/")[0]] = reason

    def steps(self, unit: Unit, _: int) -> Sequence[Work]:
        """Return what is to be done for a unit."""
        match unit.stage:
            case Step.IMPLEMENT:
                return [*self._clearing(unit), self._command(unit)]
            case Step.TEST:
                return [self._in_place(unit, (*PYTEST, f"--guild-scope={unit.scope}"))]
            case Step.PLACE:
                return [self._call(unit, carrying.place, top=str(self.top), base=self._run.base)]
            case Step.CHECK:
                return [self._call(unit, carrying.check)]
            case _:
                return [self._call(unit, carrying.commit, task=self._run.task)]

    def conclude(self, unit: Unit, _: int, ended: Ended) -> Passed | Failed:
        """Say what the end of a unit's last step means."""
        if ended.broke:
            return Failed(kind="broke", reason=ended.broke)
        if unit.stage == Step.TEST and ended.code == FAILING:
            return Failed(kind="objected", reason=f"its tests failed\n{self._tail(unit)}")
        if ended.code and (unit.stage, ended.code) != (Step.TEST, NO_TESTS):
            return Failed(kind="broke", reason=f"exit code {ended.code}\n{self._tail(unit)}")
        answer: dict[str, Any] = json.loads(ended.value or b"{}")
        if answer.get("trouble"):
            return Failed(kind="refused", reason=answer["trouble"])
        if answer.get("findings"):
            kind = "objected" if unit.stage == Step.CHECK else "refused"
            return Failed(kind=kind, reason="\n".join(answer["findings"]))  # type: ignore[arg-type]
        return Passed(result=json.dumps(answer))

    @property
    def _run(self) -> RunStarted:
        assert self._started is not None, "a run's first fact is that it started"
        return self._started

    def _clearing(self, unit: Unit) -> list[Work]:
        """A command that is told what was wrong goes on from there; any other begins anew."""
        told = unit.scope in self._findings
        return [] if told else [self._call(unit, carrying.clear)]

    def _command(self, unit: Unit) -> Command:
        brief = self._write_brief(unit)
        words: list[str] = []
        for word in self._run.command:
            if word == "{paths}":
                words += self.paths[str(unit.scope)]
            else:
                words.append(word.replace("{scope}", str(unit.scope)).replace("{brief}", brief))
        return self._in_place(unit, tuple(words), GUILD_BRIEF=brief)

    def _in_place(self, unit: Unit, words: tuple[str, ...], **own: str) -> Command:
        about = {
            "GUILD_SCOPE": str(unit.scope),
            "GUILD_TASK": self._run.task,
            "GUILD_STAGE": unit.stage,
            "GUILD_RUN": self._run.run,
        }
        place = self._places[str(unit.scope)]
        environ = {**self.environ, **about, **own}
        return Command(
            words=words, directory=place, environ=environ, log=self.log(unit), caps=self.caps
        )

    def _call(self, unit: Unit, function: Any, **more: Any) -> Call:
        scope = str(unit.scope)
        about = {"scope": scope, "name": self._run.name, "path": str(self._places.get(scope, ""))}
        return Call(
            function=f"{function.__module__}:{function.__name__}",
            payload=json.dumps({**about, **more}).encode(),
            log=self.log(unit),
        )

    def _write_brief(self, unit: Unit) -> str:
        scope = str(unit.scope)
        file = self.folder / scope / "brief.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        paths = "\n".join(f"- {path}" for path in self.paths[scope])
        found = self._findings.get(scope)
        wrong = f"\n## What was wrong the last time\n\n{found}\n" if found else ""
        file.write_text(f"# {self._run.task}\n\nScope: {scope}\n\nChange only:\n\n{paths}\n{wrong}")
        return str(file)

    def _tail(self, unit: Unit) -> str:
        try:
            return self.log(unit).read_bytes().decode("utf-8", "replace")[-TAIL:]
        except OSError:
            return ""
