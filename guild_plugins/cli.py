"""The command line: parses, calls the app, renders, returns an exit code.

This module alone imports inside functions: git starts ``guild`` once per file
for some commands, and each pays only for what it uses. Commands that need no
project are modules in `commands`, found by their name and imported when asked for.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from guild_plugins import __version__
from guild_plugins.errors import Exit, GuildError

if TYPE_CHECKING:
    from guild_plugins.app import App, Explanation


class Command(NamedTuple):
    """A subcommand. The first line of ``run``'s docstring is its help."""

    run: Callable[[App, argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end in an exception.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else list(argv)
    command: list[str] | None = None
    if next(_plain(words), None) in _WITH_COMMAND and "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1 :]
    args = _parser(words).parse_args(words, argparse.Namespace(run=command))
    try:
        code = _run(args)
        sys.stdout.flush()
    except GuildError as error:
        from guild_plugins.report.text import printable_lines

        print(f"guild: {printable_lines(error.explain())}", file=sys.stderr)
        return int(error.exit)
    except KeyboardInterrupt:
        print("guild: interrupted", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough; closing stdout must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.DONE)
    except OSError as error:
        if error.errno not in _DISK_TROUBLE:
            return _bug()
        print(f"guild: {error.strerror}: {error.filename or 'the disk'!r}", file=sys.stderr)
        return int(Exit.RECOVERY)
    except Exception:  # noqa: BLE001 - the last place that can give a bug its exit code
        return _bug()
    return code


def setup(app: App, args: argparse.Namespace) -> int:
    """Find the scopes and write them into the configuration

    Adds [tool.guild] at the end of pyproject.toml where there is one, else
    writes guild.toml. Each scope carries its evidence as comments. Plugins are
    asked first (guild_discover_scopes).
    """
    from guild_plugins.plugins.loading import load_plugins
    from guild_plugins.plugins.setup import DEADLINE, plan_with_plugins
    from guild_plugins.report.text import printable_lines

    plugins = load_plugins(os.environ)
    for fault in plugins.faults:
        print(f"guild: {printable_lines(str(fault))}", file=sys.stderr)
    plan = plan_with_plugins(plugins.within(DEADLINE), app.root, app.files)
    print(printable_lines(plan.added), end="")
    if args.dry_run:
        return Exit.DONE
    if not args.yes:
        if not sys.stdin.isatty():
            print("guild: nothing written; say --yes to write it", file=sys.stderr)
            return Exit.USAGE
        if not _confirms(f"\n{'Add this to' if plan.before else 'Write this as'} {plan.file}?"):
            print("Nothing was written.")
            return Exit.NO
    app.write_setup(plan)
    print(f"\nWritten: {printable_lines(str(app.root / plan.file))}")
    return Exit.DONE


def _setup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only show what would be written")
    parser.add_argument("--yes", action="store_true", help="write without asking")


def scopes(app: App, args: argparse.Namespace) -> int:
    """List the scopes, explain whom a path belongs to, or check them

    With --json, the list is {"version": 1, "root", "origin": "configured" or
    "discovered", "config_file", "barriers": [pattern], "groups": {name: [id]},
    "root_files": number, "scopes": [{"id", "files": number, "paths", "tests",
    "depends_on": [id] or null, "public": [pattern] or null, "forbids": [id],
    "deprecated": [[id, date]], "internal": [package], "data": [pattern],
    "owners", "pytest": {"rootdir", "inifile", "python", "env", "timeout", "exclusive",
    "args"}, "evidence": [{"claim", "reason"}]}]}; --explain gives {"path",
    "scope", "claim": {"scope", "key", "pattern", "rank"} or null, "others":
    [claim], "is_barrier", "evidence"}; --check gives {"findings": [{"kind":
    "uncovered", "doubly-claimed", "empty" or "cyclic", "subject", "message"}]}.
    """
    if args.explain is not None:
        return _explain(app.explain(args.explain), as_json=args.json)
    if args.check:
        return _check(app, as_json=args.json)
    if args.json:
        _print_json(app.describe_scopes())
        return Exit.DONE
    from guild_plugins.report.tables import render_scopes
    from guild_plugins.report.text import printable

    project, counts = app.project, app.count_files()
    if project.scopes:
        print(render_scopes(project.scopes, counts, why=args.why))
    number = "1 scope" if len(project.scopes) == 1 else f"{len(project.scopes)} scopes"
    where = project.config_file.name if project.config_file else "guild setup writes them down"
    print(f"\n{number}, {project.origin} ({where}); {counts.get('root', 0)} files in no scope")
    if project.barriers:
        print(f"barriers: {', '.join(map(printable, project.barriers))}")
    return Exit.DONE


def _scopes_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parser.add_argument("--why", action="store_true", help="show the evidence for each scope")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--explain", metavar="PATH", help="say whom a path belongs to, and why")
    chosen.add_argument(
        "--check",
        action="store_true",
        help="look for uncovered paths, double claims, empty scopes and circles",
    )


def matrix(app: App, args: argparse.Namespace) -> int:
    """Divide the tests over N machines, for pytest --guild-shard K/N

    What follows -- is for pytest: the same paths and options as on the machines.
    With --github, the line is for $GITHUB_OUTPUT, and its value for
    strategy.matrix: fromJSON(...); each job then has matrix.shard.

    With --json: {"version": 1, "division": a word that is equal on all machines
    that divide alike, "files": number, "measured": files whose cost is known,
    "shards": [{"shard": "1/4", "scopes": [id], "split": [id] that are in other
    shards too, "files": number, "seconds": expected}]}.

    With --affected, only what guild affected lists is divided. The machines need
    the same paths: they are "paths" in the data, and matrix.paths in each job.
    Where nothing is affected there are no shards, and "include" is empty.
    """
    from guild_plugins.suites.matrix import survey

    paths = app.affected_tests(args.base, args.environment) if args.affected else ()
    if args.affected and not paths:
        return _nothing_affected(args)
    found = survey(app.start, args.shards, [*args.arguments, *paths])
    if args.json:
        _print_json({**found.as_data(), **({"paths": paths} if paths else {})})
    elif args.github:
        import json
        import shlex

        data = found.as_github()
        for part in data["include"] if paths else ():
            part["paths"] = shlex.join(paths)
        print(f"matrix={json.dumps(data, separators=(',', ':'))}")
    else:
        from guild_plugins.report.text import printable

        for part in found.parts:
            names = [f"{name} (a part)" if name in part.split else name for name in part.scopes]
            print(
                f"{part.shard}  {part.seconds:8.1f} s  {part.files:5} files  "
                f"{printable(', '.join(names))}"
            )
        print(f"\n{found.files} files, {found.measured} of them measured before")
    return Exit.DONE


def _matrix_arguments(parser: argparse.ArgumentParser) -> None:
    from guild_plugins.commands.rules import base_argument

    parser.add_argument("--shards", type=int, required=True, metavar="N", help="number of machines")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print data instead of a table")
    form.add_argument("--github", action="store_true", help="print a line for GITHUB_OUTPUT")
    parser.add_argument("--affected", action="store_true", help="only tests that can be affected")
    base_argument(parser)
    parser.add_argument("arguments", nargs="*", metavar="-- ARGUMENT", help="for pytest")


def _nothing_affected(args: argparse.Namespace) -> int:
    if args.json:
        _print_json({"version": 1, "division": "", "files": 0, "measured": 0, "shards": []})
    else:
        print('matrix={"include":[]}' if args.github else "Nothing is affected.")
    return Exit.DONE


COMMANDS: dict[str, Command] = {
    "setup": Command(setup, _setup_arguments),
    "scopes": Command(scopes, _scopes_arguments),
    "matrix": Command(matrix, _matrix_arguments),
}
"""The subcommands that work on a project, in the order in which the help shows them."""

DEFERRED = (
    "check",
    "affected",
    "cache",
    "start",
    "status",
    "stop",
    "research",
    "plan",
    "run",
    "send",
    "recv",
    "ask",
    "state",
    "trust",
    "commit",
    "split",
    "land",
    "verify",
    "queue",
    "undo",
    "lock",
    "unlock",
    "locks",
    "clashes",
    "events",
    "doctor",
    "install",
    "uninstall",
    "hook",
    "merge",
    "merge-tree",
    "merge-file",
    "merge-driver",
    "mergetool",
    "resolve",
    "plugins",
)
"""The subcommands that are modules in `commands`."""

_WITH_COMMAND = ("lock", "run")
"""The subcommands for which what follows ``--`` is a command to be run."""

_DISK_TROUBLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
)
"""Errors that are not Guild's: a person has to make room, or to be let in."""


def _confirms(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _check(app: App, *, as_json: bool) -> int:
    from dataclasses import asdict

    from guild_plugins.report.text import printable

    findings = app.check_scopes()
    if as_json:
        _print_json({"findings": [asdict(finding) for finding in findings]})
    for finding in () if as_json else findings:
        print(f"{finding.kind}: {printable(finding.message)}")
    if not findings and not as_json:
        print(f"All is well: {len(app.project.scopes)} scopes, {len(app.files)} files.")
    return Exit.NO if findings else Exit.DONE


def _explain(explanation: Explanation, *, as_json: bool) -> int:
    if as_json:
        _print_json(explanation.as_data())
        return Exit.DONE
    from guild_plugins.report.text import printable

    claim = explanation.claim
    why = f"{claim.key} = {claim.pattern!r}" if claim else "no scope claims it"
    print(f"{printable(explanation.path)}: {explanation.scope} ({printable(why)})")
    if explanation.is_barrier:
        print("  a barrier: every scope depends on it")
    for other in explanation.others:
        print(f"  less specific: {printable(str(other))}")
    for evidence in explanation.evidence:
        print(f"  {printable(evidence.claim)}: {printable(evidence.reason)}")
    return Exit.DONE


def _print_json(data: object) -> None:
    import json

    print(json.dumps(data, indent=2))


def _run(args: argparse.Namespace) -> int:
    if args.command in DEFERRED:
        return int(_deferred(args.command).run(Path(args.directory), args))
    from guild_plugins.app import App

    return int(COMMANDS[args.command].run(App.open(Path(args.directory)), args))


def _bug() -> int:
    import traceback

    traceback.print_exc()
    print("guild: this is a bug in guild, not in your project", file=sys.stderr)
    return int(Exit.BUG)


def _deferred(name: str) -> Any:
    """Return a module of `commands`: ``run(directory, args)`` and ``arguments(parser)``."""
    from importlib import import_module

    return import_module(f"guild_plugins.commands.{name.replace('-', '_')}")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser: for the command that is asked for, or, for the help, for all."""
    parser = argparse.ArgumentParser(
        prog="guild",
        description="Scopes for one repository: tested, committed and landed in parallel.",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"guild {__version__}")
    parser.add_argument(
        "-C", dest="directory", metavar="DIR", default=".", help="work as if started in DIR"
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Mixed
    )
    for name, command in _commands(words):
        text = (command.run.__doc__ or "").strip()
        lines = [line.removeprefix("    ") for line in text.split("\n")]
        subparser = commands.add_parser(
            name,
            help=lines[0],
            description="\n".join(lines),
            formatter_class=_Help,
        )
        command.arguments(subparser)
    return parser


class _Mixed(argparse.ArgumentParser):
    """Takes words on both sides of an option: ``guild start fix --no-worktree core``.

    argparse gives a list of words all that comes before the option, and knows no place
    for the rest.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and give what is left, unless it is options, to the list of words."""
        found, left = super().parse_known_args(args, namespace)
        lists = [a for a in self._actions if not a.option_strings and a.nargs in ("*", "+")]
        if len(lists) == 1 and not any(word.startswith("-") for word in left):
            words = getattr(found, lists[0].dest) or []
            setattr(found, lists[0].dest, [*words, *(self._get_value(lists[0], w) for w in left)])
            left = []
        return found, left


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal.

    argparse makes one for every argument, and to learn the width imports `shutil`,
    which takes longer than all of its own.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 80
    except (OSError, ValueError):  # no terminal, or closed
        return 80


def _commands(words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    known = (*COMMANDS, *DEFERRED)
    wanted = next(_plain(words), None)
    for name in [wanted] if wanted in known else known:
        yield name, COMMANDS[name] if name in COMMANDS else _deferred(name)


def _plain(words: Sequence[str]) -> Iterator[str]:
    """Return the words that are no options, nor the directory after ``-C``."""
    for before, word in zip(("", *words), words, strict=False):
        if before != "-C" and not word.startswith("-"):
            yield word
