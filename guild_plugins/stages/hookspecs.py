"""What plugins can do: the hooks of the pluggy project ``guild``.

A plugin is a module or an object, named by an entry point of the group ``guild``.
It implements hooks as functions marked with ``hookimpl``, plain or ``async``, and
takes those arguments that it wants. Guild's own stages are such plugins too.

For all hooks:

- Implementations are called one by one: ``tryfirst`` ones, those of other
  packages by the plugin's name, Guild's own, ``trylast`` ones. Wrappers are
  refused, since nobody could say whose fault a fault is.
- ``None`` says "not mine", and is no answer.
- Raising anything, ``SystemExit`` included, a value of another type than is
  written here, and passing a deadline are faults of the plugin. It is named, the
  unit that was asked for fails (unless the hook says otherwise), and nothing else
  does. A hook with one result is then not answered by the next plugin: that would
  be another's work under this one's name.
- An ``async`` implementation is run to its end in an event loop of its own, and
  cancelled at its deadline. A plain one that hangs cannot be ended in its
  process: it is left behind in a thread, and no longer waited for.
- Requests are shared by all implementations, and frozen.

This module and `manager` alone import pluggy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pluggy import HookimplMarker, HookspecMarker

from guild_plugins.graph.boundaries.violations import Violation
from guild_plugins.scopes.discovery import Discovered
from guild_plugins.scopes.tree import Tree
from guild_plugins.stages.events import Event
from guild_plugins.stages.executors import Executor, ExecutorRequest
from guild_plugins.stages.models import (
    BarrierRequest,
    CommandLine,
    Estimate,
    EstimateRequest,
    GateRequest,
    JoinRequest,
    MasterPlan,
    MergeRequest,
    Profile,
    StageRequest,
    StageResult,
    Undecided,
)
from guild_plugins.stages.places import GROUP

PROJECT: Final = GROUP
"""The pluggy project, and the group of entry points."""

CONTRACT: Final = 1
"""Raised when hooks or models change in a way that a plugin can need.

A plugin that needs a certain one says so: ``guild_contract = 1``.
"""

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


# -- scopes --------------------------------------------------------------------


@hookspec(firstresult=True)
def guild_discover_scopes(tree: Tree) -> Discovered | None:
    """Find the scopes of a project that has none in its configuration.

    Called once by ``guild setup``, with nothing held, and not by other commands:
    what is found is shown, and written down when the user agrees, so that git hooks
    and test runs read it without loading plugins. The first result other than
    ``None`` is used whole; ``None`` leaves it to the next plugin, in the end to
    Guild's own discovery. Ids have to be unique and fit for a branch name; of a scope
    its id, paths, tests, dependencies, root directory of pytest and evidence are
    written. Raising ends the command, and nothing is written.

    :param tree: The project's files. It is not trusted: read it, run nothing from it.
    """


# -- stages --------------------------------------------------------------------


@hookspec(firstresult=True)
def guild_research(request: StageRequest) -> StageResult | None:
    """Find out what there is to know about one scope.

    Called once per scope, run and attempt, side by side with other scopes and
    before anything is planned; no lease is held, so nothing may be written. The
    first result other than ``None`` is used; ``None`` leaves the work to the next
    plugin. What shall reach the plan goes into ``data``. Raising fails the scope's
    unit: it is tried again, then missing from the profile.

    :param request: The scope, and its work tree as the run found it.
    """


@hookspec(firstresult=True)
def guild_plan(request: StageRequest) -> StageResult | None:
    """Plan what to do in one scope.

    Called once per scope, run and attempt, after the scope's research and the
    profile, side by side with other scopes; no lease is held, so nothing may be
    written. The first result other than ``None`` is used; ``None`` leaves the work
    to the next plugin. ``data`` is what `guild_join_plan` gets. Raising fails the
    scope's unit: it is tried again, then left out of the plan.

    :param request: The scope; ``earlier`` has its research.
    """


@hookspec(firstresult=True)
def guild_implement(request: StageRequest) -> StageResult | CommandLine | None:
    """Change one scope.

    Called once per scope, run and attempt, in a work tree of the scope's own, with
    nothing else held. The first result other than ``None`` is used, a `CommandLine` by
    running it; ``None`` leaves the work to the next plugin, in the end to the command
    that the user gave. Nothing is committed here: the gates (`guild_check`) judge what
    was changed, and Guild commits it. Raising, or the outcome ``failed``, brings the
    work tree back to where it was and the scope to its next attempt, with
    ``objections``.

    :param request: The scope, what is planned for it, and why it was sent back.
    """


@hookspec(firstresult=True)
def guild_test(request: StageRequest) -> StageResult | CommandLine | None:
    """Prove one scope's change.

    Called once per scope, run and attempt, after the gates had no objection, side by
    side with other scopes, with nothing else held. The first result other than ``None``
    is used, a `CommandLine` by running it; ``None`` leaves the work to the next plugin,
    in the end to the scope's suite. The outcome ``failed`` sends the scope back to be
    implemented, with the ``violations`` as ``objections``. Raising fails the unit: the
    tests are tried again, and what they did not prove does not land.

    :param request: The scope; ``earlier`` says what was changed.
    """


@hookspec(firstresult=True)
def guild_land(request: StageRequest) -> StageResult | None:
    """Bring one scope's finished work onto the target branch.

    Called once per scope, run and attempt, after its work was committed, with nothing
    held, where the run was asked to land (``--land``). The first result other than
    ``None`` is used; ``None`` leaves the work to the next plugin, in the end to ``guild
    land``. It may be called again for work that landed already, after a crash: that has
    to be harmless. Raising, or the outcome ``failed``, leaves the work on its branch.

    :param request: The scope; ``earlier`` has all that it went through.
    """


# -- joins ---------------------------------------------------------------------


@hookspec(firstresult=True)
def guild_join_research(request: JoinRequest) -> Profile | None:
    """Make one profile of what was found out about all scopes.

    Called once per run, when the last scope's research has ended, with no lease
    held; every plan waits for it. The first result other than ``None`` is used;
    ``None`` leaves the work to the next plugin. Raising ends the run before
    anything was changed.

    :param request: All scopes, and the results of those whose research passed.
    """


@hookspec(firstresult=True)
def guild_join_plan(request: JoinRequest) -> MasterPlan | None:
    """Make one plan of all scopes' plans: what comes after what, what excludes what.

    Called once per run, when the last scope's plan has ended, with no lease held. With
    ``guild run --plan`` the plan is there, and nobody is asked. The first result other
    than ``None`` is used; ``None`` leaves the work to the next plugin. The user may
    edit the plan before anything is done. Steps that wait for each other in a circle,
    or name unknown scopes, are refused. Raising ends the run before anything was
    changed.

    :param request: All scopes, the results of those whose plan passed, the profile.
    """


# -- gates, mergers, barriers --------------------------------------------------


@hookspec
def guild_check(request: GateRequest) -> Sequence[Violation] | None:
    """Judge one scope's change before it is committed: a gate.

    Called once per scope and attempt, after its implement stage, while its work tree
    stands still: write nothing into it. All gates are called, side by side with other
    scopes'. An empty sequence says "no objection", ``None`` "not mine"; violations that
    are not warnings keep the change out and are fed back. Raising keeps the change out
    too: a gate that cannot judge is shut.

    ``guild check`` calls it as well, once per scope that has something to be judged,
    with nothing held. Its violations are told beside those of Guild's own rules, and
    the baseline knows them by rule, path and target. The tree is not trusted: read it,
    run nothing from it.

    :param request: The scope, where its files are, and which of them to judge. For the
        index and for commits ``directory`` is a copy; without ``base`` the whole scope
        is to be judged.
    """


@hookspec(firstresult=True)
def guild_merge_file(request: MergeRequest) -> bytes | Undecided | None:
    """Merge one file that both sides changed.

    Called once per file and merge, with nothing held, perhaps several times with
    the same content: the answer has to depend on the request alone. The first
    result other than ``None`` is used: the merged content, without conflict
    markers, or `Undecided` for a person. ``None`` leaves the file to the next
    plugin, in the end to Guild's own merge. Raising leaves the file in conflict.
    The git merge driver and ``guild merge`` call this only with ``--plugins``, and
    only where git leaves a conflict.

    :param request: The three versions.
    """


@hookspec(firstresult=True)
def guild_resolve_barrier(request: BarrierRequest) -> bytes | Undecided | None:
    """Make one content of what several scopes want of a path that all depend on.

    Called once per such path and synchronisation point, while no unit runs that
    reads it. The first result other than ``None`` is used: the content, or
    `Undecided` for a person. ``None`` leaves the path to the next plugin, in the
    end to `guild_merge_file`. A tool that makes a lock file anew is to be run here.
    Raising leaves the path as it was, and holds back the scopes that wanted it.

    :param request: The path, and what each scope makes of it.
    """


# -- the engine ----------------------------------------------------------------


@hookspec(firstresult=True)
def guild_estimate(request: EstimateRequest) -> Estimate | None:
    """Say what a unit will cost, before it is queued.

    Called once per scope and run for ``implement`` and for ``test``, when all is
    planned, with nothing held: answer in milliseconds and read no files. The first
    result other than ``None`` is used; ``None`` leaves it to the next plugin, in the
    end to what was measured. Raising costs the answer and the unit nothing: it is
    queued as if unknown.

    :param request: The stage, the scope, and what it took before.
    """


@hookspec(firstresult=True)
def guild_executor(request: ExecutorRequest) -> Executor | None:
    """Supply the slots that a run's units are carried out in.

    Called once per run that names an executor, before its first unit, with nothing
    held, in the coordinator's process. The first result other than ``None`` is used, and
    closed when the run ends; answer ``None`` to a name that is not yours. Raising ends
    the run before it began.

    :param request: The executor's name and where it is.
    """


@hookspec
def guild_event(event: Event) -> None:
    """Hear of a fact after it was written to the journal.

    Called once per event and process that follows the journal, in order; after a
    crash an event may be heard again, with the same ``id``. Nothing is held. All
    implementations are called. There is nothing to answer: anything but ``None`` is
    a fault. Raising is reported, and neither the event nor other handlers care.

    :param event: What happened; its class says what.
    """
