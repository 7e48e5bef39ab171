"""What happens in a run, as topics that its commands subscribe to: ``guild recv --subscribe``.

Each fact is published under the name of its kind (``UnitFailed``), and what other scopes
may want to act on under a name of its own:

- ``scope_analysis_complete``: a scope was researched;
- ``boundary_validation_required``: a scope's change is about to be judged;
- ``conflict_detected``: work does not fit: with what comes before it, with the rules, or
  with trunk;
- ``integration_point_modified``: a scope's branch has a new commit, which others can build on.

Told after the facts were written, by the thread that writes them. A subscriber that does
not take what it was sent misses what comes then: a run waits for nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from guild_plugins.coordination.mail import Mail
from guild_plugins.coordination.mail_errors import ChannelFull, MessageTooLarge
from guild_plugins.engine.driver.writing import Log
from guild_plugins.errors import GuildError
from guild_plugins.plugins.running.course import JOINS, Step, of_id
from guild_plugins.stages.runs import RunEvent, UnitFailed, UnitFinished, UnitStarted

SENDER: Final = "guild"
"""Who publishes; no scope is called so where it is the run's own."""

ANALYSED, JUDGING = "scope_analysis_complete", "boundary_validation_required"
CONFLICT, MODIFIED = "conflict_detected", "integration_point_modified"

FITTING: Final = (Step.PLACE, Step.CHECK, Step.LAND)
"""The steps whose failure says that work does not fit."""


def topics_of(event: RunEvent) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a fact is published as, and with what."""
    about: dict[str, Any] = {"at": event.at, "run": event.run}
    unit: str | None = getattr(event, "unit", None)
    if unit is not None:
        scope, step = of_id(unit)
        about |= {"unit": unit, "scope": scope or None, "step": step}
    if isinstance(event, UnitFailed):
        about["reason"] = event.reason
    yield type(event).__name__, about
    if unit is None or unit in JOINS:
        return
    match event:
        case UnitFinished() if step == Step.RESEARCH:
            yield ANALYSED, about
        case UnitStarted() if step == Step.CHECK:
            yield JUDGING, about
        case UnitFailed() if step in FITTING:
            yield CONFLICT, about
        case UnitFinished() if step == Step.COMMIT:
            answer = json.loads(event.result)
            if answer.get("is_new"):
                yield MODIFIED, {**about, "commit": answer["commit"]}


class Published:
    """Where facts are kept, and then published."""

    def __init__(self, log: Log, folder: Path) -> None:
        self._kept, self._mail = log, Mail(folder, SENDER)

    def append(self, *events: RunEvent, durable: bool = True) -> None:
        """Add facts, then tell those that subscribed."""
        self._kept.append(*events, durable=durable)
        with suppress(GuildError):  # the run goes on, whatever is wrong with its messages
            wanted = self._mail.topics()
            for event in events if wanted else ():
                for topic, about in topics_of(event):
                    if topic in wanted:
                        self._publish(topic, about)

    def _publish(self, topic: str, about: dict[str, Any]) -> None:
        with suppress(ChannelFull, MessageTooLarge):
            self._mail.publish(topic, json.dumps(about).encode(), patience=0.0)
