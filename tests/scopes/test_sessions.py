from __future__ import annotations

from guild_plugins.scopes.sessions import sessions_apart

TWINS = {"a": ["a/tests/test_x.py"], "b": ["b/tests/test_x.py"]}


def test_without_a_root_configuration_each_member_runs_apart() -> None:
    apart = sessions_apart(TWINS, root_configured=False)

    assert set(apart) == {"a", "b"}


def test_test_modules_of_the_same_name_run_apart() -> None:
    apart = sessions_apart(TWINS, root_configured=True)

    assert set(apart) == {"a", "b"}
    assert "test_x" in apart["a"]


def test_test_packages_of_the_same_name_run_apart() -> None:
    members = {"a": ["a/tests/test_x.py"], "b": ["b/tests/test_y.py"]}

    apart = sessions_apart(members, root_configured=True, packages={"a/tests", "b/tests"})

    assert set(apart) == {"a", "b"}


def test_the_root_s_own_tests_may_clash_with_a_member() -> None:
    apart = sessions_apart({"a": TWINS["a"]}, root_configured=True, others=["tests/test_x.py"])

    assert set(apart) == {"a"}


def test_importlib_mode_has_no_clashes() -> None:
    apart = sessions_apart(TWINS, root_configured=True, importlib_mode=True)

    assert apart == {}


def test_members_without_a_clash_share_the_session() -> None:
    members = {"a": ["a/tests/test_x.py"], "b": ["b/tests/test_y.py"]}

    apart = sessions_apart(members, root_configured=True)

    assert apart == {}
