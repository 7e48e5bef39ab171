"""How it is said that paths of one scope are on another scope's branch. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MANY: Final = 5
"""Paths that a finding names at most."""


def strangers(owner: str, scope: str, paths: Sequence[str]) -> Sequence[str]:
    """Say that paths of one scope are on another scope's branch."""
    more = f" and {len(paths) - MANY} more" if len(paths) > MANY else ""
    return (
        f"{', '.join(map(repr, paths[:MANY]))}{more}: owned by {owner}, "
        f"and this branch is for {scope}",
    )
