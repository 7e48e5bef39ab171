"""``guild merge-driver %O %A %B %L %P %S %X %Y``: what git runs for a file that both sides changed.

The result goes into ``%A``. Git takes every exit code but 0 for a conflict and
looks at ``%A`` no further: left as it was, it would hold our side alone, and the
other side would be lost with the next ``git add``. So git's own marked merge is
written there first, before any rule is even imported. What happens after that,
an exception or a kill, can only leave what git itself would have left.

Started once per file: no module is imported here that is not needed for most
files, and none of ``subprocess``, ``pathlib`` and ``dataclasses``.
"""

from __future__ import annotations

import os
import sys
from _collections_abc import Callable

from guild_plugins.merge.diff3 import Alignment
from guild_plugins.merge.kinds import VERIFIED, kind_of
from guild_plugins.merge.lines import has_markers, split_lines
from guild_plugins.merge.refine import MERGE
from guild_plugins.merge.render import MARKER_SIZE, Labels, Style, render
from guild_plugins.merge.result import Conflict
from guild_plugins.merge.trivial import merge_trivially

CLEAN, CONFLICT = 0, 1

_WITHOUT, _PLUGINS, _MERGERS = "--without=", "--plugins", "--mergers"

Ask = Callable[..., "bytes | str | None"]

USAGE = """\
usage: guild merge-driver [--without=RULE,...] [--mergers] [--plugins] %O %A %B %L %P [%S %X %Y]

Git runs this for files that both sides changed. To set it up by hand:

  git config merge.guild.name "Guild's merge by structure"
  git config merge.guild.driver "guild merge-driver %O %A %B %L %P %S %X %Y"
  echo "* merge=guild" >> .git/info/attributes
"""


def drive(args: list[str], ask: Ask | None = None, run: Ask | None = None) -> int:
    """Merge one file into ``%A``; return 0 where it is clean and 1 where it is not.

    :param ask: What ``--plugins`` asks first: given path, base, ours and theirs, it
        returns the merged text, why a person has to decide, or ``None``.
    :param run: The same for ``--mergers``, before the plugins.
    """
    without, options, args = _options(args)
    if len(args) < 3:
        sys.stderr.write(USAGE)
        return 2
    base, ours, theirs, size, path, *names = [*args, *[""] * (5 - len(args))]
    job = Job(base, ours, theirs, path or ours, without)
    wanted = (run if _MERGERS in options else None, ask if _PLUGINS in options else None)
    job.asked = [each for each in wanted if each is not None]
    style = Style(size=int(size) if size.isdigit() and int(size) else MARKER_SIZE)
    style.labels = _labels(names)
    try:
        texts = _read(base), _read(ours), _read(theirs)
        quick = merge_trivially(*texts)
        if quick is not None:
            _write(ours, quick.text)
            return CLEAN if quick.is_clean else CONFLICT
        aligned = Alignment(*map(split_lines, texts))
        as_git = render(aligned, {}, style)
        _write(ours, as_git)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, git's result has to stand
        _tell(job, error)
        return _by_git(job, style)
    code = CONFLICT if aligned.conflicts else CLEAN
    try:
        code_of_plugin = _by_plugins(job, texts) if aligned.conflicts else None
        if code_of_plugin is not None:
            return code_of_plugin
        return _improve(job, aligned, as_git, style)
    except Exception as error:  # noqa: BLE001 - git's result stands already
        _tell(job, error)
        _write(ours, as_git)
        return code


class Job:
    """The files of one merge, as git names them, and the path that they stand for."""

    __slots__ = ("asked", "base", "ours", "path", "theirs", "without")

    def __init__(
        self, base: str, ours: str, theirs: str, path: str, without: frozenset[str]
    ) -> None:
        self.base, self.ours, self.theirs, self.path = base, ours, theirs, path
        self.without = without
        self.asked: list[Ask] = []


def _options(args: list[str]) -> tuple[frozenset[str], set[str], list[str]]:
    """Return the rules to do without, whom to ask, and the other arguments."""
    without: frozenset[str] = frozenset()
    asked: set[str] = set()
    while args and (args[0] in (_PLUGINS, _MERGERS) or args[0].startswith(_WITHOUT)):
        if args[0].startswith(_WITHOUT):
            without = frozenset(args[0][len(_WITHOUT) :].split(","))
        else:
            asked.add(args[0])
        args = args[1:]
    return without, asked, args


def _by_plugins(job: Job, texts: tuple[bytes, bytes, bytes]) -> int | None:
    """Let mergers and plugins merge; return ``None`` where none of them has the file."""
    answer = None
    for ask in job.asked:
        answer = ask(job.path, *texts)
        if answer is not None:
            break
    if answer is None:
        return None
    if isinstance(answer, str):
        _say(f"guild: {job.path}: {answer}")
        return CONFLICT
    if has_markers(answer):
        _say(f"guild: {job.path}: a plugin returned conflict markers; left as git merges it")
        return CONFLICT
    _write(job.ours, answer)
    return CLEAN


def _improve(job: Job, aligned: Alignment, as_git: bytes, style: Style) -> int:
    """Let the rules settle what git left open, and check what it merged."""
    if not aligned.conflicts and kind_of(job.path) not in VERIFIED:
        return CLEAN
    from guild_plugins.merge.engine import conclude

    result = conclude(job.path, aligned, style, job.without)
    if not result.is_clean and (kind := _conflict_style()) != MERGE:
        result = conclude(job.path, aligned, Style(kind, style.size, style.labels), job.without)
    if result.text != as_git:
        _write(job.ours, result.text)
    if isinstance(result, Conflict) and result.proposal is not None:
        _keep_proposal(job.path, result, result.proposal)
    return CLEAN if result.is_clean else CONFLICT


def _by_git(job: Job, style: Style) -> int:
    """Let ``git merge-file`` write the result; it leaves markers for what it cannot merge."""
    command = ["git", "merge-file", f"--marker-size={style.size}"]
    for label in (style.labels.ours, style.labels.base, style.labels.theirs):
        command += ["-L", os.fsdecode(label)]
    command += ["--", job.ours, job.base, job.theirs]
    try:
        process = os.posix_spawnp("git", command, os.environ)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except OSError as error:
        _say(f"guild: git merge-file could not be run: {error}")
        return CONFLICT
    return CLEAN if code == 0 else CONFLICT


def _labels(names: list[str]) -> Labels:
    """Return the labels; git before 2.44 gives ``%S %X %Y`` as they stand."""
    given = [os.fsencode(name) for name in names]
    given = [b"" if name in (b"%S", b"%X", b"%Y") else name for name in given]
    base, ours, theirs = [*given, *[b""] * (3 - len(given))][:3]
    return Labels(ours or b"ours", base or b"base", theirs or _head_name() or b"theirs")


def _head_name() -> bytes:
    """Return what ``git merge`` calls the other side, where it merges one."""
    names = [value for name, value in os.environ.items() if name.startswith("GITHEAD_")]
    return os.fsencode(names[0]) if len(names) == 1 else b""


def _conflict_style() -> str:
    """Return the style of conflicts that the user configured."""
    read, write = os.pipe()
    try:
        process = os.posix_spawnp(
            "git",
            ["git", "config", "--get", "merge.conflictStyle"],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
        )
    except OSError:
        os.close(write)
        os.close(read)
        return "merge"
    os.close(write)
    with os.fdopen(read, "rb") as output:
        name = output.read().strip().decode("ascii", "replace").lower()
    os.waitpid(process, 0)
    return name if name in ("diff3", "zdiff3") else "merge"


def _read(name: str) -> bytes:
    with open(name, "rb") as file:  # noqa: PTH123 - pathlib costs more than the merge
        return file.read()


def _write(name: str, text: bytes) -> None:
    """Overwrite a file in place, longest content first: a kill in between loses no line."""
    file = os.open(name, os.O_WRONLY)
    try:
        at = 0
        while at < len(text):
            at += os.write(file, text[at:])
        os.ftruncate(file, len(text))
    finally:
        os.close(file)


def _keep_proposal(path: str, result: Conflict, text: bytes) -> None:
    """Keep a proposal in the repository; git runs drivers at the top of the work tree."""
    from guild_plugins.delivery.proposing import keep

    keep(os.curdir, path, result.reason, text)
    _say(f"guild: {path}: a proposal is kept ({result.reason}); see guild resolve")


def _tell(job: Job, error: Exception) -> None:
    _say(f"guild: {job.path}: {type(error).__name__}: {error}; left as git merges it")


def _say(text: str) -> None:
    sys.stderr.write(text.encode("unicode_escape", "replace").decode("ascii") + "\n")
