from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.traffic import order
from lab.traffic.order import Event, OrderSeen, Turn, order_json, read_order


def test_examples_in_the_documentation() -> None:
    assert doctest.testmod(order).failed == 0


def test_what_pends_is_known_later_than_that_it_was_called() -> None:
    seen = OrderSeen()
    for actor, event in (
        ("reader", Event.CALLS),
        ("writer", Event.CALLS),
        ("reader", Event.PENDS),
        ("-", Event.CALLS),
        ("reader", Event.RETURNS),
    ):
        seen.take("3", actor, event)
    assert [str(turn) for turn in seen.blocks["3"]] == ["reader pends", "writer", "conductor", "reader returns"]


def test_an_order_comes_back_from_its_file_and_from_the_directory_of_it(tmp_path: Path) -> None:
    orders = {"3": [Turn("a"), Turn("b", Event.PENDS), Turn("b", Event.RETURNS)], "5": [Turn("a")]}
    (tmp_path / "order.json").write_text(json.dumps(order_json(orders, {"seeded": 7})))
    assert read_order(tmp_path) == read_order(tmp_path / "order.json") == orders


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is no order"),
        ("[]", "is no order"),
        ('{"v": 2, "blocks": {}}', "version 2, not 1"),
        ('{"v": 1, "blocks": {"3": ["a runs"]}}', "'runs' is not a valid Event"),
        ('{"v": 1, "blocks": {"3": [""]}}', "is no order"),
        ('{"v": 1, "blocks": {"3": [5]}}', "is no order"),
        ('{"v": 1, "blocks": {"3": 5}}', "is no order"),
        ('{"v": 1}', "is no order"),
    ],
)
def test_what_is_no_order(tmp_path: Path, content: str, what: str) -> None:
    file = tmp_path / "order.json"
    file.write_text(content)
    with pytest.raises(UsageError, match=what):
        read_order(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_order(tmp_path / "no.json")
