"""What leases speak against a commit that git makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from guild_plugins.coordination import here
from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.lease_errors import LeaseGone
from guild_plugins.coordination.leases import Leases
from guild_plugins.coordination.place import place_in
from guild_plugins.coordination.remote_shown import refuse_lost
from guild_plugins.coordination.table import LeaseTable
from guild_plugins.coordination.who import for_command, name_here, shown_leases
from guild_plugins.delivery.gates import Setting, claims_on, in_the_way
from guild_plugins.git.repository import Repository


def judge_leases(
    repository: Repository, branch: str | None, paths: Sequence[str], environ: Mapping[str, str]
) -> list[str]:
    """Return whose leases are on the paths, and which one that this works under is over."""
    leases = Leases(Journal(place_in(repository.common_dir)))
    leases.tend()
    holder = for_command(name_here(repository.top, environ), environ)
    try:
        refuse_lost(repository.top, leases.place, environ)
    except LeaseGone as error:
        return [str(error)]
    setting = Setting(branch, holder, leases.facts())
    return [*_ended(setting, shown_leases(environ)), *in_the_way(claims_on(paths), setting)]


def _ended(setting: Setting, shown: Sequence[tuple[str, int]]) -> Iterator[str]:
    table = LeaseTable(setting.leases)
    for lease, generation in shown:
        if not table.is_valid(lease, generation, here.now()):
            yield f"lease {lease}, which this works under, is over or was taken over"
