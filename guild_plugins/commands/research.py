"""``guild research``: what there is to know about the scopes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from guild_plugins.commands.reading import code_of, read
from guild_plugins.git.repository import open_repository
from guild_plugins.plugins.running.ordering import order
from guild_plugins.plugins.running.settings import Settings
from guild_plugins.report.profile import render_profile


def run(directory: Path, args: argparse.Namespace) -> int:
    """Find out what there is to know about each scope

    Of the commit that is checked out, all scopes side by side: size, languages,
    complexity, public names, imports to and from other scopes and packages, tests and
    what they took, how often it changes and together with what, owners; functions that
    are there twice, and how risky each scope is to change. Plugins are asked first
    (guild_research, guild_join_research). Nothing is written. Exit code 1 where a
    scope could not be read.

    With --json: {"version": 1, "files", "lines": {language: number}, "test_seconds",
    "preset", "dependencies": {scope: [scope]}, "circle": [scope], "wanted": {path:
    [scope]} that several scopes change, "duplicates": [[place]], "risk": {scope: 0 to
    1}, "scopes": {scope: {"files", "lines", "code", "tests": lines, "modules",
    "public", "unreadable", "complexity": {"total", "functions", "worst": [[number,
    place]]}, "owners", "imports" and "imported_by": {scope: number}, "packages",
    "test_files", "test_seconds", "untimed", "history": {"commits", "lines", "newest",
    "authors", "changes_with", "wants"}}}}; of a plugin's join, what that gives.
    """
    repository = open_repository(directory)
    started = order(
        repository, "research", settings=Settings(), scopes=args.scope or (), plans=False
    )
    shop = read(repository, started)
    assert shop.memory.profile is not None, "it was read"
    profile = shop.memory.profile
    print(json.dumps(profile.data, indent=2) if args.json else render_profile(profile))
    return code_of(shop, started)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--scope", action="append", metavar="NAME", help="only this; repeatable")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
