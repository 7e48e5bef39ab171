"""Records, the store of this repository, and the one that clones share."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from guild_plugins.graph.closures import word_of
from guild_plugins.suites.kept.covers import Cover
from guild_plugins.suites.kept.records import VERSION, Input, Outcome, Record, decode, encode
from guild_plugins.suites.kept.shared import (
    Parcel,
    Place,
    SharedStore,
    StoreUnusable,
    place_from,
    seal,
    shared_store,
    unseal,
)
from guild_plugins.suites.kept.store import Store
from tests.git.repos import git, make

from .runs import run
from .test_kept import ALONE, FILES, SHOP, cached, ran

KEY = "0123456789abcdef"
RECORD = Record(
    key=KEY,
    path="tests/test_\udcff.py",
    verdict="passed",
    at=1_700_000_000.0,
    seconds=2.5,
    inputs=(Input("file", "etc/rates.txt", "word"), Input("variable", "MODE", "")),
    outcomes=(Outcome("::test_a[é]", "passed", 0.1, 3, "test_a", ""),),
    coverage="",
)
SECRET = b"secret"


def named(number: int, **changes: object) -> Record:
    return replace(RECORD, key=f"key{number}", **changes)  # type: ignore[arg-type]


def test_a_record_survives_being_written() -> None:
    assert decode(encode(RECORD)) == RECORD


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"version": 0}', encode(RECORD)[:-2]]
)
def test_what_is_no_record_is_none(content: bytes) -> None:
    assert decode(content) is None


def test_a_record_holds_while_all_of_its_inputs_are_what_they_were() -> None:
    words = {"etc/rates.txt": "word", "MODE": ""}

    assert RECORD.still_holds(lambda kind, what: words[what])
    assert not RECORD.still_holds(lambda kind, what: words[what] + "x")


def test_records_with_one_key_and_other_inputs_lie_beside_one_another(tmp_path: Path) -> None:
    store = Store(tmp_path)
    other = replace(RECORD, inputs=(), at=RECORD.at + 1)
    store.save([RECORD, other])
    store.save([other])

    assert Store(tmp_path).load([KEY, "none"]) == {KEY: [other, RECORD]}
    assert Store(tmp_path).inputs_of([RECORD.path]) == {RECORD.path: ()}


def test_what_records_have_in_common_is_kept_compared_and_dropped_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    both = (Input("file", "a.txt", "1"), Input("variable", "MODE", ""))
    store.save([named(1, inputs=both), named(2, inputs=both[:1])])
    asked = []

    def identify(kind: str, what: str) -> str:
        asked.append(what)
        return {"a.txt": "1", "MODE": "changed"}[what]

    heads = store.heads(["key1", "key2"])
    held = store.held((head for found in heads.values() for head in found), identify)

    assert sorted(asked) == ["MODE", "a.txt"]
    assert {key: [h.holds(held) for h in found] for key, found in heads.items()} == {
        "key1": [False],
        "key2": [True],
    }
    assert heads["key1"][0].tests == len(RECORD.outcomes)
    store.prune()
    assert store.statistics().size == 0


def test_a_record_of_which_an_input_is_damaged_does_not_hold(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save([RECORD])
    store.close()
    with closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE inputs_{VERSION} SET said = 'x' WHERE id = 1")

    heads = Store(tmp_path).heads([KEY])[KEY]

    assert not heads[0].holds(Store(tmp_path).held(heads, lambda kind, what: "word"))
    assert Store(tmp_path).load([KEY]) == {}


def test_the_store_stays_within_its_limit_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    noise = random.Random(0)
    records = [named(n, failed=(noise.randbytes(4_000).hex(),)) for n in range(20)]
    store = Store(tmp_path, limit=40_000)
    for record in records:
        store.save([record])

    statistics = store.statistics()

    assert statistics.size <= 40_000
    kept = store.load([record.key for record in records])
    assert "key19" in kept
    assert "key0" not in kept


def test_coverage_counts_and_goes_like_records(tmp_path: Path) -> None:
    noise = random.Random(0)
    store = Store(tmp_path, limit=40_000)
    for number in range(20):
        store.save([named(number)], covers={f"word{number}": noise.randbytes(4_000)})

    assert store.statistics().size <= 40_000
    assert set(store.covers(["word0", "word19"])) == {"word19"}
    store.clear()
    assert store.covers(["word19"]) == {}


def test_a_damaged_store_is_begun_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save([RECORD])
    store.close()
    (tmp_path / "kept.db").write_bytes(b"no database" * 1000)

    again = Store(tmp_path)

    assert again.load([KEY]) == {}
    again.save([RECORD])
    assert again.load([KEY]) == {KEY: [RECORD]}


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "guild")

    store.save([RECORD])

    assert store.load([KEY]) == {}
    assert store.statistics().files == 0


def test_clearing_says_how_many_there_were(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save([RECORD, named(2)], {"tests/test_b.py": "forked"})
    assert store.statistics().refused == {"forked": 1}

    assert store.clear() == 2
    assert store.statistics().verdicts == {}


def test_a_signed_record_can_be_read_with_the_same_secret_and_key_alone() -> None:
    content = seal(RECORD, SECRET)

    assert unseal(KEY, content, SECRET) == Parcel(RECORD, {})
    assert unseal("another", content, SECRET) is None
    assert unseal(KEY, content, b"other") is None


def test_coverage_travels_with_the_record_that_names_it() -> None:
    cover = Cover()
    cover.put("<top>/a.py", 0b1010)
    body = cover.encode()
    word = word_of(body.hex())
    record = replace(RECORD, coverage=f"how {word}")

    assert unseal(KEY, seal(record, SECRET, {word: body}), SECRET) == Parcel(record, {word: body})
    assert unseal(KEY, seal(record, SECRET, {word: b"else"}), SECRET) == Parcel(record, {})


def test_no_object_that_was_changed_anywhere_is_a_record() -> None:
    content = seal(RECORD, SECRET)
    chance = random.Random(1)
    for _ in range(1_000):
        at = chance.randrange(len(content))
        broken = bytearray(content)
        broken[at] ^= 1 << chance.randrange(8)
        assert unseal(KEY, bytes(broken), SECRET) is None
    for end in range(len(content)):
        assert unseal(KEY, content[:end], SECRET) is None


def test_without_a_secret_there_is_no_shared_store(tmp_path: Path) -> None:
    assert place_from({}) is None
    with pytest.raises(StoreUnusable, match="GUILD_STORE_KEY"):
        place_from({"GUILD_STORE": str(tmp_path)})
    (tmp_path / "key").write_text("from a file\n")
    found = place_from({"GUILD_STORE": "x", "GUILD_STORE_KEY_FILE": str(tmp_path / "key")})
    assert found == Place("x", b"from a file")
    with pytest.raises(StoreUnusable, match="cannot be read"):
        place_from({"GUILD_STORE": "x", "GUILD_STORE_KEY_FILE": str(tmp_path / "none")})
    with pytest.raises(StoreUnusable):
        shared_store({"GUILD_STORE": "nowhere://x", "GUILD_STORE_KEY": "k"})


def test_a_store_in_memory_is_as_good_as_a_folder() -> None:
    pytest.importorskip("fsspec")
    store = SharedStore(Place("memory://guild-results", SECRET))
    store.save([RECORD])

    assert SharedStore(Place("memory://guild-results", SECRET)).load([KEY, "0" * 16]) == {
        KEY: Parcel(RECORD, {})
    }


def test_a_store_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "file").touch()
    store = SharedStore(Place(str(tmp_path / "file"), SECRET))

    store.save([RECORD])

    assert store.load([KEY]) == {}
    assert "cannot be written" in store.warnings[0]


def _break_signature(content: bytes) -> bytes:
    return content.replace(content[15:17], b"zz", 1)


@pytest.mark.parametrize(
    ("change", "is_used"),
    [
        (None, True),
        (lambda content: content[:-3], False),
        (_break_signature, False),
        (lambda content: b"", False),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), False),
    ],
    ids=["as it was", "truncated", "wrong signature", "empty", "tampered"],
)
def test_two_clones_share_what_is_signed_and_whole(
    tmp_path: Path, change: object, is_used: bool
) -> None:
    pytest.importorskip("fsspec")
    make(tmp_path / "one", SHOP)
    git(tmp_path, "clone", "-q", "one", "two")
    env = {"GUILD_STORE": str(tmp_path / "store"), "GUILD_STORE_KEY": "secret"}
    run(tmp_path / "one", *ALONE, env=env)
    objects = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert len(objects) == len(FILES)
    for path in objects:
        if callable(change):
            path.write_bytes(change(path.read_bytes()))

    ended = run(tmp_path / "two", *ALONE, env=env)

    assert cached(ended) == (FILES if is_used else [])
    assert ended.code == 0
    assert ("damaged or not signed" in ended.out) is not is_used


def test_a_store_that_is_only_read_is_not_written_and_another_key_reads_nothing(
    tmp_path: Path,
) -> None:
    pytest.importorskip("fsspec")
    make(tmp_path / "one", SHOP)
    for name in ("two", "three"):
        git(tmp_path, "clone", "-q", "one", name)
    env = {"GUILD_STORE": str(tmp_path / "store"), "GUILD_STORE_KEY": "secret"}
    reading = {**env, "GUILD_STORE_READ_ONLY": "1"}
    run(tmp_path / "one", *ALONE, env=reading)
    assert not (tmp_path / "store").exists()

    run(tmp_path / "two", *ALONE, env=env)

    other = {**reading, "GUILD_STORE_KEY": "other"}
    assert ran(run(tmp_path / "three", *ALONE, env=other)) == FILES
    git(tmp_path, "clone", "-q", "one", "four")
    assert not ran(run(tmp_path / "four", *ALONE, env=reading))
