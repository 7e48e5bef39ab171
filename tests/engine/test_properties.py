"""What holds for every suite, every fault and every order of messages."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from guild_plugins.engine.messages import (
    Assign,
    Cancelled,
    Divide,
    Drop,
    Event,
    Instruction,
    Piece,
    PoolCancelled,
    Recall,
    Release,
    ScopeCancelled,
    StartWorker,
    TestsReturned,
    Unit,
    UnitOpened,
    UnitReturned,
    WorkerHungry,
    WorkerLost,
    WorkerReady,
    WorkerStopped,
)
from guild_plugins.engine.scheduling import Scheduler
from guild_plugins.engine.simulator import File, Outcome, Run, Simulation, World

SCOPES = ("core", "billing", "mail")
POOLS = ("", "", "py311")
VISITS = st.sampled_from(((), ("a",), ("a", "a/b"), ("a", "a/c"), ("d",)))
DURATIONS = st.sampled_from((0.0, 0.003, 0.02, 0.3, 4.0))


@st.composite
def files(
    draw: st.DrawFn, *, may_be_exclusive: bool = True, has_visits: bool = False
) -> list[File]:
    exclusive = draw(st.sets(st.sampled_from(SCOPES))) if may_be_exclusive else set()
    made = []
    for number in range(draw(st.integers(0, 25))):
        tests = tuple(draw(st.lists(DURATIONS, max_size=12)))
        scope = draw(st.sampled_from(SCOPES))
        unit = Unit(
            id=number,
            scope=scope,
            pool=draw(st.sampled_from(POOLS)),
            seconds=draw(st.sampled_from((None, sum(tests), 0.5))),
            size=draw(st.sampled_from((0, 500, 60_000))),
            priority=draw(st.sampled_from((0, 0, -1))),
            exclusive=scope in exclusive,
            divisible=draw(st.booleans()),
            visits=draw(VISITS) if has_visits else (),
        )
        made.append(File(unit, tests))
    return made


@st.composite
def worlds(draw: st.DrawFn, *, faulty: bool) -> World:
    return World(
        seed=draw(st.integers(0, 1000)),
        latency=draw(st.sampled_from((0.0001, 0.001, 0.05, 0.5))),
        interval=draw(st.sampled_from((0.001, 0.05))),
        boot=draw(st.sampled_from((0.0, 0.5))),
        collect=draw(st.sampled_from((0.0, 0.01, 0.2))),
        crash=draw(st.sampled_from((0.0, 0.02, 0.2))) if faulty else 0.0,
        bad_import=draw(st.sampled_from((0.0, 0.05, 0.3))) if faulty else 0.0,
        refusal=draw(st.sampled_from((0.0, 0.3, 1.0))),
        batch=draw(st.sampled_from((None, 1, 3))),
    )


MOMENTS = st.floats(0, 5)
ANNOYANCES = st.lists(
    st.one_of(
        st.builds(ScopeCancelled, st.sampled_from(SCOPES), MOMENTS),
        st.builds(PoolCancelled, st.sampled_from(POOLS), MOMENTS),
        st.builds(Cancelled, MOMENTS),
    ),
    max_size=2,
)


class Referee:
    """Keeps its own account of what is where, and objects at once."""

    def __init__(self, files: list[File]) -> None:
        self.queued = Counter(f.unit.pool for f in files if not f.unit.exclusive)
        self.pools: dict[str, str] = {}
        self.unopened: dict[str, dict[int, Piece]] = defaultdict(dict)
        self.exclusive = {file.unit.id for file in files if file.unit.exclusive}
        self.pieces: dict[int, Piece] = {}
        self.hungry: set[str] = set()
        self.released: Counter[str] = Counter()
        self.owes: Counter[str] = Counter()

    def watch(self, event: Event, instructions: list[Instruction]) -> None:
        self._note(event)
        for instruction in instructions:
            self._obey(instruction)
        for worker in self.hungry:
            assert not self.queued[self.pools[worker]], f"{worker} idles beside queued work"
        assert all(count >= 0 for count in self.queued.values())

    def _note(self, event: Event) -> None:
        if isinstance(event, WorkerReady):
            self.pools[event.worker] = event.pool
            self.hungry.add(event.worker)
        elif isinstance(event, WorkerHungry):
            if not self.unopened[event.worker] and not self.released[event.worker]:
                self.hungry.add(event.worker)
        elif isinstance(event, UnitOpened):
            del self.unopened[event.worker][event.piece]
        elif isinstance(event, UnitReturned):
            self.owes[event.worker] -= 1
            self._came_back(self.unopened[event.worker].pop(event.piece))
        elif isinstance(event, TestsReturned):
            self.owes[event.worker] -= 1
            if event.count:
                self._came_back(self.pieces[event.piece])
        elif isinstance(event, WorkerLost):
            self.hungry.discard(event.worker)
            for piece in self.unopened.pop(event.worker, {}).values():
                self._came_back(piece)
            for remainder in event.remaining:
                self._came_back(self.pieces[remainder.piece])
        elif isinstance(event, WorkerStopped):
            assert self.released[event.worker] == 1
            assert not self.unopened[event.worker]

    def _came_back(self, piece: Piece) -> None:
        if not piece.unit.exclusive:
            self.queued[piece.unit.pool] += 1

    def _obey(self, instruction: Instruction) -> None:
        if isinstance(instruction, Assign):
            assert not self.released[instruction.worker], "work for a released worker"
            piece = instruction.piece
            assert self.pools[instruction.worker] == piece.unit.pool
            self.queued[piece.unit.pool] -= not piece.unit.exclusive
            self.pieces[piece.id] = piece
            self.unopened[instruction.worker][piece.id] = piece
            self.hungry.discard(instruction.worker)
        elif isinstance(instruction, Release):
            self.released[instruction.worker] += 1
            assert self.released[instruction.worker] == 1, "released twice"
            self.hungry.discard(instruction.worker)
        elif isinstance(instruction, Drop):
            for piece in instruction.pieces:
                self.queued[piece.unit.pool] -= not piece.unit.exclusive
        elif isinstance(instruction, Recall | Divide):
            assert instruction.piece not in self.exclusive
            self.owes[instruction.worker] += 1
            assert self.owes[instruction.worker] == 1, "two requests to one worker"
        else:
            assert isinstance(instruction, StartWorker)


def simulate(suite: list[File], world: World, limit: int, events: list[Event]) -> Outcome:
    scheduler = Scheduler([file.unit for file in suite], limit=limit, startup=0.2)
    referee = Referee(suite)
    watch = None if events else referee.watch
    simulation = Simulation(scheduler, suite, world, sorted(events, key=lambda e: e.at), watch)
    return simulation.run()


def accounted(outcome: Outcome, suite: list[File]) -> Counter[tuple[int, int]]:
    """Count how often each test ran or was declared dropped."""
    counts = Counter((run.unit, run.test) for run in outcome.runs)
    lengths = {file.unit.id: len(file.tests) for file in suite}
    for piece in outcome.dropped:
        tests = range(lengths[piece.unit.id]) if piece.payload is None else piece.payload
        assert isinstance(tests, range | tuple)
        counts.update((piece.unit.id, test) for test in tests)
    return counts


def each_once(suite: list[File]) -> Counter[tuple[int, int]]:
    return Counter((file.unit.id, test) for file in suite for test in range(len(file.tests)))


def overlapping(runs: list[Run], exclusive: set[int]) -> list[tuple[Run, Run]]:
    return [
        (alone, other)
        for alone in runs
        if alone.unit in exclusive
        for other in runs
        if other.worker != alone.worker and other.start < alone.end and alone.start < other.end
    ]


@settings(max_examples=80, deadline=None)
@given(files(), worlds(faulty=False), st.integers(1, 6))
def test_every_test_runs_exactly_once(suite: list[File], world: World, limit: int) -> None:
    outcome = simulate(suite, world, limit, [])

    assert Counter((run.unit, run.test) for run in outcome.runs) == each_once(suite)
    assert not outcome.dropped
    assert outcome.most_alive <= limit


def entries(runs: list[Run], visits: dict[int, tuple[str, ...]]) -> Counter[tuple[str, str]]:
    """Count how often each worker entered each visit."""
    counts: Counter[tuple[str, str]] = Counter()
    inside: dict[str, tuple[str, ...]] = {}
    for run in sorted(runs, key=lambda run: (run.start, run.end)):
        here = visits[run.unit]
        before = inside.get(run.worker, ())
        counts.update((run.worker, visit) for visit in here if visit not in before)
        inside[run.worker] = here
    return counts


@settings(max_examples=120, deadline=None)
@given(files(may_be_exclusive=False, has_visits=True), worlds(faulty=False), st.integers(1, 6))
def test_no_worker_enters_a_visit_twice(suite: list[File], world: World, limit: int) -> None:
    scheduler = Scheduler([file.unit for file in suite], limit=limit, startup=0.2)

    outcome = Simulation(scheduler, suite, world).run()

    visits = {file.unit.id: file.unit.visits for file in suite}
    assert Counter((run.unit, run.test) for run in outcome.runs) == each_once(suite)
    assert set(entries(outcome.runs, visits).values()) <= {1}


@settings(max_examples=80, deadline=None)
@given(files(has_visits=True), worlds(faulty=True), st.integers(1, 6), ANNOYANCES)
def test_visits_lose_no_test(
    suite: list[File], world: World, limit: int, events: list[Event]
) -> None:
    scheduler = Scheduler([file.unit for file in suite], limit=limit, startup=0.2)
    told = sorted(events, key=lambda event: event.at)

    outcome = Simulation(scheduler, suite, world, told).run()

    assert accounted(outcome, suite) == each_once(suite)


@settings(max_examples=120, deadline=None)
@given(files(), worlds(faulty=True), st.integers(1, 6))
def test_crashes_lose_no_test_and_repeat_none(suite: list[File], world: World, limit: int) -> None:
    outcome = simulate(suite, world, limit, [])

    assert accounted(outcome, suite) == each_once(suite)
    assert outcome.most_alive <= limit


@settings(max_examples=100, deadline=None)
@given(files(), worlds(faulty=True), st.integers(1, 6), ANNOYANCES)
def test_what_a_cancellation_leaves_out_is_declared(
    suite: list[File], world: World, limit: int, events: list[Event]
) -> None:
    outcome = simulate(suite, world, limit, events)

    assert accounted(outcome, suite) == each_once(suite)


@settings(max_examples=80, deadline=None)
@given(files(), worlds(faulty=True), st.integers(2, 6))
def test_an_exclusive_scope_runs_beside_nothing(
    suite: list[File], world: World, limit: int
) -> None:
    exclusive = {file.unit.id for file in suite if file.unit.exclusive}

    outcome = simulate(suite, world, limit, [])

    assert overlapping(outcome.runs, exclusive) == []


@settings(max_examples=40, deadline=None)
@given(files(), worlds(faulty=True), st.integers(1, 6))
def test_the_same_suite_and_the_same_faults_give_the_same_run(
    suite: list[File], world: World, limit: int
) -> None:
    first = simulate(suite, world, limit, [])

    assert simulate(suite, world, limit, []) == first
