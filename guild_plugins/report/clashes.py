"""What is between branches, for a terminal and as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from guild_plugins.delivery.clashes import Clash, Pair
from guild_plugins.report.text import printable


def render_pairs(pairs: Iterable[Pair], *, near: bool) -> str:
    """Return a paragraph for each pair.

    :param near: With the functions that both edited without harm.
    """
    return "\n".join(part for pair in pairs if (part := render_pair(pair, near=near)))


def render_pair(pair: Pair, *, near: bool) -> str:
    """Return what is between two branches; nothing where that is nothing to be shown."""
    rows = [f"  {describe(clash, pair)}" for clash in pair.between.clashes]
    if near:
        rows += [
            f"  near      {printable(one.path)}: both edit {_listed(one.symbols)}; it merges"
            for one in pair.between.near
        ]
    head = f"{printable(pair.ours)} and {printable(pair.theirs)}"
    return "\n".join([head, *rows]) if rows else ""


def describe(clash: Clash, pair: Pair) -> str:
    """Return one clash in a line."""
    return f"{clash.kind:<9} {printable(_said(clash, pair))}"


def as_data(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """Return pairs as data that JSON can hold."""
    return [
        {
            "ours": pair.ours,
            "theirs": pair.theirs,
            "clashes": [asdict(clash) for clash in pair.between.clashes],
            "near": [asdict(one) for one in pair.between.near],
        }
        for pair in pairs
    ]


def _said(clash: Clash, pair: Pair) -> str:
    where = f"{clash.path}:{clash.line}" if clash.line else clash.path
    if clash.kind == "unrelated":
        return "they have no common commit"
    if clash.kind in ("conflict", "unsound"):
        parts = [clash.detail] if clash.detail else []
        parts += [f"both edit {_listed(clash.symbols)}"] if clash.symbols else []
        if clash.is_settled:
            parts.append("guild merge settles what git does not")
        return f"{where}: {'; '.join(parts) or 'git cannot merge it'}"
    changer, user = (pair.ours, pair.theirs) if clash.by == 0 else (pair.theirs, pair.ours)
    if clash.by is None:
        return f"{where}: one calls {clash.name} as the other's parameters do not allow"
    did = {
        "name": f"removes or renames {clash.name} in {clash.module}",
        "method": f"removes or renames the method {clash.name} in {clash.module}",
        "call": f"changes the parameters of {clash.name} in {clash.module}",
        "module": f"removes or renames {clash.module}",
    }[clash.kind]
    does = {"name": "uses", "method": "uses", "call": "calls", "module": "imports"}[clash.kind]
    return f"{where}: {user} {does} what {changer} {did}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
