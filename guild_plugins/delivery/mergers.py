"""Other programs that merge files (mergiraf and the like), as the user configured them.

The configuration is git's, so it is the user's own or this clone's, and never what the
clone's tree holds::

    [guild-merger "mergiraf"]
        command = mergiraf merge %O %A %B -o %A
        files = *.java *.rs
        seconds = 10

A command is run without a shell, on copies of the three files in a folder of its own, which
end as the file's name does. Clean is what it leaves in ``%A`` when it ends with 0; that must
be sound as every clean result must. Whatever else it does, the rules have the file.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from guild_plugins.git.process import run_git, user_environment
from guild_plugins.merge.kinds import kind_of
from guild_plugins.merge.lines import has_markers
from guild_plugins.merge.verify import find_fault

SECTION = "guild-merger"
SECONDS = 10.0
"""How long a command may take, where nothing else is configured."""


class Merger(NamedTuple):
    """A program that merges files.

    :param files: Patterns of which one fits the path or the name of a file.
    """

    name: str
    command: tuple[str, ...]
    files: tuple[str, ...]
    seconds: float = SECONDS

    def is_for(self, path: str) -> bool:
        """Return whether it merges a file."""
        name = path.rpartition("/")[2]
        return any(fnmatchcase(path, each) or fnmatchcase(name, each) for each in self.files)


def read_mergers(folder: Path) -> list[Merger]:
    """Return what is configured; a merger without command or files is none."""
    args = ["config", "--null", "--get-regexp", rf"^{SECTION}\..*\.(command|files|seconds)$"]
    output = run_git(args, folder, accept=(0, 1)).decode("utf-8", "surrogateescape")
    values: dict[str, dict[str, str]] = {}
    for entry in output.split("\0"):
        key, _, value = entry.partition("\n")
        if key:
            name, _, field = key.removeprefix(f"{SECTION}.").rpartition(".")
            values.setdefault(name, {})[field] = value
    return [merger for name, each in values.items() if (merger := _merger(name, each))]


def _merger(name: str, values: dict[str, str]) -> Merger | None:
    try:
        command = tuple(shlex.split(values.get("command", "")))
        seconds = float(values.get("seconds", SECONDS))
    except ValueError as error:
        _say(f"{SECTION}.{name} cannot be read: {error}")
        return None
    files = tuple(values.get("files", "").split())
    return Merger(name, command, files, seconds) if command and files else None


def run_mergers(
    path: str, base: bytes, ours: bytes, theirs: bytes, mergers: Sequence[Merger] | None = None
) -> bytes | None:
    """Return what the first merger for a file that merges it makes of it; ``None`` for none.

    :param path: From the top of the work tree.
    :param mergers: Those that are configured where we are, unless others are given.
    """
    for merger in read_mergers(Path.cwd()) if mergers is None else mergers:
        if merger.is_for(path):
            text = run_merger(merger, path, (base, ours, theirs))
            if text is not None:
                return text
    return None


def run_merger(merger: Merger, path: str, texts: tuple[bytes, bytes, bytes]) -> bytes | None:
    """Return what a merger makes of a file; ``None`` where it fails, or what it made is unsound."""
    with tempfile.TemporaryDirectory(prefix="guild-merger-") as folder:
        places = _write(Path(folder), path, texts)
        words = [_filled(word, {**places, "%P": path, "%L": "7"}) for word in merger.command]
        code = _run(words, folder, merger)
        if code != 0:
            return None
        try:
            made = Path(places["%A"]).read_bytes()
        except OSError:
            return None
    if has_markers(made):
        _say(f"{merger.name} ended with 0 and left conflict markers in {path}")
        return None
    fault = find_fault(kind_of(path), made, *texts)
    if fault is not None:
        _say(f"what {merger.name} made of {path} was not taken: {fault.reason}")
        return None
    return made


def _write(folder: Path, path: str, texts: Sequence[bytes]) -> dict[str, str]:
    """Write the three files, and return where, by git's placeholders."""
    stem, dot, ending = path.rpartition("/")[2].rpartition(".")
    suffix = dot + ending if stem and ending.isalnum() else ""
    places = {}
    for mark, name, text in zip(("%O", "%A", "%B"), ("base", "ours", "theirs"), texts, strict=True):
        file = folder / f"{name}{suffix}"
        file.write_bytes(text)
        places[mark] = str(file)
    return places


def _filled(word: str, places: dict[str, str]) -> str:
    """Fill in a placeholder; a path that begins like an option is kept from being one."""
    for mark, value in places.items():
        if word == mark and value.startswith("-"):
            return f"./{value}"
        if mark in word:
            return word.replace(mark, value)
    return word


def _run(words: Sequence[str], folder: str, merger: Merger) -> int | None:
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=user_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        _say(f"{merger.name} could not be run: {error}")
        return None
    try:
        return process.wait(merger.seconds)
    except subprocess.TimeoutExpired:
        _say(f"{merger.name} took longer than {merger.seconds:g} s and was ended")
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _say(text: str) -> None:
    sys.stderr.write("guild: " + text.encode("unicode_escape", "replace").decode("ascii") + "\n")
