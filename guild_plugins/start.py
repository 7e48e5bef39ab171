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

        return drive(sys.argv[2:])
    from guild_plugins.cli import main as run_command

    return run_command()


if __name__ == "__main__":
    sys.exit(main())
