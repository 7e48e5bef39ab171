from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from guild_plugins.errors import GuildError
from guild_plugins.graph.boundaries.baseline import Judged
from guild_plugins.graph.boundaries.gate import Verdict
from guild_plugins.graph.boundaries.violations import RULES, Step, Violation
from guild_plugins.report.sarif import render_sarif
from guild_plugins.report.violations import render_github, render_json, render_text
from tests.report.sarif_schema import SCHEMA

STRANGE = os.fsdecode(b"a/\xff b,\n:%.py")
NEW = Violation(
    "depends-on",
    STRANGE,
    3,
    "a imports b",
    "a",
    "b/x.py",
    "Do not.",
    (Step(STRANGE, 3), Step("b/x.py", 0)),
    ("@a",),
)
WARNING = NEW._replace(rule="deprecated", path="a/y.py", is_warning=True, chain=())
KNOWN = NEW._replace(rule="public", path="a/z.py")
VERDICT = Verdict(Judged((NEW, WARNING), (KNOWN,), (("cycle", "a/m.py", "a -> b"),)), 5, 2)
CLEAN = Verdict(Judged((WARNING,), (KNOWN,), ()), 1, 1)


def test_a_verdict_is_clean_with_warnings_and_known_violations() -> None:
    assert CLEAN.is_clean
    assert not VERDICT.is_clean
    assert not Verdict(Judged((), (), VERDICT.judged.mended), 1, 1).is_clean


def test_text_can_be_printed_whatever_names_hold() -> None:
    lines = render_text(VERDICT).split("\n")

    assert all(line.isprintable() for line in lines)
    assert lines[0] == "a/\\xff b,\\n:%.py:3: depends-on: a imports b"
    assert lines[-1] == (
        "1 violation; 1 warning; 1 known from guild-baseline.json; "
        "1 mended: run guild check --baseline to hold that (5 files, 2 scopes)"
    )
    assert render_text(Verdict(Judged((), (), ()), 1, 1)) == "No rule is broken (1 file, 1 scope)"


def test_data_holds_everything_and_names_survive_it() -> None:
    data = json.loads(render_json(VERDICT))

    assert data["violations"][0]["path"] == STRANGE
    assert data["violations"][0]["severity"] == "error"
    assert data["violations"][1]["severity"] == "warning"
    assert data["known"][0]["chain"] == [
        {"path": STRANGE, "line": 3},
        {"path": "b/x.py", "line": 0},
    ]
    assert data["mended"] == [{"rule": "cycle", "path": "a/m.py", "target": "a -> b"}]


def test_github_gets_one_escaped_line_for_each() -> None:
    lines = render_github(VERDICT).split("\n")

    assert len(lines) == 4
    assert lines[0] == (
        "::error file=a/\\udcff b%2C%0A%3A%25.py,line=3,"
        "title=guild%3A depends-on::a imports b%0ADo not."
    )
    assert lines[1].startswith("::warning file=a/y.py,line=3,")
    assert lines[2].startswith("::error file=guild-baseline.json,")


SHUT = VERDICT._replace(faults=(GuildError("no"),))
NOTHING = Verdict(Judged((), (), ()), 0, 0)
OTHER = Verdict(Judged((NEW._replace(rule="no-todo"),), (), ()), 1, 1)


@pytest.mark.parametrize("verdict", [VERDICT, CLEAN, SHUT, OTHER, NOTHING])
def test_sarif_is_what_the_standard_says(verdict: Verdict) -> None:
    data = json.loads(render_sarif(verdict))

    jsonschema.validate(data, SCHEMA)
    if place := os.environ.get("GUILD_SARIF_SCHEMA"):
        jsonschema.validate(data, json.loads(Path(place).read_bytes()))


def test_sarif_and_github_tell_of_gates_that_could_not_judge() -> None:
    (run,) = json.loads(render_sarif(SHUT))["runs"]

    (done,) = run["invocations"]
    assert done["executionSuccessful"] is False
    assert done["toolExecutionNotifications"][0]["message"]["text"] == "no"
    assert "::error title=guild%3A error::no" in render_github(SHUT).split("\n")
    assert "1 gate could not judge" in render_text(SHUT)
    assert not SHUT.is_clean


def test_a_rule_of_a_plugin_gets_a_number_of_its_own() -> None:
    (run,) = json.loads(render_sarif(OTHER))["runs"]

    rules = run["tool"]["driver"]["rules"]
    assert rules[run["results"][0]["ruleIndex"]] == {"id": "no-todo"}


def test_sarif_names_rules_places_and_ways() -> None:
    data = json.loads(render_sarif(VERDICT))

    (run,) = data["runs"]
    first, _, known = run["results"]
    rules = run["tool"]["driver"]["rules"]
    place = first["locations"][0]["physicalLocation"]
    assert data["version"] == "2.1.0"
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])
    assert place == {
        "artifactLocation": {"uri": "a/%FF%20b%2C%0A%3A%25.py"},
        "region": {"startLine": 3},
    }
    assert len(first["codeFlows"][0]["threadFlows"][0]["locations"]) == 2
    assert "suppressions" in known
    assert "suppressions" not in first
