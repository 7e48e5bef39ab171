"""What was read of a blob, kept for every work tree and every later run.

One SQLite database in the common git directory, ``guild/graph.db``, in WAL mode.
It holds data only, and nothing that cannot be read again: what is damaged or of
another version is a miss, and a directory that cannot be written keeps nothing.

SQLite before 3.51.3 can lose a commit that runs beside a checkpoint. So writing,
checkpointing and closing (the last to close checkpoints) happen behind a kernel
lock, and SQLite never checkpoints by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from guild_plugins.errors import GuildError
from guild_plugins.git.locks import gate
from guild_plugins.graph.reading import VERSION

if TYPE_CHECKING:
    import sqlite3

AT_ONCE = 500
"""Rows asked for in one statement: older SQLite takes 999 parameters."""

CHECKPOINT_AFTER = 4_000
"""Pages of the write-ahead log from which on it is brought in: 16 MB."""

LOCK = "graph.lock"
"""The file whose lock writers and closers share."""

PATIENCE = 5.0
"""Seconds to wait for others; then nothing is kept, and all is read again next time."""


class Store:
    """Text by blob id, in one database.

    :param folder: Guild's folder in the common git directory; made when needed.
    :param name: The kind of text; each has its own table.
    """

    def __init__(self, folder: Path, name: str = "imports") -> None:
        self._folder = folder
        self._table = f"{name}_{VERSION}"
        self._connection: sqlite3.Connection | None = None

    def load(self, oids: Iterable[str]) -> dict[str, str]:
        """Return what is kept of the blobs."""
        if self._connection is None and not (self._folder / "graph.db").is_file():
            return {}
        found: dict[str, str] = {}
        wanted = list(oids)
        with suppress(*_failures()):
            connection = self._open()
            for start in range(0, len(wanted), AT_ONCE):
                group = wanted[start : start + AT_ONCE]
                marks = ",".join("?" * len(group))
                rows = connection.execute(
                    f"SELECT oid, data FROM {self._table} WHERE oid IN ({marks})",  # noqa: S608
                    group,
                )
                found.update(rows)
        return found

    def save(self, texts: Mapping[str, str]) -> None:
        """Keep texts; where that is not possible, nothing is kept."""
        if not texts:
            return
        with suppress(*_failures()):
            self._folder.mkdir(parents=True, exist_ok=True)
            connection = self._open()
            with gate(self._folder / LOCK, PATIENCE):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)",  # noqa: S608
                    texts.items(),
                )
                connection.execute("COMMIT")
                self._checkpoint(connection)

    def close(self) -> None:
        """Close the database; loading or saving opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_failures()), gate(self._folder / LOCK, PATIENCE):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            with gate(self._folder / LOCK, PATIENCE):
                self._connection = _connect(self._folder / "graph.db", self._table)
        return self._connection

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        log = self._folder / "graph.db-wal"
        if log.stat().st_size > CHECKPOINT_AFTER * 4096:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _failures() -> tuple[type[Exception], ...]:
    import sqlite3  # a hook that judges one file does without

    return sqlite3.Error, OSError, GuildError


def _connect(path: Path, table: str) -> sqlite3.Connection:
    """Open the database, and begin anew where it is damaged."""
    import sqlite3

    try:
        return _prepared(path, table)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # no room, no right, locked by another
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return _prepared(path, table)


def _prepared(path: Path, table: str) -> sqlite3.Connection:
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=8)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (oid TEXT PRIMARY KEY, data TEXT) WITHOUT ROWID"
        )
    except BaseException:
        connection.close()
        raise
    return connection
