"""What is known of a run from its facts alone: where scopes are, what they gave, what was wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.plugins.running.course import JOINS, Step, of_id
from guild_plugins.plugins.running.settings import Settings
from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.codec import decode
from guild_plugins.stages.models import MasterPlan, PlanStep, Profile, Stage, StageResult
from guild_plugins.stages.results import profile_from_text, result_from_text, violations_from
from guild_plugins.stages.runs import RunEvent, RunStarted, UnitFailed, UnitFinished

STAGES = frozenset(Stage)


class Place(NamedTuple):
    """Where a scope is worked on, and the commit that it began with."""

    path: str
    base: str


@dataclass
class Memory:
    """What was learnt so far.

    :param measured: Seconds that a stage of a scope took in earlier runs, newest last.
    :param goes_on: What was planned is carried out.
    """

    past: dict[tuple[ScopeId, str], tuple[float, ...]] = field(default_factory=dict)
    goes_on: bool = True
    settings: Settings = field(default_factory=Settings)
    profile: Profile | None = None
    plan: MasterPlan | None = None
    places: dict[ScopeId, Place] = field(default_factory=dict)
    results: dict[ScopeId, dict[Stage, StageResult]] = field(default_factory=dict)
    commits: dict[ScopeId, str] = field(default_factory=dict)
    """The tip of each scope's branch, once its work is done."""
    changed: dict[ScopeId, int] = field(default_factory=dict)
    """How many files each scope's change touches."""
    new: set[ScopeId] = field(default_factory=set)
    """Scopes that have a commit of their own."""
    findings: dict[ScopeId, str] = field(default_factory=dict)
    objections: dict[ScopeId, tuple[Violation, ...]] = field(default_factory=dict)
    _judged: set[ScopeId] = field(default_factory=set)
    """Scopes whose last failure was a judgement, not their work's."""
    _run: RunStarted | None = None

    @property
    def run(self) -> RunStarted:
        """How the run began."""
        assert self._run is not None, "a run's first fact is that it started"
        return self._run

    def step(self, scope: ScopeId) -> PlanStep:
        """Return what is planned for a scope."""
        steps = self.plan.steps if self.plan is not None else ()
        found = (step for step in steps if step.scope == scope)
        return next(found, PlanStep(scope=scope, instructions=self.run.task))

    def changes_anything(self, scope: ScopeId) -> bool:
        """Say whether there is something to be tested and committed."""
        return self.changed.get(scope, 0) > 0

    def goes_on_from_there(self, scope: ScopeId) -> bool:
        """Say whether the work on a scope was whole, and judged not to be good."""
        return scope in self._judged

    def measured(self, scope: ScopeId, stage: Stage) -> tuple[float, ...]:
        """Return what a stage of a scope took before."""
        return self.past.get((scope, stage), ())

    def note(self, event: RunEvent) -> None:
        """Learn from a fact."""
        match event:
            case RunStarted():
                self._run = event
                self.settings = decode(Settings, event.settings)
                self.plan = self.settings.plan
            case UnitFinished(unit=id, result=result):
                self._finished(id, result)
            case UnitFailed(unit=id, reason=reason, result=result):
                scope, step = of_id(id)
                self.findings[scope] = reason
                self.objections[scope] = _objections(step, reason, result)
                if step in (Step.CHECK, Step.TEST):
                    self._judged.add(scope)
                else:
                    self._judged.discard(scope)

    def _finished(self, id: str, result: str) -> None:
        scope, step = of_id(id)
        if id in JOINS:
            if step == Step.RESEARCH:
                self.profile = profile_from_text(result)
            else:
                self.plan = decode(MasterPlan, result)
        elif step in STAGES:
            self.results.setdefault(scope, {})[Stage(step)] = result_from_text(result)
        else:
            self._done(scope, step, json.loads(result))

    def _done(self, scope: ScopeId, step: str, answer: dict[str, object]) -> None:
        match step:
            case Step.PLACE:
                self.places[scope] = Place(str(answer["path"]), str(answer["base"]))
            case Step.CHECK:
                self.changed[scope] = int(str(answer["changed"]))
            case Step.COMMIT:
                self.commits[scope] = str(answer["commit"])
                if answer["is_new"]:
                    self.new.add(scope)


def _objections(step: str, reason: str, result: str) -> tuple[Violation, ...]:
    data = json.loads(result)
    found = violations_from(data.get("violations") or data.get("findings") or ())
    return found or (Violation(step, ".", 0, reason),)
