"""Installing hooks and the merge driver, and taking them out again byte for byte.

A hook that is there is kept beside and called first. It is linked under its second
name before ours takes its place in one step, so that at no moment there is none. What
the files that are edited were before lies in ``guild/install.json``; where somebody
changed them since, only our own lines are taken out.

Hooks go where this work tree looks for them, and no setting is changed to that end:
another work tree is never redirected.
"""

from __future__ import annotations

import json
import os
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from guild_plugins.delivery.attributes import block_for, block_in, without_block
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.hooks import folder_of_hooks
from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.repository import Repository
from guild_plugins.git.shims import BEFORE, HOOKS, MARK, shim

DRIVER: Final = "merge-driver %O %A %B %L %P %S %X %Y"


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


class Step(NamedTuple):
    """One thing that was done, or would be."""

    what: str
    path: str


class _Edited(NamedTuple):
    """A file before and after it was edited; ``None`` where there was none."""

    before: bytes | None
    after: bytes | None

    def as_data(self) -> dict[str, str | None]:
        before = None if self.before is None else self.before.decode("latin-1")
        after = None if self.after is None else sha256(self.after).hexdigest()
        return {"before": before, "after": after}


def install(
    repository: Repository, hooks: Sequence[str] = HOOKS, *, driver: bool = True, dry: bool = False
) -> Iterator[Step]:
    """Install what is not installed yet, and yield what was done.

    :param dry: Change nothing.
    :raises HooksElsewhere: The hooks' folder is not ours to change.
    """
    folder = hooks_folder(repository)
    note = _Note(repository)
    if not dry:
        note.begin(folder)
    for name in hooks:
        yield from _install_hook(folder, name, dry=dry)
    if driver:
        yield from _install_driver(repository, note, dry=dry)


def uninstall(repository: Repository, *, dry: bool = False) -> Iterator[Step]:
    """Take out what `install` put in, and yield what was done."""
    note = _Note(repository)
    for folder in {hooks_folder(repository), *note.folders}:
        for name in HOOKS:
            yield from _remove_hook(folder, name, dry=dry)
    yield from _remove_driver(repository, note, dry=dry)
    if not dry:
        note.end()


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
    found = _read(hook)
    if found == wanted:
        return
    is_foreign = os.path.lexists(hook) and not _is_ours(found)
    yield Step("hook, beside what was there" if is_foreign else "hook", str(hook))
    if dry:
        return
    if is_foreign:
        with suppress(FileExistsError):  # from an install that did not end
            os.link(hook, kept, follow_symlinks=False)
    _write(hook, wanted, mode=0o755)


def _remove_hook(folder: Path, name: str, *, dry: bool) -> Iterator[Step]:
    """Put back what was there; a tool that came later may have moved ours aside."""
    kept = folder / (name + BEFORE)
    has_before = os.path.lexists(kept)
    for hook in (folder / name, folder / f"{name}.legacy"):
        if not _is_ours(_read(hook)):
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


# -- the merge driver ------------------------------------------------------------------


def _install_driver(repository: Repository, note: _Note, *, dry: bool) -> Iterator[Step]:
    config, attributes = _driver_files(repository)
    wanted = f"'{program()}' {DRIVER}"
    if _configured(repository) != wanted:
        yield Step("merge driver", str(config))
        if not dry:
            before = _read(config)
            _set_config(repository, config, wanted)
            note.edited("config", _Edited(before, _read(config)))
    before = _read(attributes)
    if block_in(before or b"") is None:
        yield Step("merge driver's files", str(attributes))
        if not dry:
            attributes.parent.mkdir(exist_ok=True)
            after = _ended(before or b"") + block_for(repository)
            _write(attributes, after, mode=0o644)
            note.edited("attributes", _Edited(before, after))


def _remove_driver(repository: Repository, note: _Note, *, dry: bool) -> Iterator[Step]:
    config, attributes = _driver_files(repository)
    if _configured(repository) is not None:
        yield Step("merge driver", str(config))
        if not dry and not _restore(config, note.of("config")):
            run_git(
                ["config", "--file", str(config), "--remove-section", "merge.guild"], repository.top
            )
    found = _read(attributes)
    if found is not None and without_block(found) != found:
        yield Step("merge driver's files", str(attributes))
        if not dry and not _restore(attributes, note.of("attributes")):
            _write(attributes, without_block(found), mode=0o644)


def _ended(text: bytes) -> bytes:
    """Return text whose last line has an end."""
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _driver_files(repository: Repository) -> tuple[Path, Path]:
    return repository.common_dir / "config", repository.common_dir / "info" / "attributes"


def _configured(repository: Repository) -> str | None:
    command = ["config", "--file", str(repository.common_dir / "config"), "merge.guild.driver"]
    try:
        return os.fsdecode(run_git(command, repository.top)).removesuffix("\n")
    except GitFailed as error:
        if error.code == 1:
            return None
        raise


def _set_config(repository: Repository, config: Path, driver: str) -> None:
    pairs = {"name": "Guild's merge by structure", "driver": driver}
    for key, value in pairs.items():
        run_git(["config", "--file", str(config), f"merge.guild.{key}", value], repository.top)


def _restore(path: Path, edited: dict[str, str | None] | None) -> bool:
    """Put a file back as it was, if nobody has changed it since; say whether that was done."""
    found = _read(path)
    if edited is None or found is None or sha256(found).hexdigest() != edited["after"]:
        return False
    before = edited["before"]
    if before is None:
        path.unlink()
        return True
    _write(path, before.encode("latin-1"), mode=path.stat().st_mode & 0o777)
    return True


# -- the note ----------------------------------------------------------------------------


class _Note:
    """What was there before, in Guild's folder."""

    def __init__(self, repository: Repository) -> None:
        self._common = repository.common_dir
        self._path = repository.common_dir / "guild" / "install.json"
        self._data: dict[str, Any] = {"version": 1, "folders": [], "made": [], "files": {}}
        with suppress(FileNotFoundError, ValueError):
            self._data.update(json.loads(self._path.read_bytes()))

    @property
    def folders(self) -> list[Path]:
        """Where hooks were installed."""
        return [Path(folder) for folder in self._data["folders"]]

    def begin(self, hooks: Path) -> None:
        """Note where hooks go, and which folders there were not; make them."""
        folders = (hooks, self._common / "info", self._path.parent)
        self._data["made"] += [str(one) for one in folders if not one.exists()]
        if str(hooks) not in self._data["folders"]:
            self._data["folders"].append(str(hooks))
        self._path.parent.mkdir(exist_ok=True)
        self._save()
        hooks.mkdir(parents=True, exist_ok=True)

    def edited(self, name: str, edited: _Edited) -> None:
        """Note what became of a file; what it was at first stays noted."""
        data = edited.as_data()
        known = self._data["files"].get(name)
        if known is not None:
            data["before"] = known["before"]
        self._data["files"][name] = data
        self._save()

    def of(self, name: str) -> dict[str, str | None] | None:
        """Return what was noted of a file."""
        found: dict[str, str | None] | None = self._data["files"].get(name)
        return found

    def end(self) -> None:
        """Forget it, and remove the folders that were made and are empty."""
        self._path.unlink(missing_ok=True)
        for folder in self._data["made"]:
            with suppress(OSError):
                Path(folder).rmdir()

    def _save(self) -> None:
        _write(self._path, json.dumps(self._data, indent=1).encode(), mode=0o600)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Put a file in the place of another, at once and durably."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.guild")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
