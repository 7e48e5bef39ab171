"""Violations as SARIF 2.1.0, which code hosts and editors read. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from guild_plugins import __version__
from guild_plugins.graph.boundaries.gate import Verdict
from guild_plugins.graph.boundaries.violations import RULES, Step, Violation

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(verdict: Verdict) -> str:
    """Return all violations; those that a baseline knows are marked as suppressed."""
    judged = verdict.judged
    others = (v.rule for v in (*judged.new, *judged.known) if v.rule not in RULES)
    texts = {**RULES, **dict.fromkeys(others)}
    numbers = {rule: number for number, rule in enumerate(texts)}
    results = [_result(violation, numbers) for violation in judged.new]
    for violation in judged.known:
        suppressed = [{"kind": "external", "justification": "listed in the baseline"}]
        results.append({**_result(violation, numbers), "suppressions": suppressed})
    driver = {
        "name": "guild",
        "version": __version__,
        "rules": [_rule(rule, text) for rule, text in texts.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(verdict)],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: str, text: str | None) -> dict[str, Any]:
    """Return a rule; one of a plugin has no text of ours."""
    return {"id": _text(rule), **({"shortDescription": {"text": text}} if text else {})}


def _invocation(verdict: Verdict) -> dict[str, Any]:
    """Say whether all gates judged, and which could not."""
    notes = [{"level": "error", "message": {"text": _text(str(f))}} for f in verdict.faults]
    done: dict[str, Any] = {"executionSuccessful": not notes}
    return {**done, "toolExecutionNotifications": notes} if notes else done


def _result(violation: Violation, numbers: Mapping[str, int]) -> dict[str, Any]:
    text = f"{violation.message}. {violation.remedy}".strip()
    result: dict[str, Any] = {
        "ruleId": _text(violation.rule),
        "ruleIndex": numbers[violation.rule],
        "level": "warning" if violation.is_warning else "error",
        "message": {"text": _text(text)},
        "locations": [_location(Step(violation.path, violation.line))],
        "partialFingerprints": {"guild/v1": _text(" ".join(violation.key))},
    }
    if len(violation.chain) > 1:
        steps = [{"location": _location(step)} for step in violation.chain]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def _location(step: Step) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(step.path))}}
    if step.line:
        place["region"] = {"startLine": step.line}
    return {"physicalLocation": place}


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
