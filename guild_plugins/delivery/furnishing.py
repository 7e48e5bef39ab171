"""What a work place is given: files that git does not have, ports, folders, a set-up."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from guild_plugins.coordination.place import Place
from guild_plugins.delivery.copies import digest_of
from guild_plugins.delivery.workplaces import Workplace
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.process import user_environment
from guild_plugins.scopes.model import WorkSettings
from guild_plugins.stages.events import Copied

LAST_PORT: Final = 65535


class PortsExhausted(GuildError):
    """No block of ports is left."""

    slug = "ports-exhausted"
    remedy = "Stop a work place, or set workplaces.ports to less; 0 gives none."

    def __init__(self, first: int, size: int) -> None:
        super().__init__(first, size)
        self.first, self.size = first, size

    def __str__(self) -> str:
        return f"No {self.size} ports in a row are free from {self.first} on."


class SetupFailed(GuildError):
    """The set-up command of a work place ended with an error; the work place stays."""

    slug = "setup-failed"
    exit = Exit.NO
    remedy = "Repair it, and run guild start again: it goes on with the set-up."

    def __init__(self, name: str, command: tuple[str, ...], code: int) -> None:
        super().__init__(name, command, code)
        self.name, self.command, self.code = name, command, code

    def __str__(self) -> str:
        return f"The set-up of {self.name}, {' '.join(self.command)!r}, ended with {self.code}."


def copy_files(source: Path, target: Path, settings: WorkSettings) -> tuple[Copied, ...]:
    """Copy the files that are configured, where they are; links are not followed.

    A folder stands for all files in it. A file that the work place has already is left
    alone, and is none of the copies unless it is the same. Called again, it gives the same.
    """
    copied = []
    names = (file for given in settings.copy for file in _files(source, given))
    for name in dict.fromkeys(names):
        here, there = source / name, target / name
        if not _is_plain(source, name) or not _is_plain(target, name, may_lack=True):
            continue
        if not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            draft = there.with_name(f".{there.name}.guild")
            shutil.copy2(here, draft)
            draft.replace(there)
        elif digest_of(there) != digest_of(here):
            continue  # git has it, and another version of it
        copied.append(Copied(name, digest_of(there)))
    return tuple(copied)


def free_number(taken: Collection[int], settings: WorkSettings) -> int:
    """Return the lowest block of ports that no work place has and nobody listens on.

    :raises PortsExhausted: There is none.
    """
    if not settings.ports:
        return min(set(range(len(taken) + 1)) - set(taken))
    for number in range((LAST_PORT + 1 - settings.first_port) // settings.ports):
        if number not in taken and all(map(_is_free, ports_of(number, settings))):
            return number
    raise PortsExhausted(settings.first_port, settings.ports)


def ports_of(number: int, settings: WorkSettings) -> range:
    """Return the ports of a block."""
    first = settings.first_port + number * settings.ports
    return range(first, first + settings.ports)


def folder_of(place: Place, one: Workplace) -> Path:
    """Return where a work place has its caches, its temporary files and its ``env.sh``."""
    return place.folder / "places" / one.id


def furnish(place: Place, one: Workplace, settings: WorkSettings) -> Path:
    """Make the folders of a work place, and the file that a shell reads its variables from."""
    folder = folder_of(place, one)
    for name in ("cache", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = (
        f"export {name}={shlex.quote(value)}\n"
        for name, value in variables(place, one, settings).items()
    )
    file = folder / "env.sh"
    file.write_bytes(os.fsencode("".join(lines)))
    return file


def variables(place: Place, one: Workplace, settings: WorkSettings) -> dict[str, str]:
    """Return the variables of the environment that make a work place one's own."""
    folder, ports = folder_of(place, one), ports_of(one.number, settings)
    own = {
        "GUILD_TASK": one.task,
        "GUILD_SCOPE": one.scope,
        "GUILD_HOLDER": one.name,
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    if ports:
        own |= {"GUILD_PORT": str(ports[0]), "GUILD_PORTS": f"{ports[0]}-{ports[-1]}"}
    return own


def clear_folder(place: Place, one: Workplace) -> None:
    """Remove what `furnish` made, and what was put there; once more is no error."""
    shutil.rmtree(folder_of(place, one), ignore_errors=True)
    with suppress(OSError):
        (place.folder / "places").rmdir()


def run_setup(one: Workplace, settings: WorkSettings, own: Mapping[str, str], handle: int) -> None:
    """Run the set-up command in the work place; what it prints goes to standard error.

    :param own: See `variables`.
    :param handle: A kernel lock that the command keeps open as long as it runs.
    :raises SetupFailed: It ended with an error, or could not be started.
    """
    environ = {**user_environment(os.environ), **own}
    try:
        done = subprocess.run(
            settings.setup,
            cwd=one.path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=2,
            check=False,
            pass_fds=(handle,),
        )
    except OSError:
        raise SetupFailed(one.name, settings.setup, 127) from None
    if done.returncode:
        raise SetupFailed(one.name, settings.setup, done.returncode)


def _files(top: Path, name: str) -> list[str]:
    """Return the files that a configured name stands for, without repositories below it."""
    if any(step.is_symlink() for step in _steps(top / name, top)):
        return []
    found = []
    for folder, below, files in os.walk(top / name):
        below[:] = [inner for inner in below if inner != ".git"]
        found += [os.path.relpath(Path(folder, file), top) for file in files]
    return sorted(found) or [name]


def _is_plain(top: Path, name: str, *, may_lack: bool = False) -> bool:
    """Say whether a path is a file, and no link leads to it."""
    steps = list(_steps(top / name, top))
    if any(step.is_symlink() for step in steps):
        return False
    return (top / name).is_file() or (may_lack and not (top / name).exists())


def _steps(path: Path, top: Path) -> Iterator[Path]:
    while path != top:
        yield path
        path = path.parent


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
