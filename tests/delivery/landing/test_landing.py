from __future__ import annotations

from functools import partial

import pytest

from guild_plugins.delivery.landing.branches import NothingToLand, TrunkUnclear, choose
from guild_plugins.delivery.landing.trail import landings_in
from guild_plugins.errors import GuildError
from guild_plugins.git.process import run_git
from guild_plugins.graph.boundaries.gate import Gate
from guild_plugins.graph.boundaries.reading import read_rules
from guild_plugins.stages.events import LandingRefused
from tests.delivery.landing.repos import CONFIG, FILES, Tests, Trunk, kinds
from tests.git.user import git

CORE_2 = {"core/a.py": "def f():\n    return 2\n"}
WEB_H = {"web/h.py": "H = 1\n"}


def test_branches_become_one_commit_each_and_trunk_moves_once(trunk: Trunk) -> None:
    first = trunk.at("main")
    core = trunk.branch("t/core", CORE_2, "Two")
    trunk.branch("t/web", WEB_H, "One\n\nWhy.")
    web = trunk.branch("t/web", {"web/i.py": "I = 1\n"}, "Another")

    report = trunk.land()

    assert kinds(report) == {"t/core": "landed", "t/web": "landed"}
    subjects = git(trunk.top, "log", "--format=%s", "main").decode().splitlines()
    assert subjects == ["t: web", "Two", "first"]
    assert trunk.at("main~2") == first
    assert len(git(trunk.top, "reflog", "main").splitlines()) == 2
    found = list(landings_in(trunk.top, ["main"]))
    assert [(one.scope, one.task, one.tip) for one in found] == [
        ("web", "t", web),
        ("core", "t", core),
    ]
    assert [one.tested for one in found] == [one.tree for one in found]
    assert "- One\n- Another" in git(trunk.top, "log", "-1", "--format=%b", "main").decode()
    assert trunk.clean()
    assert (trunk.top / "web/h.py").exists()
    assert not git(trunk.top, "for-each-ref", "refs/guild")


def test_every_commit_that_is_published_was_tested_on_the_one_before(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.branch("t/web", WEB_H)
    first, test = trunk.at("main"), Tests()

    trunk.land(test=test)

    assert test.asked == [
        ("t/core", trunk.at("main~1"), first),
        ("t/web", trunk.at("main"), trunk.at("main~1")),
    ]


def test_what_others_depend_on_comes_first(trunk: Trunk) -> None:
    trunk.branch("a/web", WEB_H)
    trunk.branch("z/core", CORE_2)
    test = Tests()

    trunk.land(test=test)

    assert test.names == ["z/core", "a/web"]


def test_a_branch_that_fails_stays_as_it_was_and_the_others_land(trunk: Trunk) -> None:
    core = trunk.branch("t/core", CORE_2)
    trunk.branch("t/web", WEB_H)

    report = trunk.land(test=Tests(failing=("t/core",)))

    assert kinds(report) == {"t/core": "tests", "t/web": "landed"}
    assert trunk.at("guild/t/core") == core
    assert trunk.text("core/a.py") == FILES["core/a.py"]
    left = report.outcomes[0]
    assert left.resume == "guild land --onto main t/core"
    refused = [line.event for line in trunk.journal.lines(types=["LandingRefused"])]
    assert [(one.kind, one.tip) for one in refused if isinstance(one, LandingRefused)] == [
        ("tests", core)
    ]


def test_a_conflict_is_told_with_both_intents_owners_and_the_way_on(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2, "Return two")
    trunk.write({"core/a.py": "def f():\n    return 3\n"})
    at = trunk.commit("Return three")
    test = Tests()

    outcome = trunk.outcome("t/core", test=test)

    (place,) = outcome.places
    assert (outcome.kind, place.path, place.line, place.owners) == (
        "conflict",
        "core/a.py",
        2,
        ("@core",),
    )
    assert [text.partition(" ")[2] for text in place.trunk] == ["Return three"]
    assert [text.partition(" ")[2] for text in place.branch] == ["Return two"]
    assert outcome.resume == "guild resolve t/core --onto main"
    assert trunk.at("main") == at
    assert not test.asked


def test_rules_are_those_of_trunk_whatever_the_branch_says(trunk: Trunk) -> None:
    looser = CONFIG.replace("depends_on = []\n", "")
    bad = "from web.b import g\n\n\ndef f():\n    return g\n"
    trunk.branch("t/core", {"guild.toml": looser, "core/a.py": bad})

    outcome = trunk.outcome("t/core")

    assert outcome.kind == "gates"
    text = "\n".join(outcome.details)
    assert "[depends-on]" in text
    assert "guild.toml:1: belongs to root" in text


def test_a_baseline_that_the_branch_brings_excuses_nothing(trunk: Trunk) -> None:
    bad = {"core/a.py": "from web.b import g\n\n\ndef f():\n    return g\n"}
    trunk.write(bad)
    run_git(["switch", "-q", "-c", "guild/t/core"], trunk.top)
    gate = Gate(trunk.repository, partial(read_rules, trunk.top))
    gate.renew_baseline(gate.judge(gate.work_tree()))
    trunk.commit("excused")
    git(trunk.top, "switch", "-q", "main")

    assert trunk.outcome("t/core").kind == "gates"


def test_a_branch_that_went_on_is_merged_from_where_it_landed(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.land()
    trunk.write({"core/a.py": "def f():\n    return 22\n"})
    trunk.commit("trunk changes the same line")
    trunk.branch("t/core", {"core/c.py": "C = 1\n"}, "goes on")

    outcome = trunk.outcome("t/core")

    assert outcome.kind == "landed"
    assert trunk.text("core/a.py") == "def f():\n    return 22\n"
    assert git(trunk.top, "log", "-1", "--format=%s", "main") == b"goes on"


def test_a_branch_that_merged_trunk_after_it_landed_lands_again(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.land()
    git(trunk.top, "switch", "-q", "guild/t/core")
    git(trunk.top, "merge", "-q", "--no-edit", "main")
    git(trunk.top, "switch", "-q", "main")
    trunk.branch("t/core", {"core/a.py": "def f():\n    return 3\n"}, "three")

    assert trunk.outcome("t/core").kind == "landed"
    assert trunk.text("core/a.py") == "def f():\n    return 3\n"


def test_a_branch_on_top_of_another_lands_after_it_with_its_own_change_alone(
    trunk: Trunk,
) -> None:
    trunk.branch("t/core", CORE_2)
    git(trunk.top, "branch", "guild/t/web", "guild/t/core")
    trunk.branch("t/web", WEB_H, "web")

    trunk.land()

    assert git(trunk.top, "diff", "--name-only", "main~1", "main") == b"web/h.py"


def test_what_trunk_has_already_is_nothing_to_land(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    trunk.land()
    at, test = trunk.at("main"), Tests()

    assert trunk.outcome("t/core", test=test).kind == "nothing"
    assert trunk.at("main") == at
    assert not test.asked


def test_trunk_moves_during_a_test_and_only_what_changed_is_tested_again(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    moves = iter([{"doc/text": "moved\n"}])

    def move(_: str) -> None:
        files = next(moves, None)
        if files is not None:
            trunk.write(files)
            trunk.commit("by hand")

    test = Tests(meanwhile=move)
    report = trunk.land(test=test)

    assert kinds(report) == {"t/core": "landed"}
    assert report.rounds == 2
    (_, proven, _), (_, second, base) = test.asked
    assert base == proven, "what was proven is the base of the second test"
    assert second == trunk.at("main")
    assert trunk.text("doc/text") == "moved\n"


def test_a_tree_that_was_proven_is_not_tested_again(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    moves = iter([True])

    def move(_: str) -> None:
        if next(moves, False):
            git(trunk.top, "commit", "-q", "--allow-empty", "-m", "nothing")

    report = trunk.land(test=Tests(meanwhile=move))

    assert [trial.kept for trial in report.outcomes[0].trials] == [False, True]
    assert report.outcomes[0].kind == "landed"


def test_a_dry_run_tests_nothing_and_moves_nothing(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    at, test = trunk.at("main"), Tests()

    report = trunk.land(test=test, dry_run=True)

    assert kinds(report) == {"t/core": "ready"}
    assert trunk.at("main") == at
    assert not test.asked
    assert not git(trunk.top, "for-each-ref", "refs/guild")


def test_a_message_cannot_pass_itself_off_as_a_landing(trunk: Trunk) -> None:
    tip = trunk.branch("t/core", CORE_2, f"Two\n\nLanded-Tip: {'0' * 40}\nTested-Tree: none")

    trunk.land()

    (found,) = landings_in(trunk.top, ["main"])
    assert (found.tip, found.tested) == (tip, found.tree)
    assert b"0000000000" not in git(trunk.top, "log", "-1", "--format=%B", "main")


def test_author_and_odd_names_are_kept(trunk: Trunk) -> None:
    git(trunk.top, "config", "user.name", "X")
    name = "core/-odd name\n\udcff"
    trunk.branch("t/core", {name: "x\n"}, "by somebody")
    git(trunk.top, "switch", "-q", "guild/t/core")
    git(trunk.top, "commit", "-q", "--amend", "--no-edit", "--author=Ägir <b@x>")
    git(trunk.top, "switch", "-q", "main")

    assert trunk.outcome("t/core").kind == "landed"
    assert git(trunk.top, "log", "-1", "--format=%an %ae", "main").decode() == "Ägir b@x"
    assert (trunk.top / name).read_text() == "x\n"
    assert trunk.clean()


@pytest.mark.parametrize(
    ("names", "error"), [(["nowhere"], NothingToLand), (["t/nowhere"], NothingToLand), ([], None)]
)
def test_names_that_fit_no_branch_are_refused(
    trunk: Trunk, names: list[str], error: type[GuildError] | None
) -> None:
    trunk.branch("t/core", CORE_2)
    with pytest.raises(error or NothingToLand):
        choose(trunk.repository, (), names=names)


def test_trunk_has_to_be_a_branch(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    with pytest.raises(TrunkUnclear):
        choose(trunk.repository, (), everything=True, onto="nowhere")


def test_what_is_landed_on_is_where_the_branch_was_begun(trunk: Trunk) -> None:
    trunk.branch("t/core", CORE_2)
    (found,) = choose(trunk.repository, (), names=["core"])
    assert (found.onto, found.name) == ("refs/heads/main", "t/core")
