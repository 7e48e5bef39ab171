"""What the units of a run are about: whom to ask, what to run, and what the answers mean.

All that is known comes from facts, so a process that resumes a run knows what the one
before knew.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from guild_plugins.engine.driver.work import Call, Caps, Command, Ended, Failed, Passed, Work
from guild_plugins.engine.driver.work import Step as Action
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.plugins.running import asked
from guild_plugins.plugins.running.asked import Answered, Asked
from guild_plugins.plugins.running.briefs import brief_for
from guild_plugins.plugins.running.course import PlanUnusable, Step, course, of_id
from guild_plugins.plugins.running.memory import Memory
from guild_plugins.scopes.model import Scope, ScopeId
from guild_plugins.stages.codec import encode
from guild_plugins.stages.models import (
    CommandLine,
    Estimate,
    EstimateRequest,
    JoinRequest,
    MasterPlan,
    Outcome,
    PlanStep,
    Stage,
    StageRequest,
    StageResult,
)
from guild_plugins.stages.results import profile_to_text, result_to_text, violations_from
from guild_plugins.stages.runs import RunEvent, Unit

GRACE: Final = 10.0
"""Seconds after a plugin's deadline in which its process has to say so."""

ESTIMATING: Final = 1.0
"""Seconds that a plugin has for an estimate."""

TAIL: Final = 2000
"""Characters of a log's end that a command is told when its work was not good."""

WORK: Final = frozenset(f"guild_{stage}" for stage in (Stage.IMPLEMENT, Stage.TEST, Stage.LAND))
"""The hooks whose memory is limited. What reads has what it needs."""

LEAST_MEMORY: Final = 256 << 20
"""Bytes that a warm process may have in any case: Guild and the plugins are in it."""

Asking = Generator[Action, Ended, Any]


@dataclass
class RunShop:
    """Knows one run.

    :param top: The work tree that the run was asked for in.
    :param folder: Where logs and briefs are kept, a folder for each scope.
    :param scopes: Those that take part.
    :param paths: The paths of each scope, as a command can be given them.
    :param environ: Of the commands.
    """

    top: Path
    folder: Path
    scopes: Mapping[ScopeId, Scope]
    paths: Mapping[ScopeId, Sequence[str]]
    environ: Mapping[str, str]
    memory: Memory = field(default_factory=Memory)
    faults: dict[str, None] = field(default_factory=dict)
    """Plugins that could not be loaded, or gave no estimate."""

    def log(self, unit: Unit) -> Path:
        """Return where a unit's output is kept."""
        return self.folder / (unit.scope or "all") / f"{of_id(unit.id)[1]}.log"

    def note(self, event: RunEvent) -> None:
        """Learn from a fact."""
        self.memory.note(event)

    def work(self, unit: Unit, attempt: int) -> Work:
        """Begin one attempt of a unit."""
        match of_id(unit.id):
            case "", Step.RESEARCH:
                return self._profile(unit)
            case "", _:
                return self._plan(unit)
            case _, Step.PLACE:
                return self._place(unit)
            case _, Step.IMPLEMENT:
                return self._implement(unit, attempt)
            case _, Step.CHECK:
                return self._check(unit)
            case _, Step.COMMIT:
                return self._commit(unit)
            case _:
                return self._stage(unit, attempt)

    # -- reading and planning ------------------------------------------------------

    def _profile(self, unit: Unit) -> Work:
        answer = yield from self._ask(unit, "guild_join_research", self._joined(Stage.RESEARCH))
        return answer if isinstance(answer, Failed) else Passed(result=profile_to_text(answer))

    def _plan(self, unit: Unit) -> Work:
        request = replace(self._joined(Stage.PLAN), profile=self.memory.profile)
        answer = yield from self._ask(unit, "guild_join_plan", request)
        if isinstance(answer, Failed):
            return answer
        plan: MasterPlan = yield from self._estimated(unit, answer)
        try:
            adds = course(plan, self.scopes, self.memory.settings)
        except PlanUnusable as error:
            return Failed(kind="refused", reason=str(error))
        return Passed(result=encode(plan), adds=adds if self.memory.goes_on else ())

    def _joined(self, stage: Stage) -> JoinRequest:
        results = self.memory.results
        return JoinRequest(
            run=self.memory.run.run,
            task=self.memory.run.task,
            scopes=tuple(self.scopes.values()),
            results={scope: r[stage] for scope, r in results.items() if stage in r},
            options=self.memory.settings.options,
        )

    def _estimated(self, unit: Unit, plan: MasterPlan) -> Asking:
        """Replace what the plan expects by what plugins know better."""
        stages = (Stage.IMPLEMENT, Stage.TEST)
        requests = [
            EstimateRequest(
                stage=stage,
                scope=self.scopes[step.scope],
                task=self.memory.run.task,
                measured=self.memory.measured(step.scope, stage),
            )
            for step in plan.steps
            if step.scope in self.scopes
            for stage in stages
        ]
        question = Asked(str(self.top), "guild_estimate", tuple(requests), ESTIMATING)
        ended = yield self._call(unit, asked.ESTIMATE, pickle.dumps(question))
        if ended.value is None:
            return plan
        answered: Answered = pickle.loads(ended.value)  # noqa: S301 - our own process
        self.faults.update(dict.fromkeys(answered.faults))
        known: dict[tuple[ScopeId, Stage], Estimate] = {
            (request.scope.id, request.stage): value
            for request, value in zip(requests, answered.values, strict=True)
            if value is not None
        }
        return replace(plan, steps=tuple(_expecting(step, known) for step in plan.steps))

    # -- one scope -----------------------------------------------------------------

    def _stage(self, unit: Unit, attempt: int) -> Work:
        """Do a stage as the first plugin that takes it says."""
        stage = Stage(of_id(unit.id)[1])
        if stage is Stage.TEST and not self.memory.changes_anything(str(unit.scope)):
            skipped = StageResult(summary="nothing was changed", outcome=Outcome.SKIPPED)
            return Passed(result=result_to_text(skipped))
        request = self._request(unit, stage, attempt)
        answer = yield from self._ask(unit, f"guild_{stage}", request)
        if isinstance(answer, CommandLine):
            return (yield from self._run(unit, answer))
        return answer if isinstance(answer, Failed) else self._judged(unit, answer)

    def _implement(self, unit: Unit, attempt: int) -> Work:
        """A change that gates or tests sent back is gone on with; any other attempt begins anew."""
        if not self.memory.goes_on_from_there(str(unit.scope)):
            ended = yield self._carry(unit, asked.CLEAR)
            if ended.code or ended.broke:
                return _broken(ended)
        if not self.memory.step(str(unit.scope)).exclusive:
            return (yield from self._stage(unit, attempt))
        held = _carried((yield self._lease(unit, asked.HOLD)))
        if isinstance(held, Failed):
            return replace(held, kind="broke")
        verdict = yield from self._stage(unit, attempt)
        yield self._lease(unit, asked.RELEASE)
        return verdict

    def _lease(self, unit: Unit, function: str) -> Call:
        """Return a call that takes, or gives back, what a scope uses alone."""
        about = {
            "top": str(self.top),
            "name": self._holder(str(unit.scope)),
            "exclusive": self.memory.step(str(unit.scope)).exclusive,
            "patience": self.memory.settings.timeout,
            "pid": os.getpid(),
        }
        return self._call(unit, function, json.dumps(about).encode())

    def _holder(self, scope: ScopeId) -> str:
        return f"{self.memory.run.name}/{scope}"

    def _place(self, unit: Unit) -> Work:
        step = self.memory.step(str(unit.scope))
        on = [self.memory.commits[other] for other in step.after]
        base = self.memory.run.base
        ended = yield self._carry(unit, asked.PLACE, top=str(self.top), base=base, on=on)
        return _carried(ended)

    def _check(self, unit: Unit) -> Work:
        ended = yield self._carry(unit, asked.CHECK)
        verdict = _carried(ended)
        if isinstance(verdict, Failed):
            return verdict
        answer = json.loads(verdict.result)
        if answer["faults"]:
            return Failed(kind="broke", reason="\n".join(answer["faults"]))
        if answer["findings"]:
            reason = told(violations_from(answer["findings"]))
            return Failed(kind="objected", reason=reason, result=verdict.result)
        return verdict

    def _commit(self, unit: Unit) -> Work:
        base = self.memory.places[str(unit.scope)].base
        ended = yield self._carry(unit, asked.COMMIT, task=self.memory.run.task, base=base)
        return _carried(ended)

    # -- asking and running --------------------------------------------------------

    def _ask(self, unit: Unit, hook: str, request: object) -> Asking:
        """Return what the first plugin answers that takes it, or why there is no answer."""
        seconds = self.memory.settings.timeout
        question = Asked(str(self.top), hook, (request,), seconds)
        call = self._call(unit, asked.ASK, pickle.dumps(question), seconds + GRACE)
        ended = yield self._capped(call, hook)
        if ended.value is None:
            return _broken(ended)
        answered: Answered = pickle.loads(ended.value)  # noqa: S301 - our own process
        self.faults.update(dict.fromkeys(answered.faults))
        if answered.trouble:
            return Failed(kind="broke", reason=answered.trouble)
        (answer,) = answered.values
        if answer is None:
            return Failed(kind="refused", reason=f"no plugin answers {hook}")
        return answer

    def _judged(self, unit: Unit, result: StageResult) -> Passed | Failed:
        text = result_to_text(result)
        if result.outcome is not Outcome.FAILED:
            return Passed(result=text)
        reason = f"{result.summary}\n{told(result.violations)}".strip()
        return Failed(kind="objected" if unit.sends_back else "broke", reason=reason, result=text)

    def _run(self, unit: Unit, line: CommandLine) -> Work:
        settings = self.memory.settings
        about = {
            "GUILD_SCOPE": str(unit.scope),
            "GUILD_TASK": self.memory.run.task,
            "GUILD_STAGE": unit.stage,
            "GUILD_RUN": self.memory.run.run,
            "GUILD_BRIEF": str(self._brief(str(unit.scope))),
        }
        if self.memory.step(str(unit.scope)).exclusive:
            about["GUILD_HOLDER"] = self._holder(str(unit.scope))
        ended = yield Command(
            words=line.words,
            directory=Path(self.memory.places[str(unit.scope)].path),
            environ={**self.environ, **line.environ, **about},
            log=self.log(unit),
            caps=Caps(seconds=settings.timeout, memory=settings.memory),
        )
        if ended.broke:
            return Failed(kind="broke", reason=ended.broke)
        if ended.code in line.passing:
            return Passed(result=result_to_text(StageResult(summary=" ".join(line.words)[:200])))
        tail = self._tail(unit)
        if ended.code in line.objecting and unit.sends_back:
            return Failed(kind="objected", reason=f"its {unit.stage}s failed\n{tail}")
        last = next(
            (line for line in reversed(tail.splitlines()) if line.strip()), "it said nothing"
        )
        return Failed(kind="broke", reason=f"exit code {ended.code}: {last.strip()}\n{tail}")

    def _request(self, unit: Unit, stage: Stage, attempt: int) -> StageRequest:
        memory, scope = self.memory, str(unit.scope)
        place = memory.places.get(scope)
        is_planned = stage not in (Stage.RESEARCH, Stage.PLAN)
        return StageRequest(
            run=memory.run.run,
            task=memory.run.task,
            stage=stage,
            scope=self.scopes[scope],
            directory=place.path if place else str(self.top),
            paths=tuple(self.paths.get(scope, ())),
            base=place.base if place else memory.run.base,
            attempt=attempt,
            earlier=memory.results.get(scope, {}),
            objections=memory.objections.get(scope, ()),
            plan=memory.step(scope).instructions if is_planned else "",
            profile=memory.profile if stage is Stage.PLAN else None,
            command=self._command(scope) if is_planned else (),
            options=memory.settings.options,
        )

    def _command(self, scope: ScopeId) -> tuple[str, ...]:
        """Return the user's command with its placeholders filled in."""
        words: list[str] = []
        brief = str(self._brief(scope))
        for word in self.memory.run.command:
            if word == "{paths}":
                words += self.paths.get(scope, ())
            else:
                words.append(word.replace("{scope}", scope).replace("{brief}", brief))
        return tuple(words)

    def _brief(self, scope: ScopeId) -> Path:
        """Write the brief of a scope, and return where."""
        file = self.folder / scope / "brief.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        step, found = self.memory.step(scope), self.memory.findings.get(scope, "")
        paths = self.paths.get(scope, ())
        text = brief_for(self.memory.run.task, self.scopes[scope], paths, step, found)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return file

    def _carry(self, unit: Unit, function: str, **more: Any) -> Call:
        scope = str(unit.scope)
        place = self.memory.places.get(scope)
        about = {"scope": scope, "name": self.memory.run.name, "path": place.path if place else ""}
        call = self._call(unit, function, json.dumps({**about, **more}).encode())
        return replace(call, is_brief=True)

    def _capped(self, call: Call, hook: str) -> Call:
        """Hold a plugin that does a scope's work to the limit that a command has."""
        if hook not in WORK:
            return call
        memory = max(self.memory.settings.memory, LEAST_MEMORY)
        return replace(call, caps=replace(call.caps, memory=memory))

    def _call(
        self, unit: Unit, function: str, payload: bytes, seconds: float | None = None
    ) -> Call:
        return Call(
            function=function,
            payload=payload,
            log=self.log(unit),
            caps=Caps(seconds=seconds),
        )

    def _tail(self, unit: Unit) -> str:
        try:
            return self.log(unit).read_bytes().decode("utf-8", "replace")[-TAIL:]
        except OSError:
            return ""


def _expecting(step: PlanStep, known: Mapping[tuple[ScopeId, Stage], Estimate]) -> PlanStep:
    work, tests = (known.get((step.scope, stage)) for stage in (Stage.IMPLEMENT, Stage.TEST))
    return replace(
        step,
        seconds=work.seconds if work else step.seconds,
        tests=tests.seconds if tests else step.tests,
    )


def told(violations: Iterable[Violation]) -> str:
    """Return violations for people, one a line."""
    return "\n".join(f"{v.path}:{v.line}: {v.message} [{v.rule}]" for v in violations)


def _carried(ended: Ended) -> Passed | Failed:
    """Say what the answer of `carrying` means."""
    if ended.value is None:
        return _broken(ended)
    answer: dict[str, Any] = json.loads(ended.value)
    if answer.get("trouble"):
        return Failed(kind="refused", reason=answer["trouble"])
    return Passed(result=json.dumps(answer))


def _broken(ended: Ended) -> Failed:
    return Failed(kind="broke", reason=ended.broke or f"exit code {ended.code}")
