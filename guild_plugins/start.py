"""Where ``guild`` starts.

Git runs ``guild merge-driver`` once for every file that both sides changed. It
goes straight to its work; everything else pays for the command line first.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the merge driver, or else the command line."""
    if sys.argv[1:2] == ["merge-driver"]:
        from guild_plugins.delivery.driver import drive

        return drive(sys.argv[2:], _ask_plugins)
    from guild_plugins.cli import main as run_command

    return run_command()


def _ask_plugins(path: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | str | None:
    """Ask the installed plugins, whose machinery is imported only here."""
    from guild_plugins.commands.merge_plugins import ask

    return ask(path, base, ours, theirs)


if __name__ == "__main__":
    sys.exit(main())
