"""The executors that Guild knows: other hosts by execnet, clusters by dask."""

from __future__ import annotations

from guild_plugins.errors import Exit, GuildError
from guild_plugins.stages.executors import Executor, ExecutorRequest
from guild_plugins.stages.hookspecs import hookimpl


class ExecutorMissing(GuildError):
    """What an executor is made of is not installed."""

    slug = "executor-missing"
    exit = Exit.UNSUPPORTED

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        extra = f"pip install 'guild-plugins[{self.name}]'"
        return f"The executor {self.name} needs what is not installed: {extra}."


@hookimpl
def guild_executor(request: ExecutorRequest) -> Executor | None:
    """Supply execnet's gateways, or a cluster of dask.distributed."""
    if request.name == "execnet":
        from guild_plugins.plugins.executors.gateways import Gateways

        return Gateways(specs_of(request.address, request.workers))
    if request.name == "dask":
        try:
            from guild_plugins.plugins.executors.cluster import Cluster
        except ImportError:
            raise ExecutorMissing("dask") from None
        return Cluster(request.address, request.workers)
    return None


def specs_of(address: str | None, workers: int) -> list[str]:
    """Return a specification for each gateway.

    :param address: Specifications with commas between them, each perhaps so many times:
        ``4*ssh=host//python=python3,popen``. Without one: processes of this machine.
    """
    if not address:
        return ["popen"] * workers
    specs: list[str] = []
    for part in address.split(","):
        count, star, spec = part.strip().partition("*")
        specs += [spec] * int(count) if star and count.isdigit() else [part.strip()]
    return specs
