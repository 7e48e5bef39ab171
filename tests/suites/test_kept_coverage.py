"""Coverage of results that are kept: whole runs, held against runs of everything."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from guild_plugins.suites.kept.covers import Cover
from tests.git.repos import make, write

from .runs import Run, run

KEPT = ("--guild-scopes", "--guild-cov", "-p", "no:cov", "--guild-cache")
FULL = ("--guild-scopes", "--guild-cov", "-p", "no:cov", "--no-guild-cache")

SHOP = {
    "pyproject.toml": """[tool.pytest.ini_options]
pythonpath = ["."]
[tool.guild.scopes.api]
paths = ["api"]
[tool.guild.scopes.web]
paths = ["web"]
""",
    ".gitignore": ".coverage\n__pycache__/\n",
    "api/__init__.py": "",
    "api/tables.py": "def entry(n):\n    if n % 2:\n        return 'odd'\n    return n\n"
    "TABLE = [entry(n) for n in range(4)]\n",
    "api/lazy.py": "def deep():\n    import api.tables\n    return api.tables.TABLE\n",
    "api/price.py": "from api import tables\nVAT = 20\ndef gross(net):\n    if net < 0:\n"
    "        raise ValueError(net)\n    return net * (100 + VAT) // 100\n",
    "web/__init__.py": "from api.price import gross\n",
    "web/page.py": "import importlib\ndef page(name):\n    if name == 'free':\n"
    "        return name\n    return importlib.import_module('api.' + name).__name__\n",
    "api/tests/conftest.py": "import pytest\n\n"
    "def pytest_configure(config):\n    from api import lazy\n    lazy.deep()\n\n"
    "@pytest.fixture(scope='session')\ndef shared():\n    value = 1\n"
    "    yield value\n    value = 2\n",
    "api/tests/test_first.py": "from api.price import gross\n"
    "def test_gross(shared):\n    assert gross(100) == 120\n",
    "api/tests/test_second.py": "def test_second(shared):\n    from api.price import gross\n"
    "    assert gross(0) == 0\n",
    "api/tests/test_third.py": "from api import tables\ndef test_third(request):\n"
    "    assert request.getfixturevalue('shared') == 1 and tables.entry(3) == 'odd'\n",
    "web/tests/test_page.py": "from web.page import page\ndef test_page():\n"
    "    assert page('free') == 'free'\n",
    "web/tests/test_pages.py": "from web.page import page\ndef test_page():\n"
    "    assert page('tables') == 'api.tables'\n",
}
FIRST = {"api/tests/test_first.py": "def test_gross():\n    pass\n"}
"""What was first to import and to set up needs none of it any longer."""

CHANGES: list[Mapping[str, str]] = [
    {},
    FIRST,
    {
        "api/price.py": "# a line more\n" + SHOP["api/price.py"],
        "web/tests/test_page.py": "def test_page():\n    pass\n",
    },
]
MEASURED = {
    "lines": "source = .\n",
    "branches": "source = .\nbranch = true\n",
    "context": "source = .\ncontext = nightly\nomit = api/tests/*\n",
}


def points(shop: Path) -> dict[str, set[object]]:
    """Return the lines or arcs of each file that was measured, with their contexts."""
    found: dict[str, set[object]] = {}
    with closing(sqlite3.connect(shop / ".coverage")) as data:
        for (path,) in data.execute("SELECT path FROM file"):
            found[path] = set()
        joined = "JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
        for path, context, bits in data.execute(
            f"SELECT path, context, numbits FROM line_bits {joined}"
        ):
            number = int.from_bytes(bits, "little")
            lines = {n for n in range(number.bit_length()) if number >> n & 1}
            found[path] |= {(context, line) for line in lines}
        for path, context, *arc in data.execute(
            f"SELECT path, context, fromno, tono FROM arc {joined}"
        ):
            found[path].add((context, *arc))
    return found


def without_contexts(shop: Path) -> dict[str, set[object]]:
    return {path: {point[1:] for point in found} for path, found in points(shop).items()}  # type: ignore[index]


def differences(one: dict[str, set[object]], other: dict[str, set[object]]) -> list[object]:
    return [
        (path, sorted(map(str, one.get(path, set()) ^ other.get(path, set()))))
        for path in one.keys() | other.keys()
        if one.get(path) != other.get(path)
    ]


def table(ended: Run) -> list[str]:
    _, _, rows = ended.out.rpartition("Own tests")
    return re.findall(r"^\w+ +\d.*%.*$", rows.partition("TOTAL")[0], re.MULTILINE)


def afresh(shop: Path, *options: str) -> Run:
    """Run everything, as if nothing had been kept."""
    kept = shop / ".git/guild/kept.db"
    away = kept.rename(kept.with_suffix(".away"))
    ended = run(shop, *KEPT, *options)
    for file in kept.parent.glob("kept.db*"):
        file.unlink()
    away.rename(kept)
    return ended


@pytest.mark.parametrize(("how", "workers"), [("branches", "-n0"), ("context", "-n2")])
def test_a_part_of_the_files_covers_what_all_of_them_cover(
    tmp_path: Path, how: str, workers: str
) -> None:
    shop = tmp_path / "shop"
    make(shop, {**SHOP, ".coveragerc": f"[run]\n{MEASURED[how]}"})
    first = run(shop, *KEPT, workers)
    assert first.code == 0, first.out

    for changes in CHANGES:
        write(shop, changes)
        some = run(shop, *KEPT, workers)
        covered, lines = points(shop), without_contexts(shop)
        assert some.code == 0, some.out
        assert some.of("cached")
        whole = afresh(shop, workers)
        assert not differences(points(shop), covered), changes
        assert table(whole) == table(some)
    run(shop, *FULL, workers)
    assert not differences(without_contexts(shop), lines)


def test_what_was_not_measured_or_otherwise_runs_again(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    make(shop, {**SHOP, ".coveragerc": f"[run]\n{MEASURED['lines']}"})
    alone = ("-n0", "-p", "no:cov", "--guild-scopes", "--guild-cache")

    for options, ini in (
        (alone, ""),
        ((*alone, "--guild-cov"), ""),
        ((*alone, "--guild-cov"), "branch = true\n"),
    ):
        write(shop, {".coveragerc": f"[run]\n{MEASURED['lines']}{ini}"})
        first, again = run(shop, *options), run(shop, *options)
        assert len(first.of("passed")) == len(again.of("cached")) == 5
    assert len(run(shop, *alone).of("cached")) == 5


def test_a_cover_survives_being_written() -> None:
    cover = Cover()
    cover.put("/top/a.py", 0b1010)
    cover.put("/else/b.html", frozenset({(-1, 2), (2, -1)}), "plugin")
    cover.put("/top/empty.py", None)

    placed = cover.placed(Path("/top"))
    read = Cover.decode(placed.encode())

    assert read is not None
    assert read.points == {"<top>/a.py": 0b1010, "/else/b.html": frozenset({(-1, 2), (2, -1)})}
    assert read.tracers == {"/else/b.html": "plugin"}
    assert set(read.spread_to(Path("/new")).points) == {"/new/a.py", "/else/b.html"}


@pytest.mark.parametrize("content", [b"", b"x", zlib.compress(b"[]"), zlib.compress(b"{}")])
def test_what_is_no_cover_is_none(content: bytes) -> None:
    assert Cover.decode(content) is None
