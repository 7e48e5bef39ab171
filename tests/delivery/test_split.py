from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guild_plugins.delivery.split import SplitImpossible, divide
from guild_plugins.git.index import Change

ENTRY = ("100644", "1" * 40)


def added(path: str) -> Change:
    return Change(path, None, ENTRY)


def removed(path: str) -> Change:
    return Change(path, ENTRY, None)


def edited(path: str) -> Change:
    return Change(path, ENTRY, ("100755", "2" * 40))


def top(path: str) -> str:
    """Let the first folder be the scope."""
    return path.split("/")[0] if "/" in path else "root"


def test_what_others_depend_on_comes_first_and_the_root_before_all() -> None:
    changes = [edited("web/x"), edited("core/x"), edited("setup.py"), edited("web/y")]

    parts = divide(changes, top, {"web": ["mid"], "mid": ["core"]})

    assert [part.scope for part in parts] == ["root", "core", "web"]
    assert [change.path for change in parts[2].changes] == ["web/x", "web/y"]


def test_circles_in_what_depends_on_what_do_no_harm() -> None:
    parts = divide([edited("a/x"), edited("b/x")], top, {"a": ["b"], "b": ["a"]})

    assert [part.scope for part in parts] == ["a", "b"]


def owner_by_end(path: str) -> str:
    return path[-1]


def test_a_file_is_gone_before_a_folder_takes_its_place() -> None:
    parts = divide([added("p/b/a"), removed("p/b")], owner_by_end, {"b": ["a"]})

    assert [part.scope for part in parts] == ["b", "a"]


def test_a_folder_is_gone_before_a_file_takes_its_place() -> None:
    parts = divide([added("p/a"), removed("p/a/b")], owner_by_end, {"b": ["a"]})

    assert [part.scope for part in parts] == ["b", "a"]


def test_scopes_that_swap_files_and_folders_cannot_be_parted() -> None:
    changes = [added("x/b/a"), removed("x/b"), added("y/a/b"), removed("y/a")]

    with pytest.raises(SplitImpossible):
        divide(changes, owner_by_end, {})


@settings(deadline=None)
@given(
    st.dictionaries(st.text("abc/", min_size=1, max_size=6), st.just(0), max_size=20),
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("abc")), max_size=3),
)
def test_every_change_is_in_one_part(paths: dict[str, int], needs: dict[str, list[str]]) -> None:
    changes = [edited(path) for path in paths]

    parts = divide(changes, owner_by_end, needs)

    assert sorted(c.path for part in parts for c in part.changes) == sorted(paths)
    assert all(owner_by_end(c.path) == part.scope for part in parts for c in part.changes)
