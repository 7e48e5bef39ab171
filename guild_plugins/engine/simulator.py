"""The scheduling core among simulated workers: hours of suites in a second.

The workers do what a pytest worker does: they hold the current and the next
test, collect a file when they need its first test, answer requests while they
run, and send what they have to say in batches. Messages take time and keep
their order. Everything follows from the seed, the faults too.

What counts: the makespan runs from the first start of a worker until the last
one has ended, with boots, collecting and every message in between.
"""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from random import Random

from guild_plugins.engine.messages import (
    Assign,
    Divide,
    Drop,
    Event,
    Instruction,
    Piece,
    Recall,
    Release,
    Remainder,
    StartWorker,
    TestsFinished,
    TestsReturned,
    Unit,
    UnitClosed,
    UnitGrew,
    UnitOpened,
    UnitReturned,
    WorkerHungry,
    WorkerLost,
    WorkerReady,
    WorkerStopped,
)
from guild_plugins.engine.scheduling import Scheduler

Watch = Callable[[Event, list[Instruction]], None]
Life = Generator[float | None, None, None]


@dataclass(frozen=True, slots=True)
class File:
    """What is true of a unit, whatever the scheduler believes."""

    unit: Unit
    tests: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class World:
    """How long things take, and how often they go wrong.

    :param latency: Seconds that a message takes on average, either way.
    :param interval: Seconds that a worker may keep back what is not urgent.
    :param crash: The probability that a test kills its worker.
    :param bad_import: The probability that a collection kills it.
    :param refusal: The probability that a request is refused for no reason.
    :param batch: Tests of a file that are collected together; None for all.
    """

    seed: int = 0
    latency: float = 0.001
    interval: float = 0.05
    boot: float = 0.0
    collect: float = 0.01
    crash: float = 0.0
    bad_import: float = 0.0
    refusal: float = 0.0
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A test that ran, or that killed its worker."""

    start: float
    end: float
    worker: str
    unit: int
    test: int


@dataclass(slots=True)
class Outcome:
    """What happened in a simulation."""

    makespan: float = 0.0
    runs: list[Run] = field(default_factory=list)
    dropped: list[Piece] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    most_alive: int = 0


class Simulation:
    """Workers, a clock, and the scheduler between them.

    :param events: What happens from outside, such as a cancellation, in order of time.
    :param watch: Called after each event with what the scheduler answered.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        files: Iterable[File],
        world: World,
        events: Sequence[Event] = (),
        watch: Watch | None = None,
    ) -> None:
        self.scheduler = scheduler
        self.files = {file.unit.id: file for file in files}
        self.world = world
        self.random = Random(world.seed)  # noqa: S311 (a simulation, not a secret)
        self.outcome = Outcome()
        self.now = 0.0
        self._events = events
        self._watch = watch
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._entries = 0
        self._workers: dict[str, _Worker] = {}
        self._alive = 0

    def run(self) -> Outcome:
        """Run until nothing is left to happen.

        :raises RuntimeError: The scheduler has work left, but everybody waits.
        """
        for event in self._events:
            self.at(event.at, partial(self.tell, event))
        self._perform(self.scheduler.begin(0.0))
        while self._agenda:
            self.now, _, action = heappop(self._agenda)
            action()
        if not self.scheduler.is_finished:
            raise RuntimeError(f"everybody waits at {self.now:.3f} s")
        return self.outcome

    def at(self, time: float, action: Callable[[], object]) -> None:
        """Do something at a time."""
        self._entries += 1
        heappush(self._agenda, (time, self._entries, action))

    def tell(self, event: Event) -> None:
        """Hand an event to the scheduler and carry its answer out."""
        if isinstance(event, WorkerLost | WorkerStopped):
            self._alive -= 1
            self.outcome.makespan = self.now
        instructions = self.scheduler.handle(event)
        if self._watch is not None:
            self._watch(event, instructions)
        self._perform(instructions)

    def _perform(self, instructions: list[Instruction]) -> None:
        for instruction in instructions:
            self.outcome.said[type(instruction).__name__] += 1
            if isinstance(instruction, StartWorker):
                self._start(instruction.pool)
            elif isinstance(instruction, Drop):
                self.outcome.dropped += instruction.pieces
            else:
                self._workers[instruction.worker].post(instruction)

    def _start(self, pool: str) -> None:
        worker = _Worker(self, f"w{len(self._workers)}", pool)
        self._workers[worker.name] = worker
        self._alive += 1
        self.outcome.most_alive = max(self.outcome.most_alive, self._alive)
        self.at(self.now, worker.live)


class _Worker:
    """One worker: its loop, its receiver, and its outbox."""

    def __init__(self, simulation: Simulation, name: str, pool: str) -> None:
        self.name = name
        self._simulation = simulation
        self._world = simulation.world
        self._pool = pool
        self._pieces: deque[Piece] = deque()
        self._tests: deque[tuple[Piece, int]] = deque()
        self._open: dict[int, tuple[Piece, dict[int, None]]] = {}  # tests that have not ended
        self._unread: dict[int, deque[int]] = {}  # tests of open pieces that are not collected
        self._is_released = self._is_dead = self._is_blocked = False
        self._outbox: list[Callable[..., Event]] = []
        self._finished: Counter[int] = Counter()
        self._is_flush_due = False
        self._sent = self._received = 0.0
        self._life = self._session()

    def live(self) -> None:
        """Go on until the next moment at which something happens."""
        self._is_blocked = False
        if self._is_dead:
            return
        pause = next(self._life, -1.0)
        if pause is None:
            self._is_blocked = True
        elif pause >= 0:
            self._simulation.at(self._simulation.now + pause, self.live)

    # -- the loop --------------------------------------------------------------

    def _session(self) -> Life:
        yield self._world.boot
        self._put(partial(WorkerReady, self.name, self._pool), urgent=True)
        if not (yield from self._fill()):
            self._end()
            return
        current: tuple[Piece, int] | None = self._tests.popleft()
        while current is not None:
            following = None
            if self._tests or (yield from self._fill()):
                following = self._tests.popleft()
            yield from self._run(*current)
            if self._is_dead:
                return
            current = following
        self._end()

    def _fill(self) -> Generator[float | None, None, bool]:
        """Collect until there is a test; False when there will be none."""
        while not self._tests:
            if self._read_on():
                continue
            if not self._pieces and not self._is_released:
                self._put(partial(WorkerHungry, self.name), urgent=True)
                while not self._pieces and not self._is_released:
                    yield None
            if not self._pieces:
                return False
            piece = self._pieces.popleft()
            yield self._world.collect
            if self._simulation.random.random() < self._world.bad_import:
                self._die(running=None, dropped=(piece.id,))
                yield None
            self._collected(piece)
        return True

    def _collected(self, piece: Piece) -> None:
        count = len(self._simulation.files[piece.unit.id].tests)
        tests = range(count) if piece.payload is None else piece.payload
        assert isinstance(tests, range | tuple)
        first, rest = tests[: self._world.batch], tests[len(tests[: self._world.batch]) :]
        self._put(partial(UnitOpened, self.name, piece.id, len(first), unread=len(rest)))
        if not tests:
            self._put(partial(UnitClosed, self.name, piece.id))
            return
        if rest:
            self._unread[piece.id] = deque(rest)
        self._open[piece.id] = (piece, dict.fromkeys(first))
        self._tests.extend((piece, test) for test in first)

    def _read_on(self) -> bool:
        """Collect more of the open piece that has more; False if none has."""
        for id, rest in self._unread.items():
            batch = [rest.popleft() for _ in range(min(self._world.batch or 0, len(rest)))]
            if not rest:
                del self._unread[id]
            piece, left = self._open[id]
            left.update(dict.fromkeys(batch))
            self._tests.extend((piece, test) for test in batch)
            self._put(partial(UnitGrew, self.name, id, len(batch), unread=len(rest)))
            return True
        return False

    def _run(self, piece: Piece, test: int) -> Life:
        start = self._simulation.now
        seconds = self._simulation.files[piece.unit.id].tests[test]
        if self._world.crash and self._simulation.random.random() < self._world.crash:
            yield seconds / 2
            self._ran(start, piece, test)
            self._die(running=(piece.id, test))
            return
        yield seconds
        self._ran(start, piece, test)
        _, left = self._open[piece.id]
        del left[test]
        self._finished[piece.id] += 1
        if left:
            self._flush_later()
        else:
            del self._open[piece.id]
            self._put(partial(UnitClosed, self.name, piece.id))

    def _ran(self, start: float, piece: Piece, test: int) -> None:
        now = self._simulation.now
        self._simulation.outcome.runs.append(Run(start, now, self.name, piece.unit.id, test))

    def _end(self) -> None:
        self._put(partial(WorkerStopped, self.name), urgent=True)
        self._is_dead = True

    def _die(self, running: tuple[int, int] | None, dropped: tuple[int, ...] = ()) -> None:
        if running is not None:
            self._open[running[0]][1].pop(running[1])
        tests = {id: (*left, *self._unread.get(id, ())) for id, (_, left) in self._open.items()}
        remaining = tuple(Remainder(id, len(left), left) for id, left in tests.items() if left)
        lost = partial(WorkerLost, self.name, remaining=remaining, dropped=dropped)
        self._put(lost, urgent=True)
        self._is_dead = True

    # -- the receiver ----------------------------------------------------------

    def post(self, instruction: Assign | Recall | Divide | Release) -> None:
        """Send the worker an instruction."""
        self._received = max(self._received, self._simulation.now + self._delay())
        self._simulation.at(self._received, partial(self._receive, instruction))

    def _receive(self, instruction: Assign | Recall | Divide | Release) -> None:
        if self._is_dead:
            return
        if isinstance(instruction, Assign):
            self._pieces.append(instruction.piece)
        elif isinstance(instruction, Release):
            self._is_released = True
        elif self._simulation.random.random() < self._world.refusal:
            unread = isinstance(instruction, Divide) and instruction.unread
            self._give(instruction.piece, (), unread)
        elif isinstance(instruction, Recall):
            self._give_unopened(instruction.piece)
        elif instruction.unread:
            self._give_unread(instruction.piece)
        else:
            self._give_half(instruction.piece)
        if self._is_blocked and (self._pieces or self._is_released):
            self._is_blocked = False
            self._simulation.at(self._simulation.now, self.live)

    def _give_unopened(self, id: int) -> None:
        for piece in self._pieces:
            if piece.id == id:
                self._pieces.remove(piece)
                self._put(partial(UnitReturned, self.name, id), urgent=True)
                return
        self._give(id, ())

    def _give_half(self, id: int) -> None:
        waiting = [test for piece, test in self._tests if piece.id == id]
        given = tuple(waiting[len(waiting) // 2 :])
        if given:
            gone = set(given)
            self._tests = deque(t for t in self._tests if t[0].id != id or t[1] not in gone)
            for test in given:
                del self._open[id][1][test]
        self._give(id, given)

    def _give_unread(self, id: int) -> None:
        rest = self._unread.pop(id, deque())
        kept = len(rest) // 2
        if kept:
            self._unread[id] = deque(list(rest)[:kept])
        self._give(id, tuple(rest)[kept:], unread=True)

    def _give(self, id: int, tests: tuple[int, ...], unread: bool = False) -> None:
        returned = partial(TestsReturned, self.name, id, len(tests), tests, unread=unread)
        self._put(returned, urgent=True)

    # -- the outbox ------------------------------------------------------------

    def _put(self, event: Callable[..., Event], urgent: bool = False) -> None:
        self._note_finished()
        self._outbox.append(event)
        if urgent:
            self._flush()
        else:
            self._flush_later()

    def _note_finished(self) -> None:
        for piece, count in self._finished.items():
            self._outbox.append(partial(TestsFinished, self.name, piece, count))
        self._finished.clear()

    def _flush_later(self) -> None:
        if not self._is_flush_due:
            self._is_flush_due = True
            self._simulation.at(self._simulation.now + self._world.interval, self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        self._note_finished()
        if self._outbox:
            batch, self._outbox = self._outbox, []
            self._sent = max(self._sent, self._simulation.now + self._delay())
            self._simulation.at(self._sent, partial(self._deliver, batch))

    def _deliver(self, batch: list[Callable[..., Event]]) -> None:
        for event in batch:
            self._simulation.tell(event(at=self._simulation.now))

    def _delay(self) -> float:
        return self._world.latency * (0.5 + self._simulation.random.random())
