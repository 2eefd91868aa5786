"""Clients and endpoints that speak HTTP/2 to do harm; the proxy ends their connections and serves the others."""

import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import PATIENCE, Endpoint, Proxy, Skip, check, main

try:
    import h2.config
    import h2.connection
    import h2.events
    import hpack
except ImportError:
    h2 = None

DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a.test")]
MIB = 1 << 20


def frame(kind, flags, stream, payload=b""):
    """The bytes of a frame (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(headers):
    """A header block without Huffman coding or table."""
    return hpack.Encoder().encode([(name, value) for name, value in headers], huffman=False)


def connect(port):
    """A connection after preface and empty SETTINGS."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(PREFACE + frame(SETTINGS, 0, 0))
    return stream


def resident(proxy):
    """Bytes."""
    with open(f"/proc/{proxy.child.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


class Stage:
    """A proxy before an honest endpoint."""

    def __enter__(self):
        if h2 is None:
            raise Skip("h2 is not installed")
        self.endpoint = Endpoint().__enter__()
        self.proxy = Proxy([self.endpoint.port]).__enter__()
        self.proxy.still_serves()
        return self

    def __exit__(self, *_):
        self.proxy.__exit__()
        self.endpoint.__exit__()

    def flood(self, pieces, seconds=5):
        """Sends pieces until cut off or out of time; says whether it was cut off. The proxy must serve others meanwhile."""
        stream = connect(self.proxy.port)
        reader = threading.Thread(target=_drain, args=(stream,), daemon=True)
        reader.start()
        end = time.monotonic() + seconds
        cut = False
        try:
            for piece in pieces:
                stream.sendall(piece)
                if time.monotonic() > end:
                    break
        except OSError:
            cut = True
        start = time.monotonic()
        self.proxy.still_serves()
        assert time.monotonic() - start < 2, "others wait"
        stream.close()
        return cut


def _drain(stream):
    try:
        while stream.recv(65536):
            pass
    except OSError:
        pass


@check
def rapid_resets_are_cut_off():
    # CVE-2023-44487.
    with Stage() as stage:
        head = block(GET)
        pieces = (
            frame(HEADERS, 5, number, head) + frame(RST_STREAM, 0, number, struct.pack(">I", 8))
            for number in range(1, 2_000_001, 2)
        )
        before = len(stage.endpoint.seen)
        assert stage.flood(pieces), "never cut off"
        assert len(stage.endpoint.seen) - before < 20_000


@check
def endless_continuations_are_cut_off():
    # CVE-2024-27316 and its kin.
    with Stage() as stage:
        before = resident(stage.proxy)
        piece = frame(CONTINUATION, 0, 1, block([("x-a", "b" * 4000)]))
        pieces = [frame(HEADERS, 0, 1, block(GET))] + [piece] * 50_000
        assert stage.flood(pieces), "never cut off"
        assert resident(stage.proxy) - before < 20 * MIB


@check
def a_header_bomb_is_refused():
    # A few bytes on the wire that unpack to megabytes, through the dynamic table.
    with Stage() as stage:
        before = resident(stage.proxy)
        encoder = hpack.Encoder()
        bomb = encoder.encode([*GET, ("x-bomb", "b" * 3000)], huffman=False)
        for _ in range(5000):
            bomb += encoder.encode([("x-bomb", "b" * 3000)], huffman=False)
        stream = connect(stage.proxy.port)
        stream.sendall(frame(HEADERS, 5, 1, bomb))
        _drain_for(stream, 1)
        stage.proxy.still_serves()
        assert resident(stage.proxy) - before < 20 * MIB
        assert all(path == "/" for _, path in stage.endpoint.seen)


def _drain_for(stream, seconds):
    stream.settimeout(seconds)
    received = b""
    try:
        while more := stream.recv(65536):
            received += more
    except OSError:
        pass
    return received


@check
def settings_and_ping_floods_hold_no_memory():
    with Stage() as stage:
        before = resident(stage.proxy)
        for piece in [frame(SETTINGS, 0, 0) * 100, frame(PING, 0, 0, b"12345678") * 100]:
            # The answers are never read: they must not pile up.
            stream = connect(stage.proxy.port)
            stream.settimeout(1)
            try:
                for _ in range(20_000):
                    stream.sendall(piece)
            except OSError:
                pass
            stage.proxy.still_serves()
            grown = resident(stage.proxy) - before
            stream.close()
            assert grown < 30 * MIB, f"{grown} bytes"


@check
def empty_data_frames_without_end_are_cut_off_or_harmless():
    # CVE-2019-9518.
    with Stage() as stage:
        before = resident(stage.proxy)
        post = [(":method", "POST"), *GET[1:]]
        pieces = [frame(HEADERS, 4, 1, block(post))] + [frame(DATA, 0, 1) * 100] * 100_000
        stage.flood(pieces, seconds=3)
        assert resident(stage.proxy) - before < 20 * MIB


@check
def a_client_that_grants_no_window_holds_no_more_than_a_window():
    with Stage() as stage:
        before = resident(stage.proxy)
        streams = []
        for _ in range(50):
            stream = connect(stage.proxy.port)
            # SETTINGS_INITIAL_WINDOW_SIZE 0.
            stream.sendall(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
            stream.sendall(b"".join(frame(HEADERS, 5, number, block(GET)) for number in range(1, 100, 2)))
            streams.append(stream)
        time.sleep(1)
        stage.proxy.still_serves()
        assert resident(stage.proxy) - before < 60 * MIB
        for stream in streams:
            stream.close()


@check
def half_open_heads_are_let_go():
    if h2 is None:
        raise Skip("h2 is not installed")
    with Endpoint() as endpoint, Proxy([endpoint.port], listener=["header_timeout: 2s", "idle_timeout: 2s"]) as proxy:
        stream = connect(proxy.port)
        stream.sendall(frame(HEADERS, 0, 1, block(GET)))
        stream.settimeout(PATIENCE)
        try:
            while stream.recv(65536):
                pass
        except TimeoutError:
            raise AssertionError("never cut off") from None
        except OSError:
            pass


def hostile_endpoint(play):
    """An HTTP/2 endpoint that plays `play(stream)` after the settings; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=guarded, args=(stream,), daemon=True).start()

    def guarded(stream):
        try:
            stream.recv(len(PREFACE), socket.MSG_WAITALL)
            stream.sendall(frame(SETTINGS, 0, 0))
            play(stream)
        except OSError:
            pass
        finally:
            stream.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def read_head(stream):
    """Reads frames until HEADERS; its stream."""
    while True:
        head = stream.recv(9, socket.MSG_WAITALL)
        if len(head) < 9:
            raise OSError("ended")
        length = int.from_bytes(head[:3], "big")
        if length:
            stream.recv(length, socket.MSG_WAITALL)
        if head[3] == HEADERS:
            return int.from_bytes(head[5:9], "big")


@check
def endpoints_that_break_http2_cost_their_own_requests_only():
    if h2 is None:
        raise Skip("h2 is not installed")

    def oversized(stream):
        number = read_head(stream)
        stream.sendall(frame(HEADERS, 4, number, block([(":status", "200")])) + b"\xff\xff\xff\0\0" + struct.pack(">I", number))

    def on_stream_zero(stream):
        read_head(stream)
        stream.sendall(frame(DATA, 0, 0, b"x"))

    def uppercase(stream):
        number = read_head(stream)
        stream.sendall(frame(HEADERS, 5, number, block([(":status", "200"), ("X-Upper", "a")])))

    def no_status(stream):
        number = read_head(stream)
        stream.sendall(frame(HEADERS, 5, number, block([("x-a", "b")])))

    def too_long(stream):
        number = read_head(stream)
        stream.sendall(frame(HEADERS, 4, number, block([(":status", "200"), ("content-length", "1")])))
        stream.sendall(frame(DATA, 1, number, b"four"))

    def garbage(stream):
        read_head(stream)
        stream.sendall(os.urandom(1000))

    with Endpoint() as good:
        for play in [oversized, on_stream_zero, uppercase, no_status, too_long, garbage]:
            with Proxy([hostile_endpoint(play)], more=["protocol: http2"]) as proxy:
                for _ in range(3):
                    start = time.monotonic()
                    try:
                        status = proxy.get()[0]
                    except Exception:
                        status = "cut"
                    assert status in (502, 504, "cut") or play is uppercase and status == 200, f"{play.__name__}: {status}"
                    assert time.monotonic() - start < 5, play.__name__
                assert proxy.get("/ready", admin=True)[0] == 200
        with Proxy([good.port]) as proxy:
            proxy.still_serves()


if __name__ == "__main__":
    main()
