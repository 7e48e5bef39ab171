"""What was read of a blob, kept for every work tree and every later run.

One SQLite database in the common git directory, ``guild/graph.db`` (see `database`).
It holds data only, and nothing that cannot be read again: what is damaged or of
another version is a miss, and a directory that cannot be written keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from guild_plugins.graph.database import Database, failures
from guild_plugins.graph.reading import VERSION

AT_ONCE = 500
"""Rows asked for in one statement: older SQLite takes 999 parameters."""


class Store:
    """Text by blob id, in one database.

    :param folder: Guild's folder in the common git directory; made when needed.
    :param name: The kind of text; each has its own table.
    """

    def __init__(self, folder: Path, name: str = "imports") -> None:
        self._table = f"{name}_{VERSION}"
        self._database = Database(
            folder / "graph.db",
            f"CREATE TABLE IF NOT EXISTS {self._table} (oid TEXT PRIMARY KEY, data TEXT) "
            "WITHOUT ROWID",
        )

    def load(self, oids: Iterable[str]) -> dict[str, str]:
        """Return what is kept of the blobs."""
        found: dict[str, str] = {}
        if not self._database.exists:
            return found
        wanted = list(oids)
        with suppress(*failures()):
            connection = self._database.open()
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
        with suppress(*failures()), self._database.transaction() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)",  # noqa: S608
                texts.items(),
            )

    def close(self) -> None:
        """Close the database; loading or saving opens it again."""
        self._database.close()
