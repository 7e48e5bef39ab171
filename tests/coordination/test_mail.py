"""Messages between scopes: order, bounds, answers, topics, streams, and several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guild_plugins.coordination.mail import CAPACITY, LARGEST, Mail
from guild_plugins.coordination.mail_errors import ChannelFull, MessageTooLarge, NoAnswer
from tests.coordination import mail_players

TOP = Path(__file__).parents[2]


@pytest.fixture
def of(tmp_path: Path) -> Callable[..., Mail]:
    return lambda scope, capacity=CAPACITY: Mail(tmp_path / "run", scope, capacity)


def bodies(mail: Mail, **options: object) -> list[bytes]:
    """Take all that is there."""
    return [m.body for m in iter(lambda: mail.receive(**options), None)]  # type: ignore[arg-type]


def test_what_has_priority_is_taken_first_and_of_equal_ones_the_oldest(
    of: Callable[..., Mail],
) -> None:
    a, b = of("a"), of("b")
    for body, priority in ((b"1", 0), (b"2", 0), (b"urgent", 5), (b"later", -1)):
        a.send("b", body, priority=priority)

    assert bodies(b) == [b"urgent", b"1", b"2", b"later"]
    assert b.receive() is None


def test_each_scope_takes_its_own_messages_and_may_choose_the_sender(
    of: Callable[..., Mail],
) -> None:
    of("a").send("b", b"from a")
    of("c").send("b", b"from c")
    of("a").send("c", b"\0\xff")

    assert bodies(of("b"), sender="c") == [b"from c"]
    assert bodies(of("b")) == [b"from a"]
    assert bodies(of("c")) == [b"\0\xff"]


def test_a_full_channel_refuses_and_others_do_not_care(of: Callable[..., Mail]) -> None:
    a = of("a", capacity=2)
    for _ in range(2):
        a.send("b", b"x")

    with pytest.raises(ChannelFull):
        a.send("b", b"y", patience=0.01)
    of("c", capacity=2).send("b", b"z", patience=0)
    a.send("c", b"z", patience=0)

    assert of("b").waiting() == {("a", "b"): 2, ("c", "b"): 1, ("a", "c"): 1}


def test_a_quick_producer_waits_for_a_slow_consumer(of: Callable[..., Mail]) -> None:
    a, b = of("a", capacity=4), of("b")
    most = 0

    def produce() -> None:
        for number in range(40):
            a.send("b", str(number).encode(), patience=60)

    thread = threading.Thread(target=produce)
    thread.start()
    taken = []
    while len(taken) < 40:
        most = max(most, sum(b.waiting().values()))
        message = b.receive(patience=60)
        assert message is not None
        taken.append(int(message.body))
    thread.join()

    assert taken == list(range(40))
    assert 1 <= most <= 4


def test_a_request_has_one_answer_and_only_as_long_as_somebody_waits(
    of: Callable[..., Mail],
) -> None:
    a, b = of("a"), of("b")
    with pytest.raises(NoAnswer):
        a.ask("b", b"?", patience=0.01)
    assert b.receive() is None  # it was withdrawn

    answers: list[bytes] = []
    asker = threading.Thread(target=lambda: answers.append(a.ask("b", b"?", patience=60)))
    asker.start()
    request = b.receive(patience=60)
    assert request is not None
    assert b.answer(request.id, b"!")
    asker.join()

    assert (request.kind, answers) == ("request", [b"!"])
    assert not b.answer(request.id, b"once more")
    assert a.receive() is None


def test_what_is_published_goes_to_all_that_subscribed(of: Callable[..., Mail]) -> None:
    of("b").subscribe("news")
    of("b").subscribe("news")
    of("c").subscribe("news")
    of("d").subscribe("other")

    assert of("a").publish("news", b"x") == 2

    assert [bodies(of(scope)) for scope in "bcd"] == [[b"x"], [b"x"], []]


def test_a_stream_comes_in_order_and_ends(of: Callable[..., Mail]) -> None:
    a, b = of("a", capacity=3), of("b")

    def produce() -> None:
        for number in range(10):
            a.send_part("b", "rows", str(number).encode(), patience=60)
        a.end_stream("b", "rows", patience=60)

    thread = threading.Thread(target=produce)
    thread.start()
    parts = list(b.stream("rows", patience=60))
    thread.join()

    assert parts == [str(number).encode() for number in range(10)]
    with pytest.raises(NoAnswer):
        next(b.stream("rows", patience=0.01))


def test_a_message_may_be_so_large_and_no_larger(of: Callable[..., Mail]) -> None:
    of("a").send("b", b"x" * LARGEST)
    with pytest.raises(MessageTooLarge):
        of("a").send("b", b"x" * (LARGEST + 1))


def test_processes_ask_and_answer_each_other_and_nothing_is_lost(
    tmp_path: Path, of: Callable[..., Mail]
) -> None:
    each, askers = 40, 2
    words = (sys.executable, "-m", mail_players.__name__, str(tmp_path / "run"), "server")
    server = subprocess.Popen([*words, str(each * askers)], cwd=TOP)
    answers: dict[str, list[bytes]] = {}

    def ask(scope: str) -> None:
        mail = of(scope)
        told = (f"{scope}{number}".encode() for number in range(each))
        answers[scope] = [mail.ask("server", body, patience=60) for body in told]

    threads = [threading.Thread(target=ask, args=(scope,)) for scope in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert server.wait(60) == 0
    for scope in "ab":
        assert answers[scope] == [f"{scope}{n}".encode()[::-1] for n in range(each)]
    assert not of("a").waiting()


def test_a_receiver_that_is_killed_leaves_the_rest_to_the_next(
    tmp_path: Path, of: Callable[..., Mail]
) -> None:
    words = (sys.executable, "-m", mail_players.__name__, str(tmp_path / "run"), "server", "9")
    server = subprocess.Popen(words, cwd=TOP)
    time.sleep(0.2)
    server.kill()
    server.wait()
    for number in range(3):
        of("a").send("server", str(number).encode())

    assert bodies(of("server")) == [b"0", b"1", b"2"]
