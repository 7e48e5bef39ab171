"""Which branches are to be landed, on what, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from guild_plugins.delivery.names import PREFIX, branch_for, scope_of_branch, task_of_branch
from guild_plugins.delivery.split import reach
from guild_plugins.delivery.stopping import main_work_tree
from guild_plugins.delivery.workplaces import Workplace
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.refs import branches_below, read_head, read_ref
from guild_plugins.git.repository import Repository
from guild_plugins.scopes.model import ScopeId


class NothingToLand(GuildError):
    """No branch fits what was asked for."""

    slug = "nothing-to-land"
    exit = Exit.USAGE
    remedy = "guild status lists the branches; name SCOPE or TASK/SCOPE, --task TASK or --all."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"There is no branch to land for {self.what}."


class TrunkUnclear(GuildError):
    """Nothing says what a branch is to be landed on."""

    slug = "trunk-unclear"
    exit = Exit.USAGE
    remedy = "Name the branch with --onto BRANCH, or in landing.onto of the configuration."

    def __init__(self, branch: str, reason: str) -> None:
        super().__init__(branch, reason)
        self.branch, self.reason = branch, reason

    def __str__(self) -> str:
        return f"{self.branch.removeprefix('refs/heads/')} cannot be landed: {self.reason}."


@dataclass(frozen=True, slots=True)
class Branch:
    """A scope's branch, and where it is.

    :param ref: Its full name.
    :param onto: Trunk's full name.
    """

    task: str
    scope: ScopeId
    ref: str
    tip: str
    onto: str

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.task}/{self.scope}"


def choose(
    repository: Repository,
    places: Iterable[Workplace],
    *,
    names: Sequence[str] = (),
    task: str | None = None,
    everything: bool = False,
    onto: str | None = None,
    is_remote: bool = False,
) -> list[Branch]:
    """Return the branches that were asked for; without a word, the one that is checked out.

    :param names: ``SCOPE`` or ``TASK/SCOPE``.
    :param is_remote: Trunk is a remote's branch, and need not be here.
    :raises NothingToLand: A name fits no branch.
    :raises TrunkUnclear: It is not known what one is to be landed on.
    """
    top = repository.top
    known = [
        (owner, scope, ref)
        for ref in branches_below(top, PREFIX)
        if (owner := task_of_branch(ref)) and (scope := scope_of_branch(ref))
    ]
    if task is None and not names and not everything:
        head = read_head(top).branch
        known = [one for one in known if one[2] == head]
        _refuse_empty(known, "what is checked out")
    if task is not None:
        known = [one for one in known if one[0] == task]
        _refuse_empty(known, f"task {task!r}")
    for name in names:
        _refuse_empty([one for one in known if _fits(one, name)], repr(name))
    if names:
        known = [one for one in known if any(_fits(one, name) for name in names)]
    begun = {place.branch: place for place in places}
    found = []
    for owner, scope, ref in known:
        target = _trunk(repository, ref, begun.get(ref), onto, is_remote=is_remote)
        tip = read_ref(top, ref)
        if tip is not None:
            found.append(Branch(owner, scope, ref, tip, target))
    return found


def in_order(
    branches: Iterable[Branch], needs: Mapping[ScopeId, Iterable[ScopeId]]
) -> list[Branch]:
    """Return branches so that what others depend on comes first; the order is always the same."""
    return sorted(branches, key=lambda one: (len(reach(one.scope, needs)), one.task, one.scope))


def full_name(repository: Repository, name: str) -> str | None:
    """Return the full name of a branch; ``None`` where there is none."""
    ref = name if name.startswith("refs/heads/") else f"refs/heads/{name}"
    return ref if read_ref(repository.top, ref) is not None else None


def _fits(one: tuple[str, str, str], name: str) -> bool:
    _, scope, ref = one
    whole = "/" in name and branch_for(*name.removeprefix("guild/").split("/", 1)) == ref
    return name == scope or whole


def _refuse_empty(found: Sequence[object], what: str) -> None:
    if not found:
        raise NothingToLand(what)


def _trunk(
    repository: Repository, ref: str, place: Workplace | None, onto: str | None, *, is_remote: bool
) -> str:
    wanted = onto or (place.onto if place is not None else None)
    if wanted is None:
        head = read_head(main_work_tree(repository).top).branch
        if head is None or head.startswith(PREFIX):
            raise TrunkUnclear(ref, "nothing says on what")
        wanted = head
    found = full_name(repository, wanted)
    if is_remote and found is None:
        found = f"refs/heads/{wanted.removeprefix('refs/heads/')}"
    if found is None:
        raise TrunkUnclear(ref, f"there is no branch {wanted!r}")
    if found == ref:
        raise TrunkUnclear(ref, "it would be landed on itself")
    return found
