"""``guild merge-driver --plugins`` in real merges."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.delivery.conftest import ROOT, Repo
from tests.plugins.distributions import write_plugin

START = f"{sys.executable} -m guild_plugins.start"  # finds plugins on PYTHONPATH
ASKED = f"{START} merge-driver --plugins %O %A %B %L %P %S %X %Y"
LOGS = """
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import Undecided


@hookimpl
def guild_merge_file(request):
    if request.path == "notes.log":
        return request.ours + request.theirs
    if request.path == "left.txt":
        return Undecided(reason="ask the keeper of it")
    if request.path == "marked.txt":
        return b"<<<<<<< a\\n=======\\n>>>>>>> b\\n"
    if request.path == "broken.txt":
        raise RuntimeError("no luck")
"""


def _merged(tmp_path: Path, name: str, driver: str = ASKED, plugin: str = LOGS) -> tuple[int, str]:
    """Merge a file of that name, both sides of which changed one line; the code and the text."""
    site, top = tmp_path / "site", tmp_path / "repo"
    if plugin:
        write_plugin(site, "logs", plugin)
    top.mkdir()
    repo = Repo(top, driver=driver)
    repo.env["PYTHONPATH"] = os.pathsep.join((str(site), ROOT))
    repo.fork({name: "one\n"}, {name: "two\n"}, {name: "three\n"})
    repo.git("merge", "-q", "topic", code=None)
    return bool(repo.git("ls-files", "-u")), repo.text(name)


def test_a_plugin_that_is_installed_merges_a_file(tmp_path: Path) -> None:
    assert _merged(tmp_path, "notes.log") == (0, "two\nthree\n")


def test_no_plugin_is_asked_unless_the_user_says_so(tmp_path: Path) -> None:
    code, text = _merged(tmp_path, "notes.log", driver=ASKED.replace("--plugins ", ""))

    assert code == 1
    assert "<<<<<<<" in text


@pytest.mark.parametrize("name", ["left.txt", "marked.txt", "broken.txt", "other.txt"])
def test_what_plugins_do_not_settle_stays_as_git_leaves_it(tmp_path: Path, name: str) -> None:
    code, text = _merged(tmp_path, name)

    assert code == 1
    assert text == "<<<<<<< ours\ntwo\n=======\nthree\n>>>>>>> topic\n"


def test_a_plugin_that_lies_in_the_clone_is_not_run(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    top.mkdir()
    write_plugin(top, "evil", 'open("ran", "w")\n')
    repo = Repo(top, driver=ASKED)
    repo.fork({"a.txt": "one\n"}, {"a.txt": "two\n"}, {"a.txt": "three\n"})

    repo.git("merge", "-q", "topic", code=1)

    assert not (top / "ran").exists()


def test_pluggy_is_not_imported_where_no_plugin_is_installed(tmp_path: Path) -> None:
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "pluggy.py").write_text("open('loaded', 'w')\n")
    (tmp_path / "repo").mkdir()
    repo = Repo(tmp_path / "repo", driver=ASKED)
    repo.env["PYTHONPATH"] = os.pathsep.join((str(tmp_path / "trap"), ROOT))
    repo.fork({"a.txt": "one\n"}, {"a.txt": "two\n"}, {"a.txt": "three\n"})

    repo.git("merge", "-q", "topic", code=1)

    assert not (repo.top / "loaded").exists()
