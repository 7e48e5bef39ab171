"""Installing hooks and the merge driver, and taking them out again byte for byte.

A hook that is there is kept beside and called first. It is linked under its second
name before ours takes its place in one step, so that at no moment there is none. What
the files that are edited were before lies in ``guild/install.json``; where somebody
changed them since, only our own lines are taken out.

Hooks go where this work tree looks for them, and no setting is changed to that end:
another work tree is never redirected. A git that runs hooks from its configuration gets
them there (see `configured`).
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from guild_plugins.delivery.attaching import install_driver, remove_driver
from guild_plugins.delivery.configured import install_configured, remove_configured
from guild_plugins.delivery.install_note import InstallNote, Step, draft_of, read, write
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.hooks import are_hooks_configurable, folder_of_hooks
from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository
from guild_plugins.git.shims import BEFORE, HOOKS, MARK, shim


class HooksElsewhere(GuildError):
    """Hooks are looked for in a folder that is not this repository's to change."""

    slug = "hooks-elsewhere"
    exit = Exit.UNSUPPORTED
    remedy = (
        'Call guild hook NAME "$@" from the scripts in that folder (hooks/ in Guild\'s sources has '
        "them), or unset core.hooksPath."
    )

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(folder, reason)
        self.folder, self.reason = folder, reason

    def __str__(self) -> str:
        return f"core.hooksPath says {self.folder}, {self.reason}; nothing was changed."


def install(
    repository: Repository,
    hooks: Sequence[str] = HOOKS,
    *,
    driver: bool = True,
    scripts: bool = False,
    dry: bool = False,
) -> Iterator[Step]:
    """Install what is not installed yet, and yield what was done.

    :param scripts: Put scripts where git looks for hooks, even if it runs configured ones.
    :param dry: Change nothing.
    :raises HooksElsewhere: The hooks' folder is not ours to change.
    """
    note = InstallNote(repository)
    is_configured = not scripts and are_hooks_configurable(repository.top)
    folder = None if is_configured else hooks_folder(repository)
    if not dry:
        note.begin(folder)
    if folder is None:
        yield from install_configured(repository, hooks, program(), note, dry=dry)
        yield from _instead(_remove_scripts(note.folders, dry=dry))
    else:
        for name in hooks:
            yield from _install_hook(folder, name, dry=dry)
        yield from _instead(remove_configured(repository, note, dry=dry))
    if driver:
        yield from install_driver(repository, note, dry=dry)


def uninstall(repository: Repository, *, dry: bool = False) -> Iterator[Step]:
    """Take out what `install` put in, and yield what was done."""
    note = InstallNote(repository)
    folders = set(note.folders)
    with suppress(HooksElsewhere):
        folders.add(hooks_folder(repository))
    yield from _remove_scripts(folders, dry=dry)
    yield from remove_configured(repository, note, dry=dry)
    yield from remove_driver(repository, note, dry=dry)
    if not dry:
        note.end()


def _instead(steps: Iterable[Step]) -> Iterator[Step]:
    """Name what the other way of installing had put in."""
    yield from (step._replace(what=f"instead of {step.what}") for step in steps)


def _remove_scripts(folders: Iterable[Path], *, dry: bool) -> Iterator[Step]:
    for folder in folders:
        for name in HOOKS:
            yield from _remove_hook(folder, name, dry=dry)
            if not dry:
                draft_of(folder / name).unlink(missing_ok=True)


def hooks_folder(repository: Repository) -> Path:
    """Return where git looks for this work tree's hooks.

    :raises HooksElsewhere: Not in this repository, or the project's own files are there.
    """
    folder = folder_of_hooks(repository.top)
    real = folder.resolve()
    if real.is_relative_to(repository.common_dir.resolve()):
        return folder
    if not real.is_relative_to(repository.top.resolve()):
        raise HooksElsewhere(str(folder), "which other repositories may use as well")
    if run_git(["ls-files", "-z", "--", f"{folder}/"], repository.top):
        raise HooksElsewhere(str(folder), "where files of the project lie")
    return folder


def program() -> str:
    """Return the path of this installation's ``guild``."""
    own = Path(sysconfig.get_path("scripts")) / "guild"
    return str(own) if own.exists() else "guild"


# -- hooks ---------------------------------------------------------------------------


def _install_hook(folder: Path, name: str, *, dry: bool) -> Iterator[Step]:
    hook, kept = folder / name, folder / (name + BEFORE)
    wanted = os.fsencode(shim(name, program()))
    found = read(hook)
    if found == wanted:
        return
    is_foreign = os.path.lexists(hook) and not _is_ours(found)
    yield Step("hook, beside what was there" if is_foreign else "hook", str(hook))
    if dry:
        return
    if is_foreign:
        with suppress(FileExistsError):  # from an install that did not end
            os.link(hook, kept, follow_symlinks=False)
    write(hook, wanted, mode=0o755)


def _remove_hook(folder: Path, name: str, *, dry: bool) -> Iterator[Step]:
    """Put back what was there; a tool that came later may have moved ours aside."""
    kept = folder / (name + BEFORE)
    has_before = os.path.lexists(kept)
    for hook in (folder / name, folder / f"{name}.legacy"):
        if not _is_ours(read(hook)):
            continue
        yield Step("hook, what was there is back" if has_before else "hook", str(hook))
        if not dry and has_before:
            kept.replace(hook)
        elif not dry:
            hook.unlink()
        return
    if has_before:
        yield from _remove_kept(folder / name, kept, dry=dry)


def _remove_kept(hook: Path, kept: Path, *, dry: bool) -> Iterator[Step]:
    """Deal with a hook that was kept, where ours is not there: an install that did not end."""
    if not os.path.lexists(hook):
        yield Step("hook, what was there is back", str(hook))
        if not dry:
            kept.replace(hook)
    elif os.path.samestat(kept.lstat(), hook.lstat()):
        yield Step("hook's second name", str(kept))
        if not dry:
            kept.unlink()
    else:
        yield Step("nothing: another hook is there now, and the one before it stays", str(kept))


def _is_ours(script: bytes | None) -> bool:
    return script is not None and MARK in script[:200]
