"""``guild install``: have git call Guild."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from guild_plugins.delivery.install_note import Step
from guild_plugins.delivery.installing import install
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.git.shims import HOOKS
from guild_plugins.report.telling import tell
from guild_plugins.report.text import printable


def run(directory: Path, args: argparse.Namespace) -> int:
    """Have git call Guild's hooks and merge driver in this clone

    A git that runs hooks from its configuration (2.54 and newer) gets them there, and
    the folder of hooks is not touched. For others, or with --scripts, hooks go where git
    looks for them: core.hooksPath is obeyed and never set, and a hook that is there is
    kept as NAME.before-guild and called first, so pre-commit, prek, husky and lefthook
    go on as they are. The merge driver goes into the clone's
    config and info/attributes; what .gitattributes says of a file's merge stays.
    Running it again changes nothing. guild uninstall takes all of it out again.

    With --json: {"steps": [{"what", "path"}]}.
    """
    repository = open_repository(directory)
    hooks = args.hook or ([] if args.no_hooks else HOOKS)
    steps = install(
        repository,
        hooks,
        driver=not args.no_merge_driver,
        scripts=args.scripts,
        dry=args.dry_run,
    )
    show(steps, "installed", "to install", args)
    return Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--hook", action="append", choices=HOOKS, metavar="NAME", help="only this; repeatable"
    )
    which.add_argument("--no-hooks", action="store_true", help="only the merge driver")
    parser.add_argument("--scripts", action="store_true", help="no hooks in git's configuration")
    parser.add_argument("--no-merge-driver", action="store_true", help="only hooks")
    common_arguments(parser)


def common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what installing and its contrary both understand."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="print data")


def show(steps: Iterable[Step], done: str, nothing: str, args: argparse.Namespace) -> None:
    """Print steps as they are done."""
    if args.json:
        print(json.dumps({"steps": [step._asdict() for step in steps]}, indent=2))
        return
    count = 0
    for step in _performed(steps):
        count += 1
        word = f"would be {done}" if args.dry_run else done
        tell(printable(f"{word}: {step.what}  {step.path}"))
    if not count:
        print(f"Nothing {nothing}.")


def _performed(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield each step when it has been done, which is when the next one is asked for."""
    done: list[Step] = []
    for step in steps:
        yield from done
        done = [step]
    yield from done
