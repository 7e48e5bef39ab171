from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from guild_plugins import cli
from guild_plugins.coordination import here
from guild_plugins.coordination.place import place_in, prepare
from guild_plugins.coordination.remote import REFERENCE, RemoteLeases
from guild_plugins.coordination.table import MARGIN, Facts
from guild_plugins.coordination.who import for_command
from guild_plugins.errors import Exit
from guild_plugins.git.shared import Shared
from guild_plugins.stages.codec import decode, encode
from guild_plugins.stages.leases import Claim, Moment
from tests.commands.repos import GUILD, git, isolate, make_repository


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    isolate(tmp_path, monkeypatch)
    make_repository(tmp_path / "bare", "--bare")
    pair = []
    for name in ("one", "two"):
        pair.append(make_repository(tmp_path / name))
        git(pair[-1], "remote", "add", "origin", str(tmp_path / "bare"))
    return pair[0], pair[1]


def guild(folder: Path, *args: str) -> int:
    return cli.main(["-C", str(folder), *args])


def document(clone: Path) -> tuple[Shared, Facts]:
    shared = Shared(clone, "origin", REFERENCE)
    found = shared.read()
    return shared, decode(Facts, found.content) if found.commit else Facts()


def test_clones_share_the_leases_of_a_remote(
    clones: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = clones

    assert guild(one, "lock", "--remote", str(one / "x"), "--as", "alice") == Exit.DONE
    assert guild(two, "lock", "--remote", str(two / "x"), "--as", "bob") == Exit.CONTENDED
    assert "alice has had x (write)" in capsys.readouterr().err
    assert guild(two, "lock", str(two / "x"), "--as", "bob") == Exit.DONE
    guild(two, "locks", "--remote", "--json")
    out = capsys.readouterr().out
    data = json.loads(out[out.index("{") :])
    assert [lease["holder"]["name"] for lease in data["leases"]] == ["alice"]
    assert guild(one, "unlock", "--remote", str(one / "x"), "--as", "alice") == Exit.DONE
    assert guild(two, "lock", "--remote", str(two / "x"), "--as", "bob") == Exit.DONE


def test_a_command_holds_and_gives_back(clones: tuple[Path, Path]) -> None:
    one, two = clones
    inner = [*GUILD, "-C", str(two), "lock", "--remote", str(two / "x"), "--", "true"]

    assert guild(one, "lock", "--remote", str(one / "x"), "--", *inner) == Exit.CONTENDED
    assert document(two)[1].leases == ()


@pytest.fixture
def holder(clones: tuple[Path, Path]) -> Iterator[subprocess.Popen[bytes]]:
    command = ["lock", "--remote", str(clones[0] / "x"), "--", "sh", "-c", "echo; exec sleep 100"]
    process = subprocess.Popen(
        [*GUILD, "-C", str(clones[0]), *command], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()


def test_a_holder_that_died_on_this_host_is_succeeded_by_another_clone(
    clones: tuple[Path, Path], holder: subprocess.Popen[bytes]
) -> None:
    two = clones[1]
    assert guild(two, "lock", "--remote", str(two / "x"), "--", "true") == Exit.CONTENDED
    holder.kill()
    holder.wait()
    assert guild(two, "lock", "--remote", str(two / "x"), "--", "true") == Exit.CONTENDED

    os.killpg(holder.pid, signal.SIGKILL)  # its command, which was left alone

    code = guild(two, "lock", "--remote", str(two / "x"), "--timeout", "9", "--", "true")
    assert code == Exit.DONE


def elsewhere(clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, later: float) -> None:
    """Be on another host, so much later by its clock."""
    now = here.now()
    monkeypatch.setattr(here, "host", lambda: "elsewhere")
    monkeypatch.setattr(here, "now", lambda: Moment(now.wall + later, 5.0, "other-boot"))


def test_a_holder_on_another_host_is_succeeded_after_its_time_and_the_margin(
    clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = clones
    guild(one, "lock", "--remote", str(one / "x"), "--as", "alice", "--ttl", "10")

    with monkeypatch.context() as patch:
        elsewhere(clones, patch, 10 + MARGIN - 2)
        assert guild(two, "lock", "--remote", str(two / "x"), "--as", "bob") == Exit.CONTENDED
    with monkeypatch.context() as patch:
        elsewhere(clones, patch, 10 + MARGIN + 2)
        assert guild(two, "lock", "--remote", str(two / "x"), "--as", "bob") == Exit.DONE

    assert [lease.holder.name for lease in document(one)[1].leases] == ["bob"]


def test_who_was_paused_past_a_lease_of_the_remote_cannot_commit(
    clones: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = clones
    (one / "x").write_text("1")
    git(one, "add", "x")
    lock = ["-C", str(two), "lock", "--remote", str(two / "x"), "--as", "bob"]
    paused = f'sleep 0.6; "$@" {" ".join(lock)} && "$@" -C {one} commit -m x'
    command = ["sh", "-c", paused, "sh", *GUILD]

    code = guild(one, "lock", "--remote", str(one / "x"), "--ttl", "0.5", "--", *command)

    assert code == Exit.CONTENDED
    assert "lease-gone" in capfd.readouterr().err
    assert git(one, "diff", "--cached", "--name-only") == b"x"
    assert [lease.holder.name for lease in document(one)[1].leases] == ["bob"]
    args = (
        "lock",
        "--remote",
        str(one / "y"),
        "--ttl",
        "9",
        "--",
        *GUILD,
        "-C",
        str(one),
        "commit",
        "-m",
        "x",
    )
    assert guild(one, *args) == Exit.DONE


def test_a_file_on_another_host_proves_nothing_here(clones: tuple[Path, Path]) -> None:
    one, two = clones
    place = place_in(one / ".git")
    prepare(place)
    leases = RemoteLeases(place, Shared(one, "origin", REFERENCE))
    far = replace(for_command("far", {}), id="/nowhere/else", host="elsewhere")
    leases.take(far, [Claim("write", ("x",))], ttl=60, patience=0)

    assert guild(two, "lock", "--remote", str(two / "x"), "--", "true") == Exit.CONTENDED


def test_one_of_many_clones_wins(clones: tuple[Path, Path]) -> None:
    commands = [
        [*GUILD, "-C", str(clone), "lock", "--remote", str(clone / "x"), "--as", f"n{number}"]
        for number, clone in enumerate(clones * 3)
    ]

    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]

    codes = sorted(process.wait() for process in processes)
    assert codes == [Exit.DONE, *[Exit.CONTENDED] * 5]


def test_a_remote_that_is_not_there_is_told(
    clones: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code = guild(clones[0], "locks", "--remote", "--remote-name=--upload-pack=touch evil")

    assert code == Exit.CONTENDED
    assert "remote-unreachable" in capsys.readouterr().err
    assert not (clones[0] / "evil").exists()


def test_a_table_that_cannot_be_read_is_left_alone(
    clones: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shared, _ = document(clones[0])
    assert shared.swap(shared.read(), b"nonsense")

    assert guild(clones[1], "locks", "--remote") == Exit.RECOVERY
    assert "journal-damaged" in capsys.readouterr().err


def test_a_swap_from_an_old_state_changes_nothing(clones: tuple[Path, Path]) -> None:
    shared, _ = document(clones[0])
    empty = shared.read()
    assert shared.swap(empty, encode(Facts()).encode())

    assert not shared.swap(empty, b"late")
    assert document(clones[1])[1] == Facts()
