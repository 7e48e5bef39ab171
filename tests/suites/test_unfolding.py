"""Tests of a file made a few at a time: all of them, in pytest's order, each by one worker."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guild_plugins.suites.collection import (
    COLLECTOR,
    Collected,
    OnDemandCollector,
    Request,
    Target,
)
from guild_plugins.suites.unfolding import (
    ALL,
    Chosen,
    holders,
    is_within,
)
from guild_plugins.suites.watched import Watched, looks_at_each_alone
from tests.suites.runs import expect, run, write

pytest_plugins = ["pytester"]

Hook = Callable[..., object]

MIXED = """
    import unittest
    import pytest

    def test_a(): pass

    class TestPlain:
        def test_b(self): pass
        class TestInner:
            def test_c(self): pass
        @pytest.mark.parametrize("n", range(4))
        def test_d(self, n): pass

    class Base:
        def test_e(self): pass
        def test_f(self): pass

    class TestHeir(Base):
        def test_f(self): pass
        def test_g(self): pass

    class TestCase(unittest.TestCase):
        def test_h(self): pass
        def test_i(self): pass

    @pytest.mark.parametrize("name", ["one", "x::y", "[z]"])
    def test_j(name): pass

    def helper(): pass
    test_value = 3

    class TestLong:
        @pytest.mark.parametrize("left", range(9))
        @pytest.mark.parametrize("right", ["x::y", "[z]", "b", "b", "c"])
        def test_l(self, left, right): pass
        def test_m(self): pass

    def test_k(): pass
"""


class Reader:
    """A session in this process, of which one file is collected as a worker does."""

    def __init__(self, pytester: pytest.Pytester, text: str, *args: str) -> None:
        self.file = pytester.path / "test_it.py"
        self.file.write_text(textwrap.dedent(text), encoding="utf-8")
        quiet = ("-p", "no:randomly", "-p", "no:rerunfailures", "-p", "no:asyncio")
        self.config = pytester.parseconfigure(*quiet, *args, str(pytester.path))
        self.session = pytest.Session.from_config(self.config)
        self.config.hook.pytest_sessionstart(session=self.session)
        self.collector = OnDemandCollector(
            self.session, [Target(pytester.path)], lambda path: path.name.startswith("test_")
        )
        self.config.pluginmanager.register(self.collector, COLLECTOR)

    def request(self, most: int = ALL, **kwargs: frozenset[str]) -> Request:
        return Request(0, (str(self.file),), most=most, **kwargs)

    def batches(self, most: int, request: Request | None = None) -> Iterator[list[str]]:
        """Collect so many tests at a time, and return the node ids of each time."""
        request = request or self.request(most)
        collected = self.collector.collect(request)
        yield ids(collected)
        rest = collected.rest
        while rest:
            yield ids(self.collector.collect_more(request, rest, most))


def ids(collected: Collected) -> list[str]:
    return [item.nodeid for item in collected.items]


def flat(batches: Iterator[list[str]]) -> list[str]:
    return [nodeid for batch in batches for nodeid in batch]


@pytest.fixture
def serial(pytester: pytest.Pytester) -> list[str]:
    """The node ids of MIXED as plain pytest orders them."""
    pytester.makepyfile(test_it=textwrap.dedent(MIXED))
    items, _ = pytester.inline_genitems("-p", "no:randomly", "-p", "no:asyncio", "test_it.py")
    return [item.nodeid for item in items]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 200])
def test_a_few_at_a_time_come_to_all_in_the_same_order(
    pytester: pytest.Pytester, serial: list[str], most: int
) -> None:
    reader = Reader(pytester, MIXED)

    batches = list(reader.batches(most))

    assert [nodeid for batch in batches for nodeid in batch] == serial
    assert len(batches) > 1 or most == 200


@pytest.mark.parametrize("most", [1, 3, 6, 40])
def test_what_is_given_away_and_what_is_kept_are_the_whole(
    pytester: pytest.Pytester, serial: list[str], most: int
) -> None:
    reader = Reader(pytester, MIXED)
    request = reader.request(most)
    collected = reader.collector.collect(request)
    rest = collected.rest
    assert rest is not None

    parts, count = rest.give(waiting=0)
    kept = ids(collected)
    while rest:
        kept += ids(reader.collector.collect_more(request, rest, most))
    other = flat(reader.batches(most, reader.request(most, parts=frozenset(parts))))

    assert parts
    assert count == len(other)
    assert kept + other == serial


def test_half_of_what_waits_is_given_away(pytester: pytest.Pytester) -> None:
    text = "\n".join(f"def test_{n:03}(): pass" for n in range(100))
    reader = Reader(pytester, text)
    rest = reader.collector.collect(reader.request(20)).rest
    assert rest is not None

    parts, count = rest.give(waiting=20)

    assert (len(parts), count) == (50, 50)
    assert parts[0].endswith("test_050")
    assert parts[-1].endswith("test_099")
    assert rest.weight == 30


@pytest.mark.parametrize("most", [1, 2, 7])
def test_what_is_given_on_by_who_was_given_it_is_no_more_than_that(
    pytester: pytest.Pytester, serial: list[str], most: int
) -> None:
    reader = Reader(pytester, MIXED)
    run: list[str] = []
    waiting = [reader.request(most)]
    while waiting:
        request = waiting.pop()
        collected = reader.collector.collect(request)
        run += ids(collected)
        while rest := collected.rest:
            parts, _ = rest.give(waiting=1)
            waiting.append(reader.request(most, parts=frozenset(parts)))
            collected = reader.collector.collect_more(request, rest, most)
            run += ids(collected)

    assert sorted(run) == sorted(serial)


def test_half_of_what_waits_of_one_function_is_given_away(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        @pytest.mark.parametrize("n", range(100))
        def test_n(n): pass
    """
    reader = Reader(pytester, text)
    collected = reader.collector.collect(reader.request(20))
    rest = collected.rest
    assert rest is not None

    parts, count = rest.give(waiting=20)
    again, _ = rest.give(waiting=0)
    other = flat(reader.batches(7, reader.request(7, parts=frozenset(parts))))

    assert len(ids(collected)) == 20
    assert (len(parts), count, len(again), rest.weight) == (50, 50, 15, 15)
    assert other == parts == [f"test_it.py::test_n[{n}]" for n in range(50, 100)]


def test_parameters_that_are_not_found_again_are_told(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        @pytest.mark.parametrize("n", range(100))
        def test_n(n): pass
    """
    reader = Reader(pytester, text)
    wanted = frozenset({"test_it.py::test_n[3]", "test_it.py::test_n[other]"})

    collected = reader.collector.collect(reader.request(8, parts=wanted))

    assert ids(collected) == ["test_it.py::test_n[3]"]
    assert collected.rest is None
    assert collected.missing == ("test_it.py::test_n[other]",)


def test_tests_that_share_a_parameter_come_together(pytester: pytest.Pytester) -> None:
    text = """
        import pytest
        @pytest.fixture(scope="module", params=["x", "y"])
        def shared(request): return request.param
        def test_a(shared): pass
        def test_b(shared): pass
        def test_c(): pass
    """
    reader = Reader(pytester, text)

    batches = list(reader.batches(1))

    assert batches == [
        [
            "test_it.py::test_a[x]",
            "test_it.py::test_b[x]",
            "test_it.py::test_a[y]",
            "test_it.py::test_b[y]",
            "test_it.py::test_c",
        ]
    ]


@pytest.mark.parametrize("option", ["--lf", "--ff", "--nf", "--sw"])
def test_whoever_orders_by_former_runs_sees_all_tests_at_once(
    pytester: pytest.Pytester, option: str
) -> None:
    reader = Reader(pytester, MIXED, option)

    assert len(list(reader.batches(1))) == 1


@pytest.mark.parametrize(
    "hook",
    ["pytest_collection_modifyitems(items): items.reverse()", "pytest_pycollect_makeitem(): pass"],
)
def test_a_plugin_that_looks_at_a_whole_file_sees_it(pytester: pytest.Pytester, hook: str) -> None:
    pytester.makeconftest(f"def {hook}\n")
    reader = Reader(pytester, MIXED)

    assert len(list(reader.batches(1))) == 1


def marks(config, items):
    if config.getoption("slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker("skip")
    for item in items:
        item.name = str(item)


def sorts(items):
    items.sort()


def cuts(items):
    items[:] = [item for item in items if item.name]


def counts(items):
    for number, item in enumerate(items):
        item.add_marker(str(number))


def passes_on(config, items):
    for item in items:
        config.hook.say(item, items)


def hides(items):
    return [lambda: items]


def has_none(config):
    return config


@pytest.mark.parametrize("hook", [sorts, cuts, counts, passes_on, hides, has_none])
def test_a_hook_that_does_more_than_go_through_the_tests_is_known(hook: Hook) -> None:
    assert not looks_at_each_alone(hook)


def test_a_conftest_that_marks_tests_does_not_need_to_see_all_at_once(
    pytester: pytest.Pytester,
) -> None:
    assert looks_at_each_alone(marks)
    pytester.makeconftest(
        """
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker("seen")
        """
    )
    reader = Reader(pytester, MIXED)

    assert len(list(reader.batches(1))) > 5


@pytest.mark.parametrize(("hook", "is_used"), [(counts, False), (sorts, True), (cuts, True)])
def test_what_a_hook_does_with_a_list_is_seen(hook: Hook, is_used: bool) -> None:
    items = Watched([])

    hook(items)

    assert items.is_used == is_used
    assert items.plain() == []


def test_a_conftest_that_only_passes_tests_on_where_it_is_asked_to_is_found_out(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest(
        """
        def pytest_collection_modifyitems(config, items):
            if config.option.keyword:
                config.hook.say(items)
            for item in items:
                item.add_marker("seen")
        """
    )
    reader = Reader(pytester, MIXED)

    assert len(list(reader.batches(1))) == 1
    assert len(list(reader.batches(1))) > 5


def test_a_conftest_that_sorts_sees_whole_files_all_along(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        "def pytest_collection_modifyitems(items): items.sort(key=lambda i: i.name)"
    )
    reader = Reader(pytester, MIXED)

    assert [len(list(reader.batches(1))) for _ in range(3)] == [1, 1, 1]


def test_a_module_that_is_read_again_sets_its_fixtures_up_once(tmp_path: Path) -> None:
    text = """
        import time, pytest
        from pathlib import Path

        @pytest.fixture(autouse=True, scope="module")
        def once(request):
            with Path("setups").open("a") as file:
                file.write(f"{request.config.workerinput['workerid']}\\n")

        @pytest.mark.parametrize("n", range(5))
        class TestSlow:
            def test_slow(self, n): time.sleep(0.02)
    """
    tests = "\n".join(f"def test_{n:03}(): time.sleep(0.02)" for n in range(150))
    tree = write(tmp_path, {"test_it.py": textwrap.dedent(text) + tests})
    expect(tree, 8.0)

    ended = run(tree, "--guild-scopes", "-n2", "--guild-all-workers")

    assert len(ended.of("passed")) == 155
    assert set(ended.outcomes.values()) == {1}
    setups = (tree / "setups").read_text(encoding="utf-8").split()
    assert len(setups) == len(set(setups))


MANY = "\n".join(f"def test_{n:03}(): time.sleep(0.03)" for n in range(200))
LONG = """
@pytest.mark.parametrize("n", range(200))
def test_n(n): time.sleep(0.03)
"""


@pytest.mark.parametrize("tests", [MANY, LONG], ids=["many", "long"])
def test_a_large_file_that_two_workers_share_is_collected_once(tmp_path: Path, tests: str) -> None:
    slow = f"import time, pytest\n{tests}"
    tree = write(tmp_path, {"test_it.py": slow})
    expect(tree, 8.0)

    ended = run(tree, "--guild-scopes", "-n2", "--guild-all-workers", "--guild-report=report.json")

    workers = json.loads((tree / "report.json").read_text(encoding="utf-8"))["workers"]
    assert len(ended.of("passed")) == 200
    assert sum(worker["collected"] for worker in workers) == 200
    assert min(worker["ran"] for worker in workers) > 50


def test_the_holders_of_a_node_are_found_from_the_inside_out() -> None:
    assert list(holders("a.py::A::B::test[x::y]")) == ["a.py::A::B::test", "a.py::A::B", "a.py::A"]
    assert list(holders("a.py::test")) == []
    assert is_within("a.py::A::test", {"a.py::A"})
    assert not is_within("a.py::AB::test", {"a.py::A"})


def test_what_is_chosen_is_led_to_and_covered() -> None:
    chosen = Chosen.of(["a.py::A::test_one"])

    assert chosen.leads("a.py::A")
    assert not chosen.covers("a.py::A")
    assert chosen.covers("a.py::A::test_one[3]")
    assert not chosen.leads("a.py::A::test_two")
