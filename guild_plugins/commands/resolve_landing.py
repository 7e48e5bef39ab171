"""``guild resolve BRANCH``: trunk merged into a branch that conflicts with it, and landed after."""

from __future__ import annotations

import argparse
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.landing.branches import TrunkUnclear, choose
from guild_plugins.delivery.landing.resolving import resolving
from guild_plugins.delivery.landing.trunks import LocalTrunk, RemoteTrunk
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.errors import Exit
from guild_plugins.git.repository import open_repository
from guild_plugins.plugins.landing import Manner, land_branches, trunk_of
from guild_plugins.report.landings import render_report
from guild_plugins.report.text import printable


def resolve(directory: Path, args: argparse.Namespace) -> int:
    """Begin, or go on: ``args`` are those of ``guild resolve``."""
    repository = open_repository(directory)
    places = Workplaces(Journal(place_in(repository.common_dir))).all()
    (branch, *others) = choose(
        repository,
        places,
        names=[args.branch],
        onto=args.onto or trunk_of(repository),
        is_remote=args.push is not None,
    )
    if others:
        raise TrunkUnclear(args.branch, "several branches have that name; say TASK/SCOPE")
    found = {one.branch: Path(one.path) for one in places}
    merge = resolving(repository, branch, found.get(branch.ref))
    if not args.goes_on:
        trunk = (
            LocalTrunk(repository, branch.onto)
            if args.push is None
            else RemoteTrunk(repository, args.push, branch.onto)
        )
        tip = trunk.read()
        if tip is None:
            raise TrunkUnclear(branch.onto, "it is gone")
        paths = merge.begin(tip)
        for path in paths:
            print(printable(f"{merge.place.top}/{path}: conflicts"))
        onto = branch.onto.removeprefix("refs/heads/")
        again = f"guild resolve {branch.name} --continue --onto {onto}"
        more = f" --push {args.push}" if args.push else ""
        said = "Edit and git add what conflicts, then" if paths else "Nothing conflicts; then"
        print(printable(f"{said}: {again}{more}"))
        return Exit.NO if paths else Exit.DONE
    merge.commit()
    (moved,) = choose(
        repository,
        places,
        names=[branch.name],
        onto=branch.onto,
        is_remote=args.push is not None,
    )
    report = land_branches(repository, [moved], Manner(at_once=1, remote=args.push))
    print(render_report(report))
    return Exit.NO if any(one.is_left for one in report.outcomes) else Exit.DONE
