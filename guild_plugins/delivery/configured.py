"""Hooks in the repository's configuration, for a git that runs them (2.54 and newer).

``hook.guild-NAME.event`` and ``hook.guild-NAME.command`` in the clone's ``config``; the
scripts lie in Guild's folder. Nothing in the folder of hooks is touched: git runs what
lies there as well, after these. So it does not matter where ``core.hooksPath`` leads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from guild_plugins.delivery.attaching import has_driver
from guild_plugins.delivery.install_note import Edited, InstallNote, Step, draft_of, read, write
from guild_plugins.git.configuring import clear_left, edit_config, set_config
from guild_plugins.git.process import run_git, split_names
from guild_plugins.git.repository import Repository
from guild_plugins.git.shims import HOOKS, shim

PREFIX: Final = "hook.guild-"


def install_configured(
    repository: Repository, hooks: Sequence[str], program: str, note: InstallNote, *, dry: bool
) -> Iterator[Step]:
    """Install what is not installed yet, and yield what was done."""
    config = repository.common_dir / "config"
    edits: list[tuple[str, ...]] = []
    for name in hooks:
        script, wanted = _script(note, name), os.fsencode(shim(name, program, is_configured=True))
        is_configured = _values(config, name) == _wanted(name)
        if is_configured and read(script) == wanted:
            continue
        yield Step("configured hook", f"{PREFIX}{name}")
        if not dry:
            script.parent.mkdir(exist_ok=True)
            write(script, wanted, mode=0o755)
        if not is_configured:
            stale = _values(config, name)
            edits += [("--remove-section", f"{PREFIX}{name}")] if stale else []
            edits += [(f"{PREFIX}{name}.{key}", value) for key, value in _wanted(name).items()]
    if edits and not dry:
        before = read(config)
        edit_config(config, note.folder, edits)
        note.edited("config", Edited(before, read(config)))


def remove_configured(repository: Repository, note: InstallNote, *, dry: bool) -> Iterator[Step]:
    """Take it out, and yield what was done."""
    config = repository.common_dir / "config"
    names = [name for name in HOOKS if _values(config, name)]
    yield from (Step("configured hook", f"{PREFIX}{name}") for name in names)
    if dry:
        return
    clear_left(config, note.folder)
    if names:
        _take_out(repository, config, names, note)
    for name in HOOKS:
        script = _script(note, name)
        for left in (draft_of(script), script):
            left.unlink(missing_ok=True)
    if _folder(note).is_dir():
        _folder(note).rmdir()


def _take_out(
    repository: Repository, config: Path, names: Sequence[str], note: InstallNote
) -> None:
    was = note.untouched("config", read(config))
    if was is not None and was.before is not None and not has_driver(repository):
        set_config(config, note.folder, was.before, was.after or b"")
        return
    edit_config(config, note.folder, [("--remove-section", f"{PREFIX}{name}") for name in names])
    if was is not None:
        note.edited("config", Edited(was.before, read(config)))


def _wanted(name: str) -> dict[str, str]:
    """Return what is configured for a hook; a clone that is moved finds its script again."""
    command = f'"$(git rev-parse --git-common-dir)"/guild/hooks/{name}'
    return {"event": name, "command": command}


def _values(config: Path, name: str) -> dict[str, str]:
    """Return what is configured for a hook now."""
    pattern = f"^hook\\.guild-{name}\\."
    command = ["config", "--file", str(config), "-z", "--get-regexp", pattern]
    found = split_names(run_git(command, config.parent, accept=(0, 1)))
    pairs = (line.partition("\n") for line in found)
    return {key.rpartition(".")[2]: value for key, _, value in pairs}


def _folder(note: InstallNote) -> Path:
    return note.folder / "hooks"


def _script(note: InstallNote, name: str) -> Path:
    return _folder(note) / name
