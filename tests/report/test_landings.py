from __future__ import annotations

from guild_plugins.delivery.landing.outcomes import Outcome, Report, Trial
from guild_plugins.report.landings import render_report


def test_each_trial_says_how_it_ended_though_its_tests_said_nothing() -> None:
    trials = (
        Trial(passed=False, seconds=1.0),
        Trial(passed=True, flaky=True, note="3 passed", seconds=2.0),
        Trial(passed=True, kept=True, note="this very tree passed before"),
    )
    outcome = Outcome(
        "fix", "core", "guild/fix/core", "1" * 40, "main", "landed", "2" * 40, trials=trials
    )

    shown = render_report(Report(outcomes=(outcome,), work_trees=(), rounds=1))

    assert shown.splitlines() == [
        "fix/core  2222222222  landed",
        "  failed (1.0 s)",
        "  flaky, passed the second time: 3 passed (2.0 s)",
        "  not tested again: this very tree passed before",
    ]
