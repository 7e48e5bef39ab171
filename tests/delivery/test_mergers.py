"""Programs that the user configured to merge files, in real merges."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from guild_plugins.delivery.attaching import START, driver_command
from guild_plugins.delivery.mergers import Merger, read_mergers, run_merger
from tests.delivery.conftest import Repo

ASKED = driver_command(Path(sys.executable), START).replace(
    "merge-driver", "merge-driver --mergers"
)
JOINS = (
    "import sys; a, t = sys.argv[2:4]; x = open(a).read() + open(t).read(); open(a, 'w').write(x)"
)


def program(text: str, *more: str) -> str:
    return shlex.join([sys.executable, "-c", text, "%O", "%A", "%B", *more])


def configure(repo: Repo, command: str, files: str = "*.odd") -> None:
    repo.git("config", "merge.guild.driver", ASKED)
    repo.git("config", "guild-merger.own.command", command)
    repo.git("config", "guild-merger.own.files", files)


def test_a_configured_program_merges_the_files_that_it_is_for(repo: Repo) -> None:
    configure(repo, program(JOINS))
    files = {"a.odd": "one\n", "b.txt": "one\n"}
    repo.fork(files, dict.fromkeys(files, "two\n"), dict.fromkeys(files, "three\n"))

    repo.git("merge", "topic", code=1)

    assert repo.text("a.odd") == "two\nthree\n"
    assert "<<<<<<<" in repo.text("b.txt")


def test_none_is_run_unless_the_driver_is_told_so(repo: Repo) -> None:
    configure(repo, program(JOINS))
    repo.git("config", "merge.guild.driver", ASKED.replace("--mergers ", ""))
    repo.fork({"a.odd": "one\n"}, {"a.odd": "two\n"}, {"a.odd": "three\n"})

    repo.git("merge", "topic", code=1)

    assert "<<<<<<<" in repo.text("a.odd")


def test_what_the_tree_says_is_no_configuration(repo: Repo) -> None:
    repo.commit({".gitconfig-of-tree": "", "guild.toml": '[merge]\nmerger = "touch ran"\n'})

    assert read_mergers(repo.top) == []


TEXTS = b"x = 1\n", b"x = 2\n", b"x = 3\n"


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(1)",
        "import os; os.kill(os.getpid(), 9)",
        "import sys, os; os.unlink(sys.argv[2])",
        "import sys; open(sys.argv[2], 'w').write('<<<<<<< a\\n=======\\n>>>>>>> b\\n')",
        "import sys; open(sys.argv[2], 'w').write('def (:\\n')",
        "import time; time.sleep(60)",
    ],
)
def test_what_fails_or_is_unsound_is_not_taken(text: str) -> None:
    merger = Merger("own", tuple(shlex.split(program(text))), ("*.py",), seconds=1.0)

    assert run_merger(merger, "a.py", TEXTS) is None


def test_a_program_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_merger(Merger("own", ("/no such", "%A"), ("*",)), "a", TEXTS) is None

    assert "own could not be run" in capsys.readouterr().err


def test_paths_reach_a_program_as_words_and_never_as_options() -> None:
    text = "import sys; open(sys.argv[2], 'w').write(repr(sys.argv[4:]))"
    merger = Merger("own", tuple(shlex.split(program(text, "%P", "--path=%P"))), ("*",))
    path = "-x '\n$(touch y).txt"

    made = run_merger(merger, path, TEXTS)

    assert made == repr([f"./{path}", f"--path={path}"]).encode()


def test_patterns_are_of_paths_or_names(repo: Repo) -> None:
    configure(repo, "merge %A", "*.rs lib/*.txt")
    repo.git("config", "guild-merger.half.command", "x")
    repo.git("config", "guild-merger.broken.command", "x 'y")

    (merger,) = read_mergers(repo.top)

    assert (merger.name, merger.command) == ("own", ("merge", "%A"))
    wanted = {"a/b.rs": True, "lib/x.txt": True, "x.txt": False}
    assert {path: merger.is_for(path) for path in wanted} == wanted
