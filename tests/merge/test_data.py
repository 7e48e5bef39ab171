from __future__ import annotations

import pytest

from guild_plugins.merge.data import Differs, NotReadable, holds, merge_values, read_value
from guild_plugins.merge.engine import merge


def test_values_are_merged_key_by_key() -> None:
    merged = merge_values(
        {"a": 1, "b": {"c": [1, 2]}, "gone": 0},
        {"a": 2, "b": {"c": [1, 2, 3]}, "gone": 0},
        {"a": 1, "b": {"c": [2, 4]}, "new": None},
    )

    assert merged == {"a": 2, "b": {"c": [2, 3, 4]}, "new": None}


@pytest.mark.parametrize(
    ("base", "ours", "theirs"), [(1, 2, 3), ([{}], [{"a": 1}], [{"b": 1}]), ({}, [1], {"a": 1})]
)
def test_what_both_sides_changed_differently_is_told(
    base: object, ours: object, theirs: object
) -> None:
    with pytest.raises(Differs):
        merge_values(base, ours, theirs)


def test_a_key_that_is_there_twice_is_not_read() -> None:
    with pytest.raises(NotReadable):
        read_value("json", b'{"a": 1, "a": 2}')


def test_a_text_that_would_break_the_format_stays_open() -> None:
    base = b'{\n  "a": 1\n}\n'
    ours = b'{\n  "a": 1,\n  "b": 2\n}\n'
    theirs = b'{\n  "a": 1,\n  "c": 3\n}\n'

    result = merge("x.json", base, ours, theirs)

    assert not result.is_clean
    assert result.proposal is None


def test_a_text_that_git_merges_to_a_doubled_key_is_a_conflict() -> None:
    lines = "".join(f"k{number} = {number}\n" for number in range(9))
    base, ours, theirs = lines, f"new = 1\n{lines}", f"{lines}new = 2\n"

    result = merge("x.toml", base.encode(), ours.encode(), theirs.encode())

    assert not result.is_clean
    assert b"<<<<<<< ours" in result.text


def test_items_that_both_sides_added_to_a_list_may_stand_in_any_order() -> None:
    items = [f'    "k{number}",\n' for number in range(8)]
    text = "x = [\n{}]\n"
    base, ours, theirs = (
        text.format("".join(side))
        for side in (items, [*items, '    "z",\n'], ['    "a",\n', *items])
    )

    result = merge("x.toml", base.encode(), ours.encode(), theirs.encode())

    assert result.text == text.format("".join(['    "a",\n', *items, '    "z",\n'])).encode()
    assert result.is_clean


def test_a_list_without_what_one_side_added_does_not_hold_it() -> None:
    joined = merge_values({"x": ["a"]}, {"x": ["a", "b"]}, {"x": ["c", "a"]})

    assert holds({"x": ["c", "a", "b"]}, joined)
    assert not holds({"x": ["a", "b", "b"]}, joined)
    assert not holds({"x": ["a", "b"]}, joined)
    assert not holds({"x": ["b", "a"]}, {"x": ["a", "b"]})


def test_added_tables_are_proposed_with_their_comments() -> None:
    result = merge("x.toml", b"a = 1\n", b"a = 1\n\n[b]\n# why\nc = 2\n", b"a = 1\n\n[d]\ne = 3\n")

    assert not result.is_clean
    assert result.proposal == b"a = 1\n\n[b]\n# why\nc = 2\n\n[d]\ne = 3\n"
