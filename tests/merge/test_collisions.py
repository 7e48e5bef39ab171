"""What one side took away and the other began to use: judged without a repository."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_plugins.merge.collisions import find_collisions
from guild_plugins.merge.engine import merge
from guild_plugins.merge.glance import Glance
from guild_plugins.merge.lost import Versions

MODULE = b"""\
import os

LIMIT = 3


def old(one, two=None):
    return os.path.join(one, two)


class Thing:
    def measure(self):
        return 1

    def other(self):
        return 2
"""


class FakeTree:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def paths(self) -> Collection[str]:
        return self.files

    def read(self, path: str) -> bytes:
        return self.files.get(path, b"")

    def defining(self, names: Collection[str]) -> Collection[str]:
        text = b"\n".join(self.files.values()).decode()
        return [name for name in names if f"def {name}" in text]


def collide(
    ours: dict[str, bytes | None], theirs: dict[str, bytes], more: dict[str, bytes] | None = None
) -> list[tuple[str, str, str]]:
    """Return what collides where ours changes ``lib/m.py`` and theirs adds users of it."""
    base = {"lib/__init__.py": b"", "lib/m.py": MODULE, "app.py": b"", **(more or {})}
    merged = {**base, **ours, **theirs}
    for path in ours.keys() & theirs.keys():
        merged[path] = merge(path, *(each[path] or b"" for each in (base, ours, theirs))).text
    changed = {
        path: Versions(
            base.get(path, b""),
            (ours[path] if path in ours else base.get(path)) or b"",
            theirs.get(path, base.get(path, b"")),
            merged.get(path) or b"",
        )
        for path in {*ours, *theirs}
    }
    tree = FakeTree({path: text for path, text in merged.items() if text is not None})
    return [(c.user, c.module, c.name) for c in find_collisions(changed, tree)]


@pytest.mark.parametrize(
    ("change", "use", "name"),
    [
        ((b"def old", b"def new"), b"from lib.m import old\n", "old"),
        ((b"def old", b"def new"), b"from lib.m import (\n    Thing,\n    old,\n)\n", "old"),
        ((b"LIMIT =", b"MOST ="), b"import lib.m\n\nprint(lib.m.LIMIT)\n", "LIMIT"),
        ((b"class Thing", b"class Size"), b"from lib import m\n\nm.Thing()\n", "Thing"),
        ((b"one, two=None", b"one, two, three"), b"from lib.m import old\n\nold(1)\n", "old"),
        ((b"one, two=None", b"one"), b"from lib import m\n\nm.old(1, two=2)\n", "old"),
        (
            (b"def measure", b"def size"),
            b"from lib.m import Thing\n\nprint(Thing().measure())\n",
            "measure",
        ),
    ],
)
def test_what_went_and_is_used_anew_collides(
    change: tuple[bytes, bytes], use: bytes, name: str
) -> None:
    found = collide({"lib/m.py": MODULE.replace(*change)}, {"app.py": use})

    assert found == [("app.py", "lib/m.py", name)]


@pytest.mark.parametrize(
    ("change", "use"),
    [
        ((b"def old", b"def new"), b"from lib.m import Thing\n"),
        ((b"def old", b"def new"), b"from other.m import old\n\nold()\n"),
        ((b"def old", b"def new"), b"try:\n    from lib.m import old\nexcept Exception: pass\n"),
        ((b"one, two=None", b"one, two=3"), b"from lib.m import old\n\nold(1)\n"),
        ((b"one, two=None", b"one, two, three"), b"from lib.m import old\n\nold(*range(3))\n"),
        ((b"one, two=None", b"one"), b"from lib.m import old\n\nold()\n"),
        ((b"def measure", b"def size"), b"def f(x):\n    return x.measure()\n"),
        ((b"def measure", b"def size"), b"class Thing:\n    def measure(self): self.measure()\n"),
    ],
)
def test_other_uses_do_not(change: tuple[bytes, bytes], use: bytes) -> None:
    assert collide({"lib/m.py": MODULE.replace(*change)}, {"app.py": use}) == []


@pytest.mark.parametrize(
    "use", [b"import lib.m\n", b"from lib import m\n", b"from lib.m import old\n"]
)
def test_a_module_that_is_not_there_any_more_is_told(use: bytes) -> None:
    moved: dict[str, bytes | None] = {"lib/m.py": None, "lib/n.py": MODULE}

    assert {module for _, module, _ in collide(moved, {"app.py": use})} == {"lib/m.py"}


def test_a_module_that_became_a_package_is_there() -> None:
    moved: dict[str, bytes | None] = {"lib/m.py": None, "lib/m/__init__.py": MODULE}

    assert collide(moved, {"app.py": b"from lib.m import old\nimport lib.m\n"}) == []


def test_a_method_that_went_from_several_classes_is_told_of_the_one_that_is_named() -> None:
    renamed: dict[str, bytes | None] = {
        path: MODULE.replace(b"def measure", b"def size") for path in ("lib/m.py", "lib/z.py")
    }
    use = b"from lib.m import Thing\n\nThing().measure()\n"

    found = collide(renamed, {"app.py": use}, more={"lib/z.py": MODULE.replace(b"Thing", b"Zed")})

    assert ("app.py", "lib/m.py", "measure") in found


def test_a_method_that_went_and_is_called_anew_in_its_own_module_is_told() -> None:
    called = MODULE.replace(b"return 2", b"return self.measure()")

    found = collide({"lib/m.py": MODULE.replace(b"measure", b"size")}, {"lib/m.py": called})

    assert found == [("lib/m.py", "lib/m.py", "measure")]


def test_a_name_that_another_module_passes_on_by_a_star_is_told() -> None:
    found = collide(
        {"lib/m.py": MODULE.replace(b"def old", b"def new")},
        {"app.py": b"from lib.api import old\n"},
        more={"lib/api.py": b"from lib.m import *\n"},
    )

    assert found == [("app.py", "lib/m.py", "old")]


def test_a_glance_finds_each_word_that_may_matter() -> None:
    after = MODULE.replace(b"two=None):", b"two):").replace(b"LIMIT", b"MOST")

    assert Glance(MODULE, after).lost_words() == {b"old", b"LIMIT"}
    assert Glance(b"x = 1\n", b"x = 1\nfrom a import b\nc.d(e)\n").new_words() == {
        b"a",
        b"b",
        b"d",
    }


def test_a_parameter_on_a_line_of_its_own_is_seen() -> None:
    before = b"def f(\n    one,\n    two,\n):\n    pass\n"

    assert Glance(before, before.replace(b"    two,\n", b"")).lost_words() >= {b"f"}


LINES = st.lists(st.sampled_from([b"import a", b"x = 1", b"def f():", b"  f(x)", b""]), max_size=6)


@given(LINES, LINES)
def test_no_word_is_lost_with_what_two_versions_begin_and_end_with(
    before: list[bytes], after: list[bytes]
) -> None:
    glance = Glance(b"\n".join(before), b"\n".join(after))

    gone = b"\n".join(line for line in before if line not in after)
    come = b"\n".join(line for line in after if line not in before)
    assert glance.lost_words() >= {w for w in (b"a", b"x", b"f") if _binds(w, gone)}
    assert glance.new_words() >= {w for w in (b"a", b"f") if _uses(w, come)}


def _binds(word: bytes, text: bytes) -> bool:
    starts = {b"a": b"import a", b"x": b"x = 1", b"f": b"def f():"}
    return starts[word] in text.split(b"\n")


def _uses(word: bytes, text: bytes) -> bool:
    return {b"a": b"import a", b"f": b"  f(x)"}[word] in text.split(b"\n")


@pytest.mark.parametrize(
    ("other", "is_told"),
    [
        (b"def f(m):\n    return m.x\n", True),
        (b"class C:\n    m = 1\n", True),
        (b"def f():\n    m = 1\n    return lambda: m\n", True),
        (b"m = None\n", False),
        (b"def f():\n    global m\n    m = 1\n", False),
    ],
)
def test_what_a_name_is_elsewhere_in_a_file_hides_no_import(other: bytes, is_told: bool) -> None:
    use = b"from lib import m\n\n\ndef g():\n    return m.old(1)\n"

    found = collide(
        {"lib/m.py": MODULE.replace(b"def old", b"def new")},
        {"app.py": other + use},
        more={"app.py": other},
    )

    assert found == ([("app.py", "lib/m.py", "old")] if is_told else [])


@pytest.mark.parametrize("body", [b"(m):\n    return m.old(1)", b"():\n    m = 1\n    m.old(1)"])
def test_a_name_that_is_another_thing_where_it_is_used_is_no_collision(body: bytes) -> None:
    found = collide(
        {"lib/m.py": MODULE.replace(b"def old", b"def new")},
        {"app.py": b"from lib import m\n\n\ndef g" + body + b"\n"},
        more={"app.py": b"from lib import m\n"},
    )

    assert found == []
