"""The shell, on a kernel that has the real driver loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from symbols.memory import BASE, BUILD
from symbols.request import FILE, IRP, RESOURCE

from lab.errors import HungError, UsageError
from lab.kd.shell import run_shell, split

from . import target as fake
from .driver_kernel import DEVICE, DriverKernel
from .live import LiveTarget


class Prompt:
    """Runs commands, and says what they printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        far = fake.Target([fake.print_message(b"boot\n")])
        self.kernel = far.kernel = DriverKernel()
        self.live = LiveTarget(far)

    def __call__(self, *commands: str, patience: float = 5.0) -> str:
        run_shell(self.live.transport, [BUILD], list(commands), patience=patience)
        return self._capsys.readouterr().out

    def is_running(self) -> bool:
        """The target was continued, and has no breakpoint left."""
        return self.live.target.stopped is None and not self.kernel.breakpoints


@pytest.fixture
def prompt(capsys: pytest.CaptureFixture[str]) -> Iterator[Prompt]:
    prompt = Prompt(capsys)
    yield prompt
    prompt.live.wait_until(prompt.is_running)
    prompt.live.close()


AT_WRITE = "break; bp Example_Write; g"


def test_modules_say_where_their_symbols_come_from(prompt: Prompt) -> None:
    output = prompt("break; lm")
    assert re.search(rf"{BASE:016x} \w{{16}}   example-buffered +.*/example-buffered\.pdb", output)
    assert re.search(r"ntoskrnl +exports only", output)


def test_a_breakpoint_by_symbol_shows_place_and_arguments(prompt: Prompt) -> None:
    output = prompt(AT_WRITE, "k; dv")
    assert "breakpoint 0: example-buffered!Example_Write [driver/kernel/dispatch.c:" in output
    assert f"DeviceObject = {DEVICE:#x}, Irp = {IRP:#x}" in output
    assert re.search(r"00  \w{16}  example-buffered!Example_Write \[driver/kernel/dispatch\.c:\d+\]", output)
    assert re.search(r"01  \w{16}  ntoskrnl\+0x205", output)


def test_the_file_object_and_the_resource_behind_it(prompt: Prompt) -> None:
    path = "Irp->Tail.Overlay.CurrentStackLocation->FileObject"
    output = prompt(
        AT_WRITE, f"dt _FILE_OBJECT {path}; dt EXAMPLE_RESOURCE {path}->FsContext; dt {path}; ?? {path}->FileName"
    )
    assert f"_FILE_OBJECT at {FILE:#x}, 216 bytes" in output
    assert '+0x058 FileName             : _UNICODE_STRING "\\HELLO"' in output
    assert f"+0x018 FsContext            : {RESOURCE:#x}" in output
    assert f"_EXAMPLE_RESOURCE at {RESOURCE:#x}" in output
    assert '"hello"..., Size 0x1000, Head 0, Held 5' in output
    assert output.count(f"_FILE_OBJECT at {FILE:#x}") == 2


def test_memory_as_bytes_words_and_text(prompt: Prompt) -> None:
    output = prompt(
        f"break; db {RESOURCE + 0x28:x} 10; dd {RESOURCE + 0x10:x} 1; dq {RESOURCE:x} 2; da {RESOURCE + 0x28:x}"
    )
    assert "5c 48 45 4c 4c 4f 00 00 00 00 00 00 00 00 00 00  \\HELLO.........." in output
    assert f"{RESOURCE + 0x10:016x}  00000002\n" in output
    assert f"{RESOURCE:016x}  {RESOURCE:016x} {RESOURCE:016x}\n" in output
    assert f'{RESOURCE + 0x28:016x}  "\\HELLO"\n' in output


def test_memory_and_registers_are_written(prompt: Prompt) -> None:
    output = prompt(f"{AT_WRITE}; eb {DEVICE:x} 41 42; r rax=1234; db {DEVICE:x} 2; r rax; dq rdx 1")
    assert re.search(r"41 42 +AB\n", output)
    assert "rax=0000000000001234" in output
    assert f"{IRP:016x}  0000000000d00006\n" in output


def test_memory_that_is_not_there_is_said(prompt: Prompt) -> None:
    assert "0000000000005000  cannot be read" in prompt("break; db 5000 10")


def test_numbers_symbols_and_expressions(prompt: Prompt) -> None:
    write = prompt.kernel.write
    held = f"((EXAMPLE_RESOURCE*){RESOURCE:x})->Ring.Held"
    output = prompt(f"{AT_WRITE}; ? Example_Write+0n16; ? poi({RESOURCE:x})+1; ? @rdx-1; ?? {held}")
    assert f"{write + 16:#x} = {write + 16} = example-buffered!Example_Write+0x10" in output
    assert f"{RESOURCE + 1:#x}" in output
    assert f"{IRP - 1:#x}" in output
    assert "unsigned long 5" in output


def test_names_and_instructions(prompt: Prompt) -> None:
    output = prompt("break; x example*!Example_W*; u Example_Write 2; ln Example_Write+20")
    assert f"{prompt.kernel.write:016x}  example-buffered!Example_Write\n" in output
    assert "push r15" in output
    assert "example-buffered!Example_Write+0x20" in output


def test_the_layout_of_a_type_needs_no_address(prompt: Prompt) -> None:
    output = prompt("break; dt EXAMPLE_RING; dt *EXAMPLE_R*")
    assert "+0x010 Held    : unsigned long" in output
    assert "example-buffered!_EXAMPLE_RESOURCE\n" in output


def test_breakpoints_are_listed_and_cleared(prompt: Prompt) -> None:
    output = prompt("break; bp Example_Write; bp Example_Read; bl; bc 0; bl; bc *; bl")
    assert re.search(
        r" 0  \w{16}  Example_Write\n 1  \w{16}  Example_Read\n 0  \w{16}  Example_Read\nno breakpoints", output
    )


def test_a_step_goes_one_instruction(prompt: Prompt) -> None:
    assert "single step: example-buffered!Example_Write+0x1" in prompt(f"{AT_WRITE}; t")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("k", "k needs a target that stands still"),
        ("break; bp Example_Wriet", "no symbol 'Example_Wriet'"),
        ("break; dt EXAMPLE_RNG", "no type 'EXAMPLE_RNG'"),
        ("break; db", "where?"),
        ("break; nonsense", "no command 'nonsense'"),
        ("break; r abc", "no register 'abc'"),
        ("break; ? (1+2", "a ) is missing"),
        ("break; bc 7", "no breakpoint '7'"),
        ("break; eb 5000 1", "cannot be written"),
        ("break; dv", "arguments are known at a function's first instruction"),
    ],
)
def test_mistakes_are_one_line(prompt: Prompt, command: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        prompt(command)
    assert "\n" not in str(caught.value)


def test_a_stop_that_does_not_come_ends_the_wait(prompt: Prompt) -> None:
    with pytest.raises(HungError, match=r"did not stop in 0.5 s"):
        prompt("break; g; k", patience=0.5)


def test_what_the_target_prints_is_shown_unless_switched_off(prompt: Prompt) -> None:
    prompt.live.say(fake.print_message(b'\x01lab {"step":"1","actor":null,"pid":1,"edge":"begin"}\n'))
    output = prompt("break; print off; print on")
    assert "boot\n" in output
    assert '"step"' not in output, "what the traffic program announces is for the log"


def test_the_last_g_only_lets_it_run(prompt: Prompt) -> None:
    assert "stack pointer" in prompt("break; k; g", patience=0.1)


def test_commands_are_split_and_remarks_dropped() -> None:
    assert split("break; k ;; g # and so on") == ["break", "k", "g"]
