"""One SQLite database in the common git directory, opened when it is needed.

In WAL mode, and only for what can be made again: what is damaged is begun anew.

SQLite before 3.51.3 can lose a commit that runs beside a checkpoint. So writing,
checkpointing and closing (the last to close checkpoints) happen behind a kernel
lock, and SQLite never checkpoints by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from guild_plugins.errors import GuildError
from guild_plugins.git.locks import gate

if TYPE_CHECKING:
    import sqlite3

CHECKPOINT_AFTER = 4_000
"""Pages of the write-ahead log from which on it is brought in: 16 MB."""

PATIENCE = 5.0
"""Seconds to wait for others; then nothing is kept, and all is read again next time."""


class Database:
    """A database that several processes read and write.

    :param path: The file, ``NAME.db``; its folder is made with the first transaction.
    :param schema: Statements that make the tables where there are none.
    """

    def __init__(self, path: Path, *schema: str) -> None:
        self.path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        """Say whether there is something to read."""
        return self._connection is not None or self.path.is_file()

    def open(self) -> sqlite3.Connection:
        """Return the connection, for reading.

        :raises sqlite3.Error: It cannot be opened.
        :raises OSError: Its folder is not there, or may not be used.
        :raises GuildError: Another process keeps it locked.
        """
        if self._connection is None:
            with self._gate():
                self._connection = self._connect()
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing, while nobody else does.

        :raises sqlite3.Error: It could not be written.
        :raises OSError: The folder cannot be used.
        :raises GuildError: Another process keeps it locked.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self.open()
        with self._gate():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            self._checkpoint(connection)

    def close(self) -> None:
        """Close the database; using it opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*failures()), self._gate():
                connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.stat().st_size > CHECKPOINT_AFTER * 4096:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _gate(self) -> AbstractContextManager[object]:
        """Hold the lock that writers and closers share."""
        return gate(self.path.with_suffix(".lock"), PATIENCE)

    def _connect(self) -> sqlite3.Connection:
        """Open the database, and begin anew where it is damaged."""
        import sqlite3

        try:
            return self._prepared()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # no room, no right, locked by another
            for ending in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            return self._prepared()

    def _prepared(self) -> sqlite3.Connection:
        import sqlite3

        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=10, cached_statements=8
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("PRAGMA synchronous=NORMAL")
            for statement in self._schema:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection


def failures() -> tuple[type[Exception], ...]:
    """Return what using a database may raise."""
    import sqlite3  # a hook that judges one file does without

    return sqlite3.Error, OSError, GuildError
