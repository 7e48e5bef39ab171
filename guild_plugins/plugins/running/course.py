"""The way of a scope through a run: a place, the command, the gate, the tests, a commit.

Pure. A scope waits for no other: each is committed on a branch of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from guild_plugins.scopes.model import ScopeId
from guild_plugins.stages.runs import Unit


class Step(StrEnum):
    """What is done in each scope, in this order."""

    PLACE = "place"
    IMPLEMENT = "implement"
    CHECK = "check"
    TEST = "test"
    COMMIT = "commit"


def course(scopes: Iterable[ScopeId], *, rounds: int, tests: bool) -> tuple[Unit, ...]:
    """Return the units of a run.

    :param rounds: How often the command is run in one scope before that is given up.
    :param tests: Run the scope's tests before it is committed.
    """
    return tuple(unit for scope in scopes for unit in _of_scope(scope, rounds, tests))


def id_of(scope: ScopeId, step: Step) -> str:
    """Return a unit's id."""
    return f"{scope}/{step}"


def _of_scope(scope: ScopeId, rounds: int, tests: bool) -> list[Unit]:
    place, implement, check, test, commit = (id_of(scope, step) for step in Step)

    def unit(id: str, step: Step, *after: str, **more: object) -> Unit:
        return Unit(id=id, stage=step, scope=scope, after=after, **more)  # type: ignore[arg-type]

    units = [
        unit(place, Step.PLACE, cpu=0.3, lasting=True),
        unit(implement, Step.IMPLEMENT, place, tries=rounds, lasting=True, seconds=10.0),
        unit(check, Step.CHECK, implement, sends_back=implement, common=True),
    ]
    if tests:
        units.append(unit(test, Step.TEST, check, sends_back=implement, common=True, seconds=10.0))
    return [*units, unit(commit, Step.COMMIT, test if tests else check, cpu=0.3, lasting=True)]
