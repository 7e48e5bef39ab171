"""The contract itself: every hook is documented, in full, and tested."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guild_plugins.stages import hookspecs
from guild_plugins.stages.manager import Plugins

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "plugins.md"
HOOKS = {name: getattr(hookspecs, name) for name in Plugins({}).hooks}


def signature_of(hook: object) -> str:
    """Return a hook's signature as one would write it: annotations without quotes."""
    return str(inspect.signature(hook)).replace("'", "")  # type: ignore[arg-type]


def headings() -> list[str]:
    return re.findall(r"^### `(guild_.*)`$", PAGE.read_text(), re.MULTILINE)


def test_every_hook_has_a_heading_with_its_exact_signature_in_the_docs_and_nothing_else_has() -> (
    None
):
    assert headings() == [f"{name}{signature_of(hook)}" for name, hook in HOOKS.items()]


@pytest.mark.parametrize("name", HOOKS)
def test_every_section_says_what_the_docstring_says(name: str) -> None:
    section = PAGE.read_text().split(f"### `{name}(")[1].split("`\n", 1)[1].split("\n#")[0]
    docstring = (HOOKS[name].__doc__ or "").replace("``", "`")
    expected = re.sub(r":param (\w+):", r"- `\1`:", docstring)

    assert section.split() == expected.split()


@pytest.mark.parametrize("name", HOOKS)
def test_every_docstring_is_a_contract(name: str) -> None:
    hook = HOOKS[name]
    text = " ".join((hook.__doc__ or "").split())

    assert "Called once" in text
    assert re.search(r"held|nothing|no unit runs", text), "what is held meanwhile?"
    assert "Raising" in text
    assert all(f":param {parameter}:" in text for parameter in inspect.signature(hook).parameters)
    if hook.guild_spec["firstresult"]:
        assert "first result other than ``None`` is used" in text
    else:
        assert re.search(r"All (gates|implementations) are called", text)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name: str) -> None:
    tree = ast.parse((HERE / "test_hooks.py").read_text())
    tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]

    others = [hook for hook in HOOKS if hook != name and hook.startswith(name)]
    mine = [
        test
        for test in tests
        if test.startswith(f"test_{name}_")
        and not any(test.startswith(f"test_{other}") for other in others)
    ]
    assert mine, f"write test_{name}_... into test_hooks.py"


def test_what_hooks_of_git_import_brings_no_plugin_machinery() -> None:
    code = (
        "import sys, guild_plugins.cli, guild_plugins.app\n"
        "import guild_plugins.stages.events, guild_plugins.stages.codec\n"
        "import guild_plugins.stages.leases, guild_plugins.stages.models\n"
        "print(*{'pluggy', 'pydantic', 'importlib.metadata', 'asyncio'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == ""


def test_asyncio_is_imported_where_a_plugin_is_async_and_not_before() -> None:
    code = (
        "import sys\n"
        "from guild_plugins.stages.deadlines import perform\n"
        "async def later(): return 1\n"
        "perform(lambda: 1, 60); print('asyncio' in sys.modules)\n"
        "perform(later, 60); print('asyncio' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.split() == ["False", "True"]
