"""Where ``guild`` starts.

Git runs the merge driver once for every file that both sides changed. It goes
straight to its work; everything else pays for the command line first.

``guild install`` has git run this file itself, by ``python -I -S``: without the
module ``site``, which reads what is installed and costs as much as a merge. What
is asked for and not found then makes up for it (see `Installed`).
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the merge driver, or else the command line."""
    if sys.argv[1:2] == ["merge-driver"]:
        from guild_plugins.delivery.driver import drive

        return drive(sys.argv[2:], _ask_plugins, _run_mergers)
    from guild_plugins.cli import main as run_command

    return run_command()


def _ask_plugins(path: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | str | None:
    """Ask the installed plugins, whose machinery is imported only here."""
    Installed.run_site()
    from guild_plugins.commands.merge_plugins import ask

    return ask(path, base, ours, theirs)


def _run_mergers(path: str, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Run the programs that the user configured, whose machinery is imported only here."""
    from guild_plugins.delivery.mergers import run_mergers

    return run_mergers(path, base, ours, theirs)


class Installed:
    """Finds what is installed, where Python was started without ``site``.

    Asked last: the first time that something is not found, ``site`` is run after all.
    """

    @classmethod
    def find_spec(cls, name: str, path: object = None, *_: object) -> object:
        """Return where a module is; ``None`` where there is none of this name."""
        if path is not None:
            return None
        from importlib.util import find_spec

        cls.run_site()
        return find_spec(name)

    @classmethod
    def run_site(cls) -> None:
        """Do what ``python -S`` left out, once."""
        finders: list[object] = sys.meta_path  # type: ignore[assignment]
        if cls in finders:
            finders.remove(cls)
            import site

            site.main()


def _start_bare() -> None:
    """Do as ``main``, in a process that was started for one file and has no ``site``."""
    import gc
    import os

    gc.disable()  # the process is over before anything is worth collecting
    sys.path.append(__file__.rpartition("/guild_plugins/")[0])
    sys.meta_path.append(Installed)  # type: ignore[arg-type]
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking the interpreter apart would cost a tenth of the whole


if __name__ == "__main__":
    if sys.flags.no_site:
        _start_bare()
    sys.exit(main())
