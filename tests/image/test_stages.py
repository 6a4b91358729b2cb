"""What a failed build says: the telling line of its log, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm_images.wine.stages import describe_failure

LOG = Path("/cache/images/wine.log")


@pytest.mark.parametrize(
    ("text", "what", "advice"),
    [
        ("tar: x: Cannot write: No space left on device\n", "no space left in /cache/images", "make room"),
        (
            "Get:1 a\nErr:2 b libc6 404 Not Found\nE: Failed to fetch\n",
            "Err:2 b libc6 404",
            "must be reachable",
        ),
        (
            "cc -c a.c\na.c:1:2: error: expected ';'\nmake: *** [a.o] Error 1\n",
            "make: *** [a.o] Error 1",
            "read /cache",
        ),
        ("all was well\n", "all was well", "read /cache"),
        ("", "it said nothing", "read /cache"),
    ],
)
def test_failure_is_one_line_with_advice(text: str, what: str, advice: str) -> None:
    error = describe_failure("build.sh exited with 1", text, LOG)

    assert what in str(error)
    assert "\n" not in str(error)
    assert advice in error.advice
    assert str(LOG) in error.advice
