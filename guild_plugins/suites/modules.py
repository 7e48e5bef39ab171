"""Guild's own modules are loaded as they were installed.

pytest rewrites the assertions of each module of a plugin's package. There are none in
this one, and where nothing keeps what was rewritten (PYTHONDONTWRITEBYTECODE, an installation
that may not be written) every process of a run would compile it anew: a quarter of a second.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

PACKAGE = __name__.partition(".")[0] + "."


class AsInstalled:
    """Finds the modules of this package, and no others, before pytest's own finder does."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a module of this package; None for any other."""
        return PathFinder.find_spec(name, path, target) if name.startswith(PACKAGE) else None


def load_as_installed() -> None:
    """Have what is imported from now on of this package loaded without rewriting."""
    if AsInstalled not in sys.meta_path:
        sys.meta_path.insert(0, AsInstalled)
