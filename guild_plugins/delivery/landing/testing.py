"""Testing a merged tree in a work tree of its own, where nobody else writes.

The tests that are run are those of the merged tree which the change can affect, in an
environment that says nothing of this process's own work tree. A tree that was proven
before is the base for the next one with the same branch: then only what differs from it
can fail.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from guild_plugins.delivery.furnishing import copy_files
from guild_plugins.delivery.landing.outcomes import Trial
from guild_plugins.delivery.recovery import DRAFT
from guild_plugins.git.adding import add_worktree, remove_empty
from guild_plugins.git.process import run_git, user_environment
from guild_plugins.git.repository import Repository
from guild_plugins.git.worktrees import Admin, admins
from guild_plugins.scopes.model import WorkSettings

NO_TESTS: Final = 5
"""Pytest's exit code where there is nothing to be run."""

FAILING: Final = 1
NAME: Final = "landing-"
MARK: Final = "guild:land:"
"""How the reasons begin that these work trees are locked for; the operation follows."""

_OURS: Final = re.compile(r"GUILD_(?!STORE)|PYTEST_|COV_|COVERAGE_|VIRTUAL_ENV_PROMPT")


class Tester(Protocol):
    """Tests trees."""

    def __call__(self, commit: str, base: str, name: str) -> Trial:
        """Test a commit's tree.

        :param base: A commit whose tree is proven; what it does not affect needs no test.
        :param name: The task and the scope, for the log.
        """


@dataclass(frozen=True, slots=True)
class Means:
    """How trees are tested.

    :param command: ``{base}`` in it is the proven commit; ``None`` for pytest.
    :param workers: Of pytest.
    :param seconds: As long as one test of a tree may take.
    """

    command: tuple[str, ...] | None = None
    workers: str = "auto"
    seconds: float = 3600.0

    def words(self, base: str, report: Path) -> list[str]:
        """Return the command for one tree.

        :param report: Where pytest tells of each scope.
        """
        if self.command is not None:
            return [word.replace("{base}", base) for word in self.command]
        words = [sys.executable, "-m", "pytest", "-q", "--guild-scopes", "-n", self.workers]
        words += ["--guild-affected", f"--guild-base={base}", "--guild-cache"]
        words += [f"--guild-report={report}"]
        return [*words, "--guild-import-guard=repair"]


@dataclass
class Suites:
    """Tests trees one after the other in one work tree, which is made when it is needed.

    :param folder: Where the work tree is to be.
    :param logs: A folder for what tests say.
    :param trash: A folder of the operation's own.
    :param slot: Tells those apart that test side by side.
    :param handle: A kernel lock that the tests keep open as long as they run.
    """

    repository: Repository
    folder: Path
    trash: Path
    logs: Path
    operation: str
    means: Means
    settings: WorkSettings
    handle: int
    slot: int = 0
    _is_made: bool = field(default=False, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _is_cancelled: bool = field(default=False, init=False)

    def __call__(self, commit: str, base: str, name: str) -> Trial:
        """Test a commit's tree; what fails is tested once more, since it may be flaky."""
        began = time.monotonic()
        log = self.logs / f"{name}.log"
        if self.slot:
            log = self.logs / f"{name}.{self.slot}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        report = self.trash / f"report-{self.slot}.json"
        code, flaky = NO_TESTS, False
        self._is_cancelled = False
        for attempt in range(2):
            self._check_out(commit)
            report.unlink(missing_ok=True)
            code = self._run(self.means.words(base, report), log)
            flaky = bool(attempt) and code in (0, NO_TESTS)
            if code != FAILING or self._is_cancelled:
                break
        passed = code == 0 or (code == NO_TESTS and self.means.command is None)
        note = _last_line(log)
        if code < 0:
            note = f"ended by signal {-code}: {note}"
        failed = failed_scopes(report) if code == FAILING and not self._is_cancelled else ()
        return Trial(passed, False, flaky, note, str(log), time.monotonic() - began, failed)

    def cancel(self) -> None:
        """End what is being tested; to be called from another thread."""
        self._is_cancelled = True
        process = self._process
        if process is not None:
            _end_group(process, waits=False)

    def close(self) -> None:
        """Remove the work tree."""
        if self._is_made:
            remove_trees(self.repository, self.operation, self.trash)
            _remove_folder(self.folder)  # git may never have known of it
            self._is_made = False

    def _check_out(self, commit: str) -> None:
        if not self._is_made:
            self._is_made = True
            reason = f"{MARK}{self.operation}"
            add_worktree(
                self.repository,
                self.folder,
                commit,
                reason=reason,
                draft=self.trash / f"{DRAFT}{self.slot}",
                inherit=(self.handle,),
            )
        else:
            run_git(["checkout", "-q", "--detach", "--force", commit], self.folder)
            run_git(["clean", "-ffdxq"], self.folder)
        copy_files(self.repository.top, self.folder, self.settings)

    def _run(self, words: Sequence[str], log: Path) -> int:
        """Run a command to its end, and end all that it started; return its exit code."""
        environ = clean_environment(os.environ, self._tops())
        with log.open("ab") as out:
            try:
                process = subprocess.Popen(
                    words,
                    cwd=self.folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=(self.handle,),
                    start_new_session=True,
                )
            except OSError as error:
                out.write(f"{words[0]}: {error.strerror}\n".encode())
                return 127
            self._process = process
            if self._is_cancelled:
                _end_group(process)
            try:
                return process.wait(self.means.seconds)
            except subprocess.TimeoutExpired:
                out.write(f"it took longer than {self.means.seconds:g} s\n".encode())
                return 124
            finally:
                self._process = None
                _end_group(process)

    def _tops(self) -> list[str]:
        linked = [str(admin.path) for admin in admins(self.repository.common_dir) if admin.path]
        common = self.repository.common_dir
        return [*linked, str(common.parent if common.name == ".git" else common)]


def failed_scopes(report: Path) -> tuple[str, ...]:
    """Return the scopes that a report of pytest says did not pass; none where it does not say.

    It does not where the run was broken off: then nothing is known of what was to come.
    """
    try:
        data = json.loads(report.read_bytes())
        if data["interrupted"] is not None:
            return ()
        rows = [(str(row["name"]), row["outcome"]) for row in data["scopes"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(name for name, outcome in rows if outcome not in ("passed", "empty"))


def clean_environment(environ: Mapping[str, str], tops: Iterable[str]) -> dict[str, str]:
    """Return an environment that leads to no work tree but the one that is tested. Pure.

    :param tops: The repository's work trees; what lies in them leaves ``PYTHONPATH``.
    """
    kept = {
        name: value for name, value in user_environment(environ).items() if not _OURS.match(name)
    }
    own = tuple(f"{top}{os.sep}" for top in tops)
    paths = [path for path in kept.pop("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [path for path in paths if not f"{path}{os.sep}".startswith(own)]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)} if paths else kept


def remove_trees(repository: Repository, operation: str, trash: Path) -> None:
    """Remove the work trees that an operation tested in; that they are gone is no error.

    :param trash: A folder that is nobody else's.
    """
    for admin, owner in left_trees(repository):
        if owner == operation:
            if admin.path is not None:
                _remove_folder(admin.path)
            gone = trash / f"admin-{admin.folder.name}"
            with suppress(FileNotFoundError):
                admin.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
    with suppress(OSError):
        (repository.common_dir / "worktrees").rmdir()


def _remove_folder(path: Path) -> None:
    """Remove a work tree's folder, under another name: half of one is none that git can read."""
    gone = path.with_name(f"{path.name}-gone")
    shutil.rmtree(gone, ignore_errors=True)
    with suppress(OSError):
        path.rename(gone)
    for left in (gone, path):
        shutil.rmtree(left, ignore_errors=True)
    remove_empty(*path.parents[:2])


def folder_for(places: Path, operation: str, slot: int) -> Path:
    """Return where an operation has a work tree; its name is that of the admin folder, too.

    :param places: Where work places lie.
    """
    return places / ".landing" / f"{NAME}{operation}-{slot}"


def left_trees(repository: Repository) -> list[tuple[Admin, str]]:
    """Return the work trees that landings test in, or tested in, each with its operation."""
    found = []
    for admin in admins(repository.common_dir):
        reason, name = admin.reason or "", admin.folder.name
        if reason.startswith(MARK):
            found.append((admin, reason.removeprefix(MARK)))
        elif name.startswith(NAME) and not any(admin.folder.iterdir()):
            owner = name.removeprefix(NAME).partition("-")[0]
            found.append((admin, owner))  # a name that was taken, and no more
    return found


def _end_group(process: subprocess.Popen[bytes], *, waits: bool = True) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if waits:
        process.wait()


def _last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip("= ") for line in reversed(lines) if line.strip()), "")
