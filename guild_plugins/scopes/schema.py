"""What a configuration may say.

pydantic parses it at the edge, once; what comes out are the plain values of
`model`. Imported only where a configuration exists. Rules that join several
keys (ids, dependencies, groups, claims) follow the parsing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from guild_plugins.scopes.config import ConfigInvalid, Configured, Source
from guild_plugins.scopes.cycles import find_cycle
from guild_plugins.scopes.globs import parse_glob
from guild_plugins.scopes.model import (
    Evidence,
    HookSettings,
    LandSettings,
    PytestSettings,
    Rules,
    Scope,
    ScopeId,
    WorkSettings,
)
from guild_plugins.scopes.naming import problem_with


class PytestTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[scopes.ID.pytest]``: how the scope's tests are run."""

    rootdir: str | None = None
    inifile: str | None = None
    python: str | None = None
    env: dict[str, str] = {}
    timeout: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    exclusive: bool = False
    args: list[str] = []


class CoverageTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[scopes.ID.coverage]``: what is asked of the coverage of the scope's code."""

    fail_under: float | None = Field(default=None, ge=0, le=100)


class ScopeTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[scopes.ID]``: one scope."""

    paths: list[str] = Field(min_length=1)
    tests: list[str] = []
    depends_on: list[str] | None = None
    public: list[str] | None = None
    forbids: list[str] = []
    deprecated: dict[str, date] = {}
    internal: list[str] = []
    data: list[str] = []
    owners: list[str] | None = None
    groups: list[str] = []
    pytest: PytestTable = PytestTable()
    coverage: CoverageTable = CoverageTable()


class WorkplacesTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[workplaces]``: what ``guild start`` gives to each work place."""

    folder: str | None = None
    copy_files: list[str] = Field(default=[], alias="copy")
    setup: list[str] = []
    ports: int = Field(default=10, ge=0, le=1000)
    first_port: int = Field(default=20000, ge=1024, le=65535)


class HooksTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[hooks]``: what the git hooks do beyond judging."""

    branch: Literal["off", "offer", "require", "create"] = "off"
    tests: list[str] = []


class LandingTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[landing]``: where branches are landed, and what proves them."""

    onto: str | None = Field(default=None, min_length=1)
    tests: list[str] = []


class GuildTable(BaseModel, frozen=True, extra="forbid", strict=True):
    """``[tool.guild]``, or the whole of ``guild.toml``."""

    scopes: dict[str, ScopeTable] = {}
    groups: dict[str, list[str]] = {}
    barriers: list[str] | None = None
    layers: list[str | list[str]] = []
    independent: list[list[str]] = []
    acyclic: bool = False
    ignore_type_checking: bool = False
    source_roots: list[str] | None = None
    variables: list[Annotated[str, Field(pattern=r"^[^=]+$")]] = []
    workplaces: WorkplacesTable = WorkplacesTable()
    hooks: HooksTable = HooksTable()
    landing: LandingTable = LandingTable()


def validate(source: Source, file: Path) -> Configured:
    """Parse and check a configuration, which came from a file.

    :raises ConfigInvalid: Something is wrong; the first of it is named.
    """
    try:
        table = GuildTable.model_validate(dict(source.table))
    except ValidationError as error:
        raise _fault(source, error) from None
    _check_ids(source, table)
    _check_patterns(source, table)
    _check_pytest(source, table)
    _check_dependencies(source, table)
    _check_rules(source, table)
    _check_workplaces(source, table)
    groups = _groups(source, table)
    scopes = tuple(_scope(name, table.scopes[name], source.file) for name in sorted(table.scopes))
    barriers = tuple(table.barriers) if table.barriers is not None else None
    owned = frozenset(name for name, scope in table.scopes.items() if scope.owners is not None)
    return Configured(
        file=file,
        scopes=scopes,
        barriers=barriers,
        groups=groups,
        owned=owned,
        rules=_rules(table),
        work=_work(table.workplaces),
        hooks=HookSettings(table.hooks.branch, tuple(table.hooks.tests)),
        landing=LandSettings(table.landing.onto, tuple(table.landing.tests)),
    )


def _work(table: WorkplacesTable) -> WorkSettings:
    return WorkSettings(
        folder=table.folder,
        copy=tuple(map(str, map(PurePosixPath, table.copy_files))),
        setup=tuple(table.setup),
        ports=table.ports,
        first_port=table.first_port,
    )


def _rules(table: GuildTable) -> Rules:
    roots = table.source_roots
    return Rules(
        layers=tuple((x,) if isinstance(x, str) else tuple(x) for x in table.layers),
        independent=tuple(tuple(group) for group in table.independent),
        acyclic=table.acyclic,
        ignore_type_checking=table.ignore_type_checking,
        source_roots=None if roots is None else tuple(_folder(root) for root in roots),
        variables=tuple(sorted(set(table.variables))),
    )


def _scope(name: ScopeId, table: ScopeTable, file: str) -> Scope:
    return Scope(
        id=name,
        paths=tuple(table.paths),
        tests=tuple(table.tests),
        depends_on=None if table.depends_on is None else tuple(table.depends_on),
        public=None if table.public is None else tuple(table.public),
        forbids=tuple(table.forbids),
        deprecated=tuple((name, day.isoformat()) for name, day in table.deprecated.items()),
        internal=tuple(table.internal),
        data=tuple(table.data),
        owners=tuple(table.owners or ()),
        pytest=PytestSettings(
            rootdir=_normal(table.pytest.rootdir),
            inifile=_normal(table.pytest.inifile),
            python=table.pytest.python,
            env=tuple(sorted(table.pytest.env.items())),
            timeout=table.pytest.timeout,
            exclusive=table.pytest.exclusive,
            args=tuple(table.pytest.args),
        ),
        fail_under=table.coverage.fail_under,
        evidence=(Evidence("all of it", f"configured in {file}"),),
    )


def _fault(source: Source, error: ValidationError) -> ConfigInvalid:
    """Say what pydantic found first, in the file's own words."""
    # A wrong name explains a missing one, so it is told before.
    found = sorted(error.errors(include_input=False), key=lambda e: e["type"] != "extra_forbidden")
    first = found[0]
    key = tuple(part for part in first["loc"] if isinstance(part, str))
    match first["type"]:
        case "extra_forbidden":
            return source.fault(key, "is no key that Guild knows", near=_names_beside(key))
        case "missing":
            return source.fault(key, "is missing")
        case "too_short":
            return source.fault(key, "is empty; name at least one path")
        case _:
            message = first["msg"]
            return source.fault(key, f"is wrong: {message[0].lower()}{message[1:]}")


def _names_beside(key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the valid keys of the table that a key stands in."""
    model: type[BaseModel] = GuildTable
    tables: dict[str, type[BaseModel]] = {
        "workplaces": WorkplacesTable,
        "hooks": HooksTable,
        "landing": LandingTable,
    }
    if key[0] in tables and len(key) == 2:
        model = tables[key[0]]
    elif len(key) == 3:
        model = ScopeTable
    elif len(key) == 4:
        model = CoverageTable if key[2] == "coverage" else PytestTable
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _check_ids(source: Source, table: GuildTable) -> None:
    seen: dict[str, str] = {}
    for section, names in (("scopes", table.scopes), ("groups", table.groups)):
        for name in names:
            problem = problem_with(name)
            if problem is not None:
                raise source.fault((section, name), f"cannot be the name: it {problem}")
            other = seen.setdefault(name.lower(), f"{section}.{name}")
            if other != f"{section}.{name}":
                raise source.fault((section, name), f"has the same name as {other}")


def _check_patterns(source: Source, table: GuildTable) -> None:
    claims: dict[tuple[str, str], str] = {}
    for pattern in table.barriers or ():
        _check_pattern(source, ("barriers",), pattern)
    for name, scope in table.scopes.items():
        for key, patterns in (
            ("paths", scope.paths),
            ("tests", scope.tests),
            ("public", scope.public or []),
            ("data", scope.data),
        ):
            place = ("scopes", name, key)
            for pattern in patterns:
                if key == "public" and "/" not in pattern:
                    continue  # a module or a name, not a path
                same = _check_pattern(source, place, pattern)
                if key in ("public", "data"):
                    continue
                other = claims.setdefault((key, same), name)
                if other != name:
                    raise source.fault(
                        place, f"claims {pattern!r}, which scopes.{other}.{key} claims as well"
                    )
        if all(pattern.startswith("!") for pattern in scope.paths):
            raise source.fault(("scopes", name, "paths"), "only takes back; name a path as well")


def _check_pattern(source: Source, key: tuple[str, ...], pattern: str) -> str:
    """Return the pattern in its normal form."""
    try:
        glob = parse_glob(pattern)
    except ValueError as error:
        raise source.fault(key, f"has the pattern {pattern[:200]!r}, which {error}") from None
    return f"{'!' * glob.negated}{pattern if glob.literal is None else glob.literal}"


def _check_pytest(source: Source, table: GuildTable) -> None:
    for name, scope in table.scopes.items():
        for setting in ("rootdir", "inifile"):
            path = getattr(scope.pytest, setting)
            if path is None:
                continue
            place = PurePosixPath(path)
            if not path or place.is_absolute() or ".." in place.parts or "\0" in path:
                where = ("scopes", name, "pytest", setting)
                raise source.fault(where, f"is {path[:200]!r}, which is no path in the project")
        for variable, value in scope.pytest.env.items():
            if not variable or "=" in variable or "\0" in variable + value:
                key = ("scopes", name, "pytest", "env", variable)
                raise source.fault(key, "cannot be an environment variable")


def _check_workplaces(source: Source, table: GuildTable) -> None:
    for path in table.workplaces.copy_files:
        place = PurePosixPath(path)
        if not place.parts or place.is_absolute() or ".." in place.parts or "\0" in path:
            key = ("workplaces", "copy")
            raise source.fault(key, f"has {path[:200]!r}, which is no file in the project")


def _check_dependencies(source: Source, table: GuildTable) -> None:
    known = tuple(table.scopes)
    for name, scope in table.scopes.items():
        place = ("scopes", name, "depends_on")
        _check_once(source, place, scope.depends_on or ())
        for other in scope.depends_on or ():
            if other == name:
                raise source.fault(place, f"has {name!r} depend on itself")
            if other not in table.scopes:
                raise _unknown(source, place, other, known)
    cycle = find_cycle({name: scope.depends_on or () for name, scope in table.scopes.items()})
    if cycle:
        circle = " -> ".join((*cycle, cycle[0]))
        raise source.fault(("scopes", cycle[0], "depends_on"), f"goes in a circle: {circle}")


def _check_rules(source: Source, table: GuildTable) -> None:
    """Check that rules speak of scopes there are, and not against each other."""
    for name, scope in table.scopes.items():
        place = ("scopes", name)
        _check_names(source, table, (*place, "forbids"), scope.forbids, name)
        _check_names(source, table, (*place, "deprecated"), tuple(scope.deprecated), name)
        for other in scope.forbids:
            if other in (scope.depends_on or ()):
                raise source.fault((*place, "forbids"), f"has {other!r}, which depends_on allows")
        for package in scope.internal:
            if not package.isidentifier():
                problem = f"has {package[:200]!r}, which is no name of a top package"
                raise source.fault((*place, "internal"), problem)
    layers = [name for x in table.layers for name in ([x] if isinstance(x, str) else x)]
    _check_names(source, table, ("layers",), layers)
    for group in table.independent:
        _check_names(source, table, ("independent",), group)
    for root in table.source_roots or ():
        if root.startswith("/") or ".." in root.split("/") or "\\" in root or "\0" in root:
            raise source.fault(("source_roots",), f"has {root[:200]!r}, no folder in the project")


def _check_names(
    source: Source,
    table: GuildTable,
    key: tuple[str, ...],
    names: Sequence[str],
    own: ScopeId | None = None,
) -> None:
    """Check that each is a scope, and none is named twice.

    :param own: The scope that the rule is written in; it cannot mean itself.
    """
    _check_once(source, key, names)
    for name in names:
        if name == own:
            raise source.fault(key, f"names {name!r} itself")
        if name not in table.scopes:
            raise _unknown(source, key, name, tuple(table.scopes))


def _groups(source: Source, table: GuildTable) -> dict[str, tuple[ScopeId, ...]]:
    """Join the groups that are listed with those that scopes say they are in."""
    groups: dict[str, list[ScopeId]] = {}
    known = tuple(table.scopes)
    for group, members in table.groups.items():
        _check_once(source, ("groups", group), members)
        for member in members:
            # Without scopes of their own, groups speak of what is discovered.
            if table.scopes and member not in table.scopes:
                raise _unknown(source, ("groups", group), member, known)
        groups[group] = list(members)
    for name, scope in table.scopes.items():
        for group in scope.groups:
            problem = problem_with(group)
            if problem is not None or group in table.scopes:
                problem = problem or "is the name of a scope"
                raise source.fault(
                    ("scopes", name, "groups"), f"has {group[:200]!r}, which {problem}"
                )
            groups.setdefault(group, []).append(name)
    return {name: tuple(sorted(set(members))) for name, members in sorted(groups.items())}


def _check_once(source: Source, key: tuple[str, ...], names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise source.fault(key, f"names {name[:200]!r} twice")
        seen.add(name)


def _unknown(
    source: Source, key: tuple[str, ...], name: str, known: tuple[str, ...]
) -> ConfigInvalid:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    problem = f"names the scope {name[:200]!r}, which does not exist"
    return source.fault(key, problem, hint="".join(close))


def _normal(path: str | None) -> str | None:
    return str(PurePosixPath(path)) if path is not None else None


def _folder(root: str) -> str:
    return "/".join(part for part in root.split("/") if part not in ("", "."))
