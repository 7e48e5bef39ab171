"""Plugins that do wrong: each is named, with its package and hook, and others go on."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from guild_plugins.errors import Exit
from guild_plugins.stages import deadlines, hookspecs
from guild_plugins.stages.faults import (
    PluginFault,
    PluginHung,
    PluginMisshapen,
    PluginRaised,
    PluginReturnedJunk,
    PluginTooNew,
    PluginUnloadable,
)
from guild_plugins.stages.hookspecs import hookimpl
from guild_plugins.stages.installed import Source
from guild_plugins.stages.manager import Plugins
from guild_plugins.stages.models import StageResult
from tests.stages.requests import Plugin, change, plugins, unit

GOOD = Plugin(guild_check=hookimpl(lambda: ()))


class Bad(Exception):
    pass


class Worse(Exception):
    def __str__(self) -> str:
        raise Bad


def fault_of(function: Any, seconds: float | None = None) -> PluginFault:
    """Return the one fault of a gate, and see that the gate beside it was asked."""
    manager = plugins(bad=Plugin(guild_check=hookimpl(function)), good=GOOD)
    outcomes = manager.within(seconds).each(hookspecs.guild_check, request=change())
    (fault,) = (outcome for outcome in outcomes if isinstance(outcome, PluginFault))
    assert len(outcomes) == 2
    return fault


def raises(error: BaseException) -> Any:
    def guild_check() -> None:
        raise error

    return guild_check


@pytest.mark.parametrize("seconds", [None, 60.0])
@pytest.mark.parametrize("error", [Bad("dear\nme"), SystemExit(0), GeneratorExit(), Worse()])
def test_what_a_plugin_raises_is_chained_and_named(
    error: BaseException, seconds: float | None
) -> None:
    fault = fault_of(raises(error), seconds)

    assert isinstance(fault, PluginRaised)
    assert (fault.plugin, fault.hook, fault.exit) == ("bad", "guild_check", Exit.PLUGIN)
    assert fault.__cause__ is error
    assert str(fault).startswith("Plugin 'bad' (guild-plugins 0.1.0) raised in guild_check: ")


def test_the_message_says_what_was_raised_and_where() -> None:
    fault = fault_of(raises(Bad("dear\nme")))

    assert "Bad: dear me (test_faults.py:" in fault.detail


def test_ctrl_c_is_nobodys_fault() -> None:
    with pytest.raises(KeyboardInterrupt):
        fault_of(raises(KeyboardInterrupt()))


@pytest.mark.parametrize(
    ("junk", "told"),
    [
        (5, "int"),
        ("abc", "str"),
        ([1], "0: "),
        ({"a": 1}, "dict"),
        (iter(()), "iterator"),
        ([("rule", "path", "no line", "message")], "0."),
    ],
)
def test_junk_is_told_from_an_answer(junk: object, told: str) -> None:
    fault = fault_of(lambda: junk)

    assert isinstance(fault, PluginReturnedJunk)
    assert told in fault.detail


def test_junk_inside_of_an_answer_is_found() -> None:
    result = StageResult(summary="s", changed=("a", 5))  # type: ignore[arg-type]
    manager = plugins(bad=Plugin(guild_implement=hookimpl(lambda: result)))

    with pytest.raises(PluginReturnedJunk, match=r"StageResult: changed\.1"):
        manager.within(None).first(hookspecs.guild_implement, request=unit())


def test_a_model_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(TypeError):
        StageResult(summary="s", data={"a": {1, 2}})


def test_a_hook_with_one_result_is_not_answered_in_another_plugins_name() -> None:
    asked = []
    manager = plugins(
        good=Plugin(guild_implement=hookimpl(lambda: asked.append(1))),
        bad=Plugin(guild_implement=hookimpl(raises(Bad()))),
    )

    with pytest.raises(PluginRaised, match="'bad'"):
        manager.within(None).first(hookspecs.guild_implement, request=unit())

    assert asked == []


def test_a_plain_plugin_that_hangs_is_left_behind() -> None:
    wakes = threading.Event()

    started = time.monotonic()
    fault = fault_of(lambda: wakes.wait(60) and None, seconds=0.05)

    assert isinstance(fault, PluginHung)
    assert fault.detail == "not done after 0.05 s"
    assert time.monotonic() - started < 30
    wakes.set()


def test_an_async_plugin_that_hangs_is_cancelled_and_may_clean_up() -> None:
    cleaned = threading.Event()

    async def guild_check() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    fault = fault_of(guild_check, seconds=0.05)

    assert isinstance(fault, PluginHung)
    assert cleaned.wait(30)


def test_an_async_plugin_that_will_not_be_cancelled_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadlines, "GRACE", 0.05)
    wakes = threading.Event()

    async def guild_check() -> None:
        while not wakes.is_set():
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue

    fault = fault_of(guild_check, seconds=0.05)

    assert isinstance(fault, PluginHung)
    wakes.set()


def test_a_timeout_of_the_plugins_own_is_what_it_raised() -> None:
    async def guild_check() -> None:
        await asyncio.sleep(0)
        raise TimeoutError

    fault = fault_of(guild_check, seconds=60)

    assert isinstance(fault, PluginRaised)
    assert isinstance(fault.__cause__, TimeoutError)


def test_an_async_plugin_runs_to_its_end_also_below_a_running_loop() -> None:
    async def guild_check() -> tuple[()]:
        await asyncio.sleep(0)
        return ()

    manager = plugins(a=Plugin(guild_check=hookimpl(guild_check)))

    async def calls() -> Any:
        return manager.within(None).each(hookspecs.guild_check, request=change())

    (answer,) = asyncio.run(calls())

    assert answer.value == ()


@pytest.mark.parametrize(
    ("function", "kind", "told"),
    [
        (lambda request, tree: (), PluginTooNew, "it wants tree; there is request"),
        (lambda *, tree: (), PluginTooNew, "it wants tree"),
        (eval("lambda request, /: ()"), PluginMisshapen, "by position"),
        (lambda: (yield), PluginMisshapen, "generator"),
    ],
)
def test_a_wrong_signature_is_a_fault_of_its_hook_alone(
    function: Any, kind: type[PluginFault], told: str
) -> None:
    research = hookimpl(lambda: StageResult(summary="fine"))
    manager = plugins(bad=Plugin(guild_check=hookimpl(function), guild_research=research))
    calls = manager.within(None)

    (fault,) = calls.each(hookspecs.guild_check, request=change())
    other = calls.first(hookspecs.guild_research, request=unit())

    assert isinstance(fault, kind)
    assert told in str(fault)
    assert manager.faults == (fault,)
    assert other is not None


def test_wrappers_are_refused() -> None:
    def guild_check() -> Any:
        yield

    manager = plugins(bad=Plugin(guild_check=hookimpl(wrapper=True)(guild_check)))

    assert [type(fault) for fault in manager.faults] == [PluginMisshapen]


def test_a_forgotten_mark_is_noticed() -> None:
    manager = plugins(bad=Plugin(guild_check=lambda: ()))

    assert "not marked with hookimpl" in str(manager.faults[0])


def test_a_hook_that_is_not_there_needs_a_newer_guild_unless_it_is_optional() -> None:
    optional = hookimpl(optionalhook=True)(lambda: None)
    manager = plugins(
        bad=Plugin(guild_chek=hookimpl(lambda: None), guild_deploy=optional), good=GOOD
    )

    assert [(type(f), f.hook) for f in manager.faults] == [(PluginTooNew, "guild_chek")]
    assert "did you mean guild_check?" in str(manager.faults[0])
    assert len(manager.implementations("guild_check")) == 1


def test_a_newer_contract_is_refused_as_a_whole() -> None:
    newer = Plugin(guild_contract=hookspecs.CONTRACT + 1, guild_check=hookimpl(raises(Bad())))
    manager = plugins(bad=newer, good=GOOD)

    assert [type(fault) for fault in manager.faults] == [PluginTooNew]
    assert [source.name for source in manager.unloaded] == ["bad"]
    assert len(manager.implementations("guild_check")) == 1


@pytest.mark.parametrize("plugin", [None, Plugin])
def test_what_is_no_module_and_no_object_is_no_plugin(plugin: object) -> None:
    assert [type(fault) for fault in plugins(bad=plugin).faults] == [PluginUnloadable]


def entry(name: str, value: str, package: str = "other") -> Source:
    return Source(name, package, "2.0", EntryPoint(name, value, "guild"))


def test_a_plugin_that_cannot_be_imported_is_named_with_its_package() -> None:
    manager = Plugins({"good": GOOD}, [entry("gone", "no_such_module_at_all")])

    (fault,) = manager.faults
    assert isinstance(fault, PluginUnloadable)
    assert (fault.plugin, fault.distribution) == ("gone", "other 2.0")
    assert isinstance(fault.__cause__, ModuleNotFoundError)
    assert [source.name for source in manager.loaded] == ["good"]


def test_of_two_plugins_with_one_name_the_second_is_a_fault() -> None:
    twins = [entry("json", "json", "one"), entry("json", "string", "two")]

    manager = Plugins({}, twins)

    assert [type(fault) for fault in manager.faults] == [PluginUnloadable]
    assert len(manager.loaded) == 1


def test_a_disabled_plugin_is_not_imported() -> None:
    gone = entry("gone", "no_such_module_at_all")

    by_name = Plugins({"good": GOOD}, [gone], {"gone"})
    all_others = Plugins({"good": GOOD}, [gone], {"*"})
    own = Plugins({"good": GOOD}, [], {"good"})

    for manager in (by_name, all_others):
        assert (manager.faults, manager.disabled) == ((), (gone,))
    assert own.implementations("guild_check") == ()


def test_plugins_are_asked_by_name_after_tryfirst_and_before_guilds_own() -> None:
    early = Plugin(guild_check=hookimpl(tryfirst=True)(lambda: ()))
    late = Plugin(guild_check=hookimpl(trylast=True)(lambda: ()))
    manager = plugins(own=GOOD, b=Plugin(guild_check=hookimpl(lambda: ())), first=early, last=late)

    answers = manager.within(None).each(hookspecs.guild_check, request=change())

    assert [answer.plugin.name for answer in answers] == ["first", "b", "own", "last"]


def test_a_plugin_takes_the_arguments_that_it_wants() -> None:
    seen = []

    @hookimpl
    def guild_check(newer: object = "default", **rest: object) -> None:
        seen.append((newer, sorted(rest)))

    manager = plugins(a=Plugin(guild_check=guild_check))

    assert manager.within(None).each(hookspecs.guild_check, request=change()) == ()
    assert seen == [("default", ["request"])]


def test_a_fault_crosses_processes() -> None:
    fault = fault_of(raises(Bad("dear me")))

    copy = pickle.loads(pickle.dumps(fault))

    assert (type(copy), str(copy), copy.explain()) == (type(fault), str(fault), fault.explain())


def test_hooks_are_called_by_name_alone() -> None:
    with pytest.raises(TypeError, match="guild_check takes request, by name"):
        plugins(good=GOOD).within(None).each(hookspecs.guild_check, change())
