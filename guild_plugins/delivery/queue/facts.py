"""What the landing queue hears, and what it answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One branch that is to land.

    :param closure: The scopes that its change can affect. Two entries without a common
        scope have no test in common, so that neither can break the other.
    :param is_barrier: It affects everything, and nothing is tested before it has landed.
    :param chance: How likely it is to pass, as far as anybody knows.
    """

    id: str
    closure: frozenset[str]
    is_barrier: bool = False
    chance: float = 0.9

    def meets(self, other: Entry) -> bool:
        """Say whether two entries can break each other."""
        return self.is_barrier or other.is_barrier or not self.closure.isdisjoint(other.closure)


# -- events --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Added:
    """A branch is to land, after all that are there."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Removed:
    """A branch is not to land any more."""

    id: str


@dataclass(frozen=True, slots=True)
class Reordered:
    """A branch is to stand at another place of the queue, counted from 0."""

    id: str
    place: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing is to be begun; what runs goes on."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """It is to go on."""


@dataclass(frozen=True, slots=True)
class TestPassed:
    """A tree passed its tests."""

    __test__ = False
    test: int


@dataclass(frozen=True, slots=True)
class TestFailed:
    """A tree failed its tests, could not be made, or was given up after its time.

    :param guilty: Of a batch whose entries cannot break each other, those whose tests
        failed; those of the others passed. Empty where nobody knows.
    """

    __test__ = False
    test: int
    reason: str = ""
    guilty: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Landed:
    """Trunk has branches that were to be landed."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotLanded:
    """Trunk could not be moved to branches that were to be landed.

    :param reason: Empty where trunk was elsewhere, which `TrunkMoved` tells first; else
        it is final.
    """

    ids: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrunkMoved:
    """Somebody else moved trunk.

    :param closure: The scopes that this can affect; ``None`` for all.
    """

    closure: frozenset[str] | None = None


Event = (
    Added
    | Removed
    | Reordered
    | Paused
    | Resumed
    | TestPassed
    | TestFailed
    | Landed
    | NotLanded
    | TrunkMoved
)

# -- instructions --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartTest:
    """Test the tree of trunk with some branches merged, one after the other.

    :param ids: The branches that this is about; several are a batch.
    :param after: The branches before them that are taken to land.
    """

    test: int
    ids: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelTest:
    """End a test: nobody waits for it any more. What it says later is not heard."""

    test: int


@dataclass(frozen=True, slots=True)
class Land:
    """Move trunk to branches: all that they were tested on is there."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A branch does not land, and is in the queue no more."""

    id: str
    reason: str


Instruction = StartTest | CancelTest | Land | GiveUp
