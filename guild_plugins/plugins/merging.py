"""Guild's own merge of a file, after every other plugin's."""

from __future__ import annotations

from guild_plugins.merge.engine import merge
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.result import Clean, Conflict
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.models import MergeRequest, Undecided


@hookimpl(trylast=True)
def guild_merge_file(request: MergeRequest) -> bytes | Undecided:
    """Merge as git does, then by the rules; what these leave open is for a person."""
    try:
        merged = merge(request.path, request.base or b"", request.ours, request.theirs)
    except TooCostly:
        return Undecided(reason="the texts are too long or too repetitive to be compared")
    return merged.text if isinstance(merged, Clean) else Undecided(reason=_reason(merged))


def _reason(conflict: Conflict) -> str:
    reasons = (region.reason for region in conflict.regions if region.is_open)
    return conflict.reason or next(reasons, "both sides changed it")
