"""From the name of an executor to hands: the plugin that knows it is asked here, in the
coordinator, since it has to keep the connection.
"""

from __future__ import annotations

from collections.abc import Callable

from guild_plugins.engine.driver.work import Hands
from guild_plugins.errors import Exit, GuildError
from guild_plugins.plugins.running.settings import LOCAL, Settings
from guild_plugins.plugins.running.shop import RunShop
from guild_plugins.stages.codec import decode
from guild_plugins.stages.runs import RunStarted


class ExecutorUnknown(GuildError):
    """No plugin has an executor of that name."""

    slug = "executor-unknown"
    exit = Exit.USAGE
    remedy = "guild plugins guild_executor lists who supplies executors."

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"There is no executor {self.name!r}."


def hands_for(started: RunStarted, shop: RunShop) -> Callable[[], Hands] | None:
    """Return who does a run's work; ``None`` where this machine does all of it.

    :raises ExecutorUnknown: No plugin knows the executor.
    :raises PluginFault: A plugin that supplies executors is at fault.
    """
    settings = decode(Settings, started.settings)
    if settings.executor == LOCAL:
        return None
    # Only now: without an executor, a coordinator imports no plugin.
    from guild_plugins.plugins.running.asking import plugins_of
    from guild_plugins.plugins.running.distant import Base, DistantHands
    from guild_plugins.stages import hookspecs
    from guild_plugins.stages.executors import ExecutorRequest

    request = ExecutorRequest(
        name=settings.executor, address=settings.address, workers=settings.slots
    )
    answer = plugins_of(str(shop.top)).within(None).first(hookspecs.guild_executor, request=request)
    if answer is None:
        raise ExecutorUnknown(settings.executor)
    base = Base(shop.top, started.base, shop.environ)
    return lambda: DistantHands(answer.value, base)
