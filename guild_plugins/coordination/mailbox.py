"""Where messages lie: one database for each run.

SQLite in WAL mode behind a gate, as the journal is, and not made durable: messages are
of no use after a power cut.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from guild_plugins.git.locks import StateNotWritten, gate

VERSION: Final = 1
SCHEMA: Final = f"""
BEGIN;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sender TEXT NOT NULL, receiver TEXT NOT NULL,
    kind TEXT NOT NULL, topic TEXT NOT NULL, priority INTEGER NOT NULL,
    request INTEGER, at REAL NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX waiting ON messages (receiver, kind, priority DESC, id);
CREATE TABLE open_requests (id INTEGER PRIMARY KEY, asker TEXT NOT NULL) STRICT;
CREATE TABLE subscriptions (
    scope TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (scope, topic)) STRICT;
PRAGMA user_version = {VERSION};
COMMIT;
"""


class Mailbox:
    """The messages of one run. May be used by several threads and processes.

    :param folder: Where the database is, or will be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "mail.db"

    def has(self, query: str, values: tuple[object, ...]) -> bool:
        """Say whether a query finds anything, without keeping anybody from writing."""
        return bool(self.read(query, values))

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds, without keeping anybody from writing."""
        if not self._file.exists():
            return []
        address = f"{self._file.absolute().as_uri()}?mode=ro"
        with _translated(self._file), closing(sqlite3.connect(address, uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return connection.execute(query, values).fetchall() if version == VERSION else []

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Be alone, and change what is there; nothing of it after an exception.

        :raises GateBusy: Somebody else did not end.
        :raises StateNotWritten: The disk is full, broken or read-only.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateNotWritten(str(self._folder), error.strerror or str(error)) from error
        with (
            gate(self._folder / "mail.gate"),
            _translated(self._file),
            closing(sqlite3.connect(self._file, isolation_level=None)) as connection,
        ):
            # Checkpoints happen when the last connection closes, which is in the gate.
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(SCHEMA)
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StateNotWritten(str(file), str(error)) from error
