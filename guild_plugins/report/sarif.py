"""Violations as SARIF 2.1.0, which code hosts and editors read. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from guild_plugins import __version__
from guild_plugins.graph.boundaries.gate import Verdict
from guild_plugins.graph.boundaries.violations import RULES, Step, Violation

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(verdict: Verdict) -> str:
    """Return all violations; those that a baseline knows are marked as suppressed."""
    results = [_result(violation) for violation in verdict.judged.new]
    for violation in verdict.judged.known:
        suppressed = [{"kind": "external", "justification": "listed in the baseline"}]
        results.append({**_result(violation), "suppressions": suppressed})
    driver = {
        "name": "guild",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": text}} for rule, text in RULES.items()],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(violation: Violation) -> dict[str, Any]:
    text = f"{violation.message}. {violation.remedy}".strip()
    result: dict[str, Any] = {
        "ruleId": violation.rule,
        "ruleIndex": list(RULES).index(violation.rule),
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
