"""What holds for every merge, whatever the texts."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from guild_plugins.merge.engine import merge
from guild_plugins.merge.lines import split_lines
from guild_plugins.merge.result import Conflict
from guild_plugins.merge.state import elements, merge_states, values
from tests.merge.triples import triples

LINES = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"\xff\f\n", b"end"]), max_size=12
)
TEXTS = st.builds(b"".join, LINES)
FACTS = st.sampled_from(
    [b"+ a 1", b"+ a 2", b"- a 1", b"+ b 3", b"- b 3", b"= k 1 x v", b"= k 2 w u u", b"= k 2 x v"]
)
STATES = st.builds(lambda facts: b"".join(fact + b"\n" for fact in facts), st.lists(FACTS))
PATHS = st.sampled_from(["a.py", "a.txt", "CHANGELOG.md", "a.json", "poetry.lock", "x"])


@settings(deadline=None)
@given(PATHS, TEXTS, TEXTS)
def test_where_one_side_changed_nothing_the_other_is_taken(
    path: str, base: bytes, side: bytes
) -> None:
    assert merge(path, base, base, side).text == side
    assert merge(path, base, side, base).text == side
    assert merge(path, base, side, side).text == side


@settings(deadline=None)
@given(TEXTS)
def test_lines_joined_are_the_text(text: bytes) -> None:
    assert b"".join(split_lines(text)) == text


@settings(max_examples=300, deadline=None)
@given(PATHS, TEXTS, TEXTS, TEXTS)
@example("a.py", b"a\nb\n", b"a\n", b"\xff\x0c\na\n")  # a fault, and no change of theirs alone
def test_the_sides_may_be_swapped(path: str, base: bytes, ours: bytes, theirs: bytes) -> None:
    one, two = merge(path, base, ours, theirs), merge(path, base, theirs, ours)

    assert one.is_clean == two.is_clean
    if one.is_clean:
        assert sorted(b"".join(one.text.split())) == sorted(b"".join(two.text.split()))


def test_no_triple_of_bytes_is_too_much() -> None:
    for path in ("a.py", "a.txt", "NEWS", "a.yaml"):
        for base, ours, theirs in triples(seed=len(path), count=250):
            result = merge(path, base, ours, theirs)

            if isinstance(result, Conflict):
                assert _added(base, ours) <= _lines(result.text)
                assert _added(base, theirs) <= _lines(result.text)
                assert b"<<<<<<< ours" in result.text


def _added(base: bytes, side: bytes) -> set[bytes]:
    return _lines(side) - _lines(base)


def _lines(text: bytes) -> set[bytes]:
    return {line.strip() for line in text.split(b"\n")}


@settings(deadline=None)
@given(st.lists(STATES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_state_merges_to_the_same_in_any_order(states: list[bytes], chance: random.Random) -> None:
    whole = merge_states(*states)

    chance.shuffle(states)
    folded = b""
    for state in states:
        folded = merge_states(folded, state, state)

    assert folded == whole
    assert merge("s.guild-state", b"", whole, states[0]).text == whole


def test_an_element_that_was_added_anew_survives_the_removal_of_an_older_addition() -> None:
    merged = merge_states(b"+ a 1\n+ b 3\n", b"- a 1\n- b 3\n", b"+ a 2\n")

    assert elements(merged) == {b"a"}


def test_of_two_writes_the_later_one_stands() -> None:
    merged = merge_states(b"= k 1 zoe old\n", b"= k 2 adam new value\n")

    assert values(merged) == {b"k": b"new value"}
