"""WebSockets by the library `websockets` on both sides."""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import Proxy, Skip, check, main

try:
    import websockets
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve
except ImportError:
    websockets = None


def played(play):
    """Runs a play with a client of an echo behind the proxy."""
    if websockets is None:
        raise Skip("websockets is not installed")

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async def run():
        async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            proxy = await asyncio.to_thread(Proxy([port]).__enter__)
            try:
                await asyncio.wait_for(play(proxy), 30)
            finally:
                proxy.__exit__()

    asyncio.run(run())


@check
def text_and_binary_messages_pass():
    async def play(proxy):
        async with connect(f"ws://127.0.0.1:{proxy.port}/chat") as socket:
            for message in ["hello", "é" * 1000, b"\0\xff" * 100]:
                await socket.send(message)
                assert await socket.recv() == message

    played(play)


@check
def a_large_message_passes_with_back_pressure():
    async def play(proxy):
        async with connect(f"ws://127.0.0.1:{proxy.port}/", max_size=None) as socket:
            message = os.urandom(5_000_000)
            await socket.send(message)
            assert await socket.recv() == message

    played(play)


@check
def many_sockets_are_open_at_once():
    async def play(proxy):
        async def one(number):
            async with connect(f"ws://127.0.0.1:{proxy.port}/") as socket:
                for _ in range(5):
                    await socket.send(str(number))
                    assert await socket.recv() == str(number)

        await asyncio.gather(*(one(number) for number in range(100)))

    played(play)


@check
def pings_and_a_clean_close_pass():
    async def play(proxy):
        async with connect(f"ws://127.0.0.1:{proxy.port}/") as socket:
            await (await socket.ping())
            await socket.close(4001, "enough")
            assert socket.close_code == 4001

    played(play)


if __name__ == "__main__":
    main()
