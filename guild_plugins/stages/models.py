"""What Guild asks of plugins, and what they answer.

Frozen values that can be pickled: a request may be answered in another process
or on another machine. Paths are relative to the directory that the request
names, with ``/``, and may hold any byte but NUL (``surrogateescape``). Answers
are checked against these types where they come in, see `checking`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.scopes.model import Scope, ScopeId


class Stage(StrEnum):
    """A step that every scope goes through, in this order."""

    RESEARCH = "research"
    PLAN = "plan"
    IMPLEMENT = "implement"
    TEST = "test"
    LAND = "land"


class Outcome(StrEnum):
    """How a stage ended for one scope."""

    PASSED = "passed"
    FAILED = "failed"
    """Nothing to build on: the scope is tried again, or left out of this run."""
    SKIPPED = "skipped"
    """There was nothing to do, and the scope goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What one stage gave for one scope.

    :param summary: One line for people.
    :param changed: Files of the work tree that were written or removed.
    :param violations: What was found wrong; it is fed back where the stage is tried again.
    :param data: What later stages and joins may read: JSON's types alone.
    :raises TypeError: ``data`` holds what JSON cannot.
    :raises ValueError: ``data`` holds a number that is not finite, or a circle.
    """

    summary: str
    outcome: Outcome = Outcome.PASSED
    changed: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Refused here, the traceback shows the line of the plugin that made it.
        json.dumps(self.data, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRequest:
    """One stage to be done for one scope: a unit.

    :param run: The id of the run; equal for all its units.
    :param task: What shall be done, in the user's words.
    :param directory: The scope's work tree, absolute. Nobody else works in it.
    :param paths: The scope's folders and files there, as the run began: folders that are
        all its own, else files. Other scopes' paths are not to be changed.
    :param base: The commit that the work tree began at; ``None`` without git.
    :param attempt: 1, and one more each time that the stage is tried again.
    :param earlier: What the scope's earlier stages gave, by stage.
    :param objections: Why the attempt before was sent back.
    :param plan: What the plan says about this scope; empty before it is made.
    :param profile: What the research of all scopes gave together; for planning alone.
    :param command: What the user wants run to implement it, placeholders filled in.
    :param options: How the run was asked for, by the names on the command line.
    """

    run: str
    task: str
    stage: Stage
    scope: Scope
    directory: str
    paths: tuple[str, ...] = ()
    base: str | None = None
    attempt: int = 1
    earlier: Mapping[Stage, StageResult] = field(default_factory=dict)
    objections: tuple[Violation, ...] = ()
    plan: str = ""
    profile: Profile | None = None
    command: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """A stage's work as a command, for Guild to run.

    It runs in the scope's work tree, in a process group of its own, within the run's
    limits of time and memory; its output is kept. ``GUILD_SCOPE``, ``GUILD_TASK``,
    ``GUILD_STAGE`` and ``GUILD_BRIEF`` are in its environment.

    :param words: The program and its arguments; no shell comes between.
    :param environ: Variables on top of those.
    :param passing: Exit codes that say that the stage passed.
    :param objecting: Those that say no: the scope goes back to be implemented, and hears
        the end of the output. Any other code is tried again.
    """

    words: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    passing: tuple[int, ...] = (0,)
    objecting: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("a command has at least one word")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """What one stage gave for all scopes, to be made one.

    :param results: By scope. Scopes whose stage failed are missing.
    :param profile: What the join of research gave; ``None`` while that is made.
    :param options: How the run was asked for, by the names on the command line.
    """

    run: str
    task: str
    scopes: tuple[Scope, ...]
    results: Mapping[ScopeId, StageResult]
    profile: Profile | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known about the project as a whole.

    :param data: JSON's types alone.
    :raises TypeError: ``data`` holds what JSON cannot.
    :raises ValueError: ``data`` holds a number that is not finite, or a circle.
    """

    summary: str
    data: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        json.dumps(self.data, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """What is planned for one scope.

    :param instructions: What its stages are to do, for people and for workers.
    :param after: Scopes that have to be implemented before.
        Its work place then begins with their work.
    :param exclusive: Names of what no other scope may use meanwhile: a path, a service.
        Scopes that name the same are implemented one after the other.
    :param width: As many workers may be at the scope at once: 1 to 3.
    :param seconds: What implementing it is expected to take; ``None`` where nobody knows.
    :param tests: What its tests are expected to take.
    :param risk: From 0 to 1, for people.
    :param notes: Why it is as it is, for people.
    """

    scope: ScopeId
    instructions: str
    after: tuple[ScopeId, ...] = ()
    exclusive: tuple[str, ...] = ()
    width: int = 1
    seconds: float | None = None
    tests: float | None = None
    risk: float = 0.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for number in (self.seconds, self.tests, self.risk):
            if number is not None and not 0 <= number < float("inf"):
                raise ValueError(f"{self.scope}: {number} is negative or not finite")
        if not 1 <= self.width <= 3:
            raise ValueError(f"{self.scope}: {self.width} workers are not 1 to 3")


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterPlan:
    """The plan for all scopes: one step each. What has no step is left alone.

    Of steps that are equally urgent, the first in this order begins first.
    """

    summary: str
    steps: tuple[PlanStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """What is to be judged of one scope: a change, or all of it.

    :param directory: A directory with the whole tree that is judged, absolute: the
        scope's work tree, or a copy that was made to be read (of the index, a commit).
    :param base: The commit that the change is on; ``None`` where all of the scope is
        judged, or without git.
    :param changed: The files that the change writes or removes; without ``base`` all.
    """

    scope: Scope
    scopes: tuple[Scope, ...]
    directory: str
    base: str | None
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """One file that both sides changed.

    :param path: Relative to the project's root; for its kind, nothing is read from there.
    :param scope: Who owns the path.
    :param base: The common ancestor; ``None`` where both sides added the file.
    """

    path: str
    scope: ScopeId
    base: bytes | None
    ours: bytes
    theirs: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierRequest:
    """A path that every scope depends on, and that more than one scope wants to change.

    :param directory: A work tree with the changes of all these scopes but that of
        the path itself, absolute; a lock file can be made anew in it.
    :param base: The content before; ``None`` where there was no such file.
    :param wanted: What each scope makes of it; ``None`` where it removes it.
    """

    path: str
    directory: str
    base: bytes | None
    wanted: Mapping[ScopeId, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A file that this plugin is responsible for, and that a person has to decide on."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRequest:
    """A unit whose cost is asked for.

    :param measured: Seconds that the same stage of the same scope took before, newest last.
    """

    stage: Stage
    scope: Scope
    task: str
    measured: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a unit will cost.

    :param memory: Bytes at its peak, of all its processes; ``None`` for the default.
    :raises ValueError: A number is negative or not finite.
    """

    seconds: float
    memory: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf") or (self.memory or 0) < 0:
            raise ValueError(f"an estimate is finite and not negative: {self}")
