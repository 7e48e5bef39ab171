"""A plan as a file that a person reads and edits: TOML. Pure."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from guild_plugins.engine.pipeline.forecast import Forecast
from guild_plugins.plugins.running.course import PlanUnusable, of_id
from guild_plugins.stages.codec import Undecodable, decode
from guild_plugins.stages.models import MasterPlan, PlanStep

HEAD: Final = """\
# A plan of guild plan. Change what you like, then: guild run TASK --plan FILE -- COMMAND
# Take a scope's step out, and the scope is left alone. Of steps that are equally urgent
# the first goes first. `after`: scopes that have to be done before; its work place then
# begins with their work. `exclusive`: what it may not share; steps that name the same are
# done one after the other. `width`: workers at the scope, 1 to 3. `seconds`, `tests`: what
# is expected.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """What is in the file."""

    task: str
    step: tuple[PlanStep, ...]
    summary: str = ""


def plan_to_toml(plan: MasterPlan, task: str, outlook: Forecast, workers: int) -> str:
    """Return a plan as text.

    :param outlook: The shape of the work, for the head.
    :param workers: How many there may be.
    """
    return "\n".join([HEAD, *_outlook(outlook, workers), "", *_lines(plan, task)]) + "\n"


def plan_from_toml(text: str) -> PlanFile:
    """Return the plan that a text holds.

    :raises PlanUnusable: It is no TOML, or not of this form.
    """
    try:
        plan = decode(PlanFile, json.dumps(tomllib.loads(text), default=str))
    except (tomllib.TOMLDecodeError, Undecodable, ValueError) as error:
        raise PlanUnusable(str(error)) from None
    return plan


def _outlook(outlook: Forecast, workers: int) -> Iterator[str]:
    path = " -> ".join(_short(outlook))
    yield f"# Expected: {outlook.work:,.0f} s of work, of which {outlook.longest:,.0f} s in a row."
    yield f"# The critical path: {path}"
    useful = min(workers, outlook.useful)
    yield (
        f"# At best {outlook.bound(useful):,.0f} s with {useful} workers;"
        f" more than {outlook.useful} would stand idle."
    )


def _short(outlook: Forecast) -> list[str]:
    """Return the critical path scope by scope."""
    steps: dict[str, list[str]] = {}
    for unit in outlook.path:
        scope, step = of_id(unit.id)
        steps.setdefault(scope, []).append(step)
    return [f"{scope} ({', '.join(each)})" for scope, each in steps.items()]


def _lines(plan: MasterPlan, task: str) -> Iterator[str]:
    yield f"task = {_text(task)}"
    yield f"summary = {_text(plan.summary)}"
    for step in plan.steps:
        yield ""
        yield "[[step]]"
        yield from (f"# {' '.join(note.split())}" for note in step.notes)
        yield f"scope = {_text(step.scope)}"
        yield f"risk = {step.risk:g}"
        yield f"after = {_list(step.after)}"
        yield f"exclusive = {_list(step.exclusive)}"
        yield f"width = {step.width}"
        for name in ("seconds", "tests"):
            value = getattr(step, name)
            if value is not None:
                yield f"{name} = {value:g}"
        yield f"instructions = {_text(step.instructions)}"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _text(text: str) -> str:
    """Return a TOML string; several lines stay several lines."""
    lines = [_quoted(line) for line in text.split("\n")]
    return f'"{lines[0]}"' if len(lines) == 1 else '"""\n' + "\n".join(lines) + '"""'


def _quoted(line: str) -> str:
    text = json.dumps(line.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return text[1:-1].replace("\x7f", "\\u007f")
