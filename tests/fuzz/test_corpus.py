"""Every seed, and whatever once broke something, through what is fuzzed; without the fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest

from .harness import TARGETS
from .seeds import parser_seeds, session_seeds

CORPUS = Path(__file__).with_name("corpus")
SEEDS = sorted(each for each in CORPUS.glob("*/*") if each.is_file())


@pytest.mark.parametrize("seed", SEEDS, ids=lambda each: f"{each.parent.name}-{each.name}")
def test_a_seed_breaks_nothing(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds() -> None:
    assert {each.parent.name for each in SEEDS} == set(TARGETS)


@pytest.mark.parametrize("seed", [*parser_seeds().values()], ids=parser_seeds().keys())
def test_no_flipped_bit_of_a_packet_breaks_the_parser(seed: bytes) -> None:
    for at in range(min(len(seed), 300)):
        TARGETS["parser"](seed[:at] + bytes([seed[at] ^ 1 << at % 8]) + seed[at + 1 :])


def test_programs_do_what_their_names_say() -> None:
    """Or they would be bad seeds."""
    from .program import run_program

    seeds = session_seeds()
    assert run_program(seeds["load"]).continues_sent
    assert run_program(seeds["held-breakpoint"]).requests
    assert run_program(seeds["print"]).events
