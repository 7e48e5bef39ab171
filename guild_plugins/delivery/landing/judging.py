"""What a merged tree has to keep to before it is tested: the rules of trunk, and leases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guild_plugins.coordination.claims import any_conflict, are_together
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.leases import Leases
from guild_plugins.delivery.gates import claims_on
from guild_plugins.delivery.landing.branches import Branch
from guild_plugins.delivery.landing.merging import Merged, tree_of
from guild_plugins.delivery.workplaces import Workplace
from guild_plugins.git.changes import tree_changes
from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.git.trees import Tree
from guild_plugins.graph.affected import affected_between
from guild_plugins.graph.boundaries.gate import Authority, Gate, Others, Subject
from guild_plugins.graph.boundaries.rulebook import RuleBook, kept_rules
from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.graph.impact import Impact
from guild_plugins.stages.events import LandingStarted, LeaseGranted, LeaseLost, LeaseRequested
from guild_plugins.stages.leases import Holder


@dataclass(frozen=True)
class Rules:
    """Judges merged trees of one repository by the rules of what they are merged with."""

    repository: Repository
    read_rules: Callable[[Tree], RuleBook]
    others: Others | None = None

    def of(self, commit: str) -> RuleBook:
        """Return the rules of a commit."""
        folder = self.repository.common_dir / "guild"
        return kept_rules(folder, revision_tree(self.repository, commit), self.read_rules)

    def impact(self, before: str, after: str) -> Impact:
        """Return what the difference of two commits can affect."""
        return affected_between(self.repository, before, after, self.read_rules)[0]

    def objections(self, branch: Branch, merged: Merged) -> tuple[str, ...]:
        """Return what speaks against a merged tree, a line each."""
        before = tree_of(self.repository.top, merged.head)
        changes = tree_changes(self.repository, before, merged.tree)
        tree = revision_tree(self.repository, merged.tree)
        subject = Subject(tree, changes, is_whole=False, base=merged.head)
        authority = Authority(revision_tree(self.repository, before), branch.scope)
        gate = Gate(self.repository, self.read_rules)
        verdict = gate.judge(subject, (), self.others, authority)
        found = [_line(one) for one in verdict.judged.new if not one.is_warning]
        return (*found, *map(str, verdict.faults))


def _line(one: Violation) -> str:
    owners = f" (owned by {', '.join(one.owners)})" if one.owners else ""
    return f"{one.path}:{one.line}: {one.message} [{one.rule}]{owners}"


# -- leases --------------------------------------------------------------------


def generation_of(top: Path, merged: Merged, shown: Sequence[tuple[str, int]]) -> int | None:
    """Return the generation of the newest lease that a branch was written or is landed under."""
    numbers = [number for _, number in (*_written_under(top, merged), *shown)]
    return max(numbers, default=None)


def lease_objections(
    leases: Leases,
    merged: Merged,
    place: Workplace | None,
    holder: Holder,
    shown: Sequence[tuple[str, int]],
    *,
    top: Path,
    elsewhere: Sequence[str],
) -> tuple[str, ...]:
    """Return what leases speak against landing a branch.

    Whoever holds one in the branch's own work place is still at work on it. One that is
    held in another work place is on that one's files, and no matter here.

    :param elsewhere: The names that holders in other work places have.
    """
    words = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", merged.head, merged.tree]
    paths = [path for path in _names(run_git(words, top)) if path]
    claims = claims_on(paths)
    found = []
    for lease in leases.facts().leases:
        name = lease.holder.name
        if are_together(lease.holder, holder) or _is_from(name, elsewhere):
            continue
        own = place is not None and _is_from(name, (place.name, f":{place.path}"))
        if own or any_conflict(lease.claims, claims):
            doing = "is at work there, and" if own else ""
            found.append(f"{name} {doing} has a lease ({lease.id})".replace("  ", " "))
    return (*found, *_stale(leases, top, merged, shown))


def _stale(
    leases: Leases, top: Path, merged: Merged, shown: Sequence[tuple[str, int]]
) -> Iterator[str]:
    """Name the lease that the branch's newest commit was written under, if others had it since."""
    written = _written_under(top, merged)
    if not written:
        return
    lease, generation = max(written, key=lambda one: one[1])
    if any(number > generation for _, number in shown):
        return
    asked: dict[str, LeaseRequested] = {}
    granted: dict[str, int] = {}
    lost = False
    kinds = ["LeaseRequested", "LeaseGranted", "LeaseLost"]
    for line in leases.journal.lines(types=kinds):
        match line.event:
            case LeaseRequested() as event:
                asked[event.lease] = event
            case LeaseGranted(lease=other, generation=number):
                granted[other] = number
                if lost and _is_after(asked, lease, other):
                    yield (
                        f"it was written under lease {lease}, generation {generation}, which "
                        f"{asked[other].holder.name} has had since (generation {number})"
                    )
                    return
            case LeaseLost(lease=other):
                lost = lost or other == lease
    if granted.get(lease) not in (None, generation):
        yield f"lease {lease} never had generation {generation}"


def overtaken(journal: Journal) -> dict[str, str]:
    """Return the landed commits whose lease somebody else had had by then, with what is wrong."""
    asked: dict[str, LeaseRequested] = {}
    lease_of: dict[int, str] = {}
    lost: set[str] = set()
    passed: dict[str, str] = {}
    commits: dict[str, str] = {}
    kinds = ["LeaseRequested", "LeaseGranted", "LeaseLost", "LandingStarted"]
    for line in journal.lines(types=kinds):
        match line.event:
            case LeaseRequested() as event:
                asked[event.lease] = event
            case LeaseGranted(lease=other, generation=number):
                lease_of[number] = other
                passed |= {
                    one: other for one in lost - passed.keys() if _is_after(asked, one, other)
                }
            case LeaseLost(lease=other):
                lost.add(other)
            case LandingStarted(landed=landed, generations=generations):
                for one, number in zip(landed, generations, strict=False):
                    lease = lease_of.get(number)
                    if number and lease is None:
                        commits[one.commit] = f"no lease ever had generation {number}"
                    elif lease in passed:
                        name = asked[passed[lease]].holder.name
                        commits[one.commit] = (
                            f"its lease, generation {number}, was {name}'s by then"
                        )
    return commits


def _is_after(asked: dict[str, LeaseRequested], lost: str, other: str) -> bool:
    if lost not in asked or other not in asked:
        return False
    first, then = asked[lost], asked[other]
    writes = [claim for claim in then.claims if claim.mode == "write"]
    return not are_together(first.holder, then.holder) and any_conflict(first.claims, writes)


def _written_under(top: Path, merged: Merged) -> list[tuple[str, int]]:
    """Return the leases that the branch's own commits name, with their generations."""
    form = "--format=%(trailers:key=Lease,valueonly,unfold)"
    span = [f"{merged.base}..{merged.tip}", f"^{merged.head}"]
    words = run_git(["log", "--no-show-signature", form, *span, "--"], top).decode().split()
    pairs = (word.rpartition(":") for word in words)
    return [(lease, int(number)) for lease, _, number in pairs if number.isdigit()]


def _is_from(name: str, names: Sequence[str]) -> bool:
    return any(name == one or (one.startswith(":") and name.endswith(one)) for one in names)


def _names(output: bytes) -> list[str]:
    return [part.decode("utf-8", "surrogateescape") for part in output.split(b"\0")]


def holders_in(place: Workplace) -> tuple[str, str]:
    """Return the names that whoever works in a work place has: given, or by its path."""
    return place.name, f":{place.path}"
