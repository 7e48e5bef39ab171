"""Barriers in conflict are made anew, where somebody knows how and nothing else conflicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.delivery.landing.barriers import Wanted
from guild_plugins.delivery.landing.verifying import verify
from tests.delivery.landing.repos import CONFIG, Trunk
from tests.git.user import git

LOCK = "a = 1\n"
ROOT = "t/root"


@pytest.fixture
def locked(trunk: Trunk) -> Trunk:
    """A lock file that trunk and a branch have changed, and a change of the branch's beside it."""
    trunk.write(
        {"guild.toml": f'barriers = ["uv.lock"]\n{CONFIG}', "uv.lock": LOCK, "wants": "x\n"}
    )
    trunk.commit("lock")
    trunk.branch(ROOT, {"uv.lock": "a = 3\n", "wants": "a = 3\n"})
    trunk.write({"uv.lock": "a = 2\n"})
    trunk.commit("two")
    return trunk


def test_a_lock_file_is_made_anew_in_the_merged_tree(locked: Trunk) -> None:
    seen: list[Wanted] = []

    def resolve(wanted: Wanted) -> bytes:
        seen.append(wanted)
        there = Path(wanted.directory)
        assert (there / "wants").read_text() == "a = 3\n"
        assert (there / "uv.lock").read_text() == "a = 2\n", "trunk's, to begin with"
        return b"a = anew\n"

    report = locked.land(resolve=resolve)

    assert [one.kind for one in report.outcomes] == ["landed"]
    assert locked.text("uv.lock") == "a = anew\n"
    assert seen[0].base == LOCK.encode()
    assert seen[0].versions == {"trunk": b"a = 2\n", "root": b"a = 3\n"}
    (found,) = verify(locked.repository, "main")
    assert (found.problems, found.unchecked) == ((), ("uv.lock was made anew",))
    assert locked.clean()


def test_what_nobody_makes_anew_stays_in_conflict_with_the_reason(locked: Trunk) -> None:
    at = locked.at("main")

    (outcome,) = locked.land(resolve=lambda _: "uv is not installed").outcomes

    assert (outcome.kind, locked.at("main")) == ("conflict", at)
    assert "uv is not installed" in outcome.places[0].reason


def test_a_conflict_elsewhere_leaves_barriers_alone(locked: Trunk) -> None:
    locked.write({"wants": "quite another wish\n"})
    locked.commit("wants")

    (outcome,) = locked.land(resolve=lambda _: b"").outcomes

    assert outcome.kind == "conflict"
    assert {place.path for place in outcome.places} == {"uv.lock", "wants"}


def test_a_message_cannot_excuse_a_path(trunk: Trunk) -> None:
    trunk.branch("t/core", {"core/n.py": "N = 1\n"}, 'n\n\nRebuilt: "core/a.py"')
    trunk.land()
    assert b"Rebuilt" not in git(trunk.top, "log", "-1", "--format=%B", "main")
