"""Values, a set, counters and logs, written in two places and merged."""

from __future__ import annotations

import pytest

from guild_plugins.merge.state import merge_states
from guild_plugins.merge.state_writing import (
    Unwritable,
    add,
    as_data,
    count,
    log,
    remove,
    set_value,
)


def test_what_two_places_write_is_there_in_any_order_of_merging() -> None:
    base = count(add(set_value(b"", b"k", b"old", b"a"), b"x", b"t0"), b"n", 5, b"a")
    one = set_value(count(remove(base, b"x"), b"n", 2, b"a"), b"k", b"new value", b"a")
    two = log(count(add(base, b"x", b"t1"), b"n", -4, b"b"), b"l", b"first", b"1", b"b")
    two = log(two, b"l", b"second \xff", b"2", b"b")

    merged = merge_states(one, two)

    assert merged == merge_states(two, one, base, two)
    assert as_data(merged) == {
        "values": {"k": "new value"},
        "set": ["x"],  # added again where nobody knew of the removal
        "counters": {"n": 3},
        "logs": {"l": ["first", "second \udcff"]},
    }
    assert as_data(one)["set"] == []


def test_a_write_that_knew_of_another_stands_whoever_wrote() -> None:
    first = set_value(b"", b"k", b"1", b"zoe")
    second = set_value(first, b"k", b"2", b"adam")

    assert as_data(merge_states(second, first))["values"] == {"k": "2"}


@pytest.mark.parametrize("name", [b"", b"a b", b" a", b"a\n"])
def test_a_name_has_no_blanks_and_a_value_is_one_line(name: bytes) -> None:
    for write in (
        lambda: add(b"", name, b"t"),
        lambda: count(b"", name, 1, b"w"),
        lambda: set_value(b"", b"k", b"one\ntwo", b"w"),
        lambda: set_value(b"", b"count:n:w", b"9", b"w"),
    ):
        with pytest.raises(Unwritable):
            write()
