"""Random three-way merges, seeded: texts of few different lines, edited on both sides."""

from __future__ import annotations

import random

Triple = tuple[bytes, bytes, bytes]

ALPHABETS = [
    [b"a\n", b"b\n"],
    [b"%d\n" % number for number in range(5)],
    [b"%d\n" % number for number in range(40)],
    [b"x\r\n", b"y\r\n", b"z\n", b"\n"],
    [b"%d\r\n" % number for number in range(40)],
]


def triples(seed: int, count: int, longest: int = 60) -> list[Triple]:
    chance = random.Random(seed)
    return [_triple(chance, longest) for _ in range(count)]


def _triple(chance: random.Random, longest: int) -> Triple:
    alphabet = chance.choice(ALPHABETS)
    size = chance.choice([0, 1, 3, 8, 20, longest])
    base = [chance.choice(alphabet) for _ in range(size)]
    return b"".join(base), _edited(chance, base, alphabet), _edited(chance, base, alphabet)


def _edited(chance: random.Random, base: list[bytes], alphabet: list[bytes]) -> bytes:
    lines = list(base)
    for _ in range(chance.choice([0, 1, 1, 2, 3, 6])):
        at, size, sort = chance.randint(0, len(lines)), chance.choice([1, 1, 2, 5]), chance.random()
        fresh = [chance.choice([*alphabet, b"new %d\n" % at]) for _ in range(size)]
        lines[at : at if sort < 0.35 else at + size] = [] if sort > 0.75 else fresh
    if lines and chance.random() < 0.15:
        lines[-1] = lines[-1].rstrip(b"\r\n")
    return b"".join(lines)
