"""SOAP envelopes of WS-Management: requests taken apart, responses and faults put together from templates."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET

_S = "{http://www.w3.org/2003/05/soap-envelope}"
_A = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
_W = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
RSP = "{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}"

SHELL_RESOURCE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")

_ENVELOPE = (
    '<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
    ' xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"'
    ' xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><a:Action>%s</a:Action>'
    "<a:MessageID>uuid:%s</a:MessageID>"
    "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>"
    "<a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body>%s</s:Body></s:Envelope>"
)
_FAULT = (
    "<s:Fault><s:Code><s:Value>s:%s</s:Value><s:Subcode><s:Value>%s</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en-US">%s</s:Text></s:Reason><s:Detail>'
    '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="%d" Machine="%s">'
    "<f:Message>%s</f:Message></f:WSManFault></s:Detail></s:Fault>"
)
_FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"


def escape(text: str) -> str:
    """Text as XML content. (`xml.sax.saxutils` would bring `urllib.request` and half the library with it.)"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class FaultError(Exception):
    """A SOAP fault with Windows' code (wsmerror.h, winerror.h)."""

    def __init__(self, side: str, subcode: str, code: int, reason: str) -> None:
        super().__init__(reason)
        self.side = side
        self.subcode = subcode
        self.code = code
        self.reason = reason


def timed_out() -> FaultError:
    return FaultError(
        "Receiver",
        "w:TimedOut",
        2150858793,
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
    )


def shell_not_found(shell_id: str) -> FaultError:
    return FaultError(
        "Sender",
        "w:InvalidSelectors",
        2150858843,
        f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell was not "
        "found on the server. Possible causes are: the specified ShellId is incorrect or the shell no longer "
        "exists on the server. Provide the correct ShellId or create a new shell and retry the operation.",
    )


def command_not_found(command_id: str) -> FaultError:
    return FaultError(
        "Sender", "w:InvalidParameter", 87, f"The parameter is incorrect. There is no command {command_id}."
    )


def aborted() -> FaultError:
    return FaultError(
        "Receiver",
        "w:InternalError",
        995,
        "The I/O operation has been aborted because of either a thread exit or an application request.",
    )


def quota(reason: str) -> FaultError:
    return FaultError("Sender", "w:QuotaLimit", 2150858815, reason)


def schema(reason: str) -> FaultError:
    return FaultError("Sender", "w:SchemaValidationError", 2150858817, reason)


def invalid_xml(reason: str) -> FaultError:
    return FaultError("Sender", "w:SchemaValidationError", 2150858819, reason)


def unknown_action(action: str) -> FaultError:
    return FaultError("Sender", "a:ActionNotSupported", 2150858753, f"The action is not supported: {action}")


def unknown_resource(uri: str) -> FaultError:
    return FaultError("Sender", "a:DestinationUnreachable", 2150858811, f"There is no such resource here: {uri}")


def start_failed(error: int, reason: str) -> FaultError:
    return FaultError("Receiver", "w:InternalError", error, reason)


def seconds(duration: str) -> float | None:
    """Seconds of an xs:duration without years and months; None if it is none."""
    match = _DURATION.fullmatch(duration.strip())
    if not match or duration.strip() in ("P", "PT"):
        return None
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


class Request:
    """A request envelope. Raises FaultError if it is none."""

    def __init__(self, envelope: bytes) -> None:
        self.message_id = ""
        # Entities come with a DOCTYPE only. UTF-8 is forced below so that no other encoding hides one; UTF-16 with
        # its byte order mark would be taken nevertheless.
        if b"<!DOCTYPE" in envelope or b"\0" in envelope:
            raise invalid_xml("document type declarations and UTF-16 are not accepted")
        try:
            root = ET.fromstring(envelope, ET.XMLParser(encoding="utf-8"))  # noqa: S314
        except (ET.ParseError, ValueError, LookupError) as error:
            raise invalid_xml(f"the request is not well-formed XML: {error}") from None
        header, body = root.find(_S + "Header"), root.find(_S + "Body")
        if root.tag != _S + "Envelope" or header is None or body is None:
            raise schema("the request is not a SOAP 1.2 envelope with a header and a body")
        self._header = header
        self.body = body
        self.message_id = self._text(_A + "MessageID")
        self.action = self._text(_A + "Action")
        self.resource = self._text(_W + "ResourceURI")

    def _text(self, tag: str) -> str:
        return (self._header.findtext(tag) or "").strip()

    def shell_id(self) -> str:
        for selector in self._header.iterfind(f"{_W}SelectorSet/{_W}Selector"):
            if selector.get("Name") == "ShellId":
                return (selector.text or "").strip().upper()
        raise schema("the request has no ShellId selector")

    def options(self) -> dict[str, str]:
        found = self._header.iterfind(f"{_W}OptionSet/{_W}Option")
        return {option.get("Name", ""): option.text or "" for option in found}

    def timeout(self, default: float, maximum: float) -> float:
        """OperationTimeout in seconds."""
        given = seconds(self._text(_W + "OperationTimeout"))
        return default if given is None else min(given, maximum)

    def max_envelope(self, default: int) -> int:
        text = self._text(_W + "MaxEnvelopeSize")
        return max(8192, min(int(text), default)) if text.isascii() and text.isdigit() else default


def new_id() -> str:
    digits = os.urandom(16).hex().upper()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def response(action: str, relates_to: str, body: str) -> bytes:
    """`action` is the request's; `body` is XML."""
    return (_ENVELOPE % (escape(action) + "Response", new_id(), escape(relates_to), body)).encode()


def fault(relates_to: str, what: FaultError, machine: str) -> bytes:
    reason = escape(what.reason)
    body = _FAULT % (what.side, what.subcode, reason, what.code, machine, reason)
    return (_ENVELOPE % (_FAULT_ACTION, new_id(), escape(relates_to), body)).encode()
