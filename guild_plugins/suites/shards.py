"""Divides the files of a project over machines that do not talk to each other.

Pure: every machine computes all shards and takes its own, so the same files with
the same weights must give the same shards everywhere. Order of the input does
not matter. `fingerprint` tells whether two machines did compute the same.

A scope stays in one shard as long as that is fair. Where it is not, the scopes
above a limit are cut into runs of neighbouring files, and the limit is halved
until it is.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

SLACK = 1.05
"""How much longer than its fair share the longest shard may take, while cutting helps."""


@dataclass(frozen=True, slots=True, order=True)
class Weighed:
    """A test file.

    :param key: Its path, unique.
    :param seconds: What it is expected to cost.
    """

    scope: str
    key: str
    seconds: float


def parse_shard(text: str) -> tuple[int, int, str | None]:
    """Read ``K/N``: part K of N, counted from 1; ``K/N@WORD`` names the division as well.

    :raises ValueError: The text says something else.
    """
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})(?:@([0-9a-f]{8}))?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not of the form K/N, such as 1/4")
    number, of = int(match[1]), int(match[2])
    if not 1 <= number <= of:
        raise ValueError(f"{text!r} names no part: K goes from 1 to N")
    return number, of, match[3]


def divide(files: Iterable[Weighed], parts: int) -> list[list[Weighed]]:
    """Return so many shards: each file is in exactly one, some shards may be empty.

    The longest takes at most ``SLACK`` of a fair share (or of the longest file,
    where that is longer), or no cut at a file's border can make it so.
    """
    ordered = sorted(files)
    total = math.fsum(file.seconds for file in ordered)
    longest = max((file.seconds for file in ordered), default=0.0)
    limit = total / parts
    goal = SLACK * max(limit, longest)
    while True:
        blocks = _blocks(ordered, limit)
        shards = _pack(blocks, parts)
        worst = max((_seconds(shard) for shard in shards), default=0.0)
        if worst <= goal or not limit:  # files that cost nothing need no cut
            return [sorted(shard) for shard in shards]
        limit = limit / 2 if limit > longest / 1000 else 0.0


def fingerprint(shards: Sequence[Sequence[Weighed]]) -> str:
    """Return a short word for a division: equal where the divisions are equal."""
    text = "\0\0".join("\0".join(file.key for file in shard) for shard in shards)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _blocks(ordered: Sequence[Weighed], limit: float) -> list[list[Weighed]]:
    """Cut scopes above the limit into runs of about equal cost."""
    blocks: list[list[Weighed]] = []
    for _, members in groupby(ordered, key=lambda file: file.scope):
        scope = list(members)
        total = _seconds(scope)
        if total <= limit:
            blocks.append(scope)
            continue
        count = min(len(scope), math.ceil(total / limit)) if limit else len(scope)
        if count == len(scope):
            blocks += [[file] for file in scope]
            continue
        run: list[Weighed] = []
        spent = 0.0
        for file in scope:
            if run and spent + file.seconds > total / count:
                blocks.append(run)
                run, spent = [], 0.0
            run.append(file)
            spent += file.seconds
        blocks.append(run)
    return blocks


def _pack(blocks: Sequence[list[Weighed]], parts: int) -> list[list[Weighed]]:
    """Give the longest block to the shard with least, until none is left."""
    shards: list[list[Weighed]] = [[] for _ in range(parts)]
    loads = [(0.0, 0, number) for number in range(parts)]
    for block in sorted(blocks, key=lambda block: (-_seconds(block), block[0])):
        load, count, number = heapq.heappop(loads)
        shards[number] += block
        # The number of files decides among equals, so that free files spread too.
        heapq.heappush(loads, (load + _seconds(block), count + len(block), number))
    return shards


def _seconds(files: Iterable[Weighed]) -> float:
    return math.fsum(file.seconds for file in files)
