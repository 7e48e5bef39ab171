"""Branches that are tested at once: what that changes, and what it must not change."""

from __future__ import annotations

import threading

import pytest

from guild_plugins.delivery.landing.outcomes import Trial
from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.delivery.landing.verifying import verify
from tests.delivery.landing.repos import FILES, Tests, Trunk, kinds
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n"}
WEB_H = {"web/b.py": FILES["web/b.py"] + "\n\ndef h():\n    return 1\n"}
DOC = {"doc/text": "new\n"}


class Meeting(Tests):
    """Tests that wait for each other: alone, none would end."""

    def __init__(self, size: int, failing: tuple[str, ...] = ()) -> None:
        super().__init__(failing)
        self.barrier = threading.Barrier(size)

    def __call__(self, commit: str, base: str, name: str) -> Trial:
        self.barrier.wait(30)
        return super().__call__(commit, base, name)


def parents(trunk: Trunk, commit: str) -> str:
    return trunk.at(f"{commit}^")


def test_disjoint_branches_are_tested_on_trunk_at_once_and_land_together(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    at, test = trunk.at("main"), Meeting(2)

    report = trunk.land(test=test, workers=2, composes=True)

    assert kinds(report) == {"t/core": "landed", "t/doc": "landed"}
    assert {(name, base) for name, _, base in test.asked} == {("t/core", at), ("t/doc", at)}
    assert len(git(trunk.top, "reflog", "main").splitlines()) == 2
    assert [one.problems for one in verify(trunk.repository, "main")] == [(), ()]
    assert trunk.clean()
    assert not git(trunk.top, "for-each-ref", "refs/guild")


def test_a_commands_verdict_is_on_the_very_tree_that_lands(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    test = Meeting(2)

    report = trunk.land(test=test, workers=2)

    assert kinds(report) == {"t/core": "landed", "t/doc": "landed"}
    assert len(test.asked) == 2
    trees = {trunk.at(f"{commit}^{{tree}}") for _, commit, _ in test.asked}
    assert trees == {trunk.at(f"main~{number}^{{tree}}") for number in range(2)}


def test_what_another_can_break_is_tested_on_top_of_it_at_once(trunk: Trunk) -> None:
    core = trunk.branch("t/core", CORE_2)
    trunk.branch("t/web", WEB_H)
    test = Meeting(2)

    report = trunk.land(test=test, workers=2, composes=True)

    assert kinds(report) == {"t/core": "landed", "t/web": "landed"}
    commits = {name: (commit, base) for name, commit, base in test.asked}
    assert parents(trunk, commits["t/web"][0]) == commits["t/web"][1]
    assert f"Landed-Tip: {core}".encode() in git(
        trunk.top, "log", "-1", "--format=%B", commits["t/web"][1]
    )
    assert [trial.kept for one in report.outcomes for trial in one.trials] == [
        False,
        True,
        False,
        True,
    ]


def test_what_fails_is_left_and_what_was_tested_on_it_is_tested_again(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/web", WEB_H)
    trunk.branch("t/doc", DOC)
    test = Tests(failing=("t/core",))

    report = trunk.land(test=test, workers=3, composes=True)

    assert kinds(report) == {"t/core": "tests", "t/web": "landed", "t/doc": "landed"}
    assert trunk.text("core/a.py") == FILES["core/a.py"]
    at = trunk.at("main~2")
    assert ("t/web", at) in {(name, base) for name, _, base in test.asked}
    assert test.names.count("t/doc") == 1


def test_a_verdict_is_kept_where_the_graph_shows_that_nothing_it_needs_differs(
    trunk: Trunk,
) -> None:
    trunk.branch("t/core", CORE_2)
    moves = iter([DOC])

    def move(_: str) -> None:
        files = next(moves, None)
        if files is not None:
            trunk.write(dict(files))
            trunk.commit("by hand")

    test = Tests(meanwhile=move)
    report = trunk.land(test=test, composes=True)

    assert (kinds(report), report.rounds) == ({"t/core": "landed"}, 2)
    assert len(test.asked) == 1
    assert [trial.note for trial in report.outcomes[0].trials] == [
        "as told",
        "all that it can affect is as it was when it passed",
    ]


def test_a_verdict_is_not_kept_where_what_it_needs_differs(trunk: Trunk) -> None:
    trunk.branch("t/web", WEB_H)
    moves = iter([CORE_2])

    def move(_: str) -> None:
        files = next(moves, None)
        if files is not None:
            trunk.write(dict(files))
            trunk.commit("by hand")

    test = Tests(meanwhile=move)
    trunk.land(test=test, composes=True)

    assert len(test.asked) == 2


def test_a_branch_that_conflicts_with_one_before_it_is_told_so(trunk: Trunk) -> None:
    trunk.branch("a/core", CORE_2)
    trunk.branch("b/core", {"core/a.py": "def f():\n    return 3\n"})

    report = trunk.land(workers=2, composes=True)

    assert kinds(report) == {"a/core": "landed", "b/core": "conflict"}
    assert report.outcomes[1].places


def test_a_bug_in_a_test_ends_the_others_and_moves_nothing(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    at = trunk.at("main")

    def bug(name: str) -> None:
        raise ZeroDivisionError(name)

    try:
        trunk.land(test=Tests(meanwhile=bug), workers=2, composes=True)
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("it was swallowed")

    assert trunk.at("main") == at
    assert not list(landings_in(trunk.top, ["main"]))


# -- batches -------------------------------------------------------------------


def test_what_cannot_break_each_other_is_tested_as_one_and_lands_as_commits_of_its_own(
    trunk: Trunk,
) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    at, test = trunk.at("main"), Tests()

    report = trunk.land(test=test, composes=True, batch=2)

    assert kinds(report) == {"t/core": "landed", "t/doc": "landed"}
    ((_, commit, base),) = test.asked
    assert (trunk.at(f"{commit}^{{tree}}"), base) == (trunk.at("main^{tree}"), at)
    assert trunk.at("main~2") == at
    assert [one.problems for one in verify(trunk.repository, "main")] == [(), ()]


def test_of_a_batch_only_those_are_left_whose_tests_failed(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    test = Tests(failing=("t/core",), failed=("doc",))

    report = trunk.land(test=test, composes=True, batch=2)

    assert kinds(report) == {"t/core": "landed", "t/doc": "tests"}
    assert len(test.asked) == 1
    assert [one.note for one in report.outcomes[0].trials] == [
        "its own tests passed",
        "all that it can affect is as it was when it passed",
    ]


@pytest.mark.parametrize("failed", [(), ("root",)])
def test_a_batch_that_fails_for_nobody_knows_whom_is_taken_apart(
    trunk: Trunk, failed: tuple[str, ...]
) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    test = Tests(failing=("t/core",), failed=failed)

    report = trunk.land(test=test, composes=True, batch=2)

    assert kinds(report) == {"t/core": "tests", "t/doc": "landed"}
    assert test.names == ["t/core", "t/core", "t/doc"]


def test_what_comes_after_a_batch_is_tested_on_top_of_it_and_not_again(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    trunk.branch("t/web", WEB_H)
    test = Tests()

    report = trunk.land(test=test, composes=True, batch=2)

    assert set(kinds(report).values()) == {"landed"}
    (batch, _), (web, base) = [asked[1:] for asked in test.asked]
    assert base == batch
    assert trunk.at(f"{web}^{{tree}}") == trunk.at("main^{tree}")


def test_a_commands_verdict_is_on_no_batch(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/doc", DOC)
    test = Tests()

    trunk.land(test=test, batch=2)

    assert test.names == ["t/core", "t/doc"]
