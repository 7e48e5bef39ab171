"""Files merged piece by piece: any pieces, the cells of notebooks, the rows of tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_plugins.merge.cells import (
    CELLS,
    CELLS_EDITED,
    CELLS_MATCHED,
    CELLS_MATCHED_EDITED,
    CELLS_RUN,
    merge_notebooks,
)
from guild_plugins.merge.engine import merge
from guild_plugins.merge.entities import Entity, merge_entities
from guild_plugins.merge.result import Clean
from guild_plugins.merge.rows import ROWS, ROWS_EDITED, merge_tables


def pieces(text: str) -> list[Entity]:
    """Return a piece for each word: its key, and its text after a colon."""
    return [Entity(word.split(":")[0], word.partition(":")[2].encode()) for word in text.split()]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ("a b", "a b c", "a b d", "a b c d"),
        ("a b", "x a b", "a y b", "x a y b"),
        ("a b", "a x b", "a y b", "a x y b"),
        ("a b c", "a c", "a b c d", "a c d"),
        ("a b c", "c a b", "a b x c", "c a b x"),
        ("a b c", "a b:1 c", "c b a", "c b:1 a"),
        ("a:1", "a:2", "a:1 b", "a:2 b"),
        ("", "a b", "a c", "a b c"),
    ],
)
def test_pieces_are_wherever_their_keys_are(base: str, ours: str, theirs: str, merged: str) -> None:
    found = merge_entities(pieces(base), pieces(ours), pieces(theirs), lambda *_: None)

    assert found == pieces(merged)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("a:1", "a:2", "a:3"),
        ("a:1 b", "b", "a:2 b"),
        ("a", "a x:1", "a x:2"),
        ("a b c", "c a b", "b a c"),
        ("a", "a a", "a"),
    ],
)
def test_what_a_person_has_to_decide_is_left(base: str, ours: str, theirs: str) -> None:
    assert merge_entities(pieces(base), pieces(ours), pieces(theirs), lambda *_: None) is None


def cell(key: str, *source: str, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": key,
        "metadata": {},
        "outputs": [],
        "source": [f"{line}\n" for line in source],
    } | more


def notebook(*cells: dict[str, Any], indent: int | None = 1, **metadata: Any) -> bytes:
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=indent, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize("indent", [1, 2, None])
def test_cells_that_both_sides_added_are_both_there(indent: int | None) -> None:
    a, b, c = cell("a", "1 + 1"), cell("b", "é"), cell("c", "3")

    merged = merge_notebooks(
        notebook(a, indent=indent), notebook(a, b, indent=indent), notebook(a, c, indent=indent)
    )

    assert merged == (notebook(a, b, c, indent=indent), CELLS)


def test_a_notebook_in_conflict_is_merged_by_the_engine() -> None:
    a, b, c = cell("a", "1 + 1"), cell("b", "2"), cell("c", "3")

    result = merge("n.ipynb", notebook(a), notebook(a, b), notebook(a, c))

    assert isinstance(result, Clean)
    assert result.text == notebook(a, b, c)
    assert {rule for region in result.regions for rule in region.rules} == {CELLS}


def test_a_cell_that_both_sides_changed_is_merged_by_lines_and_only_proposed() -> None:
    source = [f"x{number}" for number in range(8)]
    ours = cell("a", "ours", *source[1:], execution_count=7, outputs=[{"text": "7"}])
    theirs = cell("a", *source[:7], "theirs", execution_count=9, outputs=[{"text": "9"}])

    base = notebook(cell("a", *source))
    result = merge("n.ipynb", base, notebook(ours), notebook(theirs))

    assert not isinstance(result, Clean)
    assert result.proposal == notebook(
        ours | {"source": cell("", "ours", *source[1:7], "theirs")["source"]}
    )
    assert result.regions[0].rules == (CELLS_EDITED,)


def test_what_runs_left_behind_is_no_conflict() -> None:
    ours = cell("a", "1", execution_count=7, outputs=[{"text": "7"}])
    theirs = cell("a", "1", execution_count=9, outputs=[{"text": "9"}])

    merged = merge_notebooks(notebook(cell("a", "1")), notebook(ours), notebook(theirs))

    assert merged is not None
    assert json.loads(merged[0])["cells"][0]["execution_count"] in (7, 9)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ((cell("a", "1"),), (cell("a", "2"),), (cell("a", "3"),)),
        ((cell("a", "1"), cell("b")), (cell("b"),), (cell("a", "3"), cell("b"))),
        ((cell("a"),), (cell("a"), cell("b", "1")), (cell("a"), cell("b", "2"))),
        ((cell("a"),), (cell("a"), {"source": "no id"}), (cell("a"), cell("b"))),
    ],
)
def test_cells_that_a_person_has_to_look_at_are_left(
    base: tuple[dict[str, Any], ...],
    ours: tuple[dict[str, Any], ...],
    theirs: tuple[dict[str, Any], ...],
) -> None:
    assert merge_notebooks(notebook(*base), notebook(*ours), notebook(*theirs)) is None


def test_cells_that_lines_would_double_are_a_conflict() -> None:
    far = [cell(f"k{number}", "x") for number in range(5)]
    new = cell("new", "1")

    result = merge("n.ipynb", notebook(*far), notebook(new, *far), notebook(*far, new))

    assert not result.is_clean or json.loads(result.text)["cells"].count(new) == 1


def nameless(*source: str, **more: Any) -> dict[str, Any]:
    made = cell("", *source, **more)
    del made["id"]
    return made


LONG = ("import numpy", "data = numpy.load(name)", "data.plot(color, width)")


def test_cells_without_ids_are_told_by_what_is_in_them() -> None:
    a, b, c, d = nameless(*LONG), nameless("2"), nameless("3"), nameless("four()")
    edited = nameless(*LONG, "data.show()")

    merged = merge_notebooks(notebook(a, b), notebook(edited, b, c), notebook(d, a, b))

    assert merged == (notebook(d, edited, b, c), CELLS_MATCHED)


def test_a_cell_without_an_id_that_was_moved_is_edited_where_it_is() -> None:
    a, b, c = nameless(*LONG), nameless("2"), nameless("3")
    ran = a | {"execution_count": 3}

    merged = merge_notebooks(notebook(a, b, c), notebook(b, c, a), notebook(ran, b, c))

    assert merged == (notebook(b, c, ran), CELLS_MATCHED)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ((nameless("1"),), (nameless("1"), nameless(*LONG)), (nameless("1"), nameless(*LONG, "x"))),
        ((nameless(*LONG),), (), (nameless(*LONG, "more"),)),
        ((nameless("1"),), (nameless("2"),), (nameless("3"),)),
        ((nameless("1"),), (cell("a", "1"), cell("b")), (nameless("1"), nameless("3"))),
    ],
)
def test_cells_without_ids_that_may_be_one_are_left(
    base: tuple[dict[str, Any], ...],
    ours: tuple[dict[str, Any], ...],
    theirs: tuple[dict[str, Any], ...],
) -> None:
    found = merge_notebooks(notebook(*base), notebook(*ours), notebook(*theirs))

    assert found is None or found[1] == CELLS_MATCHED_EDITED


@pytest.mark.parametrize("make", [nameless, partial(cell, "k")])
def test_what_both_sides_ran_is_only_proposed(make: Callable[..., dict[str, Any]]) -> None:
    def version(number: int, *source: str) -> bytes:
        made = make(*source, execution_count=number, outputs=[{"text": str(number)}])
        return notebook(made, language_info={"version": f"3.{number}"})

    result = merge("n.ipynb", version(1, *LONG), version(7, *LONG), version(9, *LONG, "more"))

    assert not isinstance(result, Clean)
    assert result.regions[0].rules == (CELLS_RUN,)
    assert result.proposal is not None
    found = json.loads(result.proposal)
    assert found["cells"][0]["source"] == [f"{line}\n" for line in (*LONG, "more")]
    assert found["cells"][0]["outputs"] == [{"text": "9"}]


SOURCES = st.lists(st.sampled_from(["a", "b()", "c(1)", "import d", "e = f", *LONG]), unique=True)


@given(SOURCES, SOURCES, SOURCES)
def test_no_cell_without_an_id_is_lost_or_doubled_whichever_side_is_ours(
    base: list[str], ours: list[str], theirs: list[str]
) -> None:
    texts = [notebook(*map(nameless, each)) for each in (base, ours, theirs)]

    found = merge_notebooks(texts[0], texts[1], texts[2])
    back = merge_notebooks(texts[0], texts[2], texts[1])

    assert (found is None) == (back is None)
    if found is not None and back is not None:
        sources = [_sources(found[0]), _sources(back[0])]
        assert sorted(sources[0]) == sorted(sources[1])
        assert len(set(sources[0])) == len(sources[0])
        kept = {*ours} & {*theirs} | {*ours} - {*base} | {*theirs} - {*base}
        assert found[1] != CELLS_MATCHED or kept <= {*sources[0]} | _edited(base, ours, theirs)


def _sources(text: bytes) -> list[str]:
    return ["".join(cell["source"]).strip() for cell in json.loads(text)["cells"]]


def _edited(*versions: list[str]) -> set[str]:
    """Return the lines that are alike, of which one may be another one's edit."""
    return {*LONG} if any({*LONG} & {*version} for version in versions) else set()


def test_what_else_was_changed_around_the_cells_is_a_conflict() -> None:
    versions = [
        notebook(nameless("1"), language_info={"version": str(n)}, title=str(n)) for n in range(3)
    ]

    assert merge_notebooks(*versions) is None


TABLE = "id,name,size\n1,one,10\n2,two,20\n4,four,40\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (TABLE + "5,five,50\n", TABLE + "6,six,60\n", TABLE + "5,five,50\n6,six,60\n"),
        (TABLE + "9,nine,90\n", TABLE + "6,six,60\n", TABLE + "6,six,60\n9,nine,90\n"),
        (TABLE.replace("2,two,20\n", ""), TABLE + '6,"a\nb",6\n', None),
        (TABLE.replace("20", "21") + "5,f,5\n", TABLE.replace("40", "41") + "6,s,6", None),
    ],
)
def test_rows_are_merged_by_their_key(ours: str, theirs: str, merged: str | None) -> None:
    found = merge_tables(TABLE.encode(), ours.encode(), theirs.encode())

    assert found is not None
    assert found[1] == ROWS
    expected = {*ours.splitlines(), *theirs.splitlines()} - {"2,two,20", "4,four,40"}
    assert found[0].decode() == merged or expected <= {*found[0].decode().splitlines(), "2,two,21"}


def test_two_fields_of_one_row_are_only_proposed() -> None:
    ours, theirs = TABLE.replace("two", "TWO"), TABLE.replace("20", "22")

    result = merge("t.csv", TABLE.encode(), ours.encode(), theirs.encode(), without=_WORDS)

    assert not isinstance(result, Clean)
    assert result.proposal == TABLE.replace("two,20", "TWO,22").encode()
    assert result.regions[0].rules == (ROWS_EDITED,)


_WORDS = frozenset(("tokens", "tokens-apart"))


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        (TABLE, TABLE + "5,a,1\n", TABLE + "5,b,1\n"),
        (TABLE, TABLE.replace("id,", "key,"), TABLE + "5,b,1\n"),
        ("a,b\n1,2\n1,3\n", "a,b\n1,2\n1,3\n1,4\n", "a,b\n1,2\n1,3\n1,5\n"),
        ("no table\n", "no table\nat all\n", "no table\nhere\n"),
        (TABLE, TABLE + "5,a\n", TABLE + "6,b,1\n"),
    ],
)
def test_what_is_no_table_with_a_key_is_left(base: str, ours: str, theirs: str) -> None:
    assert merge_tables(base.encode(), ours.encode(), theirs.encode()) is None
