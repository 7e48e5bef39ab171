"""One profile of what was found out about all scopes. Pure.

Beside each scope's own findings it has what only all of them show: who depends on
whom and whether in a circle, what is there twice, which paths several scopes change, and
how risky each scope is, compared with the others.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from guild_plugins.engine.pipeline.pool import preset_for
from guild_plugins.scopes.cycles import find_cycle
from guild_plugins.scopes.model import ScopeId

VERSION: Final = 1

Findings = Mapping[ScopeId, Mapping[str, Any]]


def profile_of(findings: Findings) -> dict[str, Any]:
    """Return the profile as plain data.

    :param findings: What Guild's own research gave; scopes of other plugins have what
        these say, and count as far as it is of the same form.
    """
    lines: Counter[str] = Counter()
    for found in findings.values():
        lines.update(found.get("lines", {}))
    needs = {
        scope: sorted(set(found.get("imports", {})) & findings.keys())
        for scope, found in findings.items()
    }
    return {
        "version": VERSION,
        "files": sum(found.get("files", 0) for found in findings.values()),
        "lines": dict(lines.most_common()),
        "test_seconds": round(
            sum(found.get("test_seconds", 0.0) for found in findings.values()), 3
        ),
        "preset": preset_for(len(findings)).name,
        "dependencies": needs,
        "circle": list(find_cycle(needs)),
        "wanted": _wanted(findings),
        "duplicates": _duplicates(findings),
        "risk": risks(findings),
        "scopes": {
            scope: {name: value for name, value in found.items() if name != "long"}
            for scope, found in findings.items()
        },
    }


def risks(findings: Findings) -> dict[ScopeId, float]:
    """Return the risk of each scope, 0 to 1: churn, complexity, dependents, lack of tests.

    Each factor is compared with the scope that has most of it. They are multiplied, one
    added to each, so that none can make another vanish.
    """
    factors = {scope: _factors(found) for scope, found in findings.items()}
    most = [max(column, default=0.0) for column in zip(*factors.values(), strict=True)]
    return {scope: round(_product(values, most), 3) for scope, values in sorted(factors.items())}


def _factors(found: Mapping[str, Any]) -> tuple[float, ...]:
    code, tests = found.get("code", 0), found.get("tests", 0)
    untested = max(0.0, 1 - tests / code) if code else 0.0
    return (
        found.get("history", {}).get("lines", 0),
        found.get("complexity", {}).get("total", 0),
        len(found.get("imported_by", {})),
        untested,
    )


def _product(values: tuple[float, ...], most: list[float]) -> float:
    product = 1.0
    for value, top in zip(values, most, strict=True):
        product *= 1 + (value / top if top else 0.0)
    return (product - 1) / float(2 ** len(values) - 1)


def _wanted(findings: Findings) -> dict[str, list[ScopeId]]:
    """Return the paths that changes of more than one scope bring with them."""
    wanted: dict[str, list[ScopeId]] = {}
    for scope, found in sorted(findings.items()):
        for path in found.get("history", {}).get("wants", {}):
            wanted.setdefault(path, []).append(scope)
    return {path: scopes for path, scopes in sorted(wanted.items()) if len(scopes) > 1}


def _duplicates(findings: Findings) -> list[list[str]]:
    """Return functions that more than one scope has, as places."""
    places: dict[str, list[tuple[ScopeId, str]]] = {}
    for scope, found in sorted(findings.items()):
        for digest, place in found.get("long", {}).items():
            places.setdefault(sys.intern(digest), []).append((scope, place))
    return [[place for _, place in found] for found in places.values() if len(found) > 1]
