"""Branches that did not land, given to a worker before they are given to a person.

The worker is a command that is run where the branch is worked on. Whatever it does there counts
only as a commit on the branch, which is then landed like any other: nothing is taken on trust.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.outcomes import Kind, Outcome
from guild_plugins.git.process import user_environment
from guild_plugins.git.refs import read_ref
from guild_plugins.git.repository import Repository

MENDABLE: Final[frozenset[Kind]] = frozenset({"conflict", "gates", "tests"})
"""What a worker can do something about; leases, and what is in the way, are others' matters."""


@dataclass(frozen=True, slots=True)
class Mender:
    """Runs a command for branches that were left.

    :param command: Of its words ``{task}``, ``{scope}``, ``{kind}``, ``{trunk}`` and
        ``{report}`` stand for the branch's; the report is a file, as ``--json`` tells it.
    :param places: Where branches are worked on; a branch without such a place is left.
    :param seconds: As long as one may take.
    """

    repository: Repository
    command: Sequence[str]
    places: Mapping[str, Path]
    seconds: float

    def mend(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Run it for each that it may help, and return those whose branch has moved."""
        return [one for one in outcomes if one.kind in MENDABLE and self._is_mended(one)]

    def _is_mended(self, outcome: Outcome) -> bool:
        place = self.places.get(outcome.branch)
        if place is None or not place.is_dir():
            return False
        report = self.repository.common_dir / "guild/landing" / outcome.task / outcome.scope
        report = report.with_name(f"{report.name}.json")
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(asdict(outcome), indent=2))
        stands = {
            "{task}": outcome.task,
            "{scope}": outcome.scope,
            "{kind}": outcome.kind,
            "{trunk}": outcome.onto.removeprefix("refs/heads/"),
            "{report}": str(report),
        }
        words = list(self.command)
        for sign, value in stands.items():
            words = [word.replace(sign, value) for word in words]
        environ = user_environment(os.environ)
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                words,
                cwd=place,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=self.seconds,
                check=False,
            )
        return read_ref(self.repository.top, outcome.branch) not in (None, outcome.tip)
