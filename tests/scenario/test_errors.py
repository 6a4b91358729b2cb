"""Each mistake that a person makes in a scenario gives one line that says where, what, and what would be right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.document import FileError
from lab.yaml_file import parse_document

Problems = Callable[[str], list[str]]

HEAD = "lab: 1\nsteps:\n"
"""Two lines: the first step of a case is in line 3."""

STEPS = {
    "unknown operation": (
        "- a: {opn: X}",
        "case.yaml:3: steps[1].a.opn: is not a known field here: did you mean 'open'?",
    ),
    "unknown step": (
        "- paralel: {a: open}",
        "case.yaml:3: steps[1].paralel: is neither a step nor a declared actor: did you mean 'parallel'? "
        "(an actor of that name: declare it under `actors:`)",
    ),
    "empty step": (
        "- {}",
        "case.yaml:3: steps[1]: is empty: `ACTOR: OPERATION`, `parallel:`, `repeat:`, `service:`, `kill:`, `wait:` "
        "or `sleep:`",
    ),
    "step is text": (
        "- stop",
        "case.yaml:3: steps[1]: cannot be 'stop': `ACTOR: OPERATION`, `parallel:`, `repeat:`, `service:`, `kill:`, "
        "`wait:` or `sleep:`",
    ),
    "request on a synchronous handle": (
        "- a: {open: X}\n- a: {read: 1, begin: r}",
        "case.yaml:4: steps[2].a.begin: needs an overlapped handle, 'h' is none: `overlapped: true` beside its open",
    ),
    "request begun twice": (
        "- a: {open: X, overlapped: true}\n- a: {read: 1, begin: r}\n- a: {read: 1, begin: r}",
        "case.yaml:5: steps[3].a.begin: 'r' is under way since line 4: finish it first, or another name",
    ),
    "request that is not under way": (
        "- a: {open: X, overlapped: true}\n- a: {read: 1, begin: r1}\n- a: {cancel: r2}",
        "case.yaml:5: steps[3].a.cancel: 'a' has no request 'r2' under way: one of r1",
    ),
    "request finished twice": (
        "- a: {open: X, overlapped: true}\n- a: {read: 1, begin: r}\n- a: {finish: r}\n- a: {finish: r}",
        "case.yaml:6: steps[4].a.finish: 'a' has no request 'r' under way: "
        "`begin:` beside a write, read or ioctl before this",
    ),
    "result expected where a request begins": (
        "- a: {open: X, overlapped: true}\n- a: {read: 1, begin: r, expect: {bytes: 1}}",
        "case.yaml:4: steps[2].a.expect.bytes: says nothing about begin: leave it out; it goes with write, read, ioctl",
    ),
    "result of a finished request": (
        "- a: {open: X, overlapped: true}\n- a: {read: 1, begin: r}\n- a: {finish: r, expect: {bytes: 1}}",
        "",
    ),
    "two things in a step": (
        "- {a: open, b: open}",
        "case.yaml:3: steps[1]: says 2 things, a and b: one to a step",
    ),
    "only options": (
        "- {timeout: 3s}",
        "case.yaml:3: steps[1]: says nothing to do: an actor or one of parallel, repeat, service, kill, wait, sleep",
    ),
    "two operations": (
        "- a: {open: X, close: }",
        "case.yaml:3: steps[1].a: says 2 operations, open and close: one to a mapping; several as a list",
    ),
    "no operation": (
        "- a: {handle: h}",
        "case.yaml:3: steps[1].a: says no operation: one of open, write, read, ioctl, cancel, finish, close, flush, "
        "sleep, barrier, exit, crash, type, await, repeat",
    ),
    "bare word": (
        "- a: opne",
        "case.yaml:3: steps[1].a: 'opne' is malformed: an operation, as in {open: HELLO}, {write: hello}, "
        "{read: 100}, or one of open, close, flush and crash alone",
    ),
    "write of a number": (
        "- a: {open: X}\n- a: {write: 5}",
        "case.yaml:4: steps[2].a.write: cannot be 5: text in quotes, or one of {text: ...} {hex: ...} "
        "{fill: LENGTH, seed: N} {no-buffer: LENGTH} {bad-pointer: LENGTH}",
    ),
    "write of yes is text": ("- a: {open: X}\n- a: {write: yes}", ""),
    "hexadecimal digits": (
        "- a: {open: X}\n- a: {write: {hex: 123}}",
        "case.yaml:4: steps[2].a.write.hex: cannot be 123: pairs of hexadecimal digits in quotes, as in '68 65 6c'",
    ),
    "odd hexadecimal digits": (
        "- a: {open: X}\n- a: {write: {hex: '123'}}",
        "case.yaml:4: steps[2].a.write.hex: '123' is malformed: pairs of hexadecimal digits in quotes, "
        "as in '68 65 6c'",
    ),
    "two kinds of data": (
        "- a: {open: X}\n- a: {write: {text: a, fill: 3}}",
        "case.yaml:4: steps[2].a.write: text and fill exclude each other: "
        "one of text, hex, fill, no-buffer, bad-pointer",
    ),
    "seed without fill": (
        "- a: {open: X}\n- a: {write: {text: a, seed: 3}}",
        "case.yaml:4: steps[2].a.write.seed: belongs to fill: leave seed out",
    ),
    "seed out of range": (
        "- a: {open: X}\n- a: {write: {fill: 4, seed: 256}}",
        "case.yaml:4: steps[2].a.write.seed: is 256: a number from 0 to 255",
    ),
    "pointer in a list": (
        "- a: {open: X}\n- a: {write: [a, {bad-pointer: 3}]}",
        "case.yaml:4: steps[2].a.write[2]: has no bytes to join with others: text, hex or fill in a list",
    ),
    "read too much": (
        "- a: {open: X}\n- a: {read: 67108865}",
        "case.yaml:4: steps[2].a.read: is 67108865: a number from 0 to 67108864",
    ),
    "read a negative number": (
        "- a: {open: X}\n- a: {read: -1}",
        "case.yaml:4: steps[2].a.read: is -1: a number from 0 to 67108864",
    ),
    "never opened": (
        "- a: {read: 1}",
        "case.yaml:3: steps[1].a.read: 'a' has not opened a handle 'h': `- a: {open: NAME}` before this",
    ),
    "actor misspelt": (
        "- writer: {open: X}\n- wirter: {read: 1}",
        "case.yaml:4: steps[2].wirter.read: 'wirter' has not opened a handle 'h': did you mean the actor 'writer'? "
        "Else open it first",
    ),
    "handle misspelt": (
        "- a: {open: X, as: second}\n- a: {read: 1, handle: secnd}",
        "case.yaml:4: steps[2].a.handle: 'a' has not opened a handle 'secnd': did you mean 'second'?, or open it first",
    ),
    "opened twice": (
        "- a: {open: X}\n- a: {open: Y}",
        "case.yaml:4: steps[2].a.open: handle 'h' of 'a' is open since line 3: close it first, or name another with "
        "`as: h2`",
    ),
    "used after close": (
        "- a: [{open: X}, close, {read: 1}]",
        "case.yaml:3: steps[1].a[3].read: handle 'h' of 'a' is not open (see line 3): open it first",
    ),
    "used after a failing open": (
        "- a: {open: X, expect: {error: 2}}\n- a: {read: 1}",
        "case.yaml:4: steps[2].a.read: handle 'h' of 'a' is not open (see line 3): open it first",
    ),
    "used after exit": (
        "- a: [{open: X}, {exit: 1}]\n- a: {read: 1}",
        "case.yaml:4: steps[2].a: 'a' has ended in line 3: another actor",
    ),
    "backslash before a name": (
        "- a: {open: '\\X'}",
        "case.yaml:3: steps[1].a.open: '\\X' starts with a backslash: 'X', or {path: ...} for a whole path",
    ),
    "unknown access": (
        "- a: {open: X, access: read}",
        "case.yaml:3: steps[1].a.access: 'read' is not known: one of none, r, rw, w",
    ),
    "option of another operation": (
        "- a: {open: X, handle: h2}",
        "case.yaml:3: steps[1].a.handle: does not go with open: it goes with write and read and ioctl",
    ),
    "unknown ioctl": (
        "- a: {open: X}\n- a: {ioctl: get-sise}",
        "case.yaml:4: steps[2].a.ioctl: 'get-sise' is not an IOCTL of lab.yaml: did you mean 'get-size'?",
    ),
    "ioctl without its input": (
        "- a: {open: X}\n- a: {ioctl: set-size}",
        "case.yaml:4: steps[2].a: set-size needs its input: `input: {size: ..., flags: ...}`",
    ),
    "unknown input field": (
        "- a: {open: X}\n- a: {ioctl: set-size, input: {sise: 1}}",
        "case.yaml:4: steps[2].a.input.sise: is not an input field of set-size: did you mean 'size'?",
    ),
    "input out of range": (
        "- a: {open: X}\n- a: {ioctl: set-size, input: {size: 1, flags: 128}}",
        "case.yaml:4: steps[2].a.input.flags: 128 does not fit i8: a number from -128 to 127",
    ),
    "input of a bare code": (
        "- a: {open: X}\n- a: {ioctl: 0x222000, input: {size: 1}}",
        "case.yaml:4: steps[2].a.input: needs an IOCTL with named fields: `data:` for plain bytes",
    ),
    "input and data": (
        "- a: {open: X}\n- a: {ioctl: set-size, input: {size: 1}, data: x}",
        "case.yaml:4: steps[2].a.input: and data exclude each other: one of them",
    ),
    "unknown output field": (
        "- a: {open: X}\n- a: {ioctl: get-size, expect: {output: {sz: 1}}}",
        "case.yaml:4: steps[2].a.expect.output.sz: is not an output field of get-size: did you mean 'size'?",
    ),
    "unknown error name": (
        "- a: {open: X, expect: {error: ERROR_FILE_NOT_FOND}}",
        "case.yaml:3: steps[1].a.expect.error: 'ERROR_FILE_NOT_FOND' is not a known Win32 error: "
        "did you mean 'ERROR_FILE_NOT_FOUND'?",
    ),
    "expectation of nothing": (
        "- a: {open: X, expect: }",
        "case.yaml:3: steps[1].a.expect: cannot be nothing: `any`, or a mapping as in {bytes: 5, text: hello} or "
        "{error: ERROR_INVALID_FUNCTION}",
    ),
    "expectation that says nothing": (
        "- a: {open: X, expect: {bytes: 3}}",
        "case.yaml:3: steps[1].a.expect.bytes: says nothing about open: leave it out; it goes with write, read, ioctl",
    ),
    "bounds the wrong way round": (
        "- a: {open: X}\n- a: {read: 9, expect: {bytes: {min: 5, max: 2}}}",
        "case.yaml:4: steps[2].a.expect.bytes: min 5 is above max 2: min not above max",
    ),
    "text and data": (
        "- a: {open: X}\n- a: {read: 9, expect: {text: x, data: y}}",
        "case.yaml:4: steps[2].a.expect.text: and data exclude each other: one of them",
    ),
    "expect beside the actor": (
        "- {a: {open: X}, expect: {error: 2}}",
        "case.yaml:3: steps[1].expect: does not go beside 'a': inside the braces, as in `a: {read: 100, expect: ...}`",
    ),
    "time without a unit": (
        "- sleep: 100",
        "case.yaml:3: steps[1].sleep: cannot be 100: a time with its unit, as in 30s or 500ms",
    ),
    "time with a space": (
        "- sleep: 100 ms",
        "case.yaml:3: steps[1].sleep: '100 ms' is malformed: a time with its unit, as in 30s or 500ms",
    ),
    "unknown service action": (
        "- service: stopp",
        "case.yaml:3: steps[1].service: 'stopp' is not known: did you mean 'stop'?",
    ),
    "file of a stopped service": (
        "- {service: stop, file: x}",
        "case.yaml:3: steps[1].file: does not go with stop: it goes with create and reload",
    ),
    "driver of a service": (
        "- {service: reload, driver: exmple-direct}",
        "case.yaml:3: steps[1].driver: 'exmple-direct' is not a driver of lab.yaml: did you mean 'example-direct'?",
    ),
    "kill of nobody": (
        "- a: {open: X}\n- kill: b",
        "case.yaml:4: steps[2].kill: 'b' has done nothing so far: one of a",
    ),
    "step after a kill": (
        "- a: {open: X}\n- kill: a\n- a: {read: 1}",
        "case.yaml:5: steps[3].a: 'a' has ended in line 4: another actor",
    ),
    "lonely barrier": (
        "- parallel: {a: [{barrier: go}, {open: X}], b: [{open: X}]}",
        "case.yaml:3: steps[1].parallel: only 'a' is ever at barrier 'go': the same barrier in another lane, or none",
    ),
    "unequal barrier": (
        "- parallel: {a: [{barrier: go}, {barrier: go}], b: [{barrier: go}]}",
        "case.yaml:3: steps[1].parallel: barrier 'go' is passed unequally (a 2 times, b 1 times): "
        "equally often in each lane",
    ),
    "repeat of nothing": (
        "- repeat: {times: 3}",
        "case.yaml:3: steps[1].repeat: 'steps' is missing: a list of steps, as in `- writer: {open: HELLO}`",
    ),
    "repeat without end": (
        "- repeat: {times: 100000, steps: [{repeat: {times: 100000, steps: [{sleep: 0s}]}}]}",
        "case.yaml:2: steps: come to more operations than a script can hold: at most 100000",
    ),
    "typing without a keyboard": (
        "- a: {type: x}",
        "case.yaml:3: steps[1].a.type: 'a' is no program, it cannot type: `program:` among the actor's settings",
    ),
    "a word of the language as an actor": (
        "- conductor: {open: X}",
        "case.yaml:3: steps[1].conductor: 'conductor' cannot be an actor: up to 32 letters, digits, '-' and '_', "
        "a letter first, no word of the language",
    ),
    "octal number": (
        "- a: {open: X}\n- a: {read: 0100}",
        "case.yaml:4: steps[2].a.read: 0100 is octal for some readers and decimal for others: "
        "write 100, 0o100 for octal, or '0100' for text",
    ),
    "duplicate key": (
        "- a: {open: X, open: Y}",
        "case.yaml:3: steps[1].a.open: stands twice in this mapping: one of them (the other is in line 3)",
    ),
}


@pytest.mark.parametrize(("steps", "message"), STEPS.values(), ids=STEPS.keys())
def test_steps(steps: str, message: str, problems: Problems) -> None:
    assert problems(HEAD + steps) == ([message] if message else [])


GOOD = "\nsteps: [{a: {open: X}}]\n"

FILES = {
    "empty file": ("", "case.yaml:1: file: is empty: start with `lab: 1`"),
    "a list": ("- lab", "case.yaml:1: file: cannot be a list: a scenario, which begins with `lab: 1` and has `steps:`"),
    "no version": ("steps: [{a: open}]", "case.yaml:1: file: 'lab' is missing: `lab: 1`, the version of this language"),
    "another version": ("lab: 2" + GOOD, "case.yaml:1: lab: is 2: `lab: 1`, the version of this language"),
    "no steps": (
        "lab: 1",
        "case.yaml:1: file: 'steps' is missing: a list of steps, as in `- writer: {open: HELLO}`",
    ),
    "empty steps": (
        "lab: 1\nsteps: []",
        "case.yaml:2: steps: is empty: a list of steps, as in `- writer: {open: HELLO}`",
    ),
    "unknown field": (
        "lab: 1\ndescripton: x" + GOOD,
        "case.yaml:2: descripton: is not a known field here: did you mean 'description'?",
    ),
    "duplicate field": (
        "lab: 1\ntimeout: 1s\ntimeout: 2s" + GOOD,
        "case.yaml:3: timeout: stands twice in this mapping: one of them (the other is in line 2)",
    ),
    "unknown driver": (
        "lab: 1\ndriver: example-bufferd" + GOOD,
        "case.yaml:2: driver: 'example-bufferd' is not a driver of lab.yaml: did you mean 'example-buffered'?",
    ),
    "unknown driver in the matrix": (
        "lab: 1\nmatrix: {driver: [example-direct, nt]}" + GOOD,
        "case.yaml:2: matrix.driver: 'nt' is not a driver of lab.yaml: "
        "one of example-buffered, example-direct, example-fault",
    ),
    "driver twice": (
        "lab: 1\ndriver: example-direct\nmatrix: {driver: [example-direct]}" + GOOD,
        "case.yaml:2: driver: stands beside matrix.driver: one of them",
    ),
    "matrix of one value": (
        "lab: 1\nmatrix: {size: 5}" + GOOD,
        "case.yaml:2: matrix.size: cannot be 5: a list of values, as in [1, 4096]",
    ),
    "matrix with a value twice": (
        "lab: 1\nmatrix: {size: [1, 2, 1]}" + GOOD,
        "case.yaml:2: matrix.size[3]: 1 stands twice: each value once",
    ),
    "matrix too large": (
        f"lab: 1\nmatrix: {{a: {list(range(50))}, b: {list(range(50))}}}" + GOOD,
        "case.yaml:2: matrix: has 2500 combinations: at most 1000",
    ),
    "unknown axis": (
        "lab: 1\nmatrix: {size: [1]}\nsteps:\n- a: {open: '${sise}'}",
        "case.yaml:4: steps[1].a.open: ${sise} is not an axis of the matrix: did you mean 'size'?",
    ),
    "axis without a matrix": (
        "lab: 1\nsteps:\n- a: {open: '${size}'}",
        "case.yaml:3: steps[1].a.open: ${size} is not an axis of the matrix: add a `matrix:` with this axis",
    ),
    "axis of the wrong type": (
        "lab: 1\nmatrix: {size: [four]}\nsteps:\n- a: {open: X}\n- a: {read: '${size}'}",
        "case.yaml:5: steps[2].a.read: cannot be 'four': a number of bytes, {no-buffer: LENGTH} or "
        "{bad-pointer: LENGTH}",
    ),
    "unknown isolation": (
        "lab: 1\nisolation: relaod" + GOOD,
        "case.yaml:2: isolation: 'relaod' is not known: did you mean 'reload'?",
    ),
    "no time": ("lab: 1\ntimeout: 0s" + GOOD, "case.yaml:2: timeout: leaves no time: a time above 0, as in 30s"),
    "requires text": (
        "lab: 1\nrequires: names-below-device" + GOOD,
        "case.yaml:2: requires: cannot be 'names-below-device': a list of the guest's capabilities, "
        "as in [names-below-device]",
    ),
    "unknown capability": (
        "lab: 1\nrequires: [name-below-device]" + GOOD,
        "case.yaml:2: requires[1]: 'name-below-device' is no capability that any guest has: "
        "did you mean 'names-below-device'?",
    ),
    "debugger that stays": (
        "lab: 1\ndebugger: {stops: stay}" + GOOD,
        "case.yaml:2: debugger.stops: 'stay' is malformed: continue or hold, or one of these by kind of stop, "
        "as in {exception: hold}",
    ),
    "prompt that is no expression": (
        "lab: 1\ndebugger:\n  prompts:\n    - {match: '(', answer: i}" + GOOD,
        "case.yaml:4: debugger.prompts[1].match: is no regular expression: missing ), unterminated subpattern at "
        "position 0: put a backslash before each special character",
    ),
    "unknown program": (
        "lab: 1\nactors: {p: {program: usedriver3.exe}}\nsteps: [{p: {await: x}}]",
        "case.yaml:2: actors.p.program: 'usedriver3.exe' is not among the programs of lab.yaml: "
        "did you mean 'usedriver2.exe'?",
    ),
    "program that opens": (
        "lab: 1\nactors: {p: {program: usedriver2.exe}}\nsteps: [{p: {open: X}}]",
        "case.yaml:3: steps[1].p.open: 'p' is a program, it cannot open: `type:` or `await:`",
    ),
    "arguments without a program": (
        "lab: 1\nactors: {a: {args: [x]}}" + GOOD,
        "case.yaml:2: actors.a.args: goes with program: add `program: NAME.exe`, or leave args out",
    ),
    "unused actor": (
        "lab: 1\nactors: {b: {}}" + GOOD,
        "case.yaml:2: actors.b: does nothing in any step: use it, or leave it out",
    ),
    "groups that meet": (
        "lab: 1\nactors: {a1: {}, a: {count: 2}}\nsteps: [{a: {open: X}}]",
        "case.yaml:2: actors.a: gives a second actor 'a1': names that do not meet",
    ),
    "actor with a space": (
        "lab: 1\nactors: {a b: {}}" + GOOD,
        "case.yaml:2: actors.a b: is not a name: up to 32 letters, digits, '-' and '_', a letter first",
    ),
    "too many processes": (
        "lab: 1\nactors: {a: {count: 65}}" + GOOD,
        "case.yaml:2: actors.a.count: is 65: a number from 1 to 64",
    ),
    "empty expectation": (
        "lab: 1" + GOOD + "expect: {}",
        "case.yaml:3: expect: is empty: `log:`, `history:`, `end:` or `crash:`",
    ),
    "bad regular expression": (
        "lab: 1" + GOOD + "expect: {log: {contains: '/(/'}}",
        "case.yaml:3: expect.log.contains: /(/ is not a regular expression (missing ), unterminated subpattern "
        "at position 0): Python's `re` syntax",
    ),
    "order of one": (
        "lab: 1" + GOOD + "expect: {log: {order: [a]}}",
        "case.yaml:3: expect.log.order: has nothing to put in order: a list of at least two texts",
    ),
    "count without a number": (
        "lab: 1" + GOOD + "expect: {log: {count: {Called: many}}}",
        "case.yaml:3: expect.log.count.Called: cannot be 'many': a number, or bounds as in {min: 1, max: 5}",
    ),
    "log of nothing": (
        "lab: 1" + GOOD + "expect: {log: {step: 1}}",
        "case.yaml:3: expect.log: says nothing to look for: one of contains, absent, count, order and pairs",
    ),
    "log of an unknown step": (
        "lab: 1" + GOOD + "expect: {log: {step: 2, contains: x}}",
        "case.yaml:3: expect.log.step: '2' is not a step of this scenario: one of 1, load",
    ),
    "log of a step inside of a block": (
        "lab: 1\nsteps: [{parallel: {a: [open], b: [open]}}]\nexpect: {log: [{step: '1@a', contains: x}]}",
        "case.yaml:3: expect.log[1].step: '1@a' is inside of block 1, where prints are known by their actor only: "
        "`step: 1`, perhaps with an `actor:`",
    ),
    "log of a step in decimals": (
        "lab: 1" + GOOD + "expect: {log: {step: 1.1, contains: x}}",
        "case.yaml:3: expect.log.step: cannot be 1.1: a step as messages number it: 3, or in quotes as in '3.1'",
    ),
    "log of an unknown actor": (
        "lab: 1" + GOOD + "expect: {log: [{actor: writr, contains: x}]}",
        "case.yaml:3: expect.log[1].actor: 'writr' has done nothing so far: one of a",
    ),
    "conserved name that is not opened": (
        "lab: 1" + GOOD + "expect: {history: {conserved: Y}}",
        "case.yaml:3: expect.history.conserved: 'Y' is never opened: one of x",
    ),
    "two documents": (
        "lab: 1" + GOOD + "---\nlab: 1",
        "case.yaml:3: file: but found another document: one document to a file",
    ),
    "tab": (
        "lab: 1\nsteps:\n\t- a: open",
        "case.yaml:3: file: found character that cannot start any token: "
        "indent with spaces; quote a text that starts with a special character",
    ),
    "colon in a text": (
        "lab: 1\ndescription: what: why" + GOOD,
        "case.yaml:2: file: mapping values are not allowed in this context: "
        "quote a text that contains ': ', and indent keys of one mapping alike",
    ),
    "backslashes in double quotes": (
        'lab: 1\nsteps: [{a: {open: {path: "\\\\.\\Example"}}}]',
        "case.yaml:2: file: found unknown escape character: "
        "use single quotes around a path with backslashes, '\\\\.\\MyDevice'",
    ),
    "code in a tag": (
        "lab: 1\ndescription: !!python/object/apply:os.system [ls]" + GOOD,
        "case.yaml:2: description: has the tag 'tag:yaml.org,2002:python/object/apply:os.system': "
        "leave tags out; quote text that looks like a number",
    ),
    "merge key": (
        "lab: 1\nactors: {a: {<<: {count: 2}}}" + GOOD,
        "case.yaml:2: actors.a: has a merge key '<<': write the fields out",
    ),
    "number as a key": (
        "lab: 1\nexpect: {log: {count: {1: 2}}}" + GOOD,
        "case.yaml:2: expect.log.count.1: is a key that YAML does not read as text: quote it: '1'",
    ),
}


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES.keys())
def test_files(text: str, message: str, problems: Problems) -> None:
    assert problems(text) == [message]


def test_all_problems_of_a_file_come_at_once_in_the_order_of_their_lines(problems: Problems) -> None:
    text = """\
lab: 1
descriptin: x
timeout: 30
actors: {typist: {program: usedriver9.exe}}
steps:
  - writer: {write: 5}
  - writer: {opn: HELLO}
  - writer: {open: HELLO, expect: {error: ERROR_INVALID_FUNCTON}}
  - {service: stopp}
  - writer: {ioctl: get-sise}
  - {writer: close, expect: {error: 1}}
expect:
  log: {contains: /(/}
"""
    assert [line.split(":")[1] for line in problems(text)] == ["2", "3", "4", "6", "7", "8", "9", "10", "11", "13"]


def test_a_problem_of_every_matrix_point_is_told_once(problems: Problems) -> None:
    text = "lab: 1\nmatrix: {n: [1, 2, 3]}\nsteps:\n- a: {read: 1}"
    assert len(problems(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "lab: &a [*a]" + GOOD,
        "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]",
        "lab: " + "[" * 900 + "]" * 900,
        "lab: " + "[" * 100_000,
        "lab: " + "9" * 10_000 + GOOD,
        "lab: 1\ndescription: '" + "x" * 2_000_000 + "'" + GOOD,
        "lab: 1\x00",
        "lab: 1\ndescription: \x1b[31m" + GOOD,
    ],
    ids=["recursion", "laughs", "deep", "deeper", "digits", "large", "nul", "escape"],
)
def test_hostile_files_end_in_few_short_lines(text: str, problems: Problems) -> None:
    lines = problems(text)
    assert 1 <= len(lines) <= 10
    assert all(len(line) < 400 and line.isprintable() for line in lines)


def test_text_that_is_not_utf8() -> None:
    with pytest.raises(FileError, match=r"x\.yaml:2: file: is not UTF-8: save it as UTF-8"):
        parse_document(b"lab: 1\ndescription: \xff\xfe\n", "x.yaml")
