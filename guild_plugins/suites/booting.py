"""Brings workers' processes up, side by side, and tells each what it is to be."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import execnet
import pytest
from xdist.workermanage import NodeManager

from guild_plugins.suites.nodes import SuiteNode, kill
from guild_plugins.suites.plan import Plan
from guild_plugins.suites.pools import Pool

Put = Callable[[tuple[str, dict[str, Any]]], None]


class Boots:
    """Starts workers like those that the user asked for (``-n``, ``--tx``).

    :param shared: A directory for the files that workers share with the controller.
    :param put: Puts an event on the session's queue. ``booted`` comes from here, with
        the pool's name, the spec, and the gateway or the error.
    """

    def __init__(self, config: pytest.Config, plan: Plan, shared: Path, put: Put) -> None:
        self._config = config
        self._plan = plan
        self._shared = shared
        self._put = put
        self.manager = NodeManager(config)
        self._specs: list[execnet.XSpec] = list(self.manager.specs)
        self._gateways: list[Any] = []  # execnet forgets those that were asked to end
        self.started = 0
        self.pending = 0
        """Processes that are on their way."""
        config.hook.pytest_xdist_setupnodes(config=config, specs=self._specs)

    def begin(self, pool: str) -> None:
        """Start a process; it takes a tenth of a second until it answers."""
        self.pending += 1
        spec = self._next_spec(self._plan.pools[pool])
        threading.Thread(target=self._boot, args=(spec, pool), daemon=True).start()

    def _boot(self, spec: execnet.XSpec, pool: str) -> None:
        said: dict[str, Any] = {"pool_name": pool, "spec": spec}
        try:
            said["gateway"] = gateway = self.manager.group.makegateway(spec)
            self._gateways.append(gateway)
        except Exception as error:  # noqa: BLE001 (execnet raises what the other side does)
            said["error"] = error
        self._put(("booted", said))

    def kill_all(self) -> None:
        """End all processes that came up; those on their way end with this one."""
        for gateway in tuple(self._gateways):
            kill(gateway)

    def _next_spec(self, pool: Pool) -> execnet.XSpec:
        """Return the spec for one more worker, like those that the user asked for."""
        number, self.started = self.started, self.started + 1
        if number < len(self._specs) and pool.python is None:
            return self._specs[number]
        text = str(self._specs[number % len(self._specs)])
        kept = [part for part in text.split("//") if not part.startswith("id=")]
        if pool.python is not None:
            kept = [part for part in kept if not part.startswith("python=")]
            kept.append(f"python={pool.python}")
        spec = execnet.XSpec("//".join(kept))
        self.manager.group.allocate_id(spec)
        return spec

    def make(self, pool_name: str, gateway: Any) -> SuiteNode:
        """Return the worker of a process that came up, not set up yet."""
        pool = self._plan.pools[pool_name]
        self._config.hook.pytest_xdist_newgateway(gateway=gateway)
        self.manager.rsync_roots(gateway)
        node = SuiteNode(self.manager, gateway, self._config, self._put)
        gateway.node = node
        node.pool = pool_name
        node.held = {}
        node.told = Counter()
        if gateway.spec.popen:
            node.store = self._shared / f"{gateway.id}.records"
        node.workerinput["guild"] = self._orders(pool, node)
        return node

    def _orders(self, pool: Pool, node: SuiteNode) -> dict[str, Any]:
        return {
            "targets": [
                (str(target.path), target.levels, list(target.names)) for target in pool.targets
            ],
            "store": str(node.store) if node.store else None,
            "args": list(pool.args) if pool.args is not None else None,
            "chdir": pool.chdir,
            "env": dict(pool.env),
            "terminal": _terminal_size() if node.gateway.spec.popen else {},
            "own_path": pool.python is not None,
            "guard": self._plan.guard,
            "freezes": self._plan.freezes,
            "python": pool.python,
        }


def _terminal_size() -> dict[str, str | None]:
    """Return what the environment says of the terminal.

    In a child process it says more: readline, which pytest imports, sets it behind
    Python's back. Tests in this process would not see that.
    """
    return {name: os.environ.get(name) for name in ("LINES", "COLUMNS")}
