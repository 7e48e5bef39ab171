"""``guild check``: the rules between scopes, on any tree."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from guild_plugins.commands.rules import rules_of
from guild_plugins.errors import Exit
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.graph.boundaries.gate import Gate, Others, Subject, Verdict
from guild_plugins.report.text import printable_lines
from guild_plugins.stages.places import GROUP, may_have_plugins, trusted_places


def run(directory: Path, args: argparse.Namespace) -> int:
    """Judge imports and changes by the rules between scopes

    Without an option, the work tree as a whole; --staged and --range judge what
    a change touches. Exit code 1 where a rule is broken and no baseline knows
    it, or where the baseline lists what is mended. Gates of installed plugins
    (guild_check) are asked as well; exit code 6 where one could not judge.

    With --format json: {"version": 1, "clean": true or false, "files": number
    that were judged, "violations": [{"rule", "severity": "error" or "warning",
    "path", "line", "message", "scope", "target", "remedy", "owners", "chain":
    [{"path", "line"}]}], "known": [likewise, from the baseline], "mended":
    [{"rule", "path", "target"}], "faults": [{"kind", "message"}] of plugins}.
    """
    if args.baseline and args.scope:
        print("guild: --baseline is of all scopes; leave --scope out", file=sys.stderr)
        return Exit.USAGE
    repository = open_repository(directory)

    gate = Gate(repository, rules_of(repository))
    others = _other_gates(repository)
    verdict = gate.judge(_subject(gate, repository, args), args.scope or (), others)
    if args.baseline:
        verdict = gate.renew_baseline(verdict)
    print(_rendered(verdict, args.format))
    return _code(verdict)


def judge_staged(repository: Repository) -> int:
    """Judge what is staged, from within a hook: nothing is said where all is well."""
    gate = Gate(repository, rules_of(repository))
    verdict = gate.judge(_staged(gate, repository), (), _other_gates(repository))
    if not verdict.is_clean:
        print(_rendered(verdict, "text"), file=sys.stderr)
    return _code(verdict)


def _code(verdict: Verdict) -> int:
    for fault in verdict.faults:
        print(f"guild: {printable_lines(fault.explain())}", file=sys.stderr)
    if verdict.faults:
        return Exit.PLUGIN
    return Exit.DONE if verdict.is_clean else Exit.NO


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--staged", action="store_true", help="what the next commit would change")
    what.add_argument("--tree", metavar="REV", help="the whole tree of a commit")
    what.add_argument("--range", metavar="A..B", help="what B changes on A; A...B since they part")
    what.add_argument(
        "--baseline",
        action="store_true",
        help="write down what is broken now, so that only new violations fail; "
        "where that was done before, strike out what is mended",
    )
    parser.add_argument(
        "--scope",
        action="append",
        metavar="NAME",
        help="only what this scope has to mend; a change may touch its paths alone; repeatable",
    )
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "github"), default="text", help="how to print"
    )


def _other_gates(repository: Repository) -> Others | None:
    """Return the gates that other packages install; ``None`` where none can have any.

    What loads and calls them is imported only then: it takes longer than judging a commit.
    """
    if not may_have_plugins(GROUP, trusted_places(repository.top)):
        return None
    from guild_plugins.plugins.gates import Gates

    return Gates(repository, os.environ)


def _subject(gate: Gate, repository: Repository, args: argparse.Namespace) -> Subject:
    if args.staged:
        return _staged(gate, repository)
    if args.tree is not None:
        return gate.revision(args.tree)
    if args.range is not None:
        return gate.between(args.range)
    return gate.work_tree()


def _staged(gate: Gate, repository: Repository) -> Subject:
    from guild_plugins.git.pending import merged_heads
    from guild_plugins.git.snapshots import handed_index

    merging = merged_heads(repository.git_dir, os.environ)
    return gate.staged(handed_index(repository, os.environ), merging)


def _rendered(verdict: Verdict, form: str) -> str:
    if form == "sarif":
        from guild_plugins.report.sarif import render_sarif

        return render_sarif(verdict)
    from guild_plugins.report import violations

    renderers = {"json": violations.render_json, "github": violations.render_github}
    return renderers.get(form, violations.render_text)(verdict)
