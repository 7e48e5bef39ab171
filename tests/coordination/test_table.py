"""The rules of the lease table, and what holds whatever happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from guild_plugins.coordination.claims import are_together, conflict, desk_group
from guild_plugins.coordination.table import (
    MARGIN,
    Facts,
    Grant,
    Instruction,
    LeaseTable,
    Refuse,
    Take,
)
from guild_plugins.stages.codec import decode, encode
from guild_plugins.stages.events import (
    Event,
    HolderDied,
    LeaseHandedOver,
    LeaseReleased,
    LeaseRenewed,
    LeaseRequested,
    TimePassed,
    fresh_id,
)
from guild_plugins.stages.leases import Claim, Holder, Mode, Moment

BOOT = "b1"


def moment(ticks: float = 0.0, boot: str = BOOT, drift: float = 0.0) -> Moment:
    return Moment(1000.0 + ticks + drift, ticks, boot)


def holder(name: str, group: str | None = None) -> Holder:
    return Holder(name, group or name, name, "host", BOOT, 1, 1, "kernel")


def desk(name: str) -> Holder:
    return Holder(desk_group(name), desk_group(name), name, "host", BOOT, 0, 0, "time")


def write(*patterns: str) -> Claim:
    return Claim("write", patterns)


def read(*patterns: str) -> Claim:
    return Claim("read", patterns)


def asks(
    who: Holder | str,
    *claims: Claim,
    lease: str | None = None,
    ttl: float | None = None,
    waits: bool = True,
    now: Moment | None = None,
) -> LeaseRequested:
    who = holder(who) if isinstance(who, str) else who
    lease = lease or f"{who.id}-lease"
    now = now or moment()
    return LeaseRequested(
        id=fresh_id(),
        at=now.wall,
        lease=lease,
        holder=who,
        claims=claims,
        ttl=ttl,
        waits=waits,
        now=now,
    )


def gives_back(lease: str, now: Moment | None = None) -> LeaseReleased:
    return LeaseReleased(id=fresh_id(), at=0, lease=lease, now=now or moment())


def dies(who: str) -> HolderDied:
    return HolderDied(id=fresh_id(), at=0, holder=who, proof="kernel", now=moment())


def passes(now: Moment) -> TimePassed:
    return TimePassed(id=fresh_id(), at=0, now=now)


def granted(instructions: list[Instruction]) -> list[str]:
    return [one.lease.holder.id for one in instructions if isinstance(one, Grant)]


def table_with(*events: Event) -> LeaseTable:
    table = LeaseTable()
    for event in events:
        table.handle(event)
    return table


# -- claims --------------------------------------------------------------------

CORE = Claim("write", ("src/**", "tests/core"), "core", ("src/web", "src/web/core"))
WEB = Claim("write", ("src/web", "tests/web"), "web")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (write("a"), write("a/b"), True),
        (write("a"), read("a/b"), True),
        (read("a"), read("a"), False),
        (write("a"), write("b", "a/*"), True),
        (CORE, WEB, False),  # scopes own disjoint paths, whatever their patterns say
        (CORE, CORE, True),
        (CORE, write("src/x.py"), True),
        (CORE, write("src/web/x.py"), False),
        (CORE, write("src/*/x.py"), True),
        (CORE, write("src"), True),
        (WEB, write("src/web/x.py"), True),
    ],
)
def test_claims_conflict_where_paths_may_be_shared_and_one_writes(
    one: Claim, other: Claim, expected: bool
) -> None:
    assert conflict(one, other) is expected
    assert conflict(other, one) is expected


# -- rules ---------------------------------------------------------------------


def test_a_free_path_is_granted_at_once() -> None:
    instructions = LeaseTable().handle(asks("a", write("x")))

    assert granted(instructions) == ["a"]


def test_readers_share_and_a_writer_waits_for_all_of_them() -> None:
    table = table_with(asks("a", read("x")), asks("b", read("x")), asks("w", write("x")))

    assert granted(table.handle(gives_back("a-lease"))) == []
    assert granted(table.handle(gives_back("b-lease"))) == ["w"]


def test_a_waiting_writer_is_not_overtaken_by_readers() -> None:
    table = table_with(asks("a", read("x")), asks("w", write("x")))

    assert granted(table.handle(asks("late", read("x")))) == []
    assert granted(table.handle(gives_back("a-lease"))) == ["w"]
    assert granted(table.handle(gives_back("w-lease"))) == ["late"]


def test_those_who_wait_for_other_paths_do_not_stand_in_line() -> None:
    table = table_with(asks("a", write("x")), asks("b", write("x", "y")))

    assert granted(table.handle(asks("c", write("z")))) == ["c"]
    assert granted(table.handle(asks("d", write("y")))) == []


def test_all_claims_are_granted_or_none() -> None:
    table = table_with(asks("a", write("x")))

    table.handle(asks("b", write("x"), write("y"), waits=False))

    assert granted(table.handle(asks("c", write("y"), waits=False))) == ["c"]


def test_who_does_not_wait_is_told_who_is_in_the_way() -> None:
    table = table_with(asks("a", write("x")))

    (refusal,) = table.handle(asks("b", write("x"), waits=False))

    assert isinstance(refusal, Refuse)
    assert refusal.reason == "held"
    assert [blocker.holder.id for blocker in refusal.blockers] == ["a"]
    assert not table.queue


def test_a_dead_holder_frees_its_leases_and_its_place_in_line() -> None:
    table = table_with(asks("a", write("x")), asks("b", write("x")), asks("c", write("x")))
    table.handle(dies("b"))

    taken, grant = table.handle(dies("a"))

    assert isinstance(taken, Take)
    assert taken.reason == "died"
    assert granted([grant]) == ["c"]


def test_generations_only_grow() -> None:
    table = table_with(asks("a", write("x")), gives_back("a-lease"))

    (grant,) = table.handle(asks("a", write("x")))

    assert isinstance(grant, Grant)
    assert grant.lease.generation == 2
    assert table.is_valid("a-lease", 2, moment())
    assert not table.is_valid("a-lease", 1, moment())


def test_two_that_wait_for_each_other_are_parted_and_the_younger_gives_way() -> None:
    table = table_with(
        asks("a", write("x"), lease="ax"),
        asks("b", write("y"), lease="by"),
        asks("a", write("y"), lease="ay"),
    )

    (refusal,) = table.handle(asks("b", write("x"), lease="bx"))

    assert isinstance(refusal, Refuse)
    assert (refusal.request.lease, refusal.reason) == ("bx", "deadlock")
    assert granted(table.handle(gives_back("by"))) == ["a"]


def test_a_circle_of_three_is_found() -> None:
    table = table_with(
        *(asks(who, write(path), lease=who + path) for who, path in ("ax", "by", "cz")),
        asks("a", write("y"), lease="ay"),
        asks("b", write("z"), lease="bz"),
    )

    (refusal,) = table.handle(asks("c", write("x"), lease="cx"))

    assert isinstance(refusal, Refuse)
    assert refusal.request.lease == "cx"


def test_an_upgrade_does_not_wait_for_who_waits_for_it() -> None:
    table = table_with(asks("a", read("x"), lease="r"), asks("b", write("x")))

    instructions = table.handle(asks("a", write("x"), lease="w"))

    assert granted(instructions) == ["a"]


def test_two_upgrades_of_one_path_are_a_circle() -> None:
    table = table_with(
        asks("a", read("x"), lease="ar"),
        asks("b", read("x"), lease="br"),
        asks("a", write("x"), lease="aw"),
    )

    (refusal,) = table.handle(asks("b", write("x"), lease="bw"))

    assert isinstance(refusal, Refuse)
    assert refusal.request.lease == "bw"


def test_nobody_is_in_the_way_within_a_group() -> None:
    table = table_with(asks("a", write("x")))

    assert granted(table.handle(asks(holder("child", "a"), write("x")))) == ["child"]


def test_what_a_name_holds_at_its_desk_is_free_for_its_commands_one_at_a_time() -> None:
    table = table_with(asks(desk("alice"), write("x"), ttl=60))
    command, other = (Holder(i, i, "alice", "host", BOOT, 1, 1, "kernel") for i in ("c1", "c2"))

    assert granted(table.handle(asks(command, write("x")))) == ["c1"]
    assert granted(table.handle(asks(other, write("x")))) == []
    assert granted(table.handle(asks("bob", write("x")))) == []


# -- time ----------------------------------------------------------------------


def test_a_lease_is_over_to_the_tick_on_its_own_host() -> None:
    table = table_with(asks("a", write("x"), ttl=10), asks("b", write("x")))

    assert table.handle(passes(moment(9.99, drift=3600))) == []
    taken, grant = table.handle(passes(moment(10, drift=-3600)))

    assert isinstance(taken, Take)
    assert taken.reason == "expired"
    assert granted([grant]) == ["b"]


def test_another_host_waits_for_the_margin() -> None:
    table = table_with(asks("a", write("x"), ttl=10), asks("b", write("x")))

    assert table.handle(passes(moment(10 + MARGIN - 1, boot="b2"))) == []
    assert granted(table.handle(passes(moment(10 + MARGIN, boot="b2")))) == ["b"]


def test_a_heartbeat_starts_the_time_again_but_comes_too_late_when_it_is_over() -> None:
    table = table_with(asks("a", write("x"), ttl=10))
    table.handle(LeaseRenewed(id="r1", at=0, lease="a-lease", now=moment(9)))

    assert table.is_valid("a-lease", 1, moment(18))
    assert not table.is_valid("a-lease", 1, moment(19))
    table.handle(LeaseRenewed(id="r2", at=0, lease="a-lease", now=moment(19)))
    assert not table.is_valid("a-lease", 1, moment(18))


def test_a_name_that_was_overtaken_is_remembered_until_it_gives_back_or_asks_again() -> None:
    table = table_with(asks(desk("alice"), write("x"), ttl=10), passes(moment(11)))
    table.handle(asks("bob", write("x"), now=moment(12)))
    table.handle(gives_back("bob-lease", moment(13)))

    (lost,) = table.lost
    assert (lost.lease.holder.name, lost.by) == ("alice", "bob")
    table.handle(asks(desk("alice"), write("x"), lease="again", ttl=10, now=moment(14)))
    assert table.lost == []


def test_a_lease_is_handed_over_within_its_group() -> None:
    waiting = Holder("w", desk_group("alice"), "alice", "host", BOOT, 1, 1, "kernel")
    table = table_with(asks(waiting, write("x"), lease="l"))
    change = {"id": "h", "at": 0.0, "lease": "l", "ttl": 5.0, "now": moment(3)}

    table.handle(LeaseHandedOver(holder=holder("thief"), **change))  # type: ignore[arg-type]
    assert table.leases["l"].holder == waiting
    table.handle(LeaseHandedOver(holder=desk("alice"), **change))  # type: ignore[arg-type]

    assert table.leases["l"].holder == desk("alice")
    assert table.is_valid("l", 1, moment(7.9))
    assert not table.is_valid("l", 1, moment(8))


@pytest.mark.parametrize(
    "event",
    [
        asks("a", write("x")),
        gives_back("nothing"),
        dies("nobody"),
        LeaseRenewed(id="r", at=0, lease="nothing", now=moment()),
    ],
)
def test_late_and_repeated_events_change_nothing(event: Event) -> None:
    table = table_with(asks("a", write("x")))
    before = table.facts

    assert table.handle(event) == []
    assert table.facts == before


# -- whatever happens ----------------------------------------------------------

MACHINES = 200
PATHS = ("a/1", "a/2", "b/1", "b/2")
PATTERNS = (*PATHS, "a", "b", "**", "*/1", "a/?")
MEANS = {
    **{path: {path} for path in PATHS},
    "a": {"a/1", "a/2"},
    "b": {"b/1", "b/2"},
    "**": set(PATHS),
    "*/1": {"a/1", "b/1"},
    "a/?": {"a/1", "a/2"},
}
NAMES = ("ann", "bob", "cyd", "dan")


class Desk(RuleBasedStateMachine):
    """Holders ask, wait, work, die and come late; a second table replays what happened."""

    leases: Bundle[str] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.table = LeaseTable()
        self.events: list[Event] = []
        self.ticks = 0.0
        self.count = 0
        self.working: dict[str, tuple[Holder, tuple[Claim, ...], int]] = {}
        self.newest = 0
        self.answered: set[str] = set()

    def feed(self, make: Callable[[Moment], Event]) -> None:
        event = make(moment(self.ticks))
        self.events.append(event)
        for one in self.table.handle(event):
            match one:
                case Grant(lease):
                    assert lease.generation > self.newest
                    self.newest = lease.generation
                    self.working[lease.id] = (lease.holder, lease.claims, lease.generation)
                case Take(lease, _):
                    assert self.working.pop(lease.id)[2] == lease.generation
                case Refuse(request, _, _):
                    assert request.lease not in self.working
        if isinstance(event, LeaseReleased):
            self.working.pop(event.lease, None)

    @rule(
        target=leases,
        name=st.sampled_from(NAMES),
        inner=st.booleans(),
        claims=st.lists(
            st.tuples(st.sampled_from(("read", "write", "write")), st.sampled_from(PATTERNS)),
            min_size=1,
            max_size=3,
        ),
        ttl=st.sampled_from((None, None, 3.0)),
        waits=st.sampled_from((True, True, False)),
    )
    def ask(
        self,
        name: str,
        inner: bool,
        claims: list[tuple[Mode, str]],
        ttl: float | None,
        waits: bool,
    ) -> str:
        self.count += 1
        who = holder(f"{name}{self.count}", name if inner else None)
        wanted = tuple(Claim(mode, (pattern,)) for mode, pattern in claims)
        lease = f"l{self.count}"
        self.feed(lambda now: asks(who, *wanted, lease=lease, ttl=ttl, waits=waits, now=now))
        return lease

    @rule(lease=consumes(leases))
    def give_back(self, lease: str) -> None:
        self.feed(lambda now: gives_back(lease, now))

    @rule(lease=leases)
    def renew(self, lease: str) -> None:
        self.feed(lambda now: LeaseRenewed(id=fresh_id(), at=0, lease=lease, now=now))

    @rule(number=st.integers(1, 30), name=st.sampled_from(NAMES))
    def die(self, number: int, name: str) -> None:
        self.feed(
            lambda now: HolderDied(
                id=fresh_id(), at=0, holder=f"{name}{number}", proof="kernel", now=now
            )
        )

    @rule(seconds=st.sampled_from((0.5, 1.0, 4.0)))
    def wait(self, seconds: float) -> None:
        self.ticks += seconds
        self.feed(lambda now: passes(now))

    @rule()
    def repeat(self) -> None:
        event = self.events[-1] if self.events else None
        known = self.table.leases.keys() | self.table.queue.keys()
        if event is None or (isinstance(event, LeaseRequested) and event.lease not in known):
            return
        before = self.table.facts
        self.table.handle(event)
        assert self.table.facts == before

    @invariant()
    def never_two_writers(self) -> None:
        for path in PATHS:
            users = [
                (who, claim.mode)
                for who, claims, _ in self.working.values()
                for claim in claims
                if path in MEANS[claim.patterns[0]]
            ]
            for who, mode in users:
                others = [other for other, _ in users if not are_together(who, other)]
                assert mode == "read" or not others

    @invariant()
    def the_table_knows_who_works(self) -> None:
        assert set(self.table.leases) == set(self.working)

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        assert all(self.table.blockers(request) for request in self.table.queue.values())

    @invariant()
    def nobody_waits_in_a_circle(self) -> None:
        free = {r.lease for r in self.table.queue.values()}
        while free:
            # Someone's obstacles must all be groups of which nobody waits.
            groups = {self.table.queue[name].holder.group for name in free}
            ready = {
                name
                for name in free
                if all(
                    blocker.holder.group not in groups
                    for blocker in self.table.blockers(self.table.queue[name])
                )
            }
            assert ready
            free -= ready

    def teardown(self) -> None:
        replayed = LeaseTable()
        for event in self.events:
            replayed.handle(event)
        assert decode(Facts, encode(self.table.facts)) == self.table.facts
        assert replayed.facts.leases == self.table.facts.leases
        assert replayed.facts.queue == self.table.facts.queue


def test_there_are_never_two_writers() -> None:
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=MACHINES,
            phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
