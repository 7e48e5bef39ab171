"""Runs that are killed at random, and resumed: ``python -m benchmarks.kills``. Linux only.

Each round is a ``guild run`` in a fresh copy of a small repository. At a random
moment its coordinator, one of its workers or a whole process group of it is ended
with ``kill -9``, and again after a resumption, a few times at most. What is checked:

- the run ends, and each scope's branch holds the tree of an undisturbed run;
- the journal tells of no unit that finished twice, and its checksums are right;
- no process of the run is left.

Exit code 1 where any of that is not so; the repository is kept then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

GUILD = (sys.executable, "-m", "guild_plugins.start")
WORK = 'echo "Y = 1" >> $0/m.py; sleep 0.1; echo "Z = 1" >> $0/m.py'
WORDS = ("run", "t", "--no-tests", "--json", "--", "sh", "-c", WORK, "{scope}")
STRIKES = 3
"""After so many kills of one run it is left to end."""

HOME = Path(__file__).parents[1]


@dataclass
class Tally:
    """What all rounds came to."""

    kills: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    wrong: list[str] = field(default_factory=list)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment without the user's own settings, by which a run can be found."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GUILD_"))}
    return (
        kept
        | {
            "PYTHONPATH": str(HOME),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "BENCHMARK_ROUND": str(folder),
        }
        | {
            f"GIT_{who}_{what}": "n"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
    )


def make(top: Path, scopes: int) -> None:
    """Make the repository."""
    top.mkdir(parents=True)
    settings = ""
    for number in range(scopes):
        name = f"s{number}"
        (top / name).mkdir()
        (top / name / "m.py").write_text("X = 1\n")
        settings += f'[tool.guild.scopes.{name}]\npaths = ["{name}"]\n'
    (top / "pyproject.toml").write_text(settings)
    for words in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "one"]):
        git(top, *words)


def git(top: Path, *words: str) -> str:
    """Run git."""
    done = subprocess.run(
        ["git", *words], cwd=top, env=environment(top), check=True, capture_output=True, text=True
    )
    return done.stdout


def trees(top: Path) -> dict[str, str]:
    """Return the tree of each scope's branch."""
    form = "--format=%(refname:lstrip=4) %(tree)"
    return dict(
        line.split() for line in git(top, "for-each-ref", form, "refs/heads/guild").splitlines()
    )


def processes(folder: Path) -> Iterator[int]:
    """Yield the processes of a round."""
    mark = os.fsencode(f"BENCHMARK_ROUND={folder}")
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdigit() and mark in (place / "environ").read_bytes().split(b"\0"):
                yield int(place.name)


def strike(run: subprocess.Popen[bytes], folder: Path, chance: random.Random, tally: Tally) -> None:
    """Kill something of a run."""
    kind = chance.choice(("coordinator", "worker", "group"))
    workers = [pid for pid in processes(folder) if pid != run.pid]
    with suppress(ProcessLookupError):
        if kind == "coordinator" or not workers:
            kind = "coordinator"
            run.kill()
        elif kind == "worker":
            os.kill(chance.choice(workers), signal.SIGKILL)
        else:
            os.killpg(os.getpgid(chance.choice(workers)), signal.SIGKILL)
        tally.kills[kind] += 1


def play(top: Path, chance: random.Random, longest: float, tally: Tally) -> None:
    """Do one round: a run that is struck until it ends."""
    words: Sequence[str] = WORDS
    for left in range(STRIKES, -1, -1):
        # In a group of its own, or the group of a worker could be ours.
        run = subprocess.Popen(
            [*GUILD, *words], cwd=top, env=environment(top), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if left:
            with suppress(subprocess.TimeoutExpired):
                run.wait(chance.uniform(0, longest))
            if run.poll() is None:
                strike(run, top, chance, tally)
        code = run.wait(300)
        told = {event["type"] for event in events(top)}
        if code == 0 or "RunEnded" in told:
            return  # killed after its last fact, it has nothing to resume either
        if "RunStarted" not in told:
            continue  # killed before it was noted: there is nothing to resume
        tally.resumed += 1
        words = ("run", "--resume", "--json")
    tally.wrong.append(f"{top}: the last resumption ended with {code}")


def events(top: Path) -> list[dict[str, str]]:
    """Return what the journal holds."""
    done = subprocess.run(
        [*GUILD, "events", "--json"], cwd=top, env=environment(top), capture_output=True, text=True
    )
    return [event for line in done.stdout.splitlines() if "type" in (event := json.loads(line))]


def judge(top: Path, wanted: dict[str, str], tally: Tally) -> None:
    """Check what a round left."""
    found = trees(top)
    if found != wanted:
        tally.wrong.append(f"{top}: trees {found}, and {wanted} were wanted")
    finished = Counter(e["data"]["unit"] for e in events(top) if e["type"] == "UnitFinished")  # type: ignore[index]
    twice = [unit for unit, count in finished.items() if count > 1]
    if twice:
        tally.wrong.append(f"{top}: finished twice: {', '.join(twice)}")
    check = subprocess.run(
        [*GUILD, "events", "--check"], cwd=top, env=environment(top), capture_output=True
    )
    if check.returncode:
        tally.wrong.append(f"{top}: the journal is damaged")
    time.sleep(0.2)
    left = list(processes(top))
    if left:
        tally.wrong.append(f"{top}: processes left: {left}")


def main(argv: Sequence[str] | None = None) -> int:
    """Play all rounds, and say what they came to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--scopes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if sys.platform != "linux":
        print("The benchmark reads /proc, which only Linux has.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="guild-kills-"))
    make(folder / "plain" / "repo", args.scopes)
    shutil.copytree(folder / "plain", folder / "undisturbed")
    begin = time.monotonic()
    play(folder / "undisturbed" / "repo", random.Random(0), 1e9, Tally())
    longest = time.monotonic() - begin
    wanted = trees(folder / "undisturbed" / "repo")
    tally = Tally()
    for number in range(args.rounds):
        place = folder / f"round-{number}"
        shutil.copytree(folder / "plain", place)
        before = len(tally.wrong)
        play(place / "repo", random.Random(f"{args.seed}/{number}"), longest, tally)
        judge(place / "repo", wanted, tally)
        if len(tally.wrong) == before:
            shutil.rmtree(place)
        print(f"round {number + 1}: {len(tally.wrong)} wrong", file=sys.stderr, flush=True)
    struck = ", ".join(f"{count} of a {kind}" for kind, count in sorted(tally.kills.items()))
    print(
        f"{args.rounds} runs, seed {args.seed}; kills: {struck or 'none'}; resumed {tally.resumed}"
    )
    print("\n".join(tally.wrong) or "all equal to the undisturbed run; no process left")
    if not tally.wrong:
        shutil.rmtree(folder)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
