from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from guild_plugins.coordination.errors import (
    GateBusy,
    JournalDamaged,
    JournalTooNew,
    StateNotWritten,
    StateUnsafe,
)
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import Place, place_in
from guild_plugins.coordination.salvage import salvage
from guild_plugins.git.locks import gate, open_lock_file, try_lock
from guild_plugins.stages.events import Event
from tests.coordination.helpers import granted


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_in(tmp_path)


@pytest.fixture
def journal(place: Place) -> Journal:
    return Journal(place)


def ids(journal: Journal) -> list[str]:
    return [line.id for line in journal.lines()]


def test_events_come_back_as_they_were(journal: Journal) -> None:
    journal.append(granted(1), granted(2, scope="core"))

    assert [line.event for line in journal.lines()] == [granted(1), granted(2, scope="core")]


def test_a_journal_that_was_never_written_is_empty_and_is_not_made(
    journal: Journal, place: Place
) -> None:
    assert list(journal.lines()) == []
    assert journal.snapshot("x") is None
    assert journal.check() == 0
    assert not place.folder.exists()


def test_an_event_written_twice_is_there_once(journal: Journal) -> None:
    journal.append(granted(1))

    journal.append(granted(1, at=9.0), granted(2))

    assert ids(journal) == ["e1", "e2"]
    assert journal.check() == 2


def test_a_failed_transaction_leaves_nothing(journal: Journal) -> None:
    def fail() -> None:
        with journal.writing() as transaction:
            transaction.append(granted(1))
            transaction.keep("x", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert ids(journal) == []
    assert journal.snapshot("x") is None


def test_lines_are_chosen_by_number_kind_and_scope(journal: Journal) -> None:
    journal.append(granted(1), granted(2, scope="core"), granted(3, scope="core"))

    assert [line.seq for line in journal.lines(after=2)] == [3]
    assert [line.seq for line in journal.lines(scope="core")] == [2, 3]
    assert [line.seq for line in journal.lines(types=["LeaseLost"])] == []
    assert len(list(journal.lines(types=["LeaseLost", "LeaseGranted"]))) == 3


def test_what_a_later_guild_wrote_is_kept(journal: Journal) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Unheard(Event):
        pass

    journal.append(Unheard(id="u", at=1.0), granted(1))

    assert [line.event for line in journal.lines()] == [None, granted(1)]


def test_snapshots_are_replaced(journal: Journal) -> None:
    for value in ("1", "2"):
        with journal.writing() as transaction:
            transaction.keep("x", value)

    assert journal.snapshot("x") == "2"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET data = replace(data, 'l2', 'l9') WHERE seq = 2",
        "UPDATE events SET scope = 'other' WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
        "UPDATE events SET chain = x'00' WHERE seq = 2",
    ],
)
def test_a_changed_line_is_found_and_those_before_it_are_kept(
    journal: Journal, place: Place, change: str
) -> None:
    journal.append(granted(1), granted(2), granted(3))
    with closing(sqlite3.connect(place.database)) as connection:
        connection.execute(change)
        connection.commit()

    with pytest.raises(JournalDamaged, match="event 2"):
        journal.check()

    assert salvage(place) == 1
    assert ids(journal) == ["e1"]
    assert (place.folder / "broken-guild.db").exists()


def test_a_file_cut_off_anywhere_keeps_a_valid_prefix(place: Place, journal: Journal) -> None:
    journal.append(*(granted(number) for number in range(1, 400)))
    whole = place.database.read_bytes()
    kept = set()
    for cut in range(0, len(whole), len(whole) // 30):
        place.database.write_bytes(whole[:cut])

        kept.add(salvage(place))

        assert ids(journal) == [f"e{number}" for number in range(1, journal.check() + 1)]
        journal.append(granted(1000))
        place.database.unlink()
    assert min(kept) == 0
    assert max(kept) > 300


def test_an_interrupted_salvage_is_finished(place: Place, journal: Journal) -> None:
    journal.append(granted(1), granted(2))
    whole = place.database.read_bytes()
    salvage(place)
    place.database.replace(place.folder / "salvaged.db")
    place.database.write_bytes(whole[:5000])

    assert salvage(place) == 2
    assert ids(journal) == ["e1", "e2"]


def test_a_damaged_file_is_no_bug(place: Place, journal: Journal) -> None:
    journal.append(granted(1))
    place.database.write_bytes(b"nonsense" * 1000)

    with pytest.raises(JournalDamaged):
        list(journal.lines())
    with pytest.raises(JournalDamaged):
        journal.append(granted(2))


def test_a_later_version_is_left_alone(place: Place, journal: Journal) -> None:
    journal.append(granted(1))
    with closing(sqlite3.connect(place.database)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(JournalTooNew):
        journal.append(granted(2))


@pytest.mark.parametrize("name", ["guild.db", "gate", "", "holders"])
def test_links_planted_before_are_refused(place: Place, journal: Journal, name: str) -> None:
    victim = place.folder.parent / "victim"
    if name in ("", "holders"):
        victim.mkdir()
    else:
        victim.write_text("precious")
    if name:
        place.folder.mkdir()
    (place.folder / name).symlink_to(victim)

    with pytest.raises(StateUnsafe):
        journal.append(granted(1))

    assert not victim.is_file() or victim.read_text() == "precious"
    assert not victim.is_dir() or not list(victim.iterdir())


def test_a_folder_that_cannot_be_made_is_told(place: Place, journal: Journal) -> None:
    place.folder.write_text("")

    with pytest.raises(StateNotWritten):
        journal.append(granted(1))


def test_a_stopped_writer_is_named(place: Place, journal: Journal) -> None:
    place.folder.mkdir()
    handle = open_lock_file(place.gate)
    assert try_lock(handle)

    with pytest.raises(GateBusy) as caught, gate(place.gate, patience=0.05):
        pass

    assert caught.value.holders in ((), (os.getpid(),))
    os.close(handle)
    with gate(place.gate, patience=0.05):
        pass


WRITER = """
import sys
from pathlib import Path
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from tests.coordination.helpers import granted
journal = Journal(place_in(Path(sys.argv[1])))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 1000):
    journal.append(granted(number))
    print(number, flush=True)
"""


def writer(folder: Path, first: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_killed_writers_lose_nothing_that_they_were_told_is_kept(
    tmp_path: Path, journal: Journal
) -> None:
    writers = [writer(tmp_path, 1000 * lane) for lane in range(1, 5)]
    told: list[str] = []
    for process in writers:
        assert process.stdout is not None
        told += [process.stdout.readline().strip() for _ in range(5)]
    for process in writers:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        told += rest.split("\n")[:-1]

    kept = ids(journal)

    assert journal.check() == len(kept) == len(set(kept))
    assert {f"e{number}" for number in told} <= set(kept)
    assert len(kept) <= len(told) + len(writers)


def test_a_journal_whose_first_write_was_killed_can_be_read(place: Place, journal: Journal) -> None:
    place.folder.mkdir()
    script = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 1')\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "c.execute('CREATE TABLE x (y)')\n"
        "c.executemany('INSERT INTO x VALUES (?)', [('z' * 4000,)] * 50)\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(place.database)], check=True)
    assert place.database.with_name("guild.db-journal").stat().st_size

    with journal.reading() as transaction:
        assert transaction is None
    journal.append(granted(1))
    assert journal.check() == 1
