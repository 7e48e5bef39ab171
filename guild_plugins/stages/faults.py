"""What a plugin can do wrong. Each fault names the plugin, where it is from, and the hook.

Where an exception of the plugin's led to it, that is the cause. It stays behind when
the fault crosses to another process, so ``detail`` tells its type, text and place.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import ClassVar

from guild_plugins.errors import Exit, GuildError


class PluginFault(GuildError):
    """A plugin did not keep its side of the contract.

    :param plugin: Its name: that of its entry point.
    :param distribution: The package that it is from, with its version.
    :param hook: What it was to do; empty where it could not be loaded.
    :param detail: What went wrong.
    """

    slug = "plugin-fault"
    exit = Exit.PLUGIN
    remedy = "Tell its authors. GUILD_DISABLE_PLUGINS=NAME does without a plugin."
    sentence: ClassVar[str] = "is at fault"

    def __init__(self, plugin: str, distribution: str, hook: str, detail: str) -> None:
        super().__init__(plugin, distribution, hook, detail)
        self.plugin, self.distribution = plugin, distribution
        self.hook, self.detail = hook, detail

    def __str__(self) -> str:
        place = f" in {self.hook}" if self.hook else ""
        return (
            f"Plugin {self.plugin!r} ({self.distribution}) {self.sentence}{place}: {self.detail}."
        )


class PluginUnloadable(PluginFault):
    """A plugin could not be imported, or is nothing that can be one."""

    slug = "plugin-unloadable"
    sentence = "cannot be loaded"


class PluginTooNew(PluginFault):
    """A plugin needs hooks, arguments or a contract that this Guild does not have."""

    slug = "plugin-too-new"
    remedy = "Upgrade Guild, or install an older version of the plugin."
    sentence = "needs another version of Guild"


class PluginMisshapen(PluginFault):
    """An implementation cannot be called as its hook is."""

    slug = "plugin-misshapen"
    sentence = "cannot be called"


class PluginRaised(PluginFault):
    """An implementation raised an exception."""

    slug = "plugin-raised"
    sentence = "raised"


class PluginReturnedJunk(PluginFault):
    """An implementation returned what its hook does not allow."""

    slug = "plugin-returned-junk"
    sentence = "gave an answer that cannot be used"


class PluginHung(PluginFault):
    """An implementation was not done at its deadline."""

    slug = "plugin-hung"
    sentence = "hangs"


def tell(error: BaseException) -> str:
    """Return an exception's type and text in one line, and where it was raised."""
    text = " ".join(_text(error).split())
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{what} ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else what


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a plugin's exception is a plugin's code as well
        return "its text cannot be had"
