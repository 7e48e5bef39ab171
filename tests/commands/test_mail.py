"""``guild send``, ``guild recv`` and ``guild ask`` in one process, as workers of a run use them."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest

from guild_plugins.cli import main
from tests.commands.repos import isolate, make_repository


@pytest.fixture(autouse=True)
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path, monkeypatch)
    top = make_repository(tmp_path / "repo")
    monkeypatch.chdir(top)
    monkeypatch.setenv("GUILD_SCOPE", "a")
    monkeypatch.setenv("GUILD_RUN", "0123456789abcdef")
    return top


def test_a_message_is_sent_and_taken(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["send", "b", "hello", "--priority", "2"]) == 0
    assert main(["recv", "--as", "b", "--json"]) == 0
    told = json.loads(capfdbinary.readouterr().out)
    assert main(["recv", "--as", "b"]) == 1

    assert (told["sender"], told["kind"], told["priority"], told["body"]) == (
        "a", "message", 2, "hello",
    )  # fmt: skip


def test_runs_do_not_hear_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    main(["send", "b", "hello"])
    for run in ("fedcba9876543210", "../../x"):
        monkeypatch.setenv("GUILD_RUN", run)
        assert main(["recv", "--as", "b"]) == 1


def test_a_request_is_answered_by_its_number(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    codes: list[int] = []
    asker = threading.Thread(
        target=lambda: codes.append(main(["ask", "b", "what?", "--wait", "60s"]))
    )
    asker.start()
    assert main(["recv", "--as", "b", "--wait", "60s", "--json"]) == 0
    request = json.loads(capfdbinary.readouterr().out)
    assert main(["send", "--as", "b", "--reply", str(request["id"]), "that"]) == 0
    asker.join()

    assert (codes, capfdbinary.readouterr().out) == ([0], b"that\n")
    assert main(["send", "--as", "b", "--reply", str(request["id"]), "that"]) == 1


def test_a_topic_and_a_stream(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["recv", "--as", "b", "--subscribe", "news"]) == 0
    assert main(["send", "--topic", "news", "x"]) == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\n\xff\n")))
    assert main(["send", "b", "--stream", "rows"]) == 0
    assert main(["recv", "--as", "b", "--topic", "news"]) == 0
    assert main(["recv", "--as", "b", "--stream", "rows"]) == 0

    assert capfdbinary.readouterr().out == b"1\nx\none\n\xff\n"


def test_what_cannot_be_sent_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "b", "what?", "--wait", "0.01s"]) == 4
    assert main(["send"]) == 2
    monkeypatch.delenv("GUILD_SCOPE")
    assert main(["send", "b", "x"]) == 2

    told = capfd.readouterr().err
    assert "b did not answer within 0.01 s" in told
    assert "scope-unsaid" in told


def test_state_is_shared_in_a_run_or_kept_in_a_file(
    repo: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for words in (["set", "k", "two words"], ["add", "x"], ["add", "y"], ["remove", "y"]):
        assert main(["state", *words]) == 0
    for scope in ("a", "b"):
        assert main(["state", "--as", scope, "count", "n", "2"]) == 0
        assert main(["state", "--as", scope, "log", "l", f"from {scope}"]) == 0
    assert main(["state"]) == 0
    shared = json.loads(capfdbinary.readouterr().out)
    assert main(["state", "--file", "s.guild-state", "add", "z"]) == 0
    assert main(["state", "--file", "s.guild-state"]) == 0
    kept = json.loads(capfdbinary.readouterr().out)

    assert shared == {
        "values": {"k": "two words"}, "set": ["x"], "counters": {"n": 4},
        "logs": {"l": ["from a", "from b"]},
    }  # fmt: skip
    assert kept["set"] == ["z"]
    assert main(["state", "frobnicate"]) == 2
    (repo / "s.guild-state").write_text("no fact\n")
    assert main(["state", "--file", "s.guild-state"]) == 2
