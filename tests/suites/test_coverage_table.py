import pytest

from guild_plugins.suites.coverage_table import (
    TOTAL,
    Figures,
    Measured,
    Miss,
    misses,
    parse_floors,
    percent,
    render,
    sum_up,
    whole_of,
)

LINES = frozenset(range(1, 11))
INSIDE = frozenset(range(5, 11))


def measured(scope: str = "api", executed: frozenset[int] = LINES, **by: set[int]) -> Measured:
    return Measured(scope, LINES, executed, INSIDE, by)


def test_statements_of_functions_count_for_those_who_ran_them() -> None:
    (figures,) = sum_up([measured(api={5, 6, 7}, web={8})])

    assert (figures.own, figures.others) == (3 + 4, 1 + 4)


def test_statements_run_at_import_do_not_depend_on_who_came_first() -> None:
    api_first = sum_up([measured(api={1, 2, 3, 4, 5}, web={5})])
    web_first = sum_up([measured(api={5}, web={1, 2, 3, 4, 5})])

    assert api_first == web_first


def test_who_ran_no_function_of_a_scope_gets_no_credit_for_its_imports() -> None:
    (figures,) = sum_up([measured(web={1, 2, 3, 4})])

    assert (figures.own, figures.others) == (0, 0)


def test_a_scope_without_functions_is_credited_to_those_who_imported_it() -> None:
    constants = Measured("api", LINES, LINES, frozenset(), {"api": {1, 2}, "web": {3}})

    (figures,) = sum_up([constants])

    assert (figures.own, figures.others) == (2, 1)


def test_covered_counts_statements_and_branches_as_coverage_does() -> None:
    figures = Figures("api", statements=10, missing=1, branches=4, missing_branches=2)

    assert figures.covered == pytest.approx(100 * 11 / 14)


def test_an_empty_scope_is_fully_covered() -> None:
    assert Figures("api").covered == 100


@pytest.mark.parametrize(
    ("texts", "floors"),
    [
        (["api: 90"], {"api": 90}),
        (["api=90", "web: 80.5%"], {"api": 90, "web": 80.5}),
        (["api:", "90", "web:", "80"], {"api": 90, "web": 80}),
        (["api: 90, web: 80"], {"api": 90, "web": 80}),
        ([], {}),
    ],
)
def test_floors_are_read_however_they_were_split(
    texts: list[str], floors: dict[str, float]
) -> None:
    assert parse_floors(texts) == floors


@pytest.mark.parametrize("text", ["api", "api: much", "api: 101", "90"])
def test_what_is_no_floor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"floor|PERCENT"):
        parse_floors([text])


def test_a_floor_that_was_not_reached_is_a_miss() -> None:
    scopes = [Figures("api", statements=10, missing=2), Figures("web", statements=10)]

    assert misses(scopes, {"api": 81, "web": 100}) == [Miss("api", 80.0, 81)]


def test_a_floor_of_100_is_not_reached_by_rounding() -> None:
    assert misses([Figures("api", statements=1000, missing=1)], {"api": 100})


@pytest.mark.parametrize(
    ("value", "text"), [(99.99, "99%"), (0.01, "1%"), (100.0, "100%"), (0.0, "0%"), (50.4, "50%")]
)
def test_0_and_100_are_said_only_where_they_are_exact(value: float, text: str) -> None:
    assert percent(value) == text


def test_the_table_ends_with_the_whole() -> None:
    scopes = [
        Figures("api", statements=10, missing=5, own=5, others=1),
        Figures("web", statements=30),
    ]

    head, _, *rows = render(scopes, {"api": 40}).splitlines()

    assert head.split() == ["Scope", "Stmts", "Cover", "Own", "tests", "Other", "tests", "Floor"]
    assert rows[0].split() == ["api", "10", "50%", "50%", "10%", "40%"]
    assert rows[-1].split()[:3] == [TOTAL, "40", "88%"]
    assert whole_of(scopes).statements == 40
