"""What was there before an installation, noted in Guild's folder: ``install.json``."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from guild_plugins.git.repository import Repository


class Step(NamedTuple):
    """One thing that was done, or would be."""

    what: str
    path: str


class Edited(NamedTuple):
    """A file before and after it was edited; ``None`` where there was none."""

    before: bytes | None
    after: bytes | None

    def as_data(self) -> dict[str, str | None]:
        """Return what is noted of it."""
        before = None if self.before is None else self.before.decode("latin-1")
        after = None if self.after is None else sha256(self.after).hexdigest()
        return {"before": before, "after": after}


class InstallNote:
    """What was there before, in Guild's folder."""

    def __init__(self, repository: Repository) -> None:
        self._common = repository.common_dir
        self.folder = repository.common_dir / "guild"
        self._path = self.folder / "install.json"
        self._data: dict[str, Any] = {"version": 1, "folders": [], "made": [], "files": {}}
        with suppress(FileNotFoundError, ValueError):
            self._data.update(json.loads(self._path.read_bytes()))

    @property
    def folders(self) -> list[Path]:
        """Where hooks were installed."""
        return [Path(folder) for folder in self._data["folders"]]

    def begin(self, hooks: Path | None) -> None:
        """Note where hooks go, and which folders there were not; make them.

        :param hooks: ``None`` where they go into the configuration.
        """
        folders = [self._common / "info", self._path.parent]
        if hooks is not None:
            folders.insert(0, hooks)
        self._data["made"] += [str(one) for one in folders if not one.exists()]
        if hooks is not None and str(hooks) not in self._data["folders"]:
            self._data["folders"].append(str(hooks))
        self._path.parent.mkdir(exist_ok=True)
        self._save()
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)

    def edited(self, name: str, edited: Edited) -> None:
        """Note what became of a file; what it was at first stays noted."""
        data = edited.as_data()
        known = self._data["files"].get(name)
        if known is not None:
            data["before"] = known["before"]
        self._data["files"][name] = data
        self._save()

    def untouched(self, name: str, found: bytes | None) -> Edited | None:
        """Return what a file was and is, if nobody has changed it since it was edited."""
        noted = self._data["files"].get(name)
        if noted is None or found is None or sha256(found).hexdigest() != noted["after"]:
            return None
        before = noted["before"]
        return Edited(None if before is None else before.encode("latin-1"), found)

    def end(self) -> None:
        """Forget it, and remove the folders that were made and are empty."""
        for left in (draft_of(self._path), self._path):
            left.unlink(missing_ok=True)
        for folder in self._data["made"]:
            with suppress(OSError):
                Path(folder).rmdir()

    def _save(self) -> None:
        write(self._path, json.dumps(self._data, indent=1).encode(), mode=0o600)


def read(path: Path) -> bytes | None:
    """Return a file's content; ``None`` where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def draft_of(path: Path) -> Path:
    """Return where a file is written before it takes its place."""
    return path.with_name(f"{path.name}.guild-draft")


def write(path: Path, content: bytes, *, mode: int) -> None:
    """Put a file in the place of another, at once and durably."""
    draft = draft_of(path)
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
