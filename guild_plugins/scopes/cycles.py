"""Circles in what depends on what. Pure, and without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def find_cycle(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the names of one circle, each needing the next; nothing where there is none."""
    done: set[str] = set()
    for start in sorted(needs):
        path: list[str] = []
        on_path: set[str] = set()
        waiting = [(start, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif name in on_path:
                return tuple(path[path.index(name) :])
            elif name not in done:
                path.append(name)
                on_path.add(name)
                waiting.append((name, True))
                waiting.extend((other, False) for other in sorted(needs.get(name, ())))
    return ()


def without_circles(edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what each name needs, without the edges that close a circle with earlier ones.

    :param edges: A name and what it needs, those first that are to be kept.
    """
    needs: dict[str, list[str]] = {}
    for name, other in edges:
        if not _reaches(needs, other, name):
            needs.setdefault(name, []).append(other)
    return needs


def _reaches(needs: Mapping[str, Iterable[str]], start: str, end: str) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        name = waiting.pop()
        if name == end:
            return True
        new = [other for other in needs.get(name, ()) if other not in seen]
        seen.update(new)
        waiting += new
    return False
