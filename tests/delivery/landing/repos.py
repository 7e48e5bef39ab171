"""A repository with three scopes and branches for them, and testers that do what they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.landing.barriers import Resolve
from guild_plugins.delivery.landing.branches import choose
from guild_plugins.delivery.landing.handing import AsBranches, AsPatches
from guild_plugins.delivery.landing.judging import Rules
from guild_plugins.delivery.landing.landing import land
from guild_plugins.delivery.landing.outcomes import Outcome, Report, Trial
from guild_plugins.delivery.landing.site import Wish
from guild_plugins.delivery.workplaces import Workplaces
from guild_plugins.git.repository import Repository, open_repository
from guild_plugins.graph.boundaries.reading import read_rules
from tests.git.user import git, make_repository

CONFIG = """
[scopes.core]
paths = ["core"]
depends_on = []
owners = ["@core"]
[scopes.web]
paths = ["web"]
depends_on = ["core"]
[scopes.doc]
paths = ["doc"]
"""

FILES = {
    "guild.toml": CONFIG,
    "core/__init__.py": "",
    "core/a.py": "def f():\n    return 1\n",
    "web/__init__.py": "",
    "web/b.py": "from core.a import f\n\n\ndef g():\n    return f()\n",
    "doc/text": "".join(f"line {number}\n" for number in range(9)),
}


@dataclass
class Tests:
    """Passes trees, but for those of some branches; notes what was tested on what.

    :param failed: The scopes that are said to have failed there.
    """

    __test__ = False
    failing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    meanwhile: Callable[[str], object] | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, commit: str, base: str, name: str) -> Trial:
        self.asked.append((name, commit, base))
        if self.meanwhile is not None:
            self.meanwhile(name)
        passes = name not in self.failing
        return Trial(passes, note="as told", log="log", failed=() if passes else self.failed)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked]


@dataclass
class Trunk:
    """A repository whose branch ``main`` is trunk; no branch but that is checked out."""

    top: Path

    @classmethod
    def make(cls, folder: Path, *options: str) -> Trunk:
        trunk = cls(make_repository(folder, *options))
        trunk.write(FILES)
        trunk.commit("first")
        return trunk

    @property
    def repository(self) -> Repository:
        return open_repository(self.top)

    @property
    def journal(self) -> Journal:
        return Journal(place_in(self.repository.common_dir))

    def write(self, files: dict[str, str | None]) -> None:
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)

    def commit(self, message: str) -> str:
        git(self.top, "add", "-A")
        git(self.top, "commit", "-qm", message)
        return self.at("HEAD")

    def at(self, name: str) -> str:
        return git(self.top, "rev-parse", name).decode()

    def text(self, name: str, commit: str = "main") -> str:
        return git(self.top, "show", f"{commit}:{name}").decode() + "\n"

    def branch(
        self, name: str, files: dict[str, str | None], message: str = "change", at: str = "main"
    ) -> str:
        """Commit on a scope's branch, which goes on or begins at trunk."""
        full = f"guild/{name}"
        known = git(self.top, "for-each-ref", f"refs/heads/{full}")
        git(self.top, "switch", "-q", *([full] if known else ["-c", full, at]))
        self.write(files)
        tip = self.commit(message)
        git(self.top, "switch", "-q", "main")
        return tip

    def land(
        self,
        *names: str,
        test: Tests | None = None,
        dry_run: bool = False,
        workers: int = 1,
        composes: bool = False,
        remote: str | None = None,
        resolve: Resolve | None = None,
        batch: int = 1,
        hand_over: AsBranches | AsPatches | None = None,
    ) -> Report:
        """Land branches; without names, all."""
        repository = self.repository
        places = Workplaces(self.journal).all()
        branches = choose(repository, places, names=names, everything=not names, onto="main")
        rules = Rules(repository, partial(read_rules, repository.top))
        tester = test or Tests()
        wish = Wish(
            tuple(branches), dry_run, workers, composes, remote, False, resolve, batch, hand_over
        )
        return land(repository, wish, rules, lambda *_: tester)

    def outcome(self, name: str, **more: object) -> Outcome:
        """Land one branch, and return what became of it."""
        (outcome,) = self.land(name, **more).outcomes  # type: ignore[arg-type]
        return outcome

    def clean(self) -> bool:
        return not git(self.top, "status", "--porcelain")


def kinds(report: Report) -> dict[str, str]:
    return {f"{one.task}/{one.scope}": one.kind for one in report.outcomes}
