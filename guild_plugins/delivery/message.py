"""Messages of commits: as given or edited, cleaned, with trailers, past the hooks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guild_plugins.delivery.split import Part
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.hooks import run_hook
from guild_plugins.git.process import run_git, user_environment
from guild_plugins.git.writing import clean_message, with_trailers
from guild_plugins.scopes.model import ScopeId


class MessageMissing(GuildError):
    """A commit has no message."""

    slug = "message-missing"
    exit = Exit.USAGE
    remedy = "Give one with -m TEXT for all scopes, or -M SCOPE=TEXT for one."

    def __init__(self, scope: ScopeId) -> None:
        super().__init__(scope)
        self.scope = scope

    def __str__(self) -> str:
        return f"The commit of {self.scope} has no message; nothing was committed."


@dataclass(frozen=True, slots=True)
class Messages:
    """What the commits are to say.

    :param common: For every scope that has no message of its own; ``None`` opens an editor.
    :param source: Where it comes from, as git tells the prepare-commit-msg hook.
    :param replace: Whether the trailers take the place of those that are there.
    :param leases: The leases, with their generations, that they are made under.
    """

    common: str | None = None
    own: Mapping[ScopeId, str] = field(default_factory=dict)
    task: str | None = None
    source: tuple[str, ...] = ("message",)
    replace: bool = False
    leases: tuple[tuple[str, int], ...] = ()


def write_message(
    top: Path, folder: Path, part: Part, messages: Messages, *, verify: bool
) -> bytes:
    """Return the message of one scope's commit.

    :param folder: For the file that hooks and the editor get.
    :param verify: Whether the commit-msg hook is asked.
    :raises MessageMissing: There is none, or it was emptied.
    :raises HookRefused: A hook said no.
    """
    given = messages.own.get(part.scope, messages.common)
    file = folder / "COMMIT_EDITMSG"
    file.write_bytes(os.fsencode(given) if given is not None else _template(part))
    source = messages.source if given is not None else ()
    run_hook(top, "prepare-commit-msg", [str(file), *source])
    if given is None:
        _edit(top, file, part.scope)
    text = clean_message(top, file.read_bytes(), comments=given is None)
    if not text.strip():
        raise MessageMissing(part.scope)
    trailers = [("Scope", part.scope), *([("Task", messages.task)] if messages.task else [])]
    trailers += [("Lease", f"{lease}:{generation}") for lease, generation in messages.leases]
    file.write_bytes(with_trailers(top, text, trailers, replace=messages.replace))
    if verify:
        run_hook(top, "commit-msg", [str(file)])
    text = clean_message(top, file.read_bytes())
    if not text.strip():
        raise MessageMissing(part.scope)
    return text


def _template(part: Part) -> bytes:
    lines = [f"# Commit of scope {part.scope}. Lines with '#' are left out.", "#"]
    lines += [f"#   {change.path!r}" for change in part.changes]
    return os.fsencode("\n" + "\n".join(lines) + "\n")


def _edit(top: Path, file: Path, scope: ScopeId) -> None:
    if not sys.stdin.isatty():
        raise MessageMissing(scope)
    environ = user_environment(os.environ)
    editors = {key: value for key, value in os.environ.items() if key == "GIT_EDITOR"}
    editor = run_git(["var", "GIT_EDITOR"], top, extra_env=editors).decode().strip()
    command = ["sh", "-c", f'{editor} "$@"', editor, str(file)]
    if subprocess.run(command, cwd=top, env=environ, check=False).returncode:
        raise MessageMissing(scope)
