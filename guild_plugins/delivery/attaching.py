"""The merge driver in a clone: its configuration, and the block in ``info/attributes``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import guild_plugins
from guild_plugins.delivery.attributes import block_for, block_in, without_block
from guild_plugins.delivery.install_note import Edited, InstallNote, Step, draft_of, read, write
from guild_plugins.git.configuring import clear_left, edit_config, set_config
from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository

START: Final = Path(guild_plugins.__file__).with_name("start.py")
"""Where the driver begins."""

_COMMAND: Final = (
    "if test -x {python} && test -r {start}; then"
    " {python} -I -S {start} merge-driver %O %A %B %L %P %S %X %Y; code=$?;"
    " if test $code -le 1 || grep -q '^<<<<<<<' %A; then test $code -eq 0; exit; fi; fi;"
    " git merge-file -q --marker-size=%L -L ours -L base -L theirs %A %O %B"
)
"""What was killed before it had written anything left our side alone; git merges then.

Where markers are there, git's own result is. A merge that was written without any is
merged with theirs once more, which changes nothing.
"""


def driver_command(python: Path, start: Path) -> str:
    """Return what git is to run for a file: Guild, or git's own merge where Guild is gone.

    A driver that is not there would leave our side alone in the file, as if it were merged.
    ``python -I -S`` reads neither the environment nor what is installed, and starts in
    half the time (see `guild_plugins.start`).
    """
    return _COMMAND.format(python=_quoted(python), start=_quoted(start))


def install_driver(repository: Repository, note: InstallNote, *, dry: bool) -> Iterator[Step]:
    """Install what is not installed yet, and yield what was done."""
    config, attributes = _files(repository)
    wanted = driver_command(Path(sys.executable), START)
    if _configured(repository) != wanted:
        yield Step("merge driver", str(config))
        if not dry:
            pairs = {"name": "Guild's merge by structure", "driver": wanted}
            edits = [(f"merge.guild.{key}", value) for key, value in pairs.items()]
            before = read(config)
            edit_config(config, note.folder, edits)
            note.edited("config", Edited(before, read(config)))
    before = read(attributes)
    if block_in(before or b"") is None:
        yield Step("merge driver's files", str(attributes))
        if not dry:
            after = _ended(before or b"") + block_for(repository)
            write(attributes, after, mode=_mode(attributes))
            note.edited("attributes", Edited(before, after))


def remove_driver(repository: Repository, note: InstallNote, *, dry: bool) -> Iterator[Step]:
    """Take it out, and yield what was done."""
    config, attributes = _files(repository)
    if _configured(repository) is not None:
        yield Step("merge driver", str(config))
        if not dry:
            _restore_config(config, note)
    if not dry:
        clear_left(config, note.folder)
        draft_of(attributes).unlink(missing_ok=True)
    found = read(attributes)
    if found is not None and block_in(found) is not None:
        yield Step("merge driver's files", str(attributes))
        if not dry:
            _restore_attributes(attributes, found, note)


def has_driver(repository: Repository) -> bool:
    """Say whether the merge driver is configured in the clone."""
    return _configured(repository) is not None


def _restore_config(config: Path, note: InstallNote) -> None:
    was = note.untouched("config", read(config))
    if was is not None and was.before is not None and was.after is not None:
        set_config(config, note.folder, was.before, was.after)
    else:
        edit_config(config, note.folder, [("--remove-section", "merge.guild")])


def _restore_attributes(attributes: Path, found: bytes, note: InstallNote) -> None:
    was = note.untouched("attributes", found)
    content = was.before if was is not None else without_block(found)
    if content is None:
        attributes.unlink()
    else:
        write(attributes, content, mode=_mode(attributes))


def _files(repository: Repository) -> tuple[Path, Path]:
    attributes = repository.common_dir / "info" / "attributes"
    return repository.common_dir / "config", Path(os.path.realpath(attributes))


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o644


def _configured(repository: Repository) -> str | None:
    """Return the driver's command line; ``None`` where there is none."""
    command = ["config", "--file", str(repository.common_dir / "config"), "merge.guild.driver"]
    return os.fsdecode(run_git(command, repository.top, accept=(0, 1))).removesuffix("\n") or None


def _quoted(path: Path) -> str:
    """Return a path as a word of the shell in which git finds nothing to fill in."""
    return shlex.quote(str(path)).replace("%", "%%")


def _ended(text: bytes) -> bytes:
    """Return text whose last line has an end."""
    return text if not text or text.endswith(b"\n") else text + b"\n"
