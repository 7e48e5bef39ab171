from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from guild_plugins.suites.visits import Visits
from tests.suites.runs import expect, run, write

SCOPED = "import pytest\n@pytest.fixture(scope='package')\ndef packed(): pass\n"


def test_a_package_is_a_visit_where_its_fixtures_live_for_the_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pack/__init__.py": "",
            "pack/conftest.py": SCOPED,
            "pack/deep/__init__.py": "def setup_module(): pass\n",
            "pack/deep/flat/conftest.py": SCOPED,  # no package: these live for the session
            "plain/__init__.py": "def other(): pass\n",
            "plain/conftest.py": "import pytest\n",
        },
    )
    visits = Visits()
    pack, deep = str(tmp_path / "pack"), str(tmp_path / "pack/deep")

    assert visits.around([f"{pack}/test_a.py"]) == (pack,)
    assert visits.around([f"{deep}/test_a.py"]) == (pack, deep)
    assert visits.around([f"{deep}/flat/test_a.py"]) == (pack, deep)
    assert visits.around([f"{deep}/test_a.py", f"{pack}/test_b.py"]) == (pack,)
    assert visits.around([f"{tmp_path}/plain/test_a.py"]) == ()


NOTING = """
    import os
    import pytest

    @pytest.fixture(scope="package")
    def packed():
        with open(os.environ["SETUPS"], "a") as file:
            file.write(f"{os.getpid()} {__name__}\\n")
"""
USING = "def test_one(packed): pass\ndef test_two(packed): pass\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_sets_a_package_fixture_up_once(tmp_path: Path, workers: int) -> None:
    files = {"pytest.ini": "[pytest]\n", "guild.toml": ""}
    for pack in ("left", "right"):
        files |= {f"{pack}/__init__.py": "", f"{pack}/conftest.py": NOTING}
        files |= {f"{pack}/test_{n}.py": USING for n in range(8)}
        files["guild.toml"] += f'[scopes.{pack}]\npaths = ["{pack}/test_[0-3].py"]\n'
    files["guild.toml"] += '[scopes.rest]\npaths = ["*/test_[4-7].py"]\n'
    tree = write(tmp_path, files)
    expect(tree, 1)
    setups = tmp_path / "setups"

    ended = run(tree, "--guild-scopes", f"-n{workers}", env={"SETUPS": str(setups)})

    assert len(ended.of("passed")) == 32, ended.out
    counts = Counter(setups.read_text().splitlines())
    assert set(counts.values()) == {1}, counts
