"""Results kept by content, in whole runs of pytest."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import pytest

from guild_plugins.git.repository import find_repository
from guild_plugins.suites.kept.store import Store
from tests.git.repos import commit, make, write

from .runs import Run, run

ALONE = ("--guild-scopes", "-n0", "--guild-cache")
SPREAD = ("--guild-scopes", "-n2", "--guild-cache")

SHOP = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n[tool.guild.scopes.shop]\n'
    'paths = ["shop"]\ntests = ["tests"]\n',
    "shop/__init__.py": "",
    "shop/price.py": "VAT = 20\ndef gross(net):\n    return net * (100 + VAT) // 100\n",
    "shop/plugin.py": "NAME = 'plugin'\n",
    "shop/loading.py": "from importlib import import_module\n"
    "def load(name):\n    return import_module('shop.' + name)\n",
    "shop/reading.py": "from functools import cache\nfrom pathlib import Path\n"
    "@cache\ndef rates():\n"
    "    return Path(__file__).parent.parent.joinpath('etc/rates.txt').read_text()\n",
    "etc/rates.txt": "1\n",
    "tests/test_price.py": "import pytest\nfrom shop.price import gross\n"
    "def test_gross():\n    assert gross(100) > 100\n"
    "@pytest.mark.skip(reason='later')\ndef test_skipped():\n    pass\n"
    "@pytest.mark.xfail(reason='known')\ndef test_expected():\n    assert 0\n",
    "tests/test_loading.py": "from shop.loading import load\n"
    "def test_load():\n    assert load('plug' + 'in').NAME == 'plugin'\n",
    "tests/test_reading.py": "from shop.reading import rates\n"
    "def test_rates():\n    assert rates() == '1\\n'\n",
    "tests/test_reading_too.py": "from shop.reading import rates\n"
    "def test_rates():\n    assert rates() == '1\\n'\n",
    "tests/test_variable.py": "import os\n"
    "def test_variable():\n    assert os.environ.get('SHOP_MODE') != 'broken'\n",
}
FILES = sorted(path for path in SHOP if "test_" in path)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make(tmp_path / "shop", SHOP)
    return tmp_path / "shop"


def cached(ended: Run) -> list[str]:
    """Return the files of which all tests were cached."""
    by_file: dict[str, set[str]] = {}
    for node, what in ended.outcomes:
        by_file.setdefault(node.partition("::")[0], set()).add(what)
    return sorted(path for path, what in by_file.items() if what == {"cached"})


def ran(ended: Run) -> list[str]:
    return sorted(set(FILES) - set(cached(ended)))


@pytest.mark.parametrize("options", [ALONE, SPREAD], ids=["alone", "spread"])
def test_what_has_not_changed_does_not_run_again(shop: Path, options: tuple[str, ...]) -> None:
    first = run(shop, *options)

    again = run(shop, *options)

    assert first.code == again.code == 0, again.out
    assert not cached(first)
    assert cached(again) == FILES
    assert "7 cached in" in again.out
    assert "5 of 5 files did not run" in again.out


def test_it_does_not_matter_how_many_workers_there_are(shop: Path) -> None:
    run(shop, *SPREAD)

    assert cached(run(shop, *ALONE, "tests/test_price.py")) == ["tests/test_price.py"]


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"shop/price.py": "def gross(net):\n    return net + 1\n"}, ["tests/test_price.py"]),
        ({"shop/plugin.py": "NAME = 'other'\n"}, ["tests/test_loading.py"]),
        ({"etc/rates.txt": "2\n"}, ["tests/test_reading.py", "tests/test_reading_too.py"]),
        ({"tests/conftest.py": "x = 1\n"}, FILES),
        ({"pytest.ini": "[pytest]\npythonpath = .\n"}, FILES),
        ({"tests/test_new.py": "def test_new():\n    pass\n"}, []),
        ({"tests/test_price/__init__.py": ""}, ["tests/test_price.py"]),
        ({"README.md": "2"}, []),
    ],
)
def test_what_depends_on_a_change_runs_again(
    shop: Path, changes: Mapping[str, str], again: list[str]
) -> None:
    run(shop, *ALONE)

    write(shop, changes)

    assert ran(run(shop, *ALONE)) == again


def test_a_variable_that_was_read_counts(shop: Path) -> None:
    run(shop, *ALONE)

    other = run(shop, *ALONE, env={"SHOP_MODE": "broken"})

    assert ran(other) == ["tests/test_variable.py"]
    assert other.code == 1


def test_a_variable_that_is_declared_counts_for_all(shop: Path) -> None:
    write(shop, {"pyproject.toml": SHOP["pyproject.toml"] + "[tool.guild]\nvariables = ['SITE']\n"})
    run(shop, *ALONE)

    assert ran(run(shop, *ALONE, env={"SITE": "2"})) == FILES


def test_options_that_select_count_and_others_do_not(shop: Path) -> None:
    run(shop, *ALONE)

    assert cached(run(shop, *ALONE, "-v", "-ra")) == FILES
    assert ran(run(shop, *ALONE, "-k", "rates or gross")) == FILES


def test_failures_are_never_kept(shop: Path) -> None:
    write(shop, {"etc/rates.txt": "2\n"})

    for _ in range(2):
        ended = run(shop, *ALONE)
        assert ended.code == 1
        assert ended.of("failed") == {
            "tests/test_reading.py::test_rates",
            "tests/test_reading_too.py::test_rates",
        }


def test_a_file_that_cannot_be_collected_is_not_kept(shop: Path) -> None:
    write(shop, {"tests/test_price.py": "import nowhere\n"})

    assert run(shop, *SPREAD).code == run(shop, *SPREAD).code == 1


@pytest.mark.parametrize(
    "test",
    [
        "import subprocess\ndef test_it():\n    subprocess.run(['true'], check=True)\n",
        "import os\ndef test_it():\n    assert os.system('true') == 0\n",
        "import os\ndef test_it():\n    pid = os.fork()\n    pid or os._exit(0)\n"
        "    os.waitpid(pid, 0)\n",
        "import multiprocessing as m\ndef test_it():\n"
        "    p = m.get_context('spawn').Process(target=print)\n    p.start()\n    p.join()\n",
        "import socket, contextlib\ndef test_it():\n    with socket.socket() as s:\n"
        "        s.connect_ex(('127.0.0.1', 9))\n        with contextlib.suppress(OSError):\n"
        "            s.connect(('127.0.0.1', 9))\n",
    ],
    ids=["subprocess", "system", "fork", "spawn", "network"],
)
def test_what_cannot_be_followed_is_not_kept(shop: Path, test: str) -> None:
    write(shop, {"tests/test_price.py": test})
    first = run(shop, *ALONE)

    again = run(shop, *ALONE)

    assert first.code == again.code == 0, first.out
    assert "tests/test_price.py" in ran(again)
    assert "not kept: " in again.out


def test_asking_for_a_version_is_followed(shop: Path) -> None:
    write(
        shop,
        {
            "tests/test_price.py": "import subprocess\n"
            "def test_it():\n    subprocess.run(['git', '--version'], check=True)\n"
        },
    )
    run(shop, *ALONE)

    assert not ran(run(shop, *ALONE))


def test_a_flaky_file_is_told_and_always_runs(shop: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    write(
        shop, {"tests/test_price.py": f"import os\ndef test_it():\n    os.statvfs({str(flag)!r})\n"}
    )
    assert run(shop, *ALONE).code == 1
    flag.touch()

    second, third = run(shop, *ALONE), run(shop, *ALONE)

    assert "flaky: tests/test_price.py" in second.out
    assert "flaky: tests/test_price.py" in third.out
    assert ran(third) == ["tests/test_price.py"]


def test_a_generated_module_that_git_ignores_counts(shop: Path) -> None:
    write(
        shop,
        {
            ".gitignore": "shop/_version.py\n",
            "shop/_version.py": "V = 1\n",
            "shop/price.py": "from shop._version import V\ndef gross(net):\n    return net + V\n",
        },
    )
    run(shop, *ALONE)
    assert not ran(run(shop, *ALONE))

    write(shop, {"shop/_version.py": "V = 2\n"})

    assert ran(run(shop, *ALONE)) == ["tests/test_price.py"]


def test_junit_and_the_report_say_what_was_cached(shop: Path) -> None:
    run(shop, *ALONE)

    ended = run(shop, *ALONE, "--guild-report", "report.json", "--junitxml", "junit.xml")

    report = json.loads((shop / "report.json").read_text())
    totals = report["totals"]
    assert ended.code == 0
    assert (totals["cached"], totals["tests"], totals["collected"]) == (7, 0, 7)
    kept = {file["file"]: file for file in report["kept"]["files"]}
    outcomes = [test["outcome"] for test in kept["tests/test_price.py"]["tests"]]
    assert outcomes == ["passed", "skipped", "xfailed"]
    assert kept["tests/test_price.py"]["at"].startswith("20")
    suite = ET.parse(shop / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("7", "2", "0")
    assert len(suite.findall(".//property[@name='cached']")) == 7
    again = run(shop, *ALONE)
    assert not ran(again), "what a run writes is nobody's input"


def test_all_of_it_can_be_switched_off(shop: Path) -> None:
    write(
        shop,
        {
            "pyproject.toml": SHOP["pyproject.toml"].replace(
                "[tool.guild", "guild_cache = true\n[tool.guild", 1
            )
        },
    )
    run(shop, "--guild-scopes", "-n0")

    assert not ran(run(shop, "--guild-scopes", "-n0"))
    assert ran(run(shop, "--guild-scopes", "-n0", "--no-guild-cache")) == FILES


def test_without_a_repository_everything_runs(tmp_path: Path) -> None:
    write(tmp_path, SHOP)

    for _ in range(2):
        ended = run(tmp_path, *ALONE)
        assert "nothing is kept: this is no git repository" in ended.out
        assert ran(ended) == FILES


def test_only_what_a_change_can_affect_is_selected(shop: Path) -> None:
    run(shop, *ALONE)
    write(shop, {"shop/plugin.py": "NAME = 'plugin'  # changed\n"})

    ended = run(shop, "--guild-scopes", "-n0", "--guild-affected")

    assert {node for node, _ in ended.outcomes} == {"tests/test_loading.py::test_load"}
    assert "1 of 5 files can be affected by 1 changed file since HEAD" in ended.out


def test_a_base_can_be_named(shop: Path) -> None:
    write(shop, {"shop/price.py": SHOP["shop/price.py"] + "\n"})
    commit(shop)

    none = run(shop, "--guild-scopes", "-n0", "--guild-affected")
    some = run(shop, "--guild-scopes", "-n0", "--guild-affected", "--guild-base", "HEAD~1")
    wrong = run(shop, "--guild-scopes", "-n0", "--guild-affected", "--guild-base", "nowhere")

    assert none.code == 5
    assert len(some.outcomes) == 3
    assert wrong.code == 4
    assert "nowhere" in wrong.out


def test_the_store_is_in_the_common_directory(shop: Path) -> None:
    run(shop, *ALONE)
    found = find_repository(shop)
    assert found is not None

    statistics = Store(found.common_dir / "guild").statistics()

    assert statistics.verdicts == {"passed": 5}
    assert statistics.files == 5
