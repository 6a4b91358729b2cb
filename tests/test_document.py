from __future__ import annotations

import pytest

from lab.document import printable, shown, suggestion


def test_what_is_shown_is_bounded_and_printable() -> None:
    assert shown("a\x1b" + "b" * 100) == r"'a\x1b" + "b" * 55 + "...'"
    assert printable("x\ny") == r"x\ny"
    assert shown(None) == "nothing"
    assert shown(True) == "true"


@pytest.mark.parametrize(
    ("word", "said"),
    [("stpes", "did you mean 'steps'?"), ("STEPS", "did you mean 'steps'?"), ("zzz", "one of actors, steps")],
)
def test_suggestions(word: str, said: str) -> None:
    assert suggestion(word, ["steps", "actors"]) == said
