"""During and after a run: what became of each file, and what of it is kept."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from guild_plugins.git.process import GitFailed, run_git, split_names
from guild_plugins.graph.closures import word_of
from guild_plugins.scopes.kinds import is_test_file
from guild_plugins.suites.kept import tracking
from guild_plugins.suites.kept.choosing import Asked, Choosing
from guild_plugins.suites.kept.learning import Lessons, Wanted
from guild_plugins.suites.kept.records import Input, Outcome, Record
from guild_plugins.suites.kept.snapshot import Snapshot
from guild_plugins.suites.kept.telling import CATEGORY, is_cached, tell, when
from guild_plugins.suites.kept.watching import LABELS, OUTPUT, Watching, watch
from guild_plugins.suites.ledger import Ledger
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.words import things

if TYPE_CHECKING:
    from guild_plugins.suites.kept.covering import Covering
    from guild_plugins.suites.kept.covers import Cover

REFLECTIVE = r"__import__ *\(|sys\.modules"
"""What a file says that may take any module that is loaded."""

_OWN_NAME = re.compile(rb"sys\.modules\[__name__\]")


class Keeping:
    """Tells of kept results before a run, listens during it, and keeps what passed after it."""

    def __init__(
        self, config: pytest.Config, plan: Plan, ledger: Ledger, choosing: Choosing
    ) -> None:
        self._config, self._plan, self._ledger = config, plan, ledger
        self._choosing = choosing
        self._files: dict[str, FileRun] = {}
        self._observed: list[str] = []
        self._labelled: list[str] = []
        self._covers: dict[str, bytes] = {}
        self._watching: Watching | None = None
        self._stored: list[Record] = []
        self._refused: dict[str, str] = {}
        self._known: dict[Wanted, Input | None] = {}
        """What inputs were before and after the run; nothing for what changed meanwhile."""

    # -- before -----------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Have a worker watch what its tests read."""
        if node.workerinput["guild"]["python"] is None:
            node.workerinput["guild"]["kept"] = str(self._choosing.repository.top)

    @pytest.hookimpl
    def pytest_configure(self, config: pytest.Config) -> None:
        """Watch this process where tests run in it, and leave out files that are named."""
        done = {asked.candidate.found.path for asked, _ in self._choosing.hits}
        here = config.invocation_params.dir
        config.args = [arg for arg in config.args if str(here / arg.partition("::")[0]) not in done]
        if tracking.Tracker.running is not None:
            self._watching = watch(config, tracking.Tracker.running)
        session: Any = config.pluginmanager.get_plugin("guild-coverage")
        self._covering: Covering | None = getattr(session, "covering", None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Tell of the tests that need not run."""
        if not session.config.option.collectonly:
            tell(session, self._ledger, self._choosing.hits, self._choosing.store)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: object) -> tuple[str, str, str] | None:
        """Count what did not run as what it is."""
        if not is_cached(report):
            return None
        is_end = getattr(report, "when", "") == "teardown"
        return ("", "", "") if is_end else (CATEGORY, "c", "CACHED")

    # -- during -----------------------------------------------------------------------

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended."""
        if is_cached(report):
            return
        key, _, _ = report.nodeid.partition("::")
        self._file(key).note(report, report.nodeid[len(key) :])

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file, or a directory above it, that could not be collected."""
        key = report.nodeid.partition("::")[0]
        if report.failed:
            self._file(key).failed.add("")
        elif report.skipped:
            self._file(key).skip(report)

    def _file(self, key: str) -> FileRun:
        found = self._files.get(key)
        if found is None:
            found = self._files[key] = FileRun()
        return found

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what a worker saw."""
        output = getattr(node, "workeroutput", None) or {}
        if output.get(OUTPUT):
            self._observed.append(output[OUTPUT])
        if output.get(LABELS):
            self._labelled.append(output[LABELS])

    # -- after ------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Keep what passed, and say what is not kept."""
        choosing = self._choosing
        if self._config.option.collectonly or not choosing.is_on:
            return
        if self._watching is not None:
            self._observed.append(self._watching.observed)
            self._labelled += filter(None, [self._watching.labelled])
        if self._covering is not None:
            self._join_coverage(self._covering)
        if self._plan.candidates:
            self._judge()
        choosing.store.save(self._stored, self._refused, self._covers)
        if choosing.shared is not None:
            passed = [record for record in self._stored if record.verdict == "passed"]
            choosing.shared.save(passed, self._covers)
            self._plan.notes += choosing.shared.warnings
        self._say()
        choosing.store.close()

    def _join_coverage(self, covering: Covering) -> None:
        """Tell of what was covered by files that did not run."""
        covering.read(map(json.loads, self._labelled))
        for asked, head in self._choosing.hits:
            for word in head.covers:
                covering.join(asked.candidate.scope, self._choosing.covers[word])

    def _judge(self) -> None:
        after = self._choosing.look()
        asked_again = self._choosing.ask(after, self._plan.pools, self._plan.candidates)
        keys = {asked.candidate.key: asked.key for asked in asked_again}
        lessons = [lesson for lesson in self._lessons() if not lesson.trouble]
        covered = self._covered() if lessons else {}
        for candidate in self._plan.candidates:
            asked = self._choosing.asked.get(candidate.key)
            if asked is None:
                self._refused[candidate.key] = self._choosing.refused.get(candidate.key, "unknown")
                continue
            why = self._unfinished(asked)
            if not why and keys.get(candidate.key) != asked.key:
                why = "changed while it ran"
            record = None
            if not why:
                record = self._record(asked, lessons, after, covered.get(asked.path))
            if isinstance(record, Record):
                self._stored.append(record)
            else:
                self._refused[asked.path] = why or str(record)

    def _lessons(self) -> list[Lessons]:
        snapshot = self._choosing.snapshot
        reflective = _reflective(snapshot)

        def is_test(path: str) -> bool:
            return is_test_file(path.rpartition("/")[2])

        return [
            Lessons(tracking.read(seen), snapshot.graph, snapshot.closures, reflective, is_test)
            for seen in self._observed
            if seen
        ]

    def _unfinished(self, asked: Asked) -> str:
        """Say why nothing is known of a whole file; empty where all of it ran."""
        account = self._ledger.scope(asked.candidate.scope)
        if account.stopped or account.not_run or account.not_run_files:
            return "did not run to its end"
        run = self._file(asked.candidate.key)
        return "was run again by a plugin" if run.is_repeated else ""

    def _covered(self) -> dict[str, tuple[Cover, ...]]:
        """Return what each file that ran has covered; nothing where that is not known of all."""
        covering = self._covering
        if covering is None:
            return {}
        snapshot = self._choosing.snapshot
        found: dict[str, tuple[Cover, ...]] = {}
        for asked in self._choosing.asked.values():
            path, conftests = asked.path, tuple(snapshot.conftests(asked.path))
            sources = (*conftests, *snapshot.plugins)

            def hooks(file: str, sources: tuple[str, ...] = sources) -> bool:
                return any(snapshot.closures.reaches(source, file) for source in sources)

            if covering.has(path):
                found[path] = covering.give(path, asked.candidate.scope, conftests, hooks)
        return found if covering.is_whole and self._choosing.how else {}

    def _record(
        self,
        asked: Asked,
        lessons: list[Lessons],
        after: Snapshot,
        covered: tuple[Cover, ...] | None,
    ) -> Record | str:
        """Return what is kept of a file that ran, or why nothing is."""
        seen = [lesson.of(asked.path) for lesson in lessons if lesson.has(asked.path)]
        if not seen:
            return "ran in a process that did not tell what it read"
        escapes = sorted({escape for lesson in seen for escape in lesson.escapes})
        if escapes:
            return escapes[0]
        wanted = {given for lesson in seen for given in lesson.inputs}
        wanted |= self._measured(asked.path, covered or ())
        inputs = self._inputs(wanted, after)
        if inputs is None:
            return "changed while it ran"
        run = self._file(asked.candidate.key)
        record = Record(
            key=asked.key,
            path=asked.path,
            verdict="failed" if run.failed else "passed",
            at=time.time(),
            seconds=self._ledger.file_seconds.get(asked.candidate.key, 0.0),
            inputs=inputs,
            outcomes=() if run.failed else tuple(run.outcomes()),
            failed=tuple(sorted(run.failed)),
            coverage="" if run.failed or covered is None else self._kept(covered),
        )
        return self._against_others(record, after)

    def _inputs(self, wanted: set[Wanted], after: Snapshot) -> tuple[Input, ...] | None:
        """Return inputs with what they are, sorted; ``None`` where that is not what they were."""
        before = self._choosing.snapshot
        for kind, what in wanted - self._known.keys():
            now = after.present.identify(kind, what)
            is_same = now == before.present.identify(kind, what)
            self._known[kind, what] = Input(kind, what, now) if is_same else None
        inputs = tuple(given for want in sorted(wanted) if (given := self._known[want]))
        return inputs if len(inputs) == len(wanted) else None

    def _measured(self, path: str, covers: Iterable[Cover]) -> set[Wanted]:
        """Return files that a test file ran and that nothing else shows to be needed.

        What is known of their lines must not outlive them.
        """
        covering, reaches = self._covering, self._choosing.snapshot.closures.reaches
        if covering is None:
            return set()
        places = {covering.place_of(file) for cover in covers for file in cover.points}
        return {("file", place) for place in places if not reaches(path, place)}

    def _kept(self, covers: Iterable[Cover]) -> str:
        """Keep what a file covered; return what its record says of it."""
        words = [self._choosing.how]
        for cover in covers:
            body = cover.encode()
            words.append(word_of(body.hex()))
            self._covers[words[-1]] = body
        return " ".join(words)

    def _against_others(self, record: Record, after: Snapshot) -> Record:
        """Return the record, as flaky where the same content ended otherwise before."""
        choosing = self._choosing
        others = [h for h in choosing.known.get(record.key, ()) if h.verdict != record.verdict]
        held = choosing.store.held(others, after.present.identify)
        for other in choosing.store.whole(head for head in others if head.holds(held)):
            choosing.flaky.add(record.path)
            failed = record.failed or other.failed
            return replace(record, verdict="flaky", outcomes=(), failed=failed, coverage="")
        return record

    def _say(self) -> None:
        reasons = Counter(self._refused.values())
        reasons.update({"failed": sum(r.verdict == "failed" for r in self._stored)})
        reasons.update({"is flaky": sum(r.verdict == "flaky" for r in self._stored)})
        reasons = +reasons
        passed = sum(r.verdict == "passed" for r in self._stored)
        if passed or reasons:
            said = [f"{count} ({why})" for why, count in reasons.most_common()]
            others = f"; not kept: {', '.join(said)}" if said else ""
            self._plan.notes.append(f"kept: {things(passed, 'file')}{others}")
        new = {r.path for r in self._stored if r.verdict == "flaky"}
        self._plan.notes += [
            f"flaky: {path} passed and failed with the same content" for path in sorted(new)
        ]
        if self._config.option.guild_report:
            hits = self._choosing.store.pairs(self._choosing.hits)
            self._ledger.kept = {
                "files": [_as_data(asked, record) for asked, record in hits],
                "stored": passed,
                "not_kept": dict(reasons),
                "flaky": sorted(self._choosing.flaky),
            }


class FileRun:
    """What is heard of one file."""

    def __init__(self) -> None:
        self._tests: dict[str, Outcome] = {}
        self.failed: set[str] = set()
        """Names of tests that failed; the empty one for the file itself."""
        self.is_repeated = False

    def note(self, report: pytest.TestReport, name: str) -> None:
        """Take in one phase of a test."""
        if report.outcome == "failed":
            self.failed.add(name)
        elif report.outcome not in ("passed", "skipped"):
            self.is_repeated = True  # such as pytest-rerunfailures' "rerun"
        known = self._tests.get(name)
        spent = (known.seconds if known else 0.0) + report.duration
        if known is not None and report.when != "call" and report.outcome == "passed":
            self._tests[name] = known._replace(seconds=spent)
            return
        category, reason = _category(report)
        if known is not None and category == "passed":
            category, reason = known.category, known.reason
        line, domain = (report.location[1], report.location[2]) if report.location else (None, "")
        self._tests[name] = Outcome(name, category, round(spent, 4), line, domain, reason)

    def skip(self, report: pytest.CollectReport) -> None:
        """Take in that the file was skipped as a whole."""
        longrepr: Any = report.longrepr
        reason = str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
        self._tests[""] = Outcome("", "skipped", 0.0, None, "", reason)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield how each test ended."""
        for outcome in self._tests.values():
            yield outcome._replace(seconds=round(outcome.seconds, 4))


def _category(report: pytest.TestReport) -> tuple[str, str]:
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return ("xfailed" if report.outcome == "skipped" else "xpassed"), str(expected)
    if report.outcome == "skipped":
        longrepr: Any = report.longrepr
        return "skipped", str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
    return "passed", ""


def _as_data(asked: Asked, record: Record) -> dict[str, Any]:
    tests = [
        {
            "nodeid": asked.candidate.key + outcome.name,
            "outcome": outcome.category,
            "seconds": outcome.seconds,
        }
        for outcome in record.outcomes
    ]
    return {
        "file": asked.candidate.key,
        "at": when(record.at),
        "seconds": record.seconds,
        "tests": tests,
    }


def _reflective(snapshot: Snapshot) -> set[str]:
    """Return the files that may take any loaded module."""
    command = ["grep", "-z", "-l", "-E", "--untracked", "-e", REFLECTIVE]
    try:
        found = split_names(run_git(command, snapshot.repository.top))
    except GitFailed as error:
        if error.code == 1:  # none
            return set()
        raise
    files = [path for path in found if path in snapshot.tree.entries and path.endswith(".py")]
    oids = {snapshot.tree.entries[path].oid: path for path in files}
    pattern = re.compile(REFLECTIVE.encode())
    return {
        path
        for oid, content in snapshot.tree.read(oids)
        for path in files
        if snapshot.tree.entries[path].oid == oid and pattern.search(_OWN_NAME.sub(b"", content))
    }
