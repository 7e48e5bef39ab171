"""What ``--plugins`` asks: the plugins that are installed, not Guild's own.

The user says ``--plugins``, for the merge driver in their own git configuration, and installed
what is asked: nothing of it is from the repository. Where nothing is installed, pluggy is
not imported.
"""

from __future__ import annotations

import os
from pathlib import Path

from guild_plugins.stages.installed import Source, find_installed
from guild_plugins.stages.places import GROUP, trusted_places

SECONDS = 60
"""How long a plugin may take for one file."""


def ask(
    path: str, base: bytes, ours: bytes, theirs: bytes, top: Path | None = None
) -> bytes | str | None:
    """Return what a plugin makes of a file, why a person has to decide, or ``None``.

    :param path: As git names it, from the top of the work tree.
    :param top: The work tree's top, where that is not where we are.
    :raises PluginFault: A plugin failed; the file is to stay as git left it.
    """
    top = top or Path.cwd()
    installed = find_installed(GROUP, trusted_places(top))
    return _asked(installed, top, path, base, ours, theirs) if installed else None


def _asked(
    installed: tuple[Source, ...], top: Path, path: str, base: bytes, ours: bytes, theirs: bytes
) -> bytes | str | None:
    from guild_plugins.app import App
    from guild_plugins.plugins.disabling import disabled_names
    from guild_plugins.stages.hookspecs import guild_merge_file
    from guild_plugins.stages.manager import Plugins
    from guild_plugins.stages.models import MergeRequest, Undecided

    scope = App.open(top).explain(path).scope
    request = MergeRequest(path=path, scope=scope, base=base or None, ours=ours, theirs=theirs)
    calls = Plugins({}, installed, disabled_names(os.environ)).within(SECONDS)
    answer = calls.first(guild_merge_file, request=request)
    if answer is None:
        return None
    value = answer.value
    if isinstance(value, Undecided):
        return value.reason
    return value if isinstance(value, bytes) else f"{answer.plugin} returned no bytes"
