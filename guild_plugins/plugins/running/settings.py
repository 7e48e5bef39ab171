"""How a run was asked for: what a process needs to know that resumes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from guild_plugins.stages.models import MasterPlan

LOCAL: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one run.

    :param timeout: Seconds for one command, or one plugin's answer.
    :param memory: Bytes for the processes of one command together.
    :param tests: ``scope``: its own suite; ``affected``: all tests that its change can
        affect; ``none``.
    :param rounds: How often one scope is implemented before that is given up.
    :param in_order: A scope waits for those that it needs, and begins with their work.
    :param lands: Ask plugins to land what was committed.
    :param executor: Who runs the commands; ``local`` for this machine.
    :param address: Where the executor is to be reached, in its own notation.
    :param slots: How many of its slots are wanted at most.
    :param plan: What was planned before; ``None`` where the run plans by itself.
    """

    timeout: float = 3600.0
    memory: int = 512 << 20
    tests: str = "scope"
    rounds: int = 2
    in_order: bool = False
    lands: bool = False
    executor: str = LOCAL
    address: str | None = None
    slots: int = 1
    plan: MasterPlan | None = None

    @property
    def options(self) -> dict[str, str]:
        """What plugins are told of them."""
        return {"tests": self.tests, "in_order": "yes" if self.in_order else "no"}
