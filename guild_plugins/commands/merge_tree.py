"""``guild merge-tree``: another name of ``guild merge``, as git has it."""

from guild_plugins.commands.merge import arguments, run

__all__ = ["arguments", "run"]
