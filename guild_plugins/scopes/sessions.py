"""Which members of a workspace need a pytest session of their own.

Pure. One session for all is the rule where the root configures pytest; members
run apart where nobody configures pytest for all of them, and where their test
modules would have the same names in one process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from guild_plugins.scopes.kinds import is_test_file


def sessions_apart(
    members: Mapping[str, Sequence[str]],
    *,
    root_configured: bool,
    importlib_mode: bool = False,
    packages: AbstractSet[str] = frozenset(),
    others: Sequence[str] = (),
) -> dict[str, str]:
    """Return the members that must run apart, each with the reason.

    :param members: Each member's directory, with the files in it.
    :param root_configured: The root has a pytest configuration.
    :param importlib_mode: The root asks for ``--import-mode=importlib``, under
        which names cannot clash.
    :param packages: The directories that have an ``__init__.py``.
    :param others: The files outside all members.
    """
    if not root_configured:
        return dict.fromkeys(members, "the root has no pytest configuration, and it is a project")
    if importlib_mode:
        return {}
    homes: dict[str, dict[str, str]] = {}
    for member, files in (*members.items(), ("", others)):
        for name, place in _test_modules(files, packages):
            homes.setdefault(name, {}).setdefault(member, place)
    apart: dict[str, str] = {}
    for name, places in sorted(homes.items()):
        if len(set(places.values())) < 2:
            continue
        for member, place in places.items():
            other = next(p for m, p in places.items() if m != member)
            if member:
                reason = f"test module {name!r} of {place} and of {other} have the same name"
                apart.setdefault(member, reason)
    return apart


def _test_modules(files: Iterable[str], packages: AbstractSet[str]) -> set[tuple[str, str]]:
    """Return the top-level names that test files take under pytest's ``prepend`` mode.

    The directory above the topmost package goes on ``sys.path``: the first
    segment below it is the name that two members must not both use.
    """
    names = set()
    for path in files:
        folder, _, name = path.rpartition("/")
        if not is_test_file(name):
            continue
        top, place = name.removesuffix(".py"), path
        while folder in packages:
            top, place = folder.rpartition("/")[2], folder
            folder = folder.rpartition("/")[0]
        names.add((top, place))
    return names
