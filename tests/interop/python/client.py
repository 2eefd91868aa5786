"""A client of grpcio (the C core) that finds its servers by xDS.

Its argument is the target. For each line of its standard input, a number of calls, it says on its standard output how
often which server answered, as a JSON object.
"""

import collections
import json
import sys

import grpc

channel = grpc.insecure_channel(sys.argv[1])
name = channel.unary_unary("/echo.Echo/Name")


def call():
    """Who answered, or the error."""
    try:
        return name(b"", timeout=5).decode()
    except grpc.RpcError as error:
        return f"error: {error.code().name}: {error.details()}"


for line in sys.stdin:
    seen = collections.Counter(call() for _ in range(int(line)))
    print(json.dumps(seen), flush=True)
