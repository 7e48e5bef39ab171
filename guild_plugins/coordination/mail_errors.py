"""Errors of messages."""

from __future__ import annotations

from guild_plugins.errors import Exit, GuildError


class ChannelFull(GuildError):
    """The receiver does not take what it was sent."""

    slug = "channel-full"
    exit = Exit.CONTENDED
    remedy = "Have the receiver run guild recv, or wait longer: --wait."

    def __init__(self, sender: str, receiver: str, capacity: int) -> None:
        super().__init__(sender, receiver, capacity)
        self.sender, self.receiver, self.capacity = sender, receiver, capacity

    def __str__(self) -> str:
        return f"{self.receiver} has not taken {self.capacity} messages of {self.sender}."


class NoAnswer(GuildError):
    """Nobody answered in time."""

    slug = "no-answer"
    exit = Exit.CONTENDED

    def __init__(self, who: str, seconds: float) -> None:
        super().__init__(who, seconds)
        self.who, self.seconds = who, seconds

    def __str__(self) -> str:
        return f"{self.who} did not answer within {self.seconds:g} s."


class MessageTooLarge(GuildError):
    """A message has more bytes than one may have."""

    slug = "message-too-large"
    exit = Exit.USAGE
    remedy = "Put it into a file, and send the path."

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(size, largest)
        self.size, self.largest = size, largest

    def __str__(self) -> str:
        return f"A message of {self.size:,} bytes is too large; {self.largest:,} may be sent."


class ScopeUnsaid(GuildError):
    """It is not clear which scope sends or receives."""

    slug = "scope-unsaid"
    exit = Exit.USAGE
    remedy = "Say --as SCOPE; in a run, GUILD_SCOPE says it."

    def __str__(self) -> str:
        return "It is not known which scope this is."


class ReceiverUnsaid(GuildError):
    """It is not said who shall get a message."""

    slug = "receiver-unsaid"
    exit = Exit.USAGE
    remedy = "guild send SCOPE TEXT, or --topic NAME TEXT, or --reply N TEXT."

    def __str__(self) -> str:
        return "It is not said who shall get the message."
