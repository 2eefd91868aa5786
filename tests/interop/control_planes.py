"""Control planes to be the client of: ours, and one made of go-control-plane. Both take the same table.

A table is that of the proxy's file, as a dictionary. Theirs knows of it what the checks vary; see `go/control-plane/table.go`.
"""

import json
import os
import tempfile
import threading
import urllib.request

from stage import PATIENCE, Dialogue, Process, eventually, accepts, free_port, need


class Outrigger:
    """`outrigger-control` over a directory of one table."""

    def __init__(self):
        self.binary = os.environ["OUTRIGGER_CONTROL_BIN"]
        self.port, self.http = free_port(), free_port()
        self.directory = tempfile.TemporaryDirectory()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts it, or starts it again: at the same address."""
        addresses = ["--xds", f"127.0.0.1:{self.port}", "--http", f"127.0.0.1:{self.http}"]
        self.process = Process(self.binary, "--config", self.directory.name, *addresses)
        eventually("the control plane listens", lambda: accepts(self.port) and accepts(self.http))

    def kill(self):
        """As `kill -9` does."""
        self.process.__exit__()

    def set(self, table):
        """Replaces the table, given as a dictionary or a text, in one step."""
        path = os.path.join(self.directory.name, "mesh.yaml")
        with open(path + ".new", "w") as file:
            file.write(table if isinstance(table, str) else json.dumps(table))
        os.rename(path + ".new", path)

    def refusals(self, node):
        """What the proxy of that name refuses of what it was sent last, in its words."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/proxies", timeout=PATIENCE) as reply:
            proxies = [proxy for proxy in json.load(reply) if proxy["id"] == node and "gone" not in proxy]
        kinds = [kind for proxy in proxies for kind in proxy["kinds"].values() if "refused" in kind]
        return [kind["refused"]["text"] for kind in kinds if kind["refused"]["version"] == kind["sent"]["version"]]


class GoControlPlane:
    """The Go program of this directory; `cache` is simple or mux."""

    def __init__(self, cache, delta):
        self.command = [need("control-plane"), "--cache", cache, f"--delta={str(delta).lower()}"]
        self.port = free_port()
        self.table = None
        self.requests = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts it, or starts it again: at the same address, with the same table."""
        self.process = Dialogue(*self.command, "--listen", f"127.0.0.1:{self.port}")
        assert self.process.hear()["event"] == "listening"
        threading.Thread(target=self.listen, args=[self.process.child.stdout], daemon=True).start()
        if self.table:
            self.set(self.table)

    def kill(self):
        """As `kill -9` does."""
        self.process.__exit__()

    def listen(self, output):
        """Gathers what it is asked."""
        self.requests += (said for said in map(json.loads, output) if said["event"] == "request")

    def set(self, table):
        """Replaces the table."""
        self.table = table
        listener, *_ = table["listeners"]
        self.process.say(
            json.dumps(
                {
                    "listener": listener["address"],
                    "weights": listener["routes"][0]["clusters"],
                    "clusters": {name: cluster["endpoints"] for name, cluster in table["clusters"].items()},
                    "refused": table.get("refused", ""),
                }
            )
        )

    def refusals(self, node):
        """What that proxy refuses now, in its words: the last answer for each type counts."""
        answers = (asked for asked in self.requests if asked["node"] == node and asked["nonce"])
        last = {answer["type"]: answer["refused"] for answer in answers}
        return [text for text in last.values() if text]
