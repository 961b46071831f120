"""A TLS server with HTTP/2 or only HTTP/1.1, which counts connections and the requests on each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from datetime import UTC, datetime, timedelta
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.socket_server import SocketServer


class TlsServer(SocketServer):
    """Answers every JSON-RPC request with its method. `certificate` is the file by which clients trust it."""

    def __init__(self, folder: Path, *, http2: bool) -> None:
        super().__init__()
        self.certificate = folder / "certificate.pem"
        self._key = folder / "key.pem"
        self._http2 = http2
        self._together = 1
        self._waiting = list[asyncio.Event]()
        self.connections = list[list[str]]()
        """Of each connection the methods that it carried."""

    def hold_until(self, together: int) -> None:
        """No request is answered before so many of them are there: who asks one after another waits for ever."""
        self._together = together

    async def _listen(self) -> asyncio.Server:
        _write_certificate(self.certificate, self._key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self._key)
        context.set_alpn_protocols(["h2", "http/1.1"] if self._http2 else ["http/1.1"])
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=500, ssl=context)

    def __enter__(self) -> TlsServer:
        super().__enter__()
        self.url = self.url.replace("http://", "https://")
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = list[str]()
        self.connections.append(carried)
        chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await (_Streams(self, writer, carried).serve(reader) if chosen == "h2" else self._one_by_one(
                reader, writer, carried
            ))  # fmt: skip
        writer.close()

    async def _one_by_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, carried: list[str]) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
            answer = await self.answer(body, carried)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
            await writer.drain()

    async def answer(self, body: bytes, carried: list[str]) -> bytes:
        """The answer to a request, once as many as wanted are there."""
        asked = json.loads(body)
        carried.append(asked["method"])
        go = asyncio.Event()
        self._waiting.append(go)
        if len(self._waiting) >= self._together:
            for one in self._waiting:
                one.set()
            self._waiting.clear()
        await go.wait()
        return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": asked["method"]}).encode()


class _Streams:
    """One connection of HTTP/2. h2 is loaded where it is needed alone, as l2send does it."""

    def __init__(self, server: TlsServer, writer: asyncio.StreamWriter, carried: list[str]) -> None:
        self._server = server
        self._writer = writer
        self._carried = carried
        config = import_module("h2.config").H2Configuration(client_side=False)
        self._protocol: Any = import_module("h2.connection").H2Connection(config)
        self._bodies = dict[int, bytes]()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        events = import_module("h2.events")
        self._protocol.initiate_connection()
        self._send()
        async with asyncio.TaskGroup() as answering:
            while data := await reader.read(65_536):
                for event in self._protocol.receive_data(data):
                    if isinstance(event, events.DataReceived):
                        self._bodies[event.stream_id] = self._bodies.get(event.stream_id, b"") + event.data
                        self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, events.StreamEnded):
                        answering.create_task(self._answer(event.stream_id))
                self._send()

    async def _answer(self, stream: int) -> None:
        answer = await self._server.answer(self._bodies.pop(stream), self._carried)
        self._protocol.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
        self._protocol.send_data(stream, answer, end_stream=True)
        self._send()

    def _send(self) -> None:
        self._writer.write(self._protocol.data_to_send())


def _write_certificate(certificate: Path, key: Path) -> None:
    """A certificate of 127.0.0.1 that is signed by itself."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, *form))
