"""Distributions as an installer leaves them: packages with metadata in a directory of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

GUILD = (sys.executable, "-m", "guild_plugins.start")

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-plugin"


def install(project: Path, site: Path, work: Path) -> None:
    """Build a project's wheel with its own backend, and unpack it, as pip does. No network."""
    copy = shutil.copytree(project, work / "source")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work / "out")]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (wheel,) = (work / "out").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def write_plugin(site: Path, name: str, code: str) -> None:
    """Write a distribution ``guild-NAME`` with one module and the plugin NAME."""
    site.mkdir(exist_ok=True)
    (site / f"guild_{name}.py").write_text(code)
    metadata = site / f"guild_{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: guild-{name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[guild]\n{name} = guild_{name}\n")


def guild(*args: str, site: Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run ``guild`` as a user would who installed what is in a directory."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GUILD_"))}
    path = os.pathsep.join((str(site), str(EXAMPLE.parents[1])))
    return subprocess.run(
        [*GUILD, *args],
        cwd=cwd,
        env={**kept, "PYTHONPATH": path, "HOME": str(site), **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )
