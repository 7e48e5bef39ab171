from guild_plugins.suites.ledger import Account, Ledger
from guild_plugins.suites.summary import MOST_ROWS, choose, reasons, table
from guild_plugins.suites.words import outcome, printable, seconds


def account(name: str, ran: int = 1, **counts: int) -> Account:
    made = Account(name, ran=ran)
    made.counts.update(counts)
    return made


def test_the_table_lines_up() -> None:
    core = account("core", ran=1210, passed=1208, failed=2)
    core.worker_s, core.first_at, core.last_at, core.steals = 130.2, 0.0, 12.34, 3

    lines = table([core, account("web", passed=1)], {})

    assert lines == [
        "scope  tests  outcome     time   worker time  steals",
        "core   1,210  2 failed  12.3 s  2 min 10 s       3",
        "web        1  passed     0.0 s         0.0 s",
    ] or [line.split() for line in lines] == [
        ["scope", "tests", "outcome", "time", "worker", "time", "steals"],
        ["core", "1,210", "2", "failed", "12.3", "s", "2", "min", "10", "s", "3"],
        ["web", "1", "passed", "0.0", "s", "0.0", "s"],
    ]


def test_coverage_has_a_column_where_it_was_measured() -> None:
    lines = table([account("core", passed=1), account("web", passed=1)], {"core": 91.04})

    assert lines[0].endswith("coverage")
    assert lines[1].endswith("91.0%")


def test_of_many_scopes_the_failing_and_the_slowest_are_shown() -> None:
    accounts = [account(f"s{n:03}", passed=1) for n in range(100)]
    accounts[50].counts["failed"] = 1
    accounts[70].worker_s = 9

    names = [shown.scope for shown in choose(accounts)]

    assert len(names) == MOST_ROWS
    assert {"s050", "s070"} <= set(names)
    assert names == sorted(names)


def test_scopes_with_one_reason_share_a_line() -> None:
    first, second = account("a"), account("b")
    first.not_run["stopping after 1 failures"] = 12
    second.not_run_files["stopping after 1 failures"] = 3

    assert reasons([first, second]) == [
        "not run: 12 tests and 3 files of 2 scopes: stopping after 1 failures"
    ]


def test_an_outcome_says_what_failed_and_what_is_missing() -> None:
    core = account("core", passed=9, failed=2, crashed=1)
    core.not_run["x"] = 1

    assert outcome(core) == "1 crashed, 2 failed, 1 test not run"


def test_a_name_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\n") == r"a\x1b[2Jb\n"


def test_durations_read_well() -> None:
    assert [seconds(value) for value in (0.04, 99.94, 99.96, 3725)] == [
        "0.0 s", "99.9 s", "1 min 40 s", "1 h 02 min",
    ]  # fmt: skip


def test_a_scope_ends_with_the_last_piece_of_its_last_unit() -> None:
    ledger, ended = Ledger(), list[str]()
    ledger.on_scope_end = lambda account: ended.append(account.scope)
    ledger.expect([(0, "a"), (1, "a"), (2, "b")])

    ledger.end_piece(2)
    ledger.end_piece(0)
    ledger.add_piece(1)
    ledger.end_piece(1)
    assert ended == ["b"]

    ledger.end_piece(1)
    ledger.end_piece(1)  # said twice
    assert ended == ["b", "a"]
