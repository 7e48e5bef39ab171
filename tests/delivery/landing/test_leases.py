"""Leases where branches are landed: nobody lands past a lease that is somebody else's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from guild_plugins.coordination.lease_errors import LeaseGone
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.who import asking_for_desk, at_desk
from guild_plugins.delivery.commit import Wish, commit_scopes
from guild_plugins.delivery.landing import joining
from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.delivery.landing.verifying import verify
from guild_plugins.delivery.message import Messages
from guild_plugins.delivery.starting import Order, start
from guild_plugins.stages.events import LandingStarted
from guild_plugins.stages.leases import Claim
from tests.delivery.landing.repos import Tests, Trunk
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n"}


def lease(trunk: Trunk, name: str, path: str = "core", ttl: float = 600.0) -> tuple[str, int]:
    """Take a lease for a name, as ``guild lock PATH --as NAME`` does."""
    leases = Leases(trunk.journal)
    held = leases.take(asking_for_desk(name), [Claim("write", (path,))], ttl=ttl)
    kept = leases.hand_over(held, at_desk(name, None), ttl)
    return kept.id, kept.generation


def expire(trunk: Trunk) -> None:
    time.sleep(0.06)
    Leases(trunk.journal).tend()


def test_somebody_elses_lease_on_what_would_change_keeps_a_branch_back(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", {"doc/new": "1\n"})
    name, _ = lease(trunk, "somebody")

    report = trunk.land()

    assert [one.kind for one in report.outcomes] == ["lease", "landed"]
    assert report.outcomes[0].details == (f"somebody has a lease ({name})",)


def test_who_works_in_the_branchs_own_place_is_waited_for(trunk: Trunk) -> None:
    list(start(trunk.repository, Order("t", ("core",))))
    place = trunk.top.with_name("repo.guild") / "t" / "core"
    trunk.write({})
    (place / "core/n.py").write_text("N = 1\n")
    own = Trunk(place)
    own.commit("n")
    lease(trunk, "t/core", "doc")

    outcome = trunk.outcome("t/core")

    assert outcome.kind == "lease"
    assert "is at work there" in outcome.details[0]


def test_a_lease_in_another_work_place_is_on_that_ones_files(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    list(start(trunk.repository, Order("other", ("core",))))
    lease(trunk, "other/core")

    assert trunk.outcome("t/core").kind == "landed"


def test_the_generation_that_a_branch_was_written_under_is_told(trunk: Trunk) -> None:
    name, generation = lease(trunk, "me")
    trunk.branch("t/core", CORE_2, f"Two\n\nLease: {name}:{generation}")
    Leases(trunk.journal).give_back(name)

    assert trunk.outcome("t/core").kind == "landed"
    (found,) = landings_in(trunk.top, ["main"])
    assert found.generation == generation
    (line,) = trunk.journal.lines(types=["LandingStarted"])
    assert isinstance(line.event, LandingStarted)
    assert line.event.generations == (generation,)


def test_a_generation_that_was_overtaken_does_not_land(trunk: Trunk) -> None:
    name, generation = lease(trunk, "slow", ttl=0.05)
    trunk.branch("t/core", CORE_2, f"Two\n\nLease: {name}:{generation}")
    expire(trunk)
    other, _ = lease(trunk, "quick")
    Leases(trunk.journal).give_back(other)
    at, test = trunk.at("main"), Tests()

    outcome = trunk.outcome("t/core", test=test)

    assert outcome.kind == "lease"
    assert "generation 1, which quick has had since (generation 2)" in outcome.details[0]
    assert (trunk.at("main"), test.asked) == (at, [])


def test_a_lease_of_ones_own_takes_over_what_another_left(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, generation = lease(trunk, "slow", ttl=0.05)
    trunk.branch("t/core", CORE_2, f"Two\n\nLease: {name}:{generation}")
    expire(trunk)
    mine, newer = lease(trunk, "quick")
    monkeypatch.setenv("GUILD_LEASES", f"{mine}:{newer}")
    monkeypatch.setenv("GUILD_HOLDER", "quick")

    assert trunk.outcome("t/core").kind == "landed"
    (found,) = landings_in(trunk.top, ["main"])
    assert found.generation == newer


def test_who_lands_under_a_lease_that_is_over_lands_nothing(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, generation = lease(trunk, "slow", ttl=0.05)
    trunk.branch("t/core", CORE_2)
    expire(trunk)
    monkeypatch.setenv("GUILD_LEASES", f"{name}:{generation}")
    at = trunk.at("main")

    with pytest.raises(LeaseGone):
        trunk.land()

    assert trunk.at("main") == at


def test_a_generation_that_never_was_does_not_land(trunk: Trunk) -> None:
    name, generation = lease(trunk, "me")
    Leases(trunk.journal).give_back(name)
    trunk.branch("t/core", CORE_2, f"Two\n\nLease: {name}:{generation + 7}")

    assert trunk.outcome("t/core").kind == "lease"


def test_commits_under_a_lease_name_it(trunk: Trunk, monkeypatch: pytest.MonkeyPatch) -> None:
    name, generation = lease(trunk, "me")
    monkeypatch.setenv("GUILD_LEASES", f"{name}:{generation}")
    monkeypatch.setenv("GUILD_HOLDER", "me")
    Path("core/a.py").write_text("x = 1\n")

    commit_scopes(trunk.repository, Wish(Messages("x"), everything=True))

    assert f"Lease: {name}:{generation}" in git(trunk.top, "log", "-1", "--format=%B").decode()


def test_a_landing_past_a_lost_lease_is_found_afterwards(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the check before the move had not been there."""
    name, generation = lease(trunk, "slow", ttl=0.05)
    trunk.branch("t/core", CORE_2, f"Two\n\nLease: {name}:{generation}")
    expire(trunk)
    other, _ = lease(trunk, "quick")
    Leases(trunk.journal).give_back(other)
    monkeypatch.setattr(joining, "lease_objections", lambda *_, **__: ())

    trunk.land()

    (found,) = verify(trunk.repository, "main", trunk.journal)
    assert found.problems == ("its lease, generation 1, was quick's by then",)
