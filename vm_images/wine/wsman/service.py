"""The shell resource of WS-Management: what each action does."""

from __future__ import annotations

import binascii
import sys
import traceback
from collections.abc import Callable

from . import soap
from .commands import Command, InputFullError
from .processes import StartError
from .shells import Runner, Shell, Shells
from .soap import RSP, FaultError, Request

MAX_ENVELOPE = 512000
"""Bytes, of requests and of responses (Windows: MaxEnvelopeSizekb 500)."""
_DEFAULT_TIMEOUT = 60.0
_MAX_TIMEOUT = 1800.0
_SETTLE = 0.03
_ENVELOPE_OVERHEAD = 2500

_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
_SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"
_SIGNAL = _SHELL + "signal/"
_STATE = _SHELL + "CommandState/"

_CREATED = (
    "<x:ResourceCreated><a:Address>http://localhost:5985/wsman</a:Address><a:ReferenceParameters>"
    f"<w:ResourceURI>{soap.SHELL_RESOURCE}</w:ResourceURI><w:SelectorSet>"
    '<w:Selector Name="ShellId">%s</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>'
    "<rsp:Shell><rsp:ShellId>%s</rsp:ShellId>"
    f"<rsp:ResourceUri>{soap.SHELL_RESOURCE}</rsp:ResourceUri><rsp:InputStreams>stdin</rsp:InputStreams>"
    "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
)


def _signed(code: int) -> int:
    """As an xs:int, which is how Windows reports exit codes such as 0xC0000005."""
    return code - (1 << 32) if code >= 1 << 31 else code


class Service:
    """Answers request envelopes. `computer` names this machine in faults."""

    def __init__(self, runner: Runner, computer: str, idle_timeout: float) -> None:
        self.shells = Shells()
        self._runner = runner
        self._computer = computer
        self._idle_timeout = idle_timeout
        self._actions: dict[str, Callable[[Request], str]] = {
            _TRANSFER + "Create": self._create,
            _TRANSFER + "Delete": self._delete,
            _SHELL + "Command": self._command,
            _SHELL + "Receive": self._receive,
            _SHELL + "Send": self._send,
            _SHELL + "Signal": self._signal,
        }

    def answer(self, envelope: bytes) -> tuple[int, bytes]:
        """HTTP status and response envelope."""
        message_id = ""
        try:
            request = Request(envelope)
            message_id = request.message_id
            return 200, soap.response(request.action, message_id, self._perform(request))
        except FaultError as fault:
            return 500, soap.fault(message_id, fault, self._computer)
        except StartError as error:
            return 500, soap.fault(message_id, soap.start_failed(error.code, str(error)), self._computer)
        except Exception as error:  # the client is told, the connection and the service live on
            traceback.print_exc(file=sys.stderr)
            what = FaultError("Receiver", "w:InternalError", 1359, f"An internal error occurred: {error}")
            return 500, soap.fault(message_id, what, self._computer)

    def _perform(self, request: Request) -> str:
        perform = self._actions.get(request.action)
        if perform is None:
            raise soap.unknown_action(request.action)
        if request.resource != soap.SHELL_RESOURCE:
            raise soap.unknown_resource(request.resource)
        return perform(request)

    def _create(self, request: Request) -> str:
        body = request.body.find(RSP + "Shell")
        if body is None:
            raise soap.schema("the body has no Shell")
        variables = {}
        for variable in body.iterfind(f"{RSP}Environment/{RSP}Variable"):
            name = variable.get("Name", "")
            if not name or "=" in name:
                raise soap.schema(f"not a name of an environment variable: {name!r}")
            variables[name] = variable.text or ""
        idle = soap.seconds(body.findtext(RSP + "IdleTimeOut") or "")
        directory = (body.findtext(RSP + "WorkingDirectory") or "").strip()
        shell = Shell(directory, variables, min(idle or self._idle_timeout, self._idle_timeout))
        self.shells.add(shell)
        return _CREATED % (shell.id, shell.id)

    def _delete(self, request: Request) -> str:
        self.shells.delete(request.shell_id())
        return ""

    def _command(self, request: Request) -> str:
        body = request.body.find(RSP + "CommandLine")
        words = [] if body is None else [body.findtext(RSP + "Command") or ""]
        if body is None or not words[0].strip():
            raise soap.schema("the body has no CommandLine with a Command")
        words += [argument.text or "" for argument in body.iterfind(RSP + "Arguments")]
        with self.shells.get(request.shell_id()) as shell:
            command = shell.run(self._runner, " ".join(words))
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    def _receive(self, request: Request) -> str:
        desired = request.body.find(f"{RSP}Receive/{RSP}DesiredStream")
        if desired is None:
            raise soap.schema("the body has no Receive with a DesiredStream")
        names = (desired.text or "stdout stderr").split()
        limit = (request.max_envelope(MAX_ENVELOPE) - _ENVELOPE_OVERHEAD) * 3 // 4
        timeout = request.timeout(_DEFAULT_TIMEOUT, _MAX_TIMEOUT)
        with self.shells.get(request.shell_id()) as shell:
            command = shell.command(desired.get("CommandId", ""))
            output = command.receive(names, limit, timeout, _SETTLE)
        if command.aborted:
            raise soap.aborted()
        if output is None:
            raise soap.timed_out()
        parts = []
        for name, data in output.streams.items():
            if data:
                text = binascii.b2a_base64(data, newline=False).decode()
                parts.append(f'<rsp:Stream Name="{name}" CommandId="{command.id}">{text}</rsp:Stream>')
        if output.exit_code is None:
            parts.append(f'<rsp:CommandState CommandId="{command.id}" State="{_STATE}Running"/>')
        else:
            parts += [f'<rsp:Stream Name="{name}" CommandId="{command.id}" End="true"/>' for name in output.streams]
            parts.append(
                f'<rsp:CommandState CommandId="{command.id}" State="{_STATE}Done">'
                f"<rsp:ExitCode>{_signed(output.exit_code)}</rsp:ExitCode></rsp:CommandState>"
            )
        return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"

    def _send(self, request: Request) -> str:
        with self.shells.get(request.shell_id()) as shell:
            for stream in request.body.iterfind(f"{RSP}Send/{RSP}Stream"):
                if stream.get("Name") != "stdin":
                    raise soap.schema("the only input stream is stdin")
                command = shell.command(stream.get("CommandId", ""))
                try:
                    data = binascii.a2b_base64(stream.text or "")
                    command.send(data, stream.get("End", "").lower() in ("true", "1"))
                except binascii.Error:
                    raise soap.schema("the stream is not Base64") from None
                except InputFullError:
                    raise soap.quota("the command does not read its input") from None
        return "<rsp:SendResponse/>"

    def _signal(self, request: Request) -> str:
        body = request.body.find(RSP + "Signal")
        if body is None:
            raise soap.schema("the body has no Signal")
        code = (body.findtext(RSP + "Code") or "").strip()
        with self.shells.get(request.shell_id()) as shell:
            self._deliver(shell, shell.command(body.get("CommandId", "")), code)
        return "<rsp:SignalResponse/>"

    def _deliver(self, shell: Shell, command: Command, code: str) -> None:
        match code.removeprefix(_SIGNAL).lower():
            case "terminate":
                shell.remove(command.id)
                command.terminate()
            case "ctrl_c" | "ctrl_break":
                command.interrupt()
            case _:
                raise soap.schema(f"there is no such signal: {code}")
