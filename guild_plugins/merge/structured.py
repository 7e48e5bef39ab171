"""Files that are merged piece by piece where lines are in conflict, and by which rule.

Each kind's module is loaded when a conflict in a file of the kind is met.
"""

from __future__ import annotations

from guild_plugins.merge.kinds import CODE, CSV, NOTEBOOK

PIECE_RATES = {
    "cells": 0.85,
    "cells-edited": 0.65,
    "cells-run": 0.7,
    "cells-matched": 0.8,
    "cells-matched-edited": 0.6,
    "rows": 0.85,
    "rows-edited": 0.65,
    "entities": 0.83,
    "entities-edited": 0.75,
}
"""How often each rule is right: of code as people left it, not counting what they wrote anew or
took one side of whole. Of cells and rows there were too few: estimates, after items."""

STRUCTURED = frozenset((CSV, NOTEBOOK)) | CODE


def merge_structured(
    kind: str, base: bytes, ours: bytes, theirs: bytes
) -> tuple[bytes, str] | None:
    """Return a merged file and the name of the rule; ``None`` where lines have to do."""
    if kind == NOTEBOOK:
        from guild_plugins.merge.cells import merge_notebooks

        return merge_notebooks(base, ours, theirs)
    if kind == CSV:
        from guild_plugins.merge.rows import merge_tables

        return merge_tables(base, ours, theirs)
    if kind in CODE:
        from guild_plugins.merge.languages import merge_code

        return merge_code(kind, base, ours, theirs)
    return None
