"""What running units take of the machine, and whether one more fits.

What a unit will take is what others of its stage took; what it says itself counts
as long as none was measured. One unit fits always, or nothing would ever run.
"""

from __future__ import annotations

from typing import Final

from guild_plugins.engine.pipeline.progress import Attempt
from guild_plugins.stages.runs import Limits, Unit

NEWEST: Final = 0.3
"""The weight of the newest measurement of a stage's processor time."""

FORGET: Final = 0.9
"""What remains of an old peak of memory, with every unit that needed less."""

LEAST_CPU: Final = 0.001
"""A unit that only waits still has to be started and watched."""

ROUNDING: Final = 1e-9


class Demand:
    """Reservations of those that run, and what stages were seen to need."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cpu: dict[str, float] = {}
        self._memory: dict[str, int] = {}
        self._running = 0
        self.cpu = 0.0
        self.memory = 0

    def expect(self, unit: Unit) -> tuple[float, int]:
        """Return the cores and the bytes that a unit will need."""
        return (
            self._cpu.get(unit.stage, unit.cpu),
            self._memory.get(unit.stage, unit.memory),
        )

    def fits(self, unit: Unit) -> bool:
        """Say whether a unit may start beside those that run."""
        if not self._running:
            return True
        cpu, memory = self.expect(unit)
        has_cores = self._limits.cores - self.cpu + ROUNDING >= max(cpu, LEAST_CPU)
        return has_cores and self._limits.memory - self.memory >= max(memory, 1)

    def room(self, unit: Unit) -> int:
        """Return how many more units like this one fit; one, where nothing runs."""
        cpu, memory = self.expect(unit)
        cores = (self._limits.cores - self.cpu + ROUNDING) / max(cpu, LEAST_CPU)
        bytes = (self._limits.memory - self.memory) / max(memory, 1)
        return max(int(min(cores, bytes)), 0 if self._running else 1)

    def take(self, cpu: float, memory: int) -> None:
        """Reserve for an attempt that starts."""
        self._running += 1
        self.cpu += cpu
        self.memory += memory

    def give(self, attempt: Attempt) -> None:
        """Give back what an attempt had."""
        self._running -= 1
        self.cpu = self.cpu - attempt.cpu if self._running else 0.0
        self.memory -= attempt.memory

    def correct(self, attempt: Attempt, cpu: float, memory: int) -> None:
        """Replace what an attempt was expected to need by what it does."""
        self.cpu += cpu - attempt.cpu
        self.memory += memory - attempt.memory
        attempt.cpu, attempt.memory = cpu, memory

    def note(self, stage: str, cpu: float, memory: int) -> None:
        """Learn from a unit of a stage."""
        old = self._cpu.get(stage, cpu)
        self._cpu[stage] = round(old + NEWEST * (cpu - old), 6)
        self._memory[stage] = max(memory, int(FORGET * self._memory.get(stage, 0)))

    def as_data(self) -> dict[str, object]:
        """Return the state as plain data."""
        return {
            "cpu": round(self.cpu, 6),
            "memory": self.memory,
            "running": self._running,
            "stages": {stage: [self._cpu[stage], self._memory[stage]] for stage in self._cpu},
        }
