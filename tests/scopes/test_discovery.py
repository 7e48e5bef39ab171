from __future__ import annotations

import pytest

from guild_plugins.scopes.check import examine
from guild_plugins.scopes.discovery import discover
from guild_plugins.scopes.model import Scope
from guild_plugins.scopes.ownership import Owners
from tests.scopes.trees import MemoryTree

CODE = "x = 1\n" * 200


def found(tree: MemoryTree) -> dict[str, Scope]:
    return {scope.id: scope for scope in discover(tree).scopes}


def package(root: str, *names: str, files: int = 5) -> dict[str, str]:
    contents = {f"{root}/__init__.py": ""}
    for name in names:
        contents[f"{root}/{name}/__init__.py"] = ""
        contents |= {f"{root}/{name}/m{i}.py": CODE for i in range(files)}
    return contents


PARTS = ("auth", "billing", "core", "mail", "search")


def test_a_large_package_is_split_into_its_sub_packages() -> None:
    tree = MemoryTree(package("src/app", *PARTS))

    scopes = found(tree)

    assert set(scopes) == {"app", *PARTS}
    assert scopes["auth"].paths == ("src/app/auth/**",)
    assert "a part of src/app, which is too large" in scopes["auth"].evidence[0].reason


def test_copies_of_other_projects_are_one_scope() -> None:
    copied = package("src/app/_vendor", "one", "two", "three", files=6)
    tree = MemoryTree(package("src/app", *PARTS) | copied)

    scopes = found(tree)

    assert set(scopes) == {"app", "_vendor", *PARTS}


def test_crumbs_stay_with_their_parent() -> None:
    tree = MemoryTree(package("app", *PARTS) | {"app/tiny/__init__.py": "", "app/tiny/a.py": ""})

    scopes = found(tree)

    assert set(scopes) == {"app", *PARTS}


@pytest.mark.parametrize(
    ("test", "owner"),
    [
        ("tests/auth/test_login.py", "auth"),
        ("tests/unit/auth/test_login.py", "auth"),
        ("tests/app/auth/test_login.py", "auth"),
        ("tests/test_auth.py", "auth"),
        ("tests/test_auth_login.py", "auth"),
        ("tests/integration/test_billing.py", "billing"),
        ("tests/auth_test.py", "auth"),
        ("src/app/auth/tests/test_login.py", "auth"),
        ("src/app/tests/auth/test_login.py", "auth"),
        ("tests/test_smoke.py", "tests"),
    ],
)
def test_tests_find_their_scope_by_name(test: str, owner: str) -> None:
    tree = MemoryTree(package("src/app", *PARTS) | {test: CODE})

    owners = Owners(found(tree).values())

    assert owners.owner_of(test) == owner


def test_tests_that_no_name_places_are_placed_by_their_imports() -> None:
    tree = MemoryTree(package("src/app", *PARTS) | {"tests/test_smoke.py": CODE})

    result = discover(tree, lambda path: {"app.mail.m1"} if "smoke" in path else None)

    assert Owners(result.scopes).owner_of("tests/test_smoke.py") == "mail"


def test_one_package_has_all_the_tests() -> None:
    tree = MemoryTree(["src/app/a.py", "src/app/b.py", "tests/test_x.py", "tests/y/test_z.py"])

    scopes = found(tree)

    assert scopes["app"].tests == ("tests",)


def test_test_files_alone_give_suites_by_folder() -> None:
    files = [f"pkg/{part}/tests/test_{i}.py" for part in PARTS for i in range(6)]
    tree = MemoryTree(dict.fromkeys(files, CODE))

    owners = Owners(found(tree).values())

    assert {owners.owner_of(path) for path in files} == set(PARTS)


def test_a_tests_folder_alone_is_split_by_folder() -> None:
    files = [f"tests/{part}/test_{i}.py" for part in PARTS for i in range(6)]
    tree = MemoryTree(dict.fromkeys(files, CODE))

    owners = Owners(found(tree).values())

    assert {owners.owner_of(path) for path in files} == {f"tests-{part}" for part in PARTS}


@pytest.mark.parametrize(
    ("settings", "root"),
    [
        ('[tool.setuptools.packages.find]\nwhere = ["code"]', "code"),
        ('[tool.setuptools.package-dir]\n"" = "code"', "code"),
        ('[tool.hatch.build.targets.wheel]\npackages = ["code/app"]', "code"),
        ('[tool.poetry]\npackages = [{include = "app", from = "code"}]', "code"),
    ],
)
def test_packages_lie_where_the_build_says(settings: str, root: str) -> None:
    tree = MemoryTree(package(f"{root}/app", *PARTS) | {"pyproject.toml": settings})

    scopes = found(tree)

    assert set(scopes) == {"app", *PARTS}


def test_a_namespace_package_is_found_without_init() -> None:
    files = [f"src/org/{part}/m{i}.py" for part in PARTS for i in range(5)]

    scopes = found(MemoryTree(dict.fromkeys(files, CODE)))

    assert set(PARTS) <= set(scopes)


def test_docs_ci_and_tools_are_scopes() -> None:
    files = ["docs/a.md", ".github/workflows/ci.yml", "tools/x.py", "scripts/y.py", "app/a.py"]

    scopes = found(MemoryTree([*files, "app/b.py"]))

    assert {"docs", "ci", "tools"} <= set(scopes)
    assert scopes["tools"].paths == ("scripts/**", "tools/**")


def test_lock_files_and_root_configuration_are_barriers() -> None:
    files = [
        "uv.lock",
        "pyproject.toml",
        "conftest.py",
        "requirements-dev.txt",
        "a.py",
        "x/uv.lock",
    ]

    result = discover(MemoryTree(dict.fromkeys(files, "") | {"uv.lock": "x"}))

    assert result.barriers == ("conftest.py", "pyproject.toml", "requirements-dev.txt", "uv.lock")


def test_a_conftest_above_divided_tests_is_a_barrier() -> None:
    extra = {"tests/conftest.py": CODE, "tests/test_auth.py": CODE, "tests/test_mail.py": CODE}

    result = discover(MemoryTree(package("src/app", *PARTS) | extra))

    assert "tests/conftest.py" in result.barriers


MEMBER = "[project]\nname = '{}'\ndependencies = [{}]\n"


@pytest.mark.parametrize(
    "root",
    [
        {"pyproject.toml": '[tool.uv.workspace]\nmembers = ["libs/*"]\nexclude = ["libs/old"]'},
        {"pyproject.toml": '[tool.hatch.workspace]\nmembers = ["libs/api", "libs/core"]'},
        {"pyproject.toml": '[tool.poetry.dependencies]\na={path="libs/api"}\nc={path="libs/core"}'},
        {"pants.toml": '[source]\nroot_patterns = ["/libs/api", "libs/core"]'},
        {"nx.json": "{}"},
        {"pyproject.toml": "[project]\nname = 'x'"},
    ],
)
def test_members_of_a_workspace_are_scopes(root: dict[str, str]) -> None:
    nx = "nx.json" in root
    members = {
        "libs/api/pyproject.toml": MEMBER.format("the-api", "'The_Core>=1'"),
        "libs/api/a.py": CODE,
        "libs/api/tests/test_a.py": CODE,
        "libs/core/pyproject.toml": MEMBER.format("the-core", ""),
        "libs/core/c.py": CODE,
    }
    if nx:
        members |= {"libs/api/project.json": "{}", "libs/core/project.json": "{}"}

    scopes = found(MemoryTree(root | members))

    assert set(scopes) == {"api", "core"}
    assert scopes["api"].depends_on == ("core",)
    assert scopes["api"].tests == ("libs/api/tests",)
    assert scopes["api"].pytest.rootdir == "libs/api"


def test_a_member_that_the_workspace_leaves_out_is_none() -> None:
    root = {"pyproject.toml": '[tool.uv.workspace]\nmembers = ["libs/*"]\nexclude = ["libs/old"]'}
    members = {f"libs/{name}/pyproject.toml": "" for name in ("new", "old")}

    scopes = found(MemoryTree(root | members | {"libs/new/a.py": CODE}))

    assert set(scopes) == {"new"}


def test_members_share_the_session_that_the_root_configures() -> None:
    root = {"pyproject.toml": "[tool.uv.workspace]\nmembers=['l/*']\n[tool.pytest.ini_options]\n"}
    members = {f"l/{n}/pyproject.toml": "" for n in "ab"} | {
        f"l/{n}/test_{n}.py": CODE for n in "ab"
    }

    scopes = found(MemoryTree(root | members))

    assert [scope.pytest.rootdir for scope in scopes.values()] == [None, None]


def test_the_one_nested_project_is_split_like_a_root() -> None:
    tree = MemoryTree(
        package("backend/src/app", *PARTS)
        | {"backend/pyproject.toml": "[project]\nname='x'", "frontend/package.json": "{}"}
        | {f"frontend/{i}.ts": "" for i in range(6)}
    )

    scopes = found(tree)

    assert set(scopes) == {"app", "frontend", *PARTS}
    assert scopes["auth"].pytest.rootdir == "backend"


def test_codeowners_says_who_owns_a_scope() -> None:
    lines = "* @all\n/src/app/auth/ @auth # them\n/src/app/core/\n"

    scopes = found(MemoryTree(package("src/app", *PARTS) | {".github/CODEOWNERS": lines}))

    assert scopes["auth"].owners == ("@auth",)
    assert scopes["mail"].owners == ("@all",)
    assert scopes["core"].owners == ()
    assert scopes["core"].evidence[-1].claim == "explicitly no owners"


@pytest.mark.parametrize("count", [0, 1, 10, 200, 2000])
def test_scopes_are_neither_one_giant_nor_hundreds_of_crumbs(count: int) -> None:
    files = {f"app/p{i % 90}/s{i % 7}/m{i}.py": CODE for i in range(count)}
    tree = MemoryTree(files)

    scopes = discover(tree).scopes
    owners = Owners(scopes)

    assert len(scopes) <= 60
    owned = [owners.owner_of(path) for path in files]
    if count >= 200:
        assert max(map(owned.count, set(owned))) <= 0.26 * count


@pytest.mark.parametrize(
    "files",
    [
        [f"src/org/{part}/m{i}.py" for part in PARTS for i in range(5)],
        [*package("app", *PARTS), "tests/__init__.py", "tests/test_auth.py", "tests/conftest.py"],
        [*package("app", *PARTS), "tests/helpers.py", "tests/test_auth.py", "lone/a.py"],
        [*package("app", *PARTS), *(f"app/tests/{p}/test_x.py" for p in PARTS)],
        ["a.py", "test_a.py"],
    ],
)
def test_what_is_discovered_passes_its_own_check(files: list[str]) -> None:
    scopes = discover(MemoryTree(dict.fromkeys(files, CODE))).scopes

    findings = examine(scopes, Owners(scopes), files)

    assert findings == ()


def test_names_that_cannot_be_printed_never_become_patterns() -> None:
    files = [f"app/bad\udcff{i}/m{j}.py" for i in range(3) for j in range(5)]
    tree = MemoryTree(dict.fromkeys([*files, "app/a.py", "new\nline/a.py", "new\nline/b.py"], CODE))

    result = discover(tree)

    assert all(p.isprintable() for s in result.scopes for p in (*s.paths, *s.tests))


def test_names_with_wildcards_are_taken_as_they_are() -> None:
    files = ["we[i]rd/a.py", "we[i]rd/b.py", "weird/c.py"]

    owners = Owners(discover(MemoryTree(files)).scopes)

    assert [owners.owner_of(path) for path in files] == ["we-i-rd", "we-i-rd", "weird"]


def member(name: str, **needs: str) -> dict[str, str]:
    """Return a member whose project file declares what it needs, by kind."""
    text = f"[project]\nname = {name!r}\ndependencies = [{needs.get('run', '')}]\n"
    text += f"[dependency-groups]\ntest = [{needs.get('test', '')}]\n"
    return {f"libs/{name}/pyproject.toml": text, f"libs/{name}/{name}/__init__.py": "x = 1\n"}


def test_members_that_need_each_other_for_their_tests_make_no_circle() -> None:
    tree = MemoryTree(member("sdk", test="'core>=1'") | member("core", run="'sdk'"))

    scopes = found(tree)

    assert scopes["core"].depends_on == ("sdk",)
    assert scopes["sdk"].depends_on == ()
    assert any("close a circle" in line.reason for line in scopes["sdk"].evidence)
    listed = tuple(scopes.values())
    assert examine(listed, Owners(listed), tree.files) == ()


def test_what_a_member_needs_for_its_tests_is_a_dependency() -> None:
    tree = MemoryTree(member("sdk", test="'core>=1'") | member("core"))

    assert found(tree)["sdk"].depends_on == ("core",)
