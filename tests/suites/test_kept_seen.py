"""What tests are seen to depend on beside imports: each kind of look is followed."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
    "tests/test_plain.py": "def test_it():\n    pass\n",
    **{f"tests/test_{name}.py": text.format(PLACES[name]) for name, text in LOOKS.items()},
}
AFTER = {
    **dict.fromkeys(PLACES.values(), "X=22\n"),
    PLACES["program"]: "#!/bin/sh\necho 2\n",
}


def test_whatever_a_test_looked_at_has_it_run_again(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    make(shop, {path: text for path, text in SHOP.items() if path != PLACES["absent"]})
    (shop / PLACES["program"]).chmod(0o755)
    (shop / "links/etc").mkdir(parents=True)
    (shop / "links" / PLACES["link"]).symlink_to("../../" + PLACES["link"])
    subprocess.run(["git", "add", "-A"], cwd=shop, check=True)
    first = run(shop, *ALONE)
    same = run(shop, *ALONE)

    write(shop, AFTER)
    for name in ("present", "lexists"):
        (shop / PLACES[name]).unlink()
    after = run(shop, *ALONE)

    assert first.code == 0, first.out
    assert same.of("passed") == {"tests/test_program.py::test_it"}
    assert after.of("failed") == {f"tests/test_{name}.py::test_it" for name in LOOKS}
    assert after.of("cached") == {"tests/test_plain.py::test_it"}
