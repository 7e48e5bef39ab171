"""Records on this machine: ``guild/kept.db`` in the common git directory, for all work trees.

It may be lost, and is then made again: what is damaged is begun anew, and a directory
that cannot be written keeps nothing. It never grows beyond a limit; what was not used
for the longest time goes first.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from guild_plugins.graph.database import Database, failures
from guild_plugins.suites.kept.heads import Head, packed, unpacked
from guild_plugins.suites.kept.records import (
    VERSION,
    Input,
    InputKind,
    Record,
    decode,
    encode,
    input_of,
)

LIMIT = 256 * 1024 * 1024
"""Bytes of records, as they lie in the database."""

AT_ONCE = 500
"""Rows asked for in one statement: older SQLite takes 999 parameters."""

TREES = 16
"""Trees whose words are kept: those of the work trees and branches that are worked on."""

DAY = 86_400.0

_RESULTS, _COVERS, _INPUTS = (f"{name}_{VERSION}" for name in ("results", "covers", "inputs"))
_HEAD = "key, inputs, path, verdict, at, seconds, tests, coverage, needs"
_SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS {_RESULTS} (key TEXT, inputs TEXT, path TEXT, verdict TEXT, "
    "at REAL, used REAL, seconds REAL, tests INTEGER, coverage TEXT, needs BLOB, size INTEGER, "
    "body BLOB, PRIMARY KEY (key, inputs)) WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS {_INPUTS} (id INTEGER PRIMARY KEY, said TEXT UNIQUE)",
    f"CREATE INDEX IF NOT EXISTS {_RESULTS}_path ON {_RESULTS} (path, at)",
    f"CREATE INDEX IF NOT EXISTS {_RESULTS}_used ON {_RESULTS} (used)",
    f"CREATE TABLE IF NOT EXISTS trees_{VERSION} (tree TEXT PRIMARY KEY, used REAL, words BLOB) "
    "WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS {_COVERS} (word TEXT PRIMARY KEY, used REAL, size INTEGER, "
    "body BLOB) WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS refused_{VERSION} (path TEXT PRIMARY KEY, reason TEXT, at REAL) "
    "WITHOUT ROWID",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a store holds.

    :param verdicts: Verdict to number of records.
    :param size: Bytes of all records.
    :param refused: Why files of the last runs were not kept, to their number.
    :param flaky: Files of which both outcomes were seen.
    """

    verdicts: Mapping[str, int]
    files: int
    size: int
    oldest: float | None
    refused: Mapping[str, int]
    flaky: tuple[str, ...]


class Store:
    """The records of one repository.

    :param folder: Guild's folder in the common git directory.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._database = Database(folder / "kept.db", *_SCHEMA)
        self._limit = limit

    def heads(self, keys: Iterable[str], column: str = "key") -> dict[str, list[Head]]:
        """Return what is first asked of the records under each key, the newest first."""
        found: dict[str, list[Head]] = {}
        for row in self._rows(_HEAD, _RESULTS, column, map(_text, keys)):
            with suppress(ValueError, TypeError):  # damaged
                head = Head._make((*row[:-1], unpacked(row[-1])))
                found.setdefault(head.key if column == "key" else head.path, []).append(head)
        for heads in found.values():
            heads.sort(key=lambda head: -head.at)
        return found

    def held(
        self, heads: Iterable[Head], identify: Callable[[InputKind, str], str]
    ) -> frozenset[int]:
        """Return which of the inputs that heads name are now what they were."""
        inputs = self._inputs({number for head in heads for number in head.needs})
        return frozenset(
            number for number, (kind, what, was) in inputs.items() if identify(kind, what) == was
        )

    def whole(self, heads: Iterable[Head]) -> list[Record]:
        """Return the records of heads, in their order, but those that are damaged or gone."""
        wanted = list(heads)
        inputs = self._inputs({number for head in wanted for number in head.needs})
        records = {}
        rows = self._rows("key, inputs, body", _RESULTS, "key", {head.key for head in wanted})
        for key, word, body in rows:
            with suppress(zlib.error):
                records[key, word] = decode(zlib.decompress(body))
        found = []
        for head in wanted:
            record = records.get((head.key, head.word))
            if record is not None and all(number in inputs for number in head.needs):
                own = tuple(inputs[number] for number in head.needs)
                found.append(replace(record, inputs=own))
        return found

    def pairs(self, hits: Iterable[tuple[T, Head]]) -> Iterator[tuple[T, Record]]:
        """Yield what came with each head, now with its record."""
        given = list(hits)
        records = {(r.key, r.inputs_word): r for r in self.whole(head for _, head in given)}
        for other, head in given:
            record = records.get((head.key, head.word))
            if record is not None:
                yield other, record

    def load(self, keys: Iterable[str]) -> dict[str, list[Record]]:
        """Return the whole records under each key, the newest first."""
        found: dict[str, list[Record]] = {}
        for record in self.whole(h for heads in self.heads(keys).values() for h in heads):
            found.setdefault(record.key, []).append(record)
        return found

    def inputs_of(self, paths: Iterable[str]) -> dict[str, tuple[Input, ...]]:
        """Return what was last seen to be needed by files, whatever became of them."""
        newest = [heads[0] for heads in self.heads(paths, "path").values()]
        return {record.path: record.inputs for record in self.whole(newest)}

    def covers(self, words: Iterable[str]) -> dict[str, bytes]:
        """Return what is kept of coverage under each name."""
        return dict(self._rows("word, body", _COVERS, "word", words))

    def save(
        self,
        records: Sequence[Record],
        refused: Mapping[str, str] | None = None,
        covers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Keep records, each in place of one with the same key and inputs.

        :param refused: Why other files that ran were not kept.
        :param covers: Coverage that the records name.
        """
        now = time.time()
        rows = []
        with suppress(*failures()), self._database.transaction() as connection:
            numbers = _numbered(connection, (given for r in records for given in r.inputs))
            for record in records:
                needs = packed(numbers[given] for given in record.inputs)
                body = zlib.compress(encode(replace(record, inputs=())), 1)
                rows.append(
                    (
                        record.key,
                        record.inputs_word,
                        _text(record.path),
                        record.verdict,
                        record.at,
                        now,
                        record.seconds,
                        len(record.outcomes),
                        record.coverage,
                        needs,
                        len(body) + len(needs),
                        body,
                    )
                )
            connection.executemany(
                f"INSERT OR REPLACE INTO {_RESULTS} VALUES ({', '.join('?' * 12)})", rows
            )
            connection.executemany(
                f"INSERT OR REPLACE INTO {_COVERS} VALUES (?, ?, ?, ?)",
                [(word, now, len(body), body) for word, body in (covers or {}).items()],
            )
            connection.executemany(
                f"DELETE FROM refused_{VERSION} WHERE path = ?", [(row[2],) for row in rows]
            )
            connection.executemany(
                f"INSERT OR REPLACE INTO refused_{VERSION} VALUES (?, ?, ?)",
                [(_text(path), reason, now) for path, reason in (refused or {}).items()],
            )
        if rows:
            self.prune(self._limit)

    def note_use(self, heads: Iterable[Head]) -> None:
        """Note that records were used; at most once a day, since nothing else hangs on it."""
        now = time.time()
        used = list(heads)
        if not used or not self._database.exists:
            return
        with suppress(*failures()):
            oldest = self._database.open().execute(f"SELECT min(used) FROM {_RESULTS}").fetchone()
            if oldest[0] is None or oldest[0] > now - DAY:
                return
            keys = [(now, head.key, head.word, now - DAY) for head in used]
            words = {word for head in used for word in head.covers}
            with self._database.transaction() as connection:
                connection.executemany(
                    f"UPDATE {_RESULTS} SET used = ? WHERE key = ? AND inputs = ? AND used < ?",
                    keys,
                )
                connection.executemany(
                    f"UPDATE {_COVERS} SET used = ? WHERE word = ?", [(now, w) for w in words]
                )

    def prune(self, limit: int = 0) -> int:
        """Drop what was not used for the longest time, until the rest fits; return how many."""
        dropped = 0
        with suppress(*failures()), self._database.transaction() as connection:
            total = _size(connection)
            if total <= limit:
                return 0
            rows = connection.execute(
                f"SELECT key, inputs, size, used FROM {_RESULTS} "
                f"UNION ALL SELECT word, NULL, size, used FROM {_COVERS} ORDER BY used"
            )
            for key, inputs, size, _ in rows.fetchall():
                if total <= limit:
                    break
                if inputs is None:
                    connection.execute(f"DELETE FROM {_COVERS} WHERE word = ?", (key,))
                else:
                    connection.execute(
                        f"DELETE FROM {_RESULTS} WHERE key = ? AND inputs = ?", (key, inputs)
                    )
                    dropped += 1
                total -= size
            _drop_unused(connection)
        return dropped

    def clear(self) -> int:
        """Drop all; return how many records there were."""
        count = 0
        with suppress(*failures()), self._database.transaction() as connection:
            count = connection.execute(f"DELETE FROM {_RESULTS}").rowcount
            connection.execute(f"DELETE FROM {_COVERS}")
            connection.execute(f"DELETE FROM {_INPUTS}")
            connection.execute(f"DELETE FROM trees_{VERSION}")
            connection.execute(f"DELETE FROM refused_{VERSION}")
        with suppress(*failures()):
            self._database.open().execute("VACUUM")
        return count

    def statistics(self) -> Statistics:
        """Return what there is."""
        if not self._database.exists:
            return Statistics({}, 0, 0, None, {}, ())
        with suppress(*failures()):
            ask = self._database.open().execute
            verdicts = dict(ask(f"SELECT verdict, count(*) FROM {_RESULTS} GROUP BY verdict"))
            files, oldest = ask(f"SELECT count(DISTINCT path), min(at) FROM {_RESULTS}").fetchone()
            size = _size(self._database.open())
            refused = dict(ask(f"SELECT reason, count(*) FROM refused_{VERSION} GROUP BY reason"))
            flaky = ask(f"SELECT DISTINCT path FROM {_RESULTS} WHERE verdict = 'flaky'")
            names = tuple(sorted(row[0] for row in flaky))
            return Statistics(verdicts, files, size, oldest, refused, names)
        return Statistics({}, 0, 0, None, {}, ())

    # -- the words of trees ---------------------------------------------------------

    def words(self, tree: str) -> dict[str, str] | None:
        """Return the words of a tree's files, as kept; ``None`` where they are not."""
        if not self._database.exists:
            return None
        with suppress(*failures(), ValueError, zlib.error):
            row = (
                self._database.open()
                .execute(f"SELECT words FROM trees_{VERSION} WHERE tree = ?", (tree,))
                .fetchone()
            )
            if row is not None:
                return {str(k): str(v) for k, v in json.loads(zlib.decompress(row[0])).items()}
        return None

    def keep_words(self, tree: str, words: Mapping[str, str]) -> None:
        """Keep the words of a tree's files."""
        body = zlib.compress(json.dumps(dict(words)).encode("ascii"), 1)
        with suppress(*failures()), self._database.transaction() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO trees_{VERSION} VALUES (?, ?, ?)",
                (tree, time.time(), body),
            )
            connection.execute(
                f"DELETE FROM trees_{VERSION} WHERE tree NOT IN "
                f"(SELECT tree FROM trees_{VERSION} ORDER BY used DESC LIMIT {TREES})"
            )

    def close(self) -> None:
        """Close the database; using it opens it again."""
        self._database.close()

    def _inputs(self, numbers: Iterable[int]) -> dict[int, Input]:
        """Return the inputs with these numbers, as far as they are whole."""
        found = {}
        for number, said in self._rows("id, said", _INPUTS, "id", numbers):
            given = input_of(said)
            if given is not None:
                found[number] = given
        return found

    def _rows(
        self, columns: str, table: str, column: str, values: Iterable[str | int]
    ) -> Iterator[tuple[Any, ...]]:
        if not self._database.exists:
            return
        wanted = list(values)
        with suppress(*failures()):
            connection = self._database.open()
            for start in range(0, len(wanted), AT_ONCE):
                group = wanted[start : start + AT_ONCE]
                marks = ",".join("?" * len(group))
                yield from connection.execute(
                    f"SELECT {columns} FROM {table} WHERE {column} IN ({marks})", group
                )


def _numbered(connection: sqlite3.Connection, inputs: Iterable[Input]) -> dict[Input, int]:
    """Return the number of each input; new ones get one.

    Most records need what others need, and are read a thousand at a time: what they have in
    common is kept, read and compared once.
    """
    said = {given: json.dumps(given) for given in set(inputs)}
    connection.executemany(
        f"INSERT OR IGNORE INTO {_INPUTS} (said) VALUES (?)", [(text,) for text in said.values()]
    )
    find = f"SELECT id FROM {_INPUTS} WHERE said = ?"
    return {
        given: int(connection.execute(find, (text,)).fetchone()[0]) for given, text in said.items()
    }


def _drop_unused(connection: sqlite3.Connection) -> None:
    """Drop the inputs that no record needs any more."""
    used: set[int] = set()
    for (needs,) in connection.execute(f"SELECT needs FROM {_RESULTS}"):
        used.update(unpacked(needs))
    known = {row[0] for row in connection.execute(f"SELECT id FROM {_INPUTS}")}
    connection.executemany(
        f"DELETE FROM {_INPUTS} WHERE id = ?", [(number,) for number in known - used]
    )


def _size(connection: sqlite3.Connection) -> int:
    """Return how many bytes records, their inputs and their coverage have."""
    row = connection.execute(
        f"SELECT (SELECT ifnull(sum(size), 0) FROM {_RESULTS}) + "
        f"(SELECT ifnull(sum(size), 0) FROM {_COVERS}) + "
        f"(SELECT ifnull(sum(length(said)), 0) FROM {_INPUTS})"
    ).fetchone()
    return int(row[0])


def _text(path: str) -> str:
    """Return a path as text that SQLite takes: bytes that are no UTF-8 are spelled out."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
