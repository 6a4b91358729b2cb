"""Requests that no client should send: each is answered or cut off, and the service lives on."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import pytest
import requests

from .conftest import PASSWORD, USER, Service

AUTH = (USER, PASSWORD)
ENVELOPE = (
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
    ' xmlns:r="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><e:Header><a:Action>{action}</a:Action>'
    "<a:MessageID>uuid:&lt;1></a:MessageID><w:ResourceURI>{resource}</w:ResourceURI>{header}</e:Header>"
    "<e:Body>{body}</e:Body></e:Envelope>"
)
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CREATE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create"
BAD_VARIABLE = '<r:Shell><r:Environment><r:Variable Name="a=b"/></r:Environment></r:Shell>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'


def envelope(action: str, body: str = "", header: str = "", resource: str = SHELL + "/cmd") -> str:
    return ENVELOPE.format(action=action, body=body, header=header, resource=resource)


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not xml", 2150858819),
        (b"\xff\xfe\x00", 2150858819),
        (b"<x/>", 2150858817),
        (b"<" * 100_000, 2150858819),
        (b"<x>" * 20_000, 2150858819),
        (BOMB.encode(), 2150858819),
        (BOMB.encode("utf-16"), 2150858819),
        (b'<?xml version="1.0" encoding="cp037"?>' + BOMB.encode("cp037"), 2150858819),
        (envelope("urn:nothing").encode(), 2150858753),
        (envelope("").encode(), 2150858753),
        (envelope(CREATE, resource="urn:wmi").encode(), 2150858811),
        (envelope(CREATE).encode(), 2150858817),
        (
            envelope(CREATE, '<r:Shell><r:Environment><r:Variable Name="a=b"/></r:Environment></r:Shell>').encode(),
            2150858817,
        ),
        (envelope(SHELL + "/Command").encode(), 2150858817),
        (envelope(SHELL + "/Command", "<r:CommandLine><r:Command>x</r:Command></r:CommandLine>").encode(), 2150858817),
        (envelope(SHELL + "/Receive").encode(), 2150858817),
        (envelope(SHELL + "/Signal").encode(), 2150858817),
        (envelope(SHELL + "/Send").encode(), 2150858817),
    ],
)
def test_nonsense_gets_a_fault(service: Service, client: requests.Session, body: bytes, code: int) -> None:
    answer = client.post(service.url, data=body, auth=AUTH, timeout=10)
    assert answer.status_code == 500
    assert f'Code="{code}"' in answer.text
    assert "<s:Fault>" in answer.text


def test_message_ids_are_escaped(service: Service, client: requests.Session) -> None:
    answer = client.post(service.url, data=envelope("urn:nothing"), auth=AUTH, timeout=10)
    assert "<a:RelatesTo>uuid:&lt;1&gt;</a:RelatesTo>" in answer.text


def test_too_large_a_request(service: Service, client: requests.Session) -> None:
    answer = client.post(service.url, data=b"x" * 600_000, auth=AUTH, timeout=10)
    assert answer.status_code == 413


def test_nobody_gets_in_without_credentials(service: Service, client: requests.Session) -> None:
    answer = client.post(service.url, data=envelope(CREATE), timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Negotiate, Basic realm="WSMAN"'
    assert answer.content == b""


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"lab").decode(),
        "Negotiate",
        "Negotiate AAAA",
        "Negotiate " + base64.b64encode(b"NTLMSSP\0\1\0\0\0").decode(),
        "Negotiate " + base64.b64encode(b"NTLMSSP\0\3\0\0\0" + b"\xff" * 200).decode(),
        "Kerberos xyz",
        "\xe4\xf6\xfc",
    ],
)
def test_credentials_that_are_none(service: Service, client: requests.Session, value: str) -> None:
    headers = {"Authorization": value.encode("latin-1")}
    assert client.post(service.url, data=b"", headers=headers, timeout=10).status_code == 401


def test_broken_authenticate_message_after_a_challenge(service: Service, client: requests.Session) -> None:
    negotiate = b"NTLMSSP\0\1\0\0\0" + (0xE2088237).to_bytes(4, "little") + bytes(16)
    for token, challenged in ((negotiate, True), (b"NTLMSSP\0\3\0\0\0" + b"\xff" * 200, False), (negotiate, True)):
        headers = {"Authorization": "Negotiate " + base64.b64encode(token).decode()}
        answer = client.post(service.url, headers=headers, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Negotiate TlRMTVNTUAAC") == challenged


def test_encrypted_message_without_a_session(service: Service, client: requests.Session) -> None:
    headers = {"Content-Type": 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted"'}
    assert client.post(service.url, data=b"xx", auth=AUTH, headers=headers, timeout=10).status_code == 401


def test_changed_encrypted_message(service: Service) -> None:
    protocol = service.session().protocol
    transport = protocol.transport
    session = transport.build_session()
    request = transport.encryption.prepare_encrypted_request(session, service.url, b"<x/>")
    at = len(request.body) - len(b"--Encrypted Boundary--\r\n") - 2
    request.body = request.body[:at] + bytes([request.body[at] ^ 1]) + request.body[at + 1 :]
    assert session.send(request, timeout=10).status_code == 400


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/wsman", 405), ("POST", "/", 404), ("PUT", "/x", 404)])
def test_other_resources_of_http(
    service: Service, client: requests.Session, method: str, path: str, status: int
) -> None:
    url = service.url.replace("/wsman", path)
    assert client.request(method, url, auth=AUTH, timeout=10).status_code == status


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"\r\n\r\n", b"HTTP/1.1 400"),
        (b"hello\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST /wsman HTTP/1.1\r\nno colon\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST /wsman HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST /wsman HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"HTTP/1.1 413"),
        (b"POST /wsman HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 411"),
        (b"A" * 20_000, b"HTTP/1.1 400"),
        (bytes(range(256)) * 100, b"HTTP/1.1 400"),
    ],
)
def test_what_is_not_http(service: Service, raw: bytes, answer: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(raw)
        assert connection.recv(4096).startswith(answer)


def test_requests_in_small_pieces_and_back_to_back(service: Service) -> None:
    request = b"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        for byte in request:
            connection.sendall(bytes([byte]))
        connection.sendall(request + request)
        received = b""
        while received.count(b"HTTP/1.1 401") < 3:
            data = connection.recv(4096)
            assert data
            received += data


def test_the_service_still_works(service: Service) -> None:
    assert service.session().run_cmd("echo alive").std_out == b"alive\n"
