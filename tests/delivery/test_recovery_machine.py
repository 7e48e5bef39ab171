"""Whatever is killed at whatever moment, the next command knows what became of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.liveness import Pulse
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.delivery import operation, recovery
from guild_plugins.delivery.operation import Move, Operation, publish
from guild_plugins.delivery.recovery import open_operations, recover
from guild_plugins.delivery.undo import last_move
from guild_plugins.git.refs import RefMoved
from guild_plugins.git.repository import Repository
from guild_plugins.stages.events import ReferenceMoved, fresh_id
from guild_plugins.stages.leases import Holder

MACHINES, STEPS = (100 if os.environ.get("CI") else 10), 100
"""10,000 steps in CI, which take a minute of CPU; a tenth elsewhere."""

MEMORY = Path("/dev/shm")
"""Where there is one, nothing waits for a disk."""

REFERENCES = ("refs/heads/a", "refs/heads/b")
Kill = Literal["early", "before", "after"]
KILLS = st.sampled_from((None, None, None, "early", "before", "after"))
NOBODY = Holder("h", "h", "host", "boot", 0, 0.0, "none", "h")


class Killed(BaseException):
    """The process was killed."""


class Clerk(RuleBasedStateMachine):
    """Commits, undoes and is killed; git moves branches; the journal has to know it all.

    Git is a table of commits with their parents, all else is real.
    """

    def __init__(self) -> None:
        super().__init__()
        base = str(MEMORY) if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
        self.top = Path(tempfile.mkdtemp(prefix="guild-clerk-", dir=base))
        common = self.top / ".git"
        common.mkdir()
        self.repository = Repository(self.top, common, common)
        self.journal = Journal(place_in(common))
        prepare(self.journal.place)
        self.leases = Leases(self.journal)
        self.parent: dict[str, str | None] = {"0": None}
        self.refs = dict.fromkeys(REFERENCES, "0")
        self.moves: dict[str, list[tuple[str, str]]] = {name: [] for name in REFERENCES}
        self.open: list[Move] = []
        self.kill: Kill | None = None
        self.patches = pytest.MonkeyPatch()
        for module in (operation, recovery):
            self.patches.setattr(module, "read_ref", lambda _, name: self.refs.get(name))
        self.patches.setattr(operation, "move_ref", self.move_ref)
        self.patches.setattr(recovery, "git_at_work", lambda *_: [])
        self.patches.setattr(
            recovery, "is_ancestor", lambda _, old, new: old in self.history_of(new)
        )

    def history_of(self, commit: str) -> list[str]:
        found = [commit]
        while (parent := self.parent[found[-1]]) is not None:
            found.append(parent)
        return found

    def new_commit(self, parent: str) -> str:
        name = str(len(self.parent))
        self.parent[name] = parent
        return name

    def move_ref(
        self, top: Path, name: str, *, new: str, old: str | None, message: str, inherit: Any
    ) -> None:
        if self.kill == "before":
            raise Killed
        if self.refs[name] != old:
            raise RefMoved(name, old, self.refs[name])
        self.refs[name] = new
        if self.kill == "after":
            raise Killed

    def carry_out(self, move: Move, kill: Kill | None) -> None:
        """Move a reference, as a command does it that may be killed."""
        self.look()
        self.kill = kill
        if kill is None:
            with operation.operation(self.leases) as work:
                self.publish(work, move)
            self.done(move)
            return
        name = fresh_id()
        folder = self.journal.place.work / name
        pulse = Pulse(self.journal.place, name)
        folder.mkdir()
        (folder / "index").write_text("half")
        if kill != "early":
            with pytest.raises(Killed):
                self.publish(Operation(name, folder, pulse), move)
            self.open.append(move)
        os.close(pulse.handle)

    def publish(self, work: Operation, move: Move) -> None:
        publish(self.repository, self.leases, work, move, holder=NOBODY, claims=(), shown=())

    def done(self, move: Move) -> None:
        if move.what == "undo":
            self.moves[move.reference].pop()
        else:
            assert move.old is not None
            self.moves[move.reference].append((move.old, move.new))

    @rule(reference=st.sampled_from(REFERENCES), kill=KILLS)
    def commit(self, reference: str, kill: Kill | None) -> None:
        old = self.refs[reference]
        self.carry_out(Move("commit", reference, old, self.new_commit(old), "x"), kill)

    @rule(reference=st.sampled_from(REFERENCES), kill=KILLS, back=st.integers(1, 3))
    def split(self, reference: str, kill: Kill | None, back: int) -> None:
        """Put others in the place of the last commits."""
        old = self.refs[reference]
        history = self.history_of(old)
        base = history[min(back, len(history) - 1)]
        new = self.new_commit(self.new_commit(base))
        self.carry_out(Move("split", reference, old, new, "x"), kill)

    @rule(reference=st.sampled_from(REFERENCES), kill=KILLS)
    def undo(self, reference: str, kill: Kill | None) -> None:
        self.look()
        last = self.last(reference)
        if last is not None and last.new == self.refs[reference] and last.old is not None:
            self.carry_out(Move("undo", reference, last.new, last.old, "x"), kill)

    @rule(reference=st.sampled_from(REFERENCES), kind=st.sampled_from(("on", "back", "away")))
    def git_moves_it(self, reference: str, kind: str) -> None:
        now = self.refs[reference]
        back = self.parent[now] or now
        self.refs[reference] = (
            self.new_commit(now)
            if kind == "on"
            else back
            if kind == "back"
            else self.new_commit("0")
        )

    @rule()
    def look(self) -> None:
        """Recover, as every command does first."""
        self.kill = None
        facts = recover(self.repository, self.journal)
        moved = {(f.reference, f.old, f.new) for f in facts if isinstance(f, ReferenceMoved)}
        for move in self.open:
            is_moved = self.has_happened(move)
            assert ((move.reference, move.old, move.new) in moved) == is_moved
            if is_moved:
                self.done(move)
        assert len(facts) == len(self.open)
        self.open.clear()
        assert recover(self.repository, self.journal) == []
        place = self.journal.place
        assert not list(place.work.iterdir())
        assert not list(place.holders.iterdir())

    def has_happened(self, move: Move) -> bool:
        """Say what can be known: the branch has what came of it, and not what was before."""
        history = self.history_of(self.refs[move.reference])
        assert move.old is not None
        is_taken_back = move.new in self.history_of(move.old)
        return move.new in history and not (is_taken_back and move.old in history)

    def last(self, reference: str) -> ReferenceMoved | None:
        with self.journal.reading() as transaction:
            events = list(transaction.events(["ReferenceMoved"])) if transaction else []
        return last_move(events, reference, str(self.repository.git_dir))

    @invariant()
    def the_journal_knows_the_last_move(self) -> None:
        for reference in REFERENCES:
            last = self.last(reference)
            wanted = self.moves[reference][-1] if self.moves[reference] else None
            assert (last and (last.old, last.new)) == wanted

    @invariant()
    def what_is_open_is_what_was_killed(self) -> None:
        with self.journal.reading() as transaction:
            found = open_operations(transaction) if transaction is not None else []
        assert [(one.reference, one.new) for one in found] == [
            (move.reference, move.new) for move in self.open
        ]

    def teardown(self) -> None:
        self.look()
        self.journal.check()
        self.patches.undo()
        shutil.rmtree(self.top)


def test_every_kill_is_known_to_the_next_command() -> None:
    run_state_machine_as_test(
        Clerk,
        settings=settings(
            max_examples=MACHINES,
            phases=[Phase.explicit, Phase.generate],
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
