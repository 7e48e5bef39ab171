import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_plugins.suites.shards import SLACK, Weighed, divide, fingerprint, parse_shard


def files_of(costs: list[tuple[str, float]]) -> list[Weighed]:
    return [Weighed(scope, f"{scope}/test_{n}.py", cost) for n, (scope, cost) in enumerate(costs)]


FILES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.floats(0, 100, allow_subnormal=False)), max_size=60
).map(files_of)


@given(FILES, st.integers(1, 12))
def test_every_file_is_in_exactly_one_shard(files: list[Weighed], parts: int) -> None:
    shards = divide(files, parts)

    assert len(shards) == parts
    assert sorted(file for shard in shards for file in shard) == sorted(files)


@given(FILES, st.integers(1, 12), st.randoms())
def test_the_order_of_the_files_does_not_matter(files: list[Weighed], parts: int, chance) -> None:
    shuffled = list(files)
    chance.shuffle(shuffled)

    assert divide(shuffled, parts) == divide(files, parts)


@given(FILES, st.integers(1, 12))
def test_no_shard_takes_much_more_than_its_share(files: list[Weighed], parts: int) -> None:
    total = sum(file.seconds for file in files)
    longest = max((file.seconds for file in files), default=0)

    worst = max(sum(file.seconds for file in shard) for shard in divide(files, parts))

    assert worst <= max(SLACK * max(total / parts, longest), total / parts + longest) + 1e-6


def test_scopes_stay_together_where_that_is_fair() -> None:
    files = files_of([("a", 1.0), ("a", 1.0), ("b", 2.0), ("c", 0.5), ("c", 1.5)])

    shards = divide(files, 3)

    assert [{file.scope for file in shard} for shard in shards] == [{"a"}, {"b"}, {"c"}]


def test_only_a_scope_larger_than_a_share_is_cut() -> None:
    files = files_of([("large", 1.0)] * 8 + [("small", 1.0), ("tiny", 1.0)])

    shards = divide(files, 2)

    assert [sum(file.seconds for file in shard) for shard in shards] == [5, 5]


def test_files_that_cost_nothing_do_not_keep_others_from_being_divided() -> None:
    costs = [52.5, 71.8, 86.4, 41.3, 85.1, 100.0, 47.5]
    files = files_of([("free", 0.0), ("free", 0.0), *(("dear", cost) for cost in costs)])

    shards = divide(files, 3)

    assert sorted(file for shard in shards for file in shard) == sorted(files)


def test_files_that_cost_nothing_spread() -> None:
    shards = divide(files_of([("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0)]), 2)

    assert [len(shard) for shard in shards] == [2, 2]


def test_the_fingerprint_tells_divisions_apart() -> None:
    files = files_of([("a", 1.0), ("b", 2.0), ("c", 3.0)])

    assert fingerprint(divide(files, 2)) == fingerprint(divide(files[::-1], 2))
    assert fingerprint(divide(files, 2)) != fingerprint(divide(files, 3))


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1", "1/0", "a/b", "1/2/3", "-1/2", "1/2@", "1/2@xyz", ""]
)
def test_what_names_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"K/N|K goes"):
        parse_shard(text)


def test_a_shard_is_read() -> None:
    assert parse_shard("3/12") == (3, 12, None)
    assert parse_shard("3/12@0123abcd") == (3, 12, "0123abcd")
