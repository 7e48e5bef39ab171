"""Trust: which clones may run the commands that their configuration names.

A clone is not trusted. ``guild trust`` notes, in the user's own folder and under the
clone's place, a digest of all that the configuration says; another clone, or one more
key, is another digest. Nothing in the clone can write that note.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.config import Source

KEPT: Final = 50
"""Configurations of one clone that stay trusted: those of its branches."""


class NotTrusted(GuildError):
    """The configuration names a command, and nobody has said that it may run."""

    slug = "not-trusted"
    exit = Exit.UNSUPPORTED
    remedy = (
        "Look at the command; guild trust lets this clone run it until the configuration changes."
    )

    def __init__(self, key: str, command: tuple[str, ...]) -> None:
        super().__init__(key, command)
        self.key, self.command = key, command

    def __str__(self) -> str:
        return f"{self.key} is not trusted, so that {' '.join(self.command)!r} was not run."


def digest_of(source: Source) -> str:
    """Return the digest of what a configuration says, however it is laid out."""
    text = json.dumps(_plain(source.table), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_trusted(common_dir: Path, source: Source, environ: Mapping[str, str]) -> bool:
    """Say whether a clone may run what a configuration names."""
    return digest_of(source) in _noted(_file(common_dir, environ))


def trust(common_dir: Path, source: Source, environ: Mapping[str, str]) -> None:
    """Note that a clone may run what a configuration names."""
    file, digest = _file(common_dir, environ), digest_of(source)
    noted = [one for one in _noted(file) if one != digest]
    _write(file, common_dir, [*noted, digest][-KEPT:])


def revoke(common_dir: Path, environ: Mapping[str, str]) -> None:
    """Forget all that a clone was trusted with."""
    _file(common_dir, environ).unlink(missing_ok=True)


def _file(common_dir: Path, environ: Mapping[str, str]) -> Path:
    own = environ.get("XDG_STATE_HOME")
    base = Path(own) if own and os.path.isabs(own) else Path.home() / ".local/state"  # noqa: PTH117
    name = hashlib.sha256(os.fsencode(common_dir.resolve())).hexdigest()[:32]
    return base / "guild" / "trust" / f"{name}.json"


def _noted(file: Path) -> list[str]:
    try:
        digests = json.loads(file.read_bytes())["digests"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [one for one in digests if isinstance(one, str)] if isinstance(digests, list) else []


def _write(file: Path, common_dir: Path, digests: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"clone": os.fspath(common_dir), "digests": digests}))
    draft.chmod(0o600)
    draft.replace(file)


def _plain(value: Any) -> Any:
    """Return the table without what is not Guild's own kind of mapping."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
