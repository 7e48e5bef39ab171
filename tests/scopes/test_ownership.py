from __future__ import annotations

import pickle

import pytest

from guild_plugins.scopes.model import Scope
from guild_plugins.scopes.ownership import Owners, OwnershipUnclear

AUTH = Scope("auth", ("src/auth/**",), ("tests/auth",))
CORE = Scope("core", ("src/**",), ("tests",))


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("src/auth/login.py", "auth"),
        ("src/a.py", "core"),
        ("tests/auth/test_login.py", "auth"),
        ("tests/test_a.py", "core"),
        ("README.md", "root"),
        ("src2/a.py", "root"),
    ],
)
def test_the_longest_match_owns_a_path(path: str, owner: str) -> None:
    owners = Owners([AUTH, CORE])

    found = owners.owner_of(path)

    assert found == owner


def test_tests_win_over_paths_that_are_as_long() -> None:
    owners = Owners([Scope("a", ("x/y",)), Scope("b", ("z",), ("x/y",))])

    owner = owners.owner_of("x/y/test_it.py")

    assert owner == "b"


def test_claims_that_cannot_be_ordered_are_an_error_that_shows_both() -> None:
    owners = Owners([Scope("a", ("src/*_a.py",)), Scope("b", ("src/a_*.py",))])

    with pytest.raises(OwnershipUnclear) as caught:
        owners.owner_of("src/a_x_a.py")

    assert "scope a (paths = 'src/*_a.py')" in str(caught.value)
    assert "scope b (paths = 'src/a_*.py')" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_pattern_that_takes_back_leaves_the_path_to_another_scope() -> None:
    auth = Scope("auth", ("src/auth/**", "!src/auth/generated/**"))
    owners = Owners([auth, CORE])

    found = [owners.owner_of(p) for p in ("src/auth/a.py", "src/auth/generated/a.py")]

    assert found == ["auth", "core"]


def test_a_plain_prefix_is_more_specific_than_a_wildcard_before_it() -> None:
    owners = Owners([Scope("sql", ("**/*.sql",)), AUTH])

    found = [owners.owner_of(p) for p in ("src/auth/a.sql", "src/b.sql")]

    assert found == ["auth", "sql"]
