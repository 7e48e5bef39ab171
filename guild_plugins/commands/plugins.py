"""``guild plugins``: which plugins there are, and who implements what."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guild_plugins.errors import Exit
from guild_plugins.plugins.loading import load_plugins
from guild_plugins.report.tables import render_table
from guild_plugins.report.text import printable
from guild_plugins.stages.calls import Implementation
from guild_plugins.stages.hookspecs import CONTRACT
from guild_plugins.stages.manager import Plugins


def run(_directory: Path, args: argparse.Namespace) -> int:
    """List the plugins, and who implements what

    Plugins are entry points of the group "guild" of installed packages, and are
    imported. GUILD_DISABLE_PLUGINS=NAME,NAME does without some, * without all but
    Guild's own. Exit code 6 where something is wrong with one.

    With --json: {"version": 1, "contract": number, "plugins": [{"name",
    "distribution", "version", "state": "loaded", "disabled" or "unloadable",
    "hooks": [hook]}], "hooks": {hook: [plugin, in the order of calls]}, "faults":
    [{"plugin", "distribution", "hook" or null, "kind", "message"}]}.
    """
    plugins = load_plugins(os.environ)
    if args.json:
        print(json.dumps(_as_data(plugins), indent=2))
    else:
        print("\n\n".join(_as_text(_as_data(plugins))))
    return Exit.PLUGIN if plugins.faults else Exit.DONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    parser.add_argument("--json", action="store_true", help="print data instead of tables")


def _as_data(plugins: Plugins) -> dict[str, Any]:
    hooks = {
        hook: [
            entry.plugin.name
            for entry in plugins.implementations(hook)
            if isinstance(entry, Implementation)
        ]
        for hook in plugins.hooks
    }
    states = {
        "loaded": plugins.loaded,
        "disabled": plugins.disabled,
        "unloadable": plugins.unloaded,
    }
    return {
        "version": 1,
        "contract": CONTRACT,
        "plugins": [
            {
                "name": source.name,
                "distribution": source.distribution,
                "version": source.version,
                "state": state,
                "hooks": [hook for hook, names in hooks.items() if source.name in names]
                if state == "loaded"
                else [],
            }
            for state, sources in states.items()
            for source in sources
        ],
        "hooks": hooks,
        "faults": [
            {
                "plugin": fault.plugin,
                "distribution": fault.distribution,
                "hook": fault.hook or None,
                "kind": fault.slug,
                "message": str(fault),
            }
            for fault in plugins.faults
        ],
    }


def _as_text(data: dict[str, Any]) -> Iterator[str]:
    rows = [
        (each["name"], each["distribution"], each["version"], each["state"])
        for each in data["plugins"]
    ]
    yield render_table(("plugin", "package", "version", "state"), rows)
    used = [(hook, ", then ".join(names)) for hook, names in data["hooks"].items() if names]
    if used:
        yield render_table(("hook", "implemented by"), used)
    unused = [hook for hook, names in data["hooks"].items() if not names]
    if unused:
        yield f"implemented by nobody: {', '.join(unused)}"
    if data["faults"]:
        yield "\n".join(printable(fault["message"]) for fault in data["faults"])
