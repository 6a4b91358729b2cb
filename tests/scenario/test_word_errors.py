"""Mistakes in the words around the steps: tags, seeds, known issues, end states, crashes, programs, barriers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Problems = Callable[[str], list[str]]

GOOD = "\nsteps: [{a: {open: X}}]\n"
KNOWN = "lab: 1\nknown_issue: "
END = "lab: 1" + GOOD + "expect: "
TOOL = "lab: 1\nactors: {tool: {program: usedriver2.exe, "

CASES = {
    "one tag": (
        "lab: 1\ntags: smoke" + GOOD,
        "case.yaml:2: tags: cannot be 'smoke': a list of words that `pytest -m` selects by, as in [smoke, nightly]",
    ),
    "a tag of pytest's": (
        "lab: 1\ntags: [xfail]" + GOOD,
        "case.yaml:2: tags[1]: 'xfail' means something else to pytest: another word",
    ),
    "a tag twice": ("lab: 1\ntags: [a, a]" + GOOD, "case.yaml:2: tags[2]: 'a' stands twice: each once"),
    "unknown guest": (
        "lab: 1\nmatrix: {guest: [wine, xp]}" + GOOD,
        "case.yaml:2: matrix.guest: 'xp' is no guest: one of reactos, windows, wine",
    ),
    "guest twice": (
        "lab: 1\nguest: wine\nmatrix: {guest: [wine]}" + GOOD,
        "case.yaml:2: guest: stands beside matrix.guest: one of them",
    ),
    "seed out of range": ("lab: 1\nseed: -1" + GOOD, "case.yaml:2: seed: is -1: a number from 0 to 4294967295"),
    "known for ever": (
        KNOWN + "{reason: x}" + GOOD,
        "case.yaml:2: known_issue: 'until' is missing: `until: 2030-01-31`, "
        "the last day on which a failure is expected",
    ),
    "no such day": (
        KNOWN + "{reason: x, until: 2030-02-31}" + GOOD,
        "case.yaml:2: known_issue.until: 2030-02-31 is no day: YEAR-MONTH-DAY, as in 2030-01-31",
    ),
    "known where nothing is": (
        KNOWN + "{reason: x, until: 2030-01-01, only: {driver: y}}" + GOOD,
        "case.yaml:2: known_issue.only.driver: is not an axis of the matrix: leave `only` out, or add a `matrix:`",
    ),
    "crash by number": (
        END + "{crash: 0xE2}",
        "case.yaml:3: expect.crash: cannot be 226: `{code: BAD_POOL_CALLER, parameters: [7]}`, "
        "the bugcheck that the scenario has to end in",
    ),
    "unknown bugcheck": (
        END + "{crash: {code: BAD_POOL_CALER}}",
        "case.yaml:3: expect.crash.code: 'BAD_POOL_CALER' is not a known bugcheck: did you mean 'BAD_POOL_CALLER'?",
    ),
    "five parameters": (
        END + "{crash: {code: 1, parameters: [1, 2, 3, 4, 5]}}",
        "case.yaml:3: expect.crash.parameters: holds 5 where 4 at most can stand: up to four numbers, "
        "`null` for any, as in [7, null, 0x1000]",
    ),
    "clean without a meaning": (
        END + "{end: clean}",
        "case.yaml:3: expect.end: needs to know what is clean: `clean: {unload: true}` in lab.yaml, or `state:` here",
    ),
    "state of an unknown IOCTL": (
        END + "{end: {state: {X: {get-sise: {size: 1}}}}}",
        "case.yaml:3: expect.end.state.X.get-sise: 'get-sise' is not an IOCTL of lab.yaml: did you mean 'get-size'?",
    ),
    "state of an unknown field": (
        END + "{end: {state: {X: {get-size: {sise: 1}}}}}",
        "case.yaml:3: expect.end.state.X.get-size.sise: is not an output field of get-size: did you mean 'size'?",
    ),
    "unknown status": (
        "lab: 1\nsteps: [{a: {open: X, expect: {status: STATUS_ACESS_DENIED}}}]",
        "case.yaml:2: steps[1].a.expect.status: 'STATUS_ACESS_DENIED' is not a known NTSTATUS: "
        "did you mean 'STATUS_ACCESS_DENIED'?",
    ),
    "duration without a unit": (
        "lab: 1\nsteps: [{a: {open: X, expect: {duration: 5}}}]",
        "case.yaml:2: steps[1].a.expect.duration: cannot be 5: the longest time as in 50ms, "
        "or bounds as in {min: 90ms, max: 1s}",
    ),
    "duration the wrong way round": (
        "lab: 1\nsteps: [{a: {open: X, expect: {duration: {min: 5s, max: 1s}}}}]",
        "case.yaml:2: steps[1].a.expect.duration: min 5s is above max 1s: min not above max",
    ),
    "pairs that are a list": (
        END + "{log: {pairs: [a, b]}}",
        "case.yaml:3: expect.log.pairs: cannot be a list: texts, each followed by another as often as it occurs, "
        r"as in {'/alloc (\w+)/': '/free (\w+)/'}",
    ),
    "input without a program": (
        "lab: 1\nactors: {a: {stdin: x}}" + GOOD,
        "case.yaml:2: actors.a.stdin: goes with program: add `program: NAME.exe`, or leave stdin out",
    ),
    "typing beside all input": (
        TOOL + "stdin: x}}\nsteps: [{tool: {type: y}}]",
        "case.yaml:3: steps[1].tool.type: 'tool' has all of its input from `stdin:`: `await:` alone, "
        "or no `stdin:` among the actor's settings",
    ),
    "too much input": (
        TOOL + "stdin: {fill: 40000}}}\nsteps: [{wait: tool}]",
        "case.yaml:2: actors.tool.stdin: cannot be given to a program: text, hex or fill of at most 32768 bytes",
    ),
    "a truth in the environment": (
        TOOL + "env: {A: true}}}\nsteps: [{wait: tool}]",
        "case.yaml:2: actors.tool.env.A: cannot be true: text or a whole number",
    ),
    "user with a space": (
        "lab: 1\nactors: {a: {user: a b}}" + GOOD,
        "case.yaml:2: actors.a.user: 'a b' is malformed: a user of the guest other than the administrator, as in guest",
    ),
    "barriers that wait for each other": (
        "lab: 1\nsteps:\n- parallel:\n    a: [{barrier: x}, {barrier: y}]\n    b: [{barrier: y}, {barrier: x}]",
        "case.yaml:3: steps[1].parallel: stands still: a at 'x', b at 'y': the same order of barriers in all lanes",
    ),
    "a reference without an end": (
        "lab: 1\nmatrix: {n: [1]}\nsteps: [{a: {open: '${n'}}]",
        "case.yaml:3: steps[1].a.open: begins a reference with '${' and does not end it: `${AXIS}`",
    ),
    "a reference in the matrix": (
        "lab: 1\nmatrix: {n: ['${m}'], m: [1]}" + GOOD,
        "case.yaml:2: matrix.n[1]: '${m}' is not right: a whole number, or text without '${'",
    ),
    "windows line ends": (
        "lab: 1\r\nsteps:\r\n- a: {opn: X}\r\n",
        "case.yaml:3: steps[1].a.opn: is not a known field here: did you mean 'open'?",
    ),
    "truth as a word": (
        END + "{history: {linearizable: yes}}",
        "case.yaml:3: expect.history.linearizable: cannot be 'yes': write true",
    ),
    "only a comment": ("# nothing", "case.yaml:1: file: is empty: start with `lab: 1`"),
}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES.keys())
def test_words(text: str, message: str, problems: Problems) -> None:
    assert problems(text) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "lab: 1\nsteps: [{a: {open: no}}, {a: {write: yes}}]",
        "lab: 1\ndescription: 2030-01-31" + GOOD,
        "lab: 1\r\nsteps: [{a: {open: X}}]\r\n",
        "\ufefflab: 1" + GOOD,
        "lab: 1\nsteps: [{a: {open: X}}, {a: {read: 1e3}}]",
        KNOWN + "{reason: x, until: 2030-01-31}" + GOOD,
        "lab: 1\nmatrix: {guest: [wine, windows], n: [1, 8], size: [1, 4096]}\nactors: {a: {count: '${n}'}}"
        "\nsteps: [{a: {open: X}}, {a: {repeat: {times: '${n}', steps: [{read: '${size}'}]}}}]",
        "lab: 1\nactors: {cmd: {program: 'C:\\windows\\system32\\cmd.exe', args: [/c, 'exit 3']}}"
        "\nsteps: [{wait: cmd, expect: {code: 3}}]",
    ],
)
def test_what_looks_odd_and_is_right(text: str, problems: Problems) -> None:
    assert problems(text) == []
