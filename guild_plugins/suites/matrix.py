"""What each of N machines would run, told before any of them starts.

The files are found as the plugin finds them, with pytest's configuration but
without a conftest: nothing of what is tested is imported. Options that only a
conftest knows are left out, as is whatever else of ``addopts`` cannot be read then.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.cacheprovider import Cache
from _pytest.config import _prepareconfig

from guild_plugins.errors import Exit, GuildError
from guild_plugins.suites import shards
from guild_plugins.suites.options import settle
from guild_plugins.suites.plan import make, weigh

VERSION = 1

BARE = ("--noconftest", "--capture=no", "--collect-only", "--override-ini=pythonpath=")
"""Without the repository's folders on the path, addopts cannot import a plugin from there."""


class NotDivisible(GuildError):
    """The files cannot be found, or there is no such number of parts."""

    slug = "not-divisible"
    exit = Exit.USAGE

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True)
class Part:
    """What one machine runs.

    :param shard: As ``--guild-shard`` takes it.
    :param split: Of the scopes, those that other machines run files of as well.
    """

    shard: str
    scopes: tuple[str, ...]
    split: tuple[str, ...]
    files: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole division.

    :param division: Equal on all machines that divide alike.
    :param measured: Files whose cost is known from earlier runs.
    """

    parts: tuple[Part, ...]
    division: str
    files: int
    measured: int

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "version": VERSION,
            "division": self.division,
            "files": self.files,
            "measured": self.measured,
            "shards": [
                {
                    "shard": part.shard,
                    "scopes": list(part.scopes),
                    "split": list(part.split),
                    "files": part.files,
                    "seconds": part.seconds,
                }
                for part in self.parts
            ],
        }

    def as_github(self) -> dict[str, Any]:
        """Return what ``strategy.matrix`` of a GitHub workflow takes; empty parts are left out.

        The division goes with each part: a machine that would divide otherwise refuses.
        """
        return {
            "include": [
                {
                    "shard": f"{part.shard}@{self.division}",
                    "seconds": part.seconds,
                    "scopes": " ".join(part.scopes),
                }
                for part in self.parts
                if part.files
            ]
        }


def survey(directory: Path, count: int, arguments: Sequence[str] = ()) -> Matrix:
    """Divide the tests that pytest would run in a directory.

    :param arguments: pytest's, as on the machines: paths, ``--guild-scope`` and the like.
    :raises NotDivisible: The arguments or the count cannot be used.
    """
    if count < 1:
        raise NotDivisible(f"--shards: {count} is not 1 or more")
    with chdir(directory):
        config = _configuration(arguments)
        try:
            settle(config)
            # Outside of git, what files took is kept in pytest's cache.
            config.cache = Cache.for_config(config, _ispytest=True)
            config.option.guild_shard = None
            candidates = make(config, 1).candidates
        except pytest.UsageError as error:
            raise NotDivisible(str(error)) from error
        finally:
            config._ensure_unconfigure()
    division = shards.divide(weigh(candidates), count)
    measured = sum(1 for candidate in candidates if candidate.seconds is not None)
    return Matrix(tuple(_parts(division)), shards.fingerprint(division), len(candidates), measured)


def _configuration(arguments: Sequence[str]) -> pytest.Config:
    try:
        return _prepareconfig([*BARE, *arguments])
    except pytest.UsageError:
        pass  # perhaps of an option in addopts that a conftest adds
    try:
        return _prepareconfig([*BARE, "--override-ini=addopts=", *arguments])
    except pytest.UsageError as error:
        raise NotDivisible(str(error)) from error


def _parts(division: Sequence[Sequence[shards.Weighed]]) -> list[Part]:
    places: dict[str, set[int]] = {}
    for number, files in enumerate(division):
        for file in files:
            places.setdefault(file.scope, set()).add(number)
    return [
        Part(
            shard=f"{number}/{len(division)}",
            scopes=tuple(sorted({file.scope for file in files})),
            split=tuple(sorted({file.scope for file in files if len(places[file.scope]) > 1})),
            files=len(files),
            seconds=round(sum(file.seconds for file in files), 2),
        )
        for number, files in enumerate(division, 1)
    ]
