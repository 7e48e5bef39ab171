from __future__ import annotations

from pathlib import Path

import pytest

from guild_plugins.errors import Exit, GuildError
from guild_plugins.scopes.config import ConfigInvalid, Configured, read_configuration
from tests.scopes.trees import MemoryTree

FULL = """\
[tool.guild]
barriers = ["uv.lock"]

[tool.guild.groups]
backend = ["auth"]

[tool.guild.scopes.core]
paths = ["src/core/**"]

[tool.guild.scopes.auth]
paths = ["src/auth/**"]
tests = ["tests/auth"]
depends_on = ["core"]
public = ["src/auth/api.py", "auth.models"]
owners = ["@auth"]
groups = ["slow"]

[tool.guild.scopes.auth.pytest]
rootdir = "src/auth/"
inifile = "src/auth/pytest.ini"
python = "python3.12"
env = {MODE = "test"}
timeout = 60.0
exclusive = true
args = ["-x"]
"""


def configured(text: str, file: str = "guild.toml") -> Configured:
    found = read_configuration(Path("/p"), MemoryTree({file: text}))
    assert found is not None
    return found


def fault(text: str, file: str = "guild.toml") -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as caught:
        configured(text, file)
    assert caught.value.exit is Exit.USAGE
    return caught.value


def scope(name: str, rest: str = "") -> str:
    return f'[scopes.{name}]\npaths = ["src/{name}/**"]\n{rest}\n'


def test_everything_that_can_be_said_of_a_scope_is_read() -> None:
    found = configured(FULL, "pyproject.toml")

    auth, core = found.scopes
    assert (auth.id, auth.depends_on, auth.owners) == ("auth", ("core",), ("@auth",))
    assert auth.public == ("src/auth/api.py", "auth.models")
    assert (auth.pytest.rootdir, auth.pytest.timeout) == ("src/auth", 60.0)
    assert auth.pytest.env == (("MODE", "test"),)
    assert auth.pytest.is_apart
    assert (core.depends_on, core.public) == (None, None)
    assert found.groups == {"backend": ("auth",), "slow": ("auth",)}
    assert found.barriers == ("uv.lock",)


def test_a_project_without_a_guild_table_is_not_configured() -> None:
    tree = MemoryTree({"pyproject.toml": "[project]\nname = 'x'\n"})

    found = read_configuration(Path(), tree)

    assert found is None


def test_two_configurations_at_once_are_an_error() -> None:
    tree = MemoryTree({"pyproject.toml": "[tool.guild]\n", "guild.toml": ""})

    with pytest.raises(ConfigInvalid, match=r"pyproject.toml:1: .*guild.toml"):
        read_configuration(Path(), tree)


@pytest.mark.parametrize(
    ("text", "line", "key", "hint"),
    [
        ("[scopes.a]\npaths=['a']\n\n[scopes.b]\npath=['b']", 5, "scopes.b.path", "paths"),
        ("[scopes.a]\npaths=['a']\npytest.timout = 3", 3, "scopes.a.pytest.timout", "timeout"),
        (
            "[scopes.a]\npaths=['a']\n[scopes.a.coverage]\nfail_over = 3",
            4,
            "scopes.a.coverage.fail_over",
            "fail_under",
        ),
        ("barrier = []", 1, "barrier", "barriers"),
        ("[scope.a]\npaths=['a']", 1, "scope", "scopes"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_valid_one(
    text: str, line: int, key: str, hint: str
) -> None:
    error = fault(text)

    assert (error.line, error.key, error.hint) == (line, key, hint)
    assert str(error).startswith(f"guild.toml:{line}: {key} ")
    assert str(error).endswith(f"Did you mean {hint!r}?")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (scope("a", "depends_on = ['b']"), "'b', which does not exist"),
        (scope("core") + scope("a", "depends_on = ['cor']"), "Did you mean 'core'?"),
        (scope("a", "depends_on = ['a']"), "depend on itself"),
        (scope("b") + scope("a", "depends_on = ['b', 'b']"), "twice"),
        (
            scope("a", "depends_on = ['b']") + scope("b", "depends_on = ['a']"),
            "in a circle: a -> b -> a",
        ),
        ("[scopes.a]\npaths = []", "empty"),
        ("[scopes.a]\npaths = ['']", "is empty"),
        ("[scopes.a]\ntests = ['t']", "scopes.a.paths is missing"),
        ("[scopes.a]\npaths = ['/etc']", "is absolute"),
        ("[scopes.a]\npaths = ['../x']", "leaves"),
        ("[scopes.a]\npaths = ['!x']", "only takes back"),
        ("[scopes.a]\npaths = 'x'", "valid list"),
        (
            "[scopes.a]\npaths = ['x']\n[scopes.b]\npaths = ['x/**']",
            "scopes.a.paths claims as well",
        ),
        ("[scopes.root]\npaths = ['x']", "implicit scope"),
        ("[scopes.'a/b']\npaths = ['x']", "character other than"),
        ("[scopes.'a..b']\npaths = ['x']", "'..'"),
        ("[scopes.'a.lock']\npaths = ['x']", ".lock"),
        ("[scopes.-a]\npaths = ['x']", "begins with"),
        ("[scopes.'']\npaths = ['x']", "is empty"),
        (scope("a") + "[scopes.A]\npaths = ['x']", "same name"),
        ("[groups]\nweb = ['b']\n" + scope("a"), "'b', which does not exist"),
        (scope("a") + "[groups]\na = ['a']", "same name"),
        (scope("a", "pytest.rootdir = '../x'"), "no path in the project"),
        (scope("a", "pytest.timeout = -1"), "greater than 0"),
        (scope("a", "coverage.fail_under = 101"), "less than or equal to 100"),
        (scope("a", "pytest.env = {'A=B' = 'x'}"), "environment variable"),
    ],
)
def test_what_cannot_be_right_is_an_error_that_names_both_sides(text: str, words: str) -> None:
    error = fault(text)

    assert words in str(error)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a = 1\nb = \n", 2, "Invalid value"),
        (b"a = 1\n\n# \xff\n", 3, "not UTF-8"),
        (b"a = " + b"[" * 50_000, 1, "nested too deeply"),
        (b"#" * 2_000_000, 1, "larger than"),
        (b"a = 'x", 1, "Expected"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_clean_error(content: bytes, line: int, words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_configuration(Path(), MemoryTree({"guild.toml": content}))

    assert words in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text", ["[" + ".".join("a" * 5000) + "]\n", "scopes = 3", "[[scopes]]", "a." * 3000 + "b = 1"]
)
def test_nonsense_never_ends_in_anything_but_a_guild_error(text: str) -> None:
    with pytest.raises(GuildError):
        configured(text)


def test_a_configuration_without_scopes_is_valid() -> None:
    found = configured("barriers = ['x']")

    assert (found.scopes, found.barriers) == ((), ("x",))


RULES = """\
layers = ["web", ["core", "auth"]]
independent = [["core", "auth"]]
acyclic = true
ignore_type_checking = true
source_roots = ["src/", "."]
[scopes.web]
paths = ["web"]
forbids = ["core"]
deprecated = {auth = 2030-01-31}
internal = ["requests"]
data = ["shared/*.json"]
[scopes.core]
paths = ["core"]
[scopes.auth]
paths = ["auth"]
"""


def test_rules_between_scopes_are_read() -> None:
    found = configured(RULES)

    web = next(scope for scope in found.scopes if scope.id == "web")
    assert (web.forbids, web.deprecated) == (("core",), (("auth", "2030-01-31"),))
    assert (web.internal, web.data) == (("requests",), ("shared/*.json",))
    assert found.rules.layers == (("web",), ("core", "auth"))
    assert found.rules.independent == (("core", "auth"),)
    assert found.rules.acyclic
    assert found.rules.ignore_type_checking
    assert found.rules.source_roots == ("src", "")


@pytest.mark.parametrize(
    ("change", "line", "key", "problem"),
    [
        (('"web", [', '"wbe", ['), 1, "layers", "names the scope 'wbe'"),
        (('"web", [', '"core", ['), 1, "layers", "names 'core' twice"),
        (('independent = [["core"', 'independent = [["x"'), 2, "independent", "'x'"),
        (('["src/"', '["../x"'), 5, "source_roots", "no folder in the project"),
        (('forbids = ["core"]', 'forbids = ["web"]'), 8, "scopes.web.forbids", "itself"),
        (("2030-01-31", '"soon"'), 9, "scopes.web.deprecated.auth", "is wrong"),
        (("{auth =", "{other ="), 9, "scopes.web.deprecated", "'other'"),
        (('"requests"', '"requests.api"'), 10, "scopes.web.internal", "no name of a top package"),
        (('"shared/*.json"', '"/shared"'), 11, "scopes.web.data", "absolute"),
        (("forbids", 'depends_on = ["core"]\nforbids'), 9, "scopes.web.forbids", "allows"),
        (("acyclic", "acylic"), 3, "acylic", "is no key"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named_with_its_line(
    change: tuple[str, str], line: int, key: str, problem: str
) -> None:
    error = fault(RULES.replace(*change, 1))

    assert (error.line, error.key) == (line, key)
    assert problem in str(error)
