"""What a merge gives: ``Clean``, or ``Conflict`` with its regions."""

from __future__ import annotations


class Region:
    """One place that both sides changed: how it was settled, or why it is open.

    ``rules`` names the rules that settled it, or would; it is empty where none
    could. ``lines`` is what they made of it. ``reason`` says why it stays open.
    """

    __slots__ = ("base", "lines", "ours", "reason", "rules", "start", "theirs")

    def __init__(
        self,
        start: int,
        base: list[bytes],
        ours: list[bytes],
        theirs: list[bytes],
        rules: tuple[str, ...] = (),
        lines: list[bytes] | None = None,
        reason: str = "",
    ) -> None:
        self.start = start
        self.base, self.ours, self.theirs = base, ours, theirs
        self.rules, self.lines, self.reason = rules, lines, reason

    @property
    def is_open(self) -> bool:
        """Whether a person has to look at it."""
        return bool(self.reason)


class Settlement:
    """What the rules made of one place, and how often each of them is right."""

    __slots__ = ("lines", "rates")

    def __init__(self, lines: list[bytes], rates: dict[str, float]) -> None:
        self.lines, self.rates = lines, rates

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules."""
        return tuple(self.rates)

    @property
    def lowest(self) -> float:
        """How often the rule is right that is right least often."""
        return min(self.rates.values())


class Clean:
    """A merge with nothing left to decide."""

    __slots__ = ("regions", "text")

    is_clean = True

    def __init__(self, text: bytes, regions: tuple[Region, ...] = ()) -> None:
        self.text, self.regions = text, regions


class Conflict:
    """A merge that a person has to finish.

    ``text`` has git's markers around what is open; where ``is_binary``, it is
    ours, unmarked. ``proposal`` is a whole text without markers, where the rules
    have one that is not certain enough to be taken unseen.
    """

    __slots__ = ("is_binary", "proposal", "reason", "regions", "text")

    is_clean = False

    def __init__(
        self,
        text: bytes,
        regions: tuple[Region, ...] = (),
        *,
        reason: str = "",
        proposal: bytes | None = None,
        is_binary: bool = False,
    ) -> None:
        self.text, self.regions, self.reason = text, regions, reason
        self.proposal, self.is_binary = proposal, is_binary
