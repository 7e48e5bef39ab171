"""What stages gave, as text to be kept in the journal, and back.

A result was checked where its plugin answered (see `checking`), and is read only from
what this module wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from guild_plugins.graph.boundaries.violations import Step, Violation
from guild_plugins.stages.models import Outcome, Profile, StageResult


def result_to_text(result: StageResult) -> str:
    """Return a result as JSON."""
    return json.dumps(
        {
            "summary": result.summary,
            "outcome": result.outcome,
            "changed": result.changed,
            "violations": [violation._asdict() for violation in result.violations],
            "data": result.data,
        }
    )


def result_from_text(text: str) -> StageResult:
    """Return the result that `result_to_text` made the text from."""
    data = json.loads(text)
    return StageResult(
        summary=data["summary"],
        outcome=Outcome(data["outcome"]),
        changed=tuple(data["changed"]),
        violations=violations_from(data["violations"]),
        data=data["data"],
    )


def violations_from(items: Iterable[Mapping[str, Any]]) -> tuple[Violation, ...]:
    """Return violations that became plain data as ``_asdict`` makes it."""
    return tuple(_violation(item) for item in items)


def profile_to_text(profile: Profile) -> str:
    """Return a profile as JSON."""
    return json.dumps({"summary": profile.summary, "data": profile.data})


def profile_from_text(text: str) -> Profile:
    """Return the profile that `profile_to_text` made the text from."""
    return Profile(**json.loads(text))


def _violation(item: Mapping[str, Any]) -> Violation:
    chain = tuple(Step(*step) for step in item["chain"])
    return Violation(**{**item, "chain": chain, "owners": tuple(item["owners"])})
