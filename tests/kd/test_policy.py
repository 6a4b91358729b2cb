from __future__ import annotations

import dataclasses
import json

import pytest

from lab.errors import UsageError
from lab.kd.policy import Policy, Reaction


def test_a_policy_is_the_same_after_a_journey_as_json() -> None:
    policy = Policy(
        breakpoint=Reaction.HOLD,
        exception=Reaction.HOLD,
        user_exception=Reaction.HOLD,
        bugcheck=Reaction.HOLD,
        bugcheck_stops=7,
        collect=False,
        stack_bytes=16,
        code_bytes=0,
        prompts=(("Really", "b"), ("Assert", "o")),
        default_answer="t",
        fail_on_prompt=True,
    )
    default = Policy()
    assert all(getattr(policy, each.name) != getattr(default, each.name) for each in dataclasses.fields(Policy))
    assert Policy.from_json(json.loads(json.dumps(policy.to_json()))) == policy
    assert Policy.from_json({}) == default


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "is an object"),
        ({"stops": 1}, "no 'stops'"),
        ({"exception": "ignore"}, "exception cannot be 'ignore'"),
        ({"collect": 1}, "collect cannot be 1"),
        ({"stack_bytes": 1 << 20}, "stack_bytes cannot be"),
        ({"bugcheck_stops": True}, "bugcheck_stops cannot be"),
        ({"prompts": "x"}, "prompts cannot be"),
        ({"prompts": [["x"]]}, "prompts cannot have"),
        ({"prompts": [["(", "i"]]}, "is no regular expression"),
        ({"prompts": [["x", ""]]}, "prompts cannot be ''"),
        ({"default_answer": "\n"}, "default_answer cannot be"),
        ({"default_answer": 5}, "default_answer cannot be"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_key(data: object, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("(", r"\(")) as caught:
        Policy.from_json(data)
    assert caught.value.advice


def test_a_prompt_that_was_not_foreseen_can_be_a_failure() -> None:
    policy = Policy(prompts=(("Really", "b"),), fail_on_prompt=True)
    assert policy.answer("Really? ") == ("b", False)
    assert policy.answer("(boipt)? ") == ("i", True)
