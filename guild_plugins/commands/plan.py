"""``guild plan``: what ``guild run`` would do, as a file to be read and edited."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guild_plugins.commands.reading import code_of, read
from guild_plugins.engine.pipeline.forecast import forecast
from guild_plugins.git.repository import open_repository
from guild_plugins.plugins.running.course import course
from guild_plugins.plugins.running.ordering import order
from guild_plugins.plugins.running.planfile import plan_to_toml
from guild_plugins.plugins.running.settings import Settings


def run(directory: Path, args: argparse.Namespace) -> int:
    """Plan a task over all scopes

    Researches the scopes, plans each, and then the boundaries between them: which goes
    first, which waits for which, how many workers, what the run hangs on. The plan is
    TOML, to be read and edited; guild run TASK --plan FILE -- COMMAND carries it out.
    Plugins are asked first (guild_plan, guild_join_plan). Nothing else is written.
    """
    repository = open_repository(directory)
    settings = Settings(in_order=args.in_order)
    started = order(repository, args.task, settings=settings, scopes=args.scope or ())
    shop = read(repository, started)
    plan = shop.memory.plan
    assert plan is not None, "it was made"
    outlook = forecast(course(plan, shop.scopes, settings))
    text = plan_to_toml(plan, args.task, outlook, started.limits.most)
    if args.output is None:
        print(text, end="")
    else:
        args.output.write_text(text, encoding="utf-8")
        print(f"Written: {args.output}", file=sys.stderr)
    return code_of(shop, started)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("task", metavar="TASK", help="what shall be done, in words")
    parser.add_argument("--scope", action="append", metavar="NAME", help="only there; repeatable")
    parser.add_argument(
        "--in-order",
        action="store_true",
        help="a scope waits for those that it needs, and begins with their work",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there")
