"""Definitions of other languages, merged through tree-sitter where its grammars are installed."""

from __future__ import annotations

import pytest

from guild_plugins.merge.engine import merge
from guild_plugins.merge.kinds import kind_of
from guild_plugins.merge.languages import is_installed, merge_code
from guild_plugins.merge.result import Clean

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, ("javascript", "typescript", "tsx", "go", "rust", "java"))),
    reason="the extra 'languages' is not installed",
)

JS = """\
import { a } from "./a";

// the first
function first(x) {
  return a(x);
}

const second = () => 2;
"""
TS = """\
export interface Shape {
  area(): number;
}

export class Square implements Shape {
  constructor(private side: number) {}

  area(): number {
    return this.side ** 2;
  }
}
"""
GO = """\
package shapes

import "fmt"

type Square struct {
	Side int
}

func (s Square) Area() int {
	return s.Side * s.Side
}

func Show(s Square) {
	fmt.Println(s.Area())
}
"""
RUST = """\
use std::fmt;

/// A square.
#[derive(Debug)]
pub struct Square {
    side: u32,
}

impl Square {
    pub fn area(&self) -> u32 {
        self.side * self.side
    }
}
"""
JAVA = """\
package shapes;

import java.util.List;

public class Square {
    private final int side;

    public Square(int side) {
        this.side = side;
    }

    public int area() {
        return side * side;
    }
}
"""

ADDED = {
    "a.js": (JS, "\nfunction {n}() {{\n  return {v};\n}}\n"),
    "a.ts": (TS, "\nexport function {n}(): number {{\n  return {v};\n}}\n"),
    "a.tsx": (TS, "\nexport const {n} = () => <b>{v}</b>;\n"),
    "a.go": (GO, "\nfunc {n}() int {{\n\treturn {v}\n}}\n"),
    "a.rs": (RUST, "\npub fn {n}() -> u32 {{\n    {v}\n}}\n"),
    "a.java": (JAVA, "\nclass {n} {{\n    int v = {v};\n}}\n"),
}


@pytest.mark.parametrize("path", ADDED)
def test_definitions_that_both_sides_added_are_both_there(path: str) -> None:
    base, form = ADDED[path]
    ours, theirs = (base + form.format(n=n, v=v) for n, v in (("one", 1), ("two", 2)))

    result = merge(path, base.encode(), ours.encode(), theirs.encode())

    assert isinstance(result, Clean)
    assert result.text.decode() == ours + form.format(n="two", v=2)


MEMBERS = {
    "a.ts": (TS, "  }\n}\n", "  }}\n\n  {n}(): number {{\n    return 1;\n  }}\n}}\n"),
    "a.rs": (RUST, "    }\n}\n", "    }}\n\n    fn {n}(&self) {{}}\n}}\n"),
    "a.java": (JAVA, "    }\n}\n", "    }}\n\n    int {n}() {{\n        return 1;\n    }}\n}}\n"),
}


@pytest.mark.parametrize("path", MEMBERS)
def test_members_that_both_sides_added_to_a_class_are_both_there(path: str) -> None:
    base, end, form = MEMBERS[path]
    ours, theirs = (form.format(n=n).join(base.rsplit(end, 1)) for n in ("one", "two"))

    result = merge(path, base.encode(), ours.encode(), theirs.encode())

    text = result.text if isinstance(result, Clean) else result.proposal
    assert text is not None
    assert text.startswith(ours.removesuffix("}\n").encode())
    assert b"two(" in text


@pytest.mark.parametrize(
    ("path", "text", "old", "new"),
    [
        ("a.js", JS, "a(x)", "a(x + {n})"),
        ("a.go", GO, "s.Side * s.Side", "s.Side * {n}"),
        ("a.java", JAVA, "side * side;", "side * {n};"),
    ],
)
def test_one_definition_that_both_sides_changed_alike_stays_open(
    path: str, text: str, old: str, new: str
) -> None:
    one, two = (text.replace(old, new.format(n=n)) for n in (1, 2))

    result = merge(path, text.encode(), one.encode(), two.encode(), without=_ALL_WORD_RULES)

    assert not result.is_clean


_ALL_WORD_RULES = frozenset(
    ("tokens", "tokens-shared", "tokens-apart", "tokens-apart-grown", "tokens-grown", "superseded")
)


def test_a_definition_that_moved_and_one_that_changed_are_both_so() -> None:
    first, rest = JS.split("\n\n// the first")[0], "\n\n// the first" + JS.split("// the first")[1]
    function, constant = rest.rsplit("\n\n", 1)
    ours = f"{first}\n\n{constant.strip()}{function.rstrip()}\n"
    theirs = JS.replace("return a(x)", "return a(x, 3)")

    found = merge_code("javascript", JS.encode(), ours.encode(), theirs.encode())

    assert found is not None
    assert found[0].decode() == ours.replace("return a(x)", "return a(x, 3)")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("function same() { return 1; }\n", "function same() { return 2; }\n"),
        ('import { b } from "./a";\n', 'import { c } from "./a";\n'),
    ],
)
def test_two_definitions_of_one_name_are_never_joined(ours: str, theirs: str) -> None:
    found = merge_code("javascript", JS.encode(), (JS + ours).encode(), (JS + theirs).encode())

    assert found is None


def test_a_change_against_a_removal_is_left() -> None:
    removed = JS.replace("// the first\nfunction first(x) {\n  return a(x);\n}\n", "")

    found = merge_code(
        "javascript", JS.encode(), removed.encode(), JS.replace("a(x)", "a(9)").encode()
    )

    assert found is None


def test_what_does_not_parse_is_left() -> None:
    broken = JS.replace("function first(x) {", "function first(x {")

    assert merge_code("javascript", JS.encode(), broken.encode(), (JS + "f();\n").encode()) is None


def test_methods_of_one_name_with_other_parameters_are_two() -> None:
    added = "    }\n\n    public int area(int x) {\n        return x;\n    }\n}\n"
    other = "    }\n\n    public int area(long y) {\n        return 1;\n    }\n}\n"
    ours, theirs = (form.join(JAVA.rsplit("    }\n}\n", 1)) for form in (added, other))

    found = merge_code("java", JAVA.encode(), ours.encode(), theirs.encode())

    assert found is not None
    assert b"area(int x)" in found[0]
    assert b"area(long y)" in found[0]


def test_what_a_file_begins_with_belongs_to_no_definition() -> None:
    head = b"//! What this is.\n\n#![warn(missing_docs)]\n\n"
    base = head + RUST.encode()
    ours = head.replace(b"What", b"Of what") + b"mod more;\n" + RUST.encode()
    theirs = base.replace(b"self.side * self.side", b"self.side.pow(2)")

    found = merge_code("rust", base, ours, theirs)

    assert found is not None
    assert found[0] == ours.replace(b"self.side * self.side", b"self.side.pow(2)")


@pytest.mark.parametrize("path", ADDED)
def test_pieces_are_the_whole_text(path: str) -> None:
    text = (ADDED[path][0] + "\n// a comment of its own\n\n// of this\n").encode()
    added = text + ADDED[path][1].format(n="one", v=1).encode()

    found = merge_code(kind_of(path), text, added, text)

    assert found is not None
    assert found[0] == added
