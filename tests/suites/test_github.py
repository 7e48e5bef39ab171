from pathlib import Path

from guild_plugins.suites.failures import Failure
from guild_plugins.suites.github import MOST, error_lines, step_summary
from guild_plugins.suites.ledger import Account

ROOT = Path("/work/shop/api")


def failure(**fields: object) -> Failure:
    known = {
        "nodeid": "tests/test_a.py::test_x[a,b]",
        "kind": "failed",
        "when": "call",
        "message": "100% wrong\r\n::stop",
        "file": "tests/test_a.py",
        "line": 3,
        "worker": "gw0",
    }
    return Failure(**{**known, **fields})  # type: ignore[arg-type]


def test_a_failure_becomes_an_escaped_command() -> None:
    (line,) = error_lines([failure()], ROOT, "/work/shop")

    assert line == (
        "::error file=api/tests/test_a.py,line=3,"
        "title=failed%3A tests/test_a.py%3A%3Atest_x[a%2Cb]::100%25 wrong%0D%0A::stop"
    )


def test_a_failure_without_a_line_has_none() -> None:
    (line,) = error_lines([failure(line=None)], ROOT, None)

    assert line.startswith("::error file=tests/test_a.py,title=")


def test_there_are_not_more_annotations_than_can_be_read() -> None:
    lines = error_lines([failure()] * (MOST + 7), ROOT, None)

    assert len(lines) == MOST + 1
    assert lines[-1] == "::notice title=Guild::7 failures more; the log tells all of them"


def test_the_summary_is_a_table_that_no_name_can_break() -> None:
    account = Account("a|b<script>", ran=2)
    account.counts["passed"] = 2

    text = step_summary([account], {}, "1.0 s", "1/2")

    assert "| a\\|b\\<script\\> | 2 | passed |" in text
    assert text.startswith("### Tests by scope (part 1/2)\n")
    assert "2 tests in 1.0 s." in text
