from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from guild_plugins.git.changes import Change
from guild_plugins.git.trees import Entry, MemoryTree, hash_blob
from guild_plugins.graph.boundaries.breaking import judge_surface
from guild_plugins.graph.boundaries.rulebook import RuleBook
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.scopes.model import Scope

BOOK = RuleBook((Scope("p", ("p",), public=("p/m.py",)), Scope("u", ("u.py",))))


def judge(before: str, after: str, files: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Judge what becomes of ``p/m.py``; place and name of what breaks."""
    all_files = {"p/__init__.py": "", **files, "p/m.py": after, "before": before}
    tree = MemoryTree({path: text.encode() for path, text in all_files.items()})
    change = Change("p/m.py", Entry(0o100644, hash_blob(before.encode())), tree.entries["p/m.py"])
    found = judge_surface(BOOK, ImportGraph(tree, ("",)), change, ast.parse(after))
    return [(v.path, v.line, v.target.partition(":")[2]) for v in found]


@pytest.mark.parametrize(
    ("before", "after", "call", "breaks"),
    [
        ("a", "a, b", "1", True),
        ("a", "a, b=1", "1", False),
        ("a, b=1", "a", "1", False),
        ("a, b=1", "a", "1, 2", True),
        ("a, b", "b, a", "1, 2", True),
        ("a, b", "b, a", "a=1, b=2", False),
        ("a", "new=0, a=1", "1", True),
        ("a", "other", "1", False),
        ("a", "other", "a=1", True),
        ("a", "a, /", "a=1", True),
        ("a, b=1", "a, *, b=1", "1, 2", True),
        ("a, b=1", "a, *, b=1", "1, b=2", False),
        ("a, *, b=1", "a, *, b", "1", True),
        ("*args", "a", "1, 2", True),
        ("**rest", "a=1", "b=1", True),
        ("a", "*args, **rest", "1", False),
        ("a", "", "*x", False),
        ("a", "", "**x", False),
        ("a", "a, b", "", False),
    ],
)
def test_a_call_breaks_if_it_fitted_before_and_does_not_now(
    before: str, after: str, call: str, breaks: bool
) -> None:
    user = {"u.py": f"from p.m import f\n\nf({call})\n"}

    found = judge(f"def f({before}): pass", f"def f({after}): pass", user)

    assert found == ([("u.py", 3, "f")] if breaks else [])


@pytest.mark.parametrize(
    ("init", "breaks"),
    [
        ("from p.m import *\n", True),
        ("from .m import *\nfrom .other import *\n", False),
        ("from .m import *\nf = 1\n", False),
        ("from .m import *\ndef __getattr__(name): pass\n", False),
        ("from .m import *\nfrom elsewhere import *\n", False),
        ("from .m import *\n__all__ = ['g']\n", True),
        ("", False),
    ],
)
def test_names_are_followed_through_a_package_that_passes_them_on(init: str, breaks: bool) -> None:
    files = {
        "p/__init__.py": init,
        "p/other.py": "f = 1\n",
        "top.py": "from p import *\n",
        "u.py": "import p\np.f(1)\n",
        "w.py": "import top\ntop.f(1)\n",
    }
    expected = [("u.py", 2, "f")] if breaks else []
    if breaks and "__all__" not in init:
        expected.append(("w.py", 2, "f"))

    assert judge("def f(a): pass\ndef g(): pass", "def g(): pass", files) == expected


def test_a_star_takes_what_all_says_and_nothing_that_begins_with_an_underscore() -> None:
    files = {"p/__init__.py": "from .m import *\n", "u.py": "import p\np.f\np.g\np._h\n"}

    assert judge("__all__ = ['f']\nf = g = _h = 1", "", files) == [("u.py", 2, "f")]
    assert judge("f = g = _h = 1", "", files) == [("u.py", 2, "f"), ("u.py", 3, "g")]


def test_a_changed_signature_goes_along_under_another_name() -> None:
    files = {"p/__init__.py": "from .m import f as h\n", "u.py": "from p import h\nh()\n"}

    assert judge("def f(): pass", "def f(a): pass", files) == [("u.py", 2, "h")]
    assert judge("def f(): pass", "", files) == [("p/__init__.py", 1, "f")]


@pytest.mark.parametrize(
    "user",
    [
        "import m\nfrom p.m import g\nm.f\n",
        "try:\n    from p.m import f\nexcept ImportError:\n    f = None\n",
        "from p import m\ndef g(m): return m.f\n",
        "from p import n as m\nfrom p.m import g\nm.f\n",
        "try:\n    from p import m\nexcept ImportError:\n    import m\nm.f\n",
    ],
)
def test_what_may_be_something_else_is_let_be(user: str) -> None:
    files = {"u.py": user, "p/n.py": "f = 1\n"}

    assert judge("f = 1\ng = 1\n", "g = 1\n", files) == []


@pytest.mark.parametrize(
    "user",
    [
        "import p.m\n\np.m.f\n",
        "import p.m as x\n\nx.f\n",
        "from p import m\n\nm.f\n",
        "from p import m as x\ndef g():\n    return x.f(1)\n",
        "import os\nimport p.m as x\n(x.f, os.f)\n",
    ],
)
def test_a_module_is_known_by_all_its_names(user: str) -> None:
    assert judge("f = 1\n", "g = 1\n", {"u.py": user}) == [("u.py", 3, "f")]
