from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guild_plugins.stages.codec import Undecodable, decode, encode
from guild_plugins.stages.events import KINDS, Event, LeaseRequested
from guild_plugins.stages.leases import Claim, Holder, Moment

HOLDER = Holder("h", "g", "nä\udcff", "host", "boot", 12, 99, "kernel")
REQUEST = LeaseRequested(
    id="e",
    at=1.5,
    cause=None,
    scope="core",
    lease="l",
    holder=HOLDER,
    claims=(Claim("read", ("a/**", "b")), Claim("write", ("c",), "c", ("c/d",))),
    ttl=None,
    waits=True,
    now=Moment(1.0, 2.0, "boot"),
)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_every_event_survives(kind: type[Event], data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind).filter(lambda event: repr(event).count("nan") == 0))

    assert decode(kind, encode(value)) == value


def test_nested_values_survive() -> None:
    assert decode(LeaseRequested, encode(REQUEST)) == REQUEST


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"ttl":null', '"ttl":"1"'),
        ('"waits":true', '"waits":1'),
        ('"mode":"read"', '"mode":"own"'),
        ('"pid":12', '"pid":12.5'),
        ('"pid":12', '"pid":true'),
        ('"pid":12,', ""),
        ('"pid":12', '"pid":12,"more":1'),
        ('"patterns":["c"]', '"patterns":"c"'),
        ("{", "["),
    ],
)
def test_what_does_not_fit_is_refused(before: str, after: str) -> None:
    text = encode(REQUEST)
    assert before in text

    with pytest.raises(Undecodable):
        decode(LeaseRequested, text.replace(before, after, 1))


def test_events_cannot_be_changed() -> None:
    assert all(kind.__dataclass_params__.frozen for kind in KINDS)  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        REQUEST.at = 2.0  # type: ignore[misc]
