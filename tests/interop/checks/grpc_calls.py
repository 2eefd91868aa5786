"""gRPC by its own library: the four kinds of calls, deadlines, errors, and many endpoints behind one channel."""

import concurrent.futures
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import Proxy, Skip, check, free_port, main

try:
    import grpc
except ImportError:
    grpc = None


class Echo:
    """A service without generated code: messages are bytes."""

    def __init__(self, name):
        self.name = name
        self.port = free_port()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Server": grpc.unary_stream_rpc_method_handler(self.stream),
            "Client": grpc.stream_unary_rpc_method_handler(lambda requests, _: b"+".join(requests)),
            "Both": grpc.stream_stream_rpc_method_handler(lambda requests, _: (b"<" + one for one in requests)),
            "Name": grpc.unary_unary_rpc_method_handler(lambda *_: self.name.encode()),
            "Slow": grpc.unary_unary_rpc_method_handler(self.slow),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
        }
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("echo.Echo", handlers)])
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")

    def unary(self, request, context):
        context.set_trailing_metadata([("x-left", f"{context.time_remaining() or 0:.1f}"), ("x-data-bin", b"\0\1\2")])
        return b"<" + request

    def stream(self, request, _):
        for number in range(int(request)):
            yield b"%d" % number

    def slow(self, *_):
        time.sleep(5)
        return b"late"

    def fail(self, _, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you: é")

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(0)


class Stage:
    """Proxy, channel and services."""

    def __init__(self, count=1):
        if grpc is None:
            raise Skip("grpcio is not installed")
        self.services = [Echo(f"s{number}") for number in range(count)]

    def __enter__(self):
        for service in self.services:
            service.__enter__()
        self.proxy = Proxy([service.port for service in self.services]).__enter__()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.proxy.port}")
        return self

    def __exit__(self, *_):
        self.channel.close()
        self.proxy.__exit__()
        for service in self.services:
            service.__exit__()


@check
def a_unary_call_with_metadata_both_ways():
    with Stage() as stage:
        reply, call = stage.channel.unary_unary("/echo.Echo/Unary").with_call(b"hi", timeout=10)
        assert reply == b"<hi"
        trailers = dict(call.trailing_metadata())
        assert 5 < float(trailers["x-left"]) <= 10, trailers
        assert trailers["x-data-bin"] == b"\0\1\2", trailers


@check
def a_large_message_passes_whole():
    with Stage() as stage:
        message = os.urandom(3_000_000)
        assert stage.channel.unary_unary("/echo.Echo/Unary")(message, timeout=20) == b"<" + message


@check
def a_server_streams():
    with Stage() as stage:
        replies = list(stage.channel.unary_stream("/echo.Echo/Server")(b"2000", timeout=20))
        assert len(replies) == 2000 and replies[-1] == b"1999"


@check
def a_client_streams():
    with Stage() as stage:
        reply = stage.channel.stream_unary("/echo.Echo/Client")(iter([b"a"] * 2000), timeout=20)
        assert reply == b"+".join([b"a"] * 2000)


@check
def both_stream_in_turns():
    with Stage() as stage:
        import queue

        turns = queue.Queue()
        replies = stage.channel.stream_stream("/echo.Echo/Both")(iter(turns.get, None), timeout=20)
        for number in range(200):
            turns.put(b"%d" % number)
            assert next(replies) == b"<%d" % number
        turns.put(None)
        assert list(replies) == []


@check
def a_deadline_ends_a_call():
    with Stage() as stage:
        start = time.monotonic()
        try:
            stage.channel.unary_unary("/echo.Echo/Slow")(b"", timeout=0.5)
            raise AssertionError("it came back")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        assert time.monotonic() - start < 2


@check
def an_error_keeps_code_and_message():
    with Stage() as stage:
        try:
            stage.channel.unary_unary("/echo.Echo/Fail")(b"", timeout=5)
            raise AssertionError("it came back")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error
            assert error.details() == "not you: é", error.details()


@check
def an_unreachable_service_is_unavailable():
    if grpc is None:
        raise Skip("grpcio is not installed")
    with Proxy([free_port()]) as proxy, grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        try:
            channel.unary_unary("/echo.Echo/Unary")(b"", timeout=5)
            raise AssertionError("it came back")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error


@check
def calls_of_one_channel_are_balanced():
    with Stage(3) as stage:
        call = stage.channel.unary_unary("/echo.Echo/Name")
        names = [call(b"", timeout=10) for _ in range(300)]
        shares = {name: names.count(name) for name in set(names)}
        assert len(shares) == 3 and min(shares.values()) > 20, shares


@check
def a_cancelled_call_leaves_the_channel_usable():
    with Stage() as stage:
        for _ in range(20):
            call = stage.channel.unary_unary("/echo.Echo/Slow").future(b"")
            call.cancel()
        assert stage.channel.unary_unary("/echo.Echo/Unary")(b"hi", timeout=10) == b"<hi"


if __name__ == "__main__":
    main()
