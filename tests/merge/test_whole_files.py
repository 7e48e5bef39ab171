"""Files that one side removed and the other changed: what the rules make of them."""

from __future__ import annotations

import pytest

from guild_plugins.merge.whole_files import (
    FILE_RULES,
    REMOVED,
    REMOVED_CARRIED,
    REMOVED_LESS,
    REMOVED_MOVED,
    REMOVED_SAME,
    Other,
    Removal,
    settle_removal,
)

BASE = (
    b"import os\n\n\ndef first(one, two):\n    return os.path.join(one, two)\n"
    b"\n\ndef last():\n    return 2\n"
)


def removal(changed: bytes, path: str = "a.py", base: bytes = BASE) -> Removal:
    return Removal(path, base, changed, "ours")


@pytest.mark.parametrize(
    ("path", "base", "changed"),
    [
        ("a.py", BASE, BASE.replace(b"one, two)", b"\n        one,\n        two,\n    )")),
        ("a.md", b"one two\nthree\n", b"one\ntwo three\n"),
        ("a.sh", b"if x\n  y\n", b"if x  \n\n  y\n"),
    ],
)
def test_a_layout_alone_keeps_no_file(path: str, base: bytes, changed: bytes) -> None:
    found = settle_removal(removal(changed, path, base), {})

    assert found is not None
    assert (found.rule, found.changes) == (REMOVED_SAME, {path: None})


def test_an_indentation_that_means_something_is_a_change() -> None:
    base = b"for x in y:\n    one(x)\n    two(x)\n"

    found = settle_removal(removal(base.replace(b"    two", b"two"), base=base), {})

    assert found is not None
    assert found.rule is REMOVED


def test_who_took_lines_out_wants_no_more_of_the_file_than_who_removed_it() -> None:
    found = settle_removal(removal(BASE[: BASE.index(b"\n\ndef last")]), {})

    assert found is not None
    assert found.rule is REMOVED_LESS


def test_a_change_that_the_remover_has_elsewhere_is_not_lost() -> None:
    added = b"def more():\n    return 'more of it'\n"
    others = {"b.py": Other(b"", b"import re\n\n\n" + added)}

    found = settle_removal(removal(BASE + b"\n\n" + added), others)

    assert found is not None
    assert (found.rule, found.changes) == (REMOVED_CARRIED, {"a.py": None})


def test_a_line_that_was_elsewhere_before_carries_no_change() -> None:
    before = b"def other():\n    return 'more of it'\n"

    found = settle_removal(
        removal(BASE + b"    return 'more of it'\n"), {"b.py": Other(before, before + b"\n# x\n")}
    )

    assert found is not None
    assert found.rule is REMOVED


def test_a_change_follows_the_lines_to_the_file_that_took_them_over() -> None:
    there = b"import re\n\n\ndef other(x):\n    return re.escape(x)\n\n\n" + BASE
    others = {"b.py": Other(b"import re\n", there), "c.py": Other(b"", b"nothing = 1\n")}

    found = settle_removal(removal(BASE.replace(b"return 2", b"return 20")), others)

    assert found is not None
    assert found.rule is REMOVED_MOVED
    assert found.changes == {"a.py": None, "b.py": there.replace(b"return 2", b"return 20")}


def test_a_change_that_is_nowhere_else_is_never_lost_unseen() -> None:
    found = settle_removal(removal(BASE.replace(b"return 2", b"return 20")), {})

    assert found is not None
    assert found.rule is REMOVED
    assert not found.rule.is_accepted


def test_binary_files_are_not_compared() -> None:
    assert settle_removal(removal(b"\0changed"), {}) is None


def test_each_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in FILE_RULES}) == len(FILE_RULES)
