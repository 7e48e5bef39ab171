from __future__ import annotations

import pytest

from guild_plugins.merge.inner_calls import unfit_calls
from guild_plugins.merge.lost import Versions

BASE = """\
class C:
    def load(self):
        pass


def load(path):
    return path


def other():
    return load(1)
"""
WIDER = BASE.replace("load(path)", "load(path, mode)").replace("load(1)", "load(1, 2)")
CALL = "\n\ndef more():\n    return load(3)\n"


def test_a_call_that_one_side_adds_does_not_fit_what_the_other_made_of_the_function() -> None:
    versions = Versions(*(t.encode() for t in (BASE, WIDER, BASE + CALL, WIDER + CALL)))

    assert list(unfit_calls(versions)) == [("load", 15)]


@pytest.mark.parametrize(
    ("ours", "call"),
    [
        (BASE.replace("load(path)", "load(path, mode=0)"), CALL),  # it fits
        (WIDER, CALL.replace("load(3)", "load(*args)")),  # nobody can tell
        (WIDER, CALL.replace("more()", "more(load)")),  # another load
        (WIDER + CALL, ""),  # the one who changed it called it: that is no merge's fault
    ],
)
def test_other_calls_are_left_alone(ours: str, call: str) -> None:
    texts = (BASE, ours, BASE + call, ours + call)

    assert list(unfit_calls(Versions(*(text.encode() for text in texts)))) == []
