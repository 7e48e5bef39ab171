"""Plugins as users have them: installed packages, found by ``guild`` in a process of its own."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from guild_plugins.errors import Exit
from guild_plugins.stages.installed import find_installed
from tests.plugins.distributions import EXAMPLE, guild, install, write_plugin

FINDER = """
from guild_plugins.scopes.discovery import Discovered
from guild_plugins.scopes.model import Evidence, Scope
from guild_plugins.stages.hookspecs import hookimpl

@hookimpl
def guild_discover_scopes(tree):
    scopes = tuple(
        Scope({id}, (path,), evidence=(Evidence("paths", "the map says so"),))
        for path in sorted(tree.files) if path.endswith(".map")
    )
    return Discovered(scopes, ()) if scopes else None
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        (root / name / "x.map").write_text("")
    return root


def test_the_example_is_built_installed_and_listed(
    tmp_path: Path, site: Path, project: Path
) -> None:
    install(EXAMPLE, site, tmp_path / "work")

    done = guild("plugins", "--json", site=site, cwd=project)

    data = json.loads(done.stdout)
    assert (done.returncode, done.stderr, data["faults"]) == (Exit.DONE, "", [])
    assert data["plugins"][-1] == {
        "name": "headers",
        "distribution": "guild-headers",
        "version": "1.0",
        "state": "loaded",
        "hooks": ["guild_implement", "guild_check", "guild_event"],
    }
    assert data["hooks"]["guild_check"] == ["headers", "guild.boundaries"]


def test_the_template_in_the_docs_is_a_plugin(tmp_path: Path, site: Path, project: Path) -> None:
    page = (EXAMPLE.parent / "plugins.md").read_text()
    (settings,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    template = tmp_path / "template"
    template.mkdir()
    (template / "pyproject.toml").write_text(settings)
    (template / "guild_no_todo.py").write_text(code)
    install(template, site, tmp_path / "work")

    done = guild("plugins", "--json", site=site, cwd=project)

    assert done.returncode == Exit.DONE
    assert json.loads(done.stdout)["hooks"]["guild_check"][0] == "no-todo"


def test_a_broken_plugin_is_named_and_the_others_are_listed(site: Path, project: Path) -> None:
    write_plugin(site, "broken", "import sys\nsys.exit('go\\x1b[31m away')\n")
    write_plugin(site, "fine", FINDER)

    done = guild("plugins", site=site, cwd=project)

    assert done.returncode == Exit.PLUGIN
    assert re.search(r"^broken +guild-broken +1.0 +unloadable$", done.stdout, re.MULTILINE)
    assert "guild_discover_scopes  fine, then guild.discovery" in done.stdout
    assert "Plugin 'broken' (guild-broken 1.0) cannot be loaded: SystemExit: go\\x1b" in done.stdout
    assert "Traceback" not in done.stderr


def test_plugins_are_disabled_by_a_variable_and_not_imported(site: Path, project: Path) -> None:
    write_plugin(site, "broken", "raise SystemExit\n")

    named = guild("plugins", site=site, cwd=project, GUILD_DISABLE_PLUGINS="x, broken")
    others = guild("plugins", "--json", site=site, cwd=project, GUILD_DISABLE_PLUGINS="*")

    assert (named.returncode, others.returncode) == (Exit.DONE, Exit.DONE)
    states = {each["name"]: each["state"] for each in json.loads(others.stdout)["plugins"]}
    assert states["broken"] == "disabled"
    assert states["guild.discovery"] == "loaded"


def test_a_clone_cannot_bring_plugins_of_its_own(
    site: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin(project, "hostile", "raise SystemExit('taken over')\n")
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))

    assert "hostile" not in [source.name for source in find_installed("guild")]
    assert [s.name for s in find_installed("guild", [str(project)])] == ["hostile"]


def test_setup_writes_the_scopes_that_a_plugin_finds(site: Path, project: Path) -> None:
    write_plugin(site, "maps", FINDER.replace("{id}", "path.split('/')[0]"))

    done = guild("setup", "--yes", site=site, cwd=project)

    written = tomllib.loads((project / "guild.toml").read_text())
    assert done.returncode == Exit.DONE
    assert written["scopes"] == {"a": {"paths": ["a/x.map"]}, "b": {"paths": ["b/x.map"]}}
    assert "# paths: the map says so" in (project / "guild.toml").read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [("'twin'", "several scopes are called twin"), ("'../' + path", "'..")],
)
def test_scopes_that_cannot_be_written_are_the_plugins_fault(
    site: Path, project: Path, name: str, told: str
) -> None:
    write_plugin(site, "maps", FINDER.replace("{id}", name))

    done = guild("setup", "--yes", site=site, cwd=project)

    assert done.returncode == Exit.PLUGIN
    assert "Plugin 'maps' (guild-maps 1.0) gave an answer that cannot be used" in done.stderr
    assert told in done.stderr
    assert not (project / "guild.toml").exists()


def test_setup_goes_on_without_a_plugin_that_cannot_be_loaded_and_says_so(
    site: Path, project: Path
) -> None:
    write_plugin(site, "broken", "import no_such_module_at_all\n")
    (project / "tests").mkdir()
    (project / "pkg").mkdir()
    for name in ("__init__", "m"):
        (project / "pkg" / f"{name}.py").write_text("x = 1\n" * 50)

    done = guild("setup", "--dry-run", site=site, cwd=project)

    assert done.returncode == Exit.DONE
    assert "[scopes.pkg]" in done.stdout
    assert "Plugin 'broken' (guild-broken 1.0) cannot be loaded" in done.stderr


def test_no_plugin_is_asked_where_scopes_are_configured(site: Path, project: Path) -> None:
    write_plugin(site, "maps", FINDER.replace("{id}", "1 / 0"))
    (project / "guild.toml").write_text("[scopes.a]\npaths = ['a']\n")

    done = guild("setup", "--yes", site=site, cwd=project)

    assert done.returncode == Exit.NO
    assert "has scopes already" in done.stderr
