"""Violations as text for people, as data, and as GitHub's annotations. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from guild_plugins.graph.boundaries.baseline import FILE
from guild_plugins.graph.boundaries.gate import Verdict
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.report.text import printable


def render_text(verdict: Verdict) -> str:
    """Return each violation with its chain, owner and remedy, and how many there are."""
    judged = verdict.judged
    parts = [_paragraph(violation) for violation in judged.new]
    for violation in judged.known:
        parts.append(f"{_place(violation)}: known: {printable(violation.message)}")
    for rule, path, target in judged.mended:
        where = printable(f"{path} {target}".strip())
        parts.append(f"{FILE}: mended: {rule} {where}")
    return "\n".join([*parts, "", _summary(verdict)] if parts else [_summary(verdict)])


def render_json(verdict: Verdict) -> str:
    """Return everything as JSON; the command's help says what is in it."""
    judged = verdict.judged
    mended = [{"rule": r, "path": p, "target": t} for r, p, t in judged.mended]
    data: dict[str, Any] = {
        "version": 1,
        "clean": verdict.is_clean,
        "files": verdict.files,
        "violations": [violation.as_data() for violation in judged.new],
        "known": [violation.as_data() for violation in judged.known],
        "mended": mended,
        "faults": [{"kind": fault.slug, "message": str(fault)} for fault in verdict.faults],
    }
    return json.dumps(data, indent=2)


def render_github(verdict: Verdict) -> str:
    """Return workflow commands that annotate new violations at their lines, and the summary.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    lines = [_annotation(violation) for violation in verdict.judged.new]
    lines += [
        f"::error file={FILE},title=mended::{_escaped(f'{r} {p} {t}')} is no more; "
        "run guild check --baseline"
        for r, p, t in verdict.judged.mended
    ]
    lines += [f"::error title=guild%3A {f.slug}::{_escaped(str(f))}" for f in verdict.faults]
    return "\n".join([*lines, _summary(verdict)])


def _paragraph(violation: Violation) -> str:
    kind = "warning" if violation.is_warning else violation.rule
    lines = [f"{_place(violation)}: {kind}: {printable(violation.message)}"]
    if len(violation.chain) > 1:
        steps = (f"{s.path}:{s.line}" if s.line else s.path for s in violation.chain)
        lines.append(f"  chain: {printable(' -> '.join(steps))}")
    if violation.owners:
        lines.append(f"  owner: {printable(' '.join(violation.owners))} ({violation.scope})")
    if violation.remedy:
        lines.append(f"  remedy: {printable(violation.remedy)}")
    return "\n".join(lines)


def _place(violation: Violation) -> str:
    return f"{printable(violation.path)}:{violation.line}"


def _summary(verdict: Verdict) -> str:
    judged = verdict.judged
    errors = sum(1 for violation in judged.new if not violation.is_warning)
    counts = [_number(errors, "violation"), _number(len(judged.new) - errors, "warning")]
    said = [text for text in counts if not text.startswith("0 ")]
    if judged.known:
        said.append(f"{len(judged.known)} known from {FILE}")
    if judged.mended:
        said.append(f"{len(judged.mended)} mended: run guild check --baseline to hold that")
    if verdict.faults:
        said.append(f"{_number(len(verdict.faults), 'gate')} could not judge")
    looked = f"{_number(verdict.files, 'file')}, {_number(verdict.scopes, 'scope')}"
    return f"{'; '.join(said) or 'No rule is broken'} ({looked})"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _annotation(violation: Violation) -> str:
    kind = "warning" if violation.is_warning else "error"
    place = f"file={_property(violation.path)},line={violation.line}"
    text = "\n".join(_texts(violation))
    return f"::{kind} {place},title={_property(f'guild: {violation.rule}')}::{_escaped(text)}"


def _texts(violation: Violation) -> Iterable[str]:
    yield violation.message
    if violation.remedy:
        yield violation.remedy


def _escaped(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
