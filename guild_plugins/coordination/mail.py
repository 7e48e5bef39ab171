"""Messages between scopes, while their workers run: in one process or in many.

A channel leads from one scope to another, and holds so many messages that nobody has
taken: whoever sends more waits until there is room. The one with the highest priority is
taken first, of equal ones the oldest. A message is taken once, by whoever asks first;
what was sent survives the end of its sender, and what was taken is gone.

Kinds: plain messages; requests, which have one answer, and somebody who waits for it so
long; parts of a stream, which has an end; and what is published on a topic, of which
every subscriber gets a copy.

Who waits looks again after a pause that grows. Where messages are kept: `mailbox`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from guild_plugins.coordination.mail_errors import ChannelFull, MessageTooLarge, NoAnswer
from guild_plugins.coordination.mailbox import Mailbox

CAPACITY: Final = 64
"""Messages that a channel holds."""

LARGEST: Final = 1 << 20
"""Bytes of one message; what is larger belongs into a file, or a commit."""

SHORTEST_PAUSE: Final = 0.001
LONGEST_PAUSE: Final = 0.05

MESSAGE, REQUEST, ANSWER, PART, END = "message", "request", "answer", "part", "end"

COLUMNS: Final = "id, sender, receiver, kind, topic, priority, at, body"
INSERT: Final = (
    "INSERT INTO messages (sender, receiver, kind, topic, priority, request, at, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

Value = TypeVar("Value")


class Message(NamedTuple):
    """One message.

    :param id: What an answer to it names.
    :param topic: What it was published on, or its stream; empty for others.
    """

    id: int
    sender: str
    receiver: str
    kind: str
    topic: str
    priority: int
    at: float
    body: bytes


class Mail:
    """The messages of one run, seen by one scope. May be used by several threads.

    :param folder: Where they are kept.
    :param scope: Who sends and receives.
    :param capacity: Messages that a channel from here holds.
    """

    def __init__(self, folder: Path, scope: str, capacity: int = CAPACITY) -> None:
        self.scope = scope
        self._box, self._capacity = Mailbox(folder), capacity

    # -- sending -------------------------------------------------------------------

    def send(
        self,
        receiver: str,
        body: bytes,
        *,
        priority: int = 0,
        patience: float | None = None,
    ) -> int:
        """Put a message into the channel to a scope, and return its number.

        :param patience: Seconds to wait for room; ``None`` to wait for ever.
        :raises ChannelFull: Nobody made room.
        """
        return self._put(receiver, body, MESSAGE, priority=priority, patience=patience)

    def publish(self, topic: str, body: bytes, *, patience: float | None = None) -> int:
        """Send a copy to every subscriber of a topic; return to how many.

        :raises ChannelFull: A subscriber's channel stayed full; the others have their copies.
        """
        with self._box.writing() as connection:
            rows = connection.execute(
                "SELECT scope FROM subscriptions WHERE topic = ? ORDER BY scope", (topic,)
            ).fetchall()
        full: ChannelFull | None = None
        for (scope,) in rows:
            try:
                self._put(scope, body, MESSAGE, topic=topic, patience=patience)
            except ChannelFull as error:
                full = error
        if full is not None:
            raise full
        return len(rows)

    def ask(self, receiver: str, body: bytes, *, patience: float, priority: int = 0) -> bytes:
        """Send a request, wait for its answer, and return that.

        :param patience: Seconds for both.
        :raises ChannelFull: The request could not even be sent.
        :raises NoAnswer: None came in time. The request is withdrawn where nobody took it.
        """
        deadline = time.monotonic() + patience
        request = self._put(receiver, body, REQUEST, priority=priority, patience=patience)
        answer = self._wait(lambda: self._answer_to(request), deadline - time.monotonic())
        if answer is None:
            with self._box.writing() as connection:
                connection.execute("DELETE FROM open_requests WHERE id = ?", (request,))
                connection.execute("DELETE FROM messages WHERE id = ?", (request,))
            raise NoAnswer(receiver, patience)
        return answer

    def answer(self, request: int, body: bytes) -> bool:
        """Answer a request; return whether somebody still waits for it."""
        _refuse_large(body)
        with self._box.writing() as connection:
            row = connection.execute(
                "DELETE FROM open_requests WHERE id = ? RETURNING asker", (request,)
            ).fetchone()
            if row is None:
                return False
            values = (self.scope, row[0], ANSWER, "", 0, request, time.time(), body)
            connection.execute(INSERT, values)
            return True

    def send_part(
        self, receiver: str, stream: str, body: bytes, *, patience: float | None = None
    ) -> None:
        """Send the next part of a stream.

        :raises ChannelFull: Nobody made room.
        """
        self._put(receiver, body, PART, topic=stream, patience=patience)

    def end_stream(self, receiver: str, stream: str, *, patience: float | None = None) -> None:
        """Say that a stream is complete.

        :raises ChannelFull: Nobody made room.
        """
        self._put(receiver, b"", END, topic=stream, patience=patience)

    # -- receiving -----------------------------------------------------------------

    def receive(
        self, *, sender: str | None = None, topic: str | None = None, patience: float | None = 0.0
    ) -> Message | None:
        """Take a message or a request; ``None`` where none came.

        :param patience: Seconds to wait for one; ``None`` to wait for ever.
        """
        return self._wait(lambda: self._take((MESSAGE, REQUEST), sender, topic), patience)

    def stream(
        self, stream: str, *, sender: str | None = None, patience: float | None = None
    ) -> Iterator[bytes]:
        """Take the parts of a stream, until its end.

        :param patience: Seconds to wait for each part.
        :raises NoAnswer: A part did not come in time.
        """
        while True:
            part = self._wait(lambda: self._take((PART, END), sender, stream), patience)
            if part is None:
                raise NoAnswer(sender or f"the stream {stream!r}", patience or 0.0)
            if part.kind == END:
                return
            yield part.body

    def subscribe(self, topic: str) -> None:
        """Get what is published on a topic from now on."""
        with self._box.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO subscriptions VALUES (?, ?)", (self.scope, topic)
            )

    def topics(self) -> frozenset[str]:
        """Return the topics that somebody subscribed to, without keeping anybody from writing."""
        return frozenset(row[0] for row in self._box.read("SELECT topic FROM subscriptions"))

    def waiting(self) -> dict[tuple[str, str], int]:
        """Return how many messages each channel holds, by sender and receiver."""
        with self._box.writing() as connection:
            rows = connection.execute(
                "SELECT sender, receiver, count(*) FROM messages GROUP BY sender, receiver"
            )
            return {(sender, receiver): count for sender, receiver, count in rows}

    # -- the file ------------------------------------------------------------------

    def _put(
        self,
        receiver: str,
        body: bytes,
        kind: str,
        *,
        topic: str = "",
        priority: int = 0,
        patience: float | None,
    ) -> int:
        _refuse_large(body)

        def put() -> int | None:
            with self._box.writing() as connection:
                if self._is_full(connection, receiver):
                    return None
                values = (self.scope, receiver, kind, topic, priority, None, time.time(), body)
                id = connection.execute(INSERT, values).lastrowid
                assert id is not None, "a row was inserted"
                if kind == REQUEST:
                    connection.execute("INSERT INTO open_requests VALUES (?, ?)", (id, self.scope))
                return id

        id = self._wait(put, patience)
        if id is None:
            raise ChannelFull(self.scope, receiver, self._capacity)
        return id

    def _is_full(self, connection: sqlite3.Connection, receiver: str) -> bool:
        (count,) = connection.execute(
            "SELECT count(*) FROM messages WHERE receiver = ? AND sender = ? AND kind != ?",
            (receiver, self.scope, ANSWER),
        ).fetchone()
        return bool(count >= self._capacity)

    def _take(
        self, kinds: tuple[str, str], sender: str | None, topic: str | None
    ) -> Message | None:
        query = (
            f"SELECT {COLUMNS} FROM messages WHERE receiver = ? AND kind IN (?, ?)"  # noqa: S608
            " AND (? IS NULL OR sender = ?) AND (? IS NULL OR topic = ?)"
            " ORDER BY priority DESC, id LIMIT 1"
        )
        values = (self.scope, *kinds, sender, sender, topic, topic)
        if not self._box.has(query, values):
            return None
        with self._box.writing() as connection:
            row = connection.execute(query, values).fetchone()
            if row is None:
                return None  # another one was quicker
            connection.execute("DELETE FROM messages WHERE id = ?", (row[0],))
            return Message(*row)

    def _answer_to(self, request: int) -> bytes | None:
        query = "SELECT body FROM messages WHERE receiver = ? AND kind = ? AND request = ?"
        values = (self.scope, ANSWER, request)
        if not self._box.has(query, values):
            return None
        with self._box.writing() as connection:
            row = connection.execute(
                "DELETE FROM messages WHERE receiver = ? AND kind = ? AND request = ?"
                " RETURNING body",
                values,
            ).fetchone()
            return bytes(row[0]) if row is not None else None

    def _wait(self, attempt: Callable[[], Value | None], patience: float | None) -> Value | None:
        """Try until it works, with pauses that grow; ``None`` when the time is over."""
        deadline = None if patience is None else time.monotonic() + patience
        pause = SHORTEST_PAUSE
        while (value := attempt()) is None:
            if deadline is not None and time.monotonic() + pause > deadline:
                return None
            time.sleep(pause)
            pause = min(1.3 * pause, LONGEST_PAUSE)
        return value


def _refuse_large(body: bytes) -> None:
    if len(body) > LARGEST:
        raise MessageTooLarge(len(body), LARGEST)
