"""What tests are seen to depend on beside imports: each kind of look is followed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.git.repos import make, write

from .runs import run

ALONE = ("--guild-scopes", "-n0", "--guild-cache")

LOADED = (
    "import importlib.util as u\ndef test_it():\n"
    "    spec = u.spec_from_file_location('tool', '{0}')\n    module = u.module_from_spec(spec)\n"
    "    spec.loader.exec_module(module)\n    assert module.X == 1\n"
)
"""A script that is loaded as documented, and becomes no module of any name."""

LOOKS = {
    "absent": "import os\ndef test_it():\n    assert not os.path.exists('{0}')\n",
    "present": "from pathlib import Path\ndef test_it():\n    assert Path('{0}').is_file()\n",
    "size": "import os\ndef test_it():\n    assert os.path.getsize('{0}') == 4\n",
    "lexists": "import os\ndef test_it():\n    assert os.path.lexists('{0}')\n",
    "access": "import os\ndef test_it():\n    assert not os.access('{0}', os.R_OK)\n",
    "readlink": "import os\ndef test_it():\n    assert os.readlink('links/{0}') == '../../{0}'\n",
    "database": "import sqlite3\ndef test_it():\n"
    "    found = sqlite3.connect('file:{0}?mode=ro', uri=True)\n"
    "    assert found.execute('PRAGMA schema_version').fetchone() == (0,)\n    found.close()\n",
    "mapped": "import mmap\ndef test_it():\n    with open('{0}') as file:\n"
    "        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:\n"
    "            assert mapped[:] == b'X=1\\n'\n",
    "scanned": "import os\ndef test_it():\n"
    "    assert 'scanned.py' in [entry.name for entry in os.scandir('etc')]\n",
    "script": LOADED,
    "runpy": "import runpy\ndef test_it():\n"
    "    assert runpy.run_module('{0}'[:-3].replace('/', '.'))['X'] == 1\n",
    "forgotten": "import sys\ndef test_it(monkeypatch):\n    monkeypatch.syspath_prepend('etc')\n"
    "    import forgotten\n    assert forgotten.X == 1\n    del sys.modules['forgotten']\n",
    "link": "def test_it():\n    assert open('links/{0}').read() == 'X=1\\n'\n",
    "program": "import subprocess\ndef test_it():\n"
    "    out = subprocess.check_output(['./{0}', '--version'])\n    assert out == b'1\\n'\n",
}
PLACES = {name: f"etc/{name}.py" for name in LOOKS}
SHOP = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n'
    '[tool.guild.scopes.tests]\npaths = ["tests"]\n'
    '[tool.guild.scopes.etc]\npaths = ["etc", "links"]\n',
    **dict.fromkeys(PLACES.values(), "X=1\n"),
    PLACES["program"]: "#!/bin/sh\necho 1\n",
    PLACES["database"]: "",
    "tests/test_plain.py": "def test_it():\n    pass\n",
    **{f"tests/test_{name}.py": text.format(PLACES[name]) for name, text in LOOKS.items()},
}
AFTER = {
    **dict.fromkeys(PLACES.values(), "X=22\n"),
    PLACES["program"]: "#!/bin/sh\necho 2\n",
}


def test_whatever_a_test_looked_at_has_it_run_again(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    absent = {PLACES["absent"], PLACES["access"]}
    make(shop, {path: text for path, text in SHOP.items() if path not in absent})
    (shop / PLACES["program"]).chmod(0o755)
    (shop / "links/etc").mkdir(parents=True)
    for name in ("link", "readlink"):
        (shop / "links" / PLACES[name]).symlink_to("../../" + PLACES[name])
    subprocess.run(["git", "add", "-A"], cwd=shop, check=True)
    first = run(shop, *ALONE)
    same = run(shop, *ALONE)

    write(shop, AFTER)
    for name in ("present", "lexists", "scanned"):
        (shop / PLACES[name]).unlink()
    (shop / "links" / PLACES["readlink"]).unlink()
    (shop / "links" / PLACES["readlink"]).symlink_to("elsewhere")
    after = run(shop, *ALONE)

    assert first.code == 0, first.out
    assert same.of("passed") == {"tests/test_program.py::test_it"}
    assert after.of("failed") == {f"tests/test_{name}.py::test_it" for name in LOOKS}
    assert after.of("cached") == {"tests/test_plain.py::test_it"}


def test_what_a_patch_of_the_environment_puts_aside_is_not_read(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    test = (
        "import os\nfrom unittest import mock\ndef test_it():\n"
        "    with mock.patch.dict(os.environ, {'SHOP': '1'}):\n"
        "        assert os.environb[b'SHOP'] + os.environb.get(b'MODE', b'') == b'1'\n"
    )
    make(shop, {"pytest.ini": "[pytest]\n", "test_env.py": test})
    first = run(shop, *ALONE)
    assert first.code == 0
    assert "warning" not in first.out

    assert run(shop, *ALONE, env={"OTHER": "2"}).of("cached")
    assert run(shop, *ALONE, env={"MODE": "2"}).of("failed")


@pytest.mark.parametrize(
    "appearing",
    [
        {"conftest.py": "raise RuntimeError\n"},
        {"tests/conftest.py": "def pytest_runtest_setup():\n    raise RuntimeError\n"},
        {"tests/price.py": "raise RuntimeError\n"},
        {"tests/__init__.py": "raise RuntimeError\n"},
        {"shop/price/__init__.py": "raise RuntimeError\n"},
        {"shop/__init__.py": "raise RuntimeError\n"},
        {"tests/profile.py": "raise RuntimeError\n"},
    ],
    ids=[
        "conftest",
        "nearer",
        "nearer module",
        "package",
        "instead",
        "namespace",
        "of the library",
    ],
)
def test_what_appears_has_tests_run_again_that_get_it(
    tmp_path: Path, appearing: dict[str, str]
) -> None:
    shop = tmp_path / "shop"
    files = {
        "pytest.ini": "[pytest]\npythonpath = .\n",
        "price.py": "",
        "shop/price.py": "",
        "tests/test_it.py": "import price, shop.price\ndef test_it():\n"
        "    import cProfile\n    cProfile.run\n",
    }
    if "tests/price.py" in appearing or "tests/profile.py" in appearing:
        files["pytest.ini"] = "[pytest]\npythonpath = tests .\n"
    make(shop, files)
    first = run(shop, *ALONE)
    assert first.code == 0, first.out

    write(shop, appearing)
    affected = run(shop, "--guild-scopes", "-n0", "--guild-affected")
    again = run(shop, *ALONE)

    assert again.code not in (0, 5), again.out
    assert affected.code not in (0, 5), affected.out
