"""What every check needs: the proxy as a process, a plain endpoint, free ports, and a way to report.

A check is a function under @check. It passes by returning, fails by raising, and is skipped by raising Skip.
"""

import contextlib
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PATIENCE = 15  # seconds that anything may take before its check fails


class Skip(Exception):
    """A peer is missing; the reason is the argument."""


_checks = []


def check(function):
    """Registers a check; its name is its sentence."""
    _checks.append((function.__name__.replace("_", " "), function))
    return function


def check_for(whom, function, *arguments):
    """Registers a check of one of several that are alike; `whom` precedes its sentence."""
    _checks.append((f"{whom}: {function.__name__.replace('_', ' ')}", lambda: function(*arguments)))


def main():
    """Runs the registered checks in order and prints a line each; with arguments those that contain one of them."""
    wanted = [(name, run) for name, run in _checks if not sys.argv[1:] or any(part in name for part in sys.argv[1:])]
    for name, run in wanted:
        try:
            run()
            print(f"ok - {name}", flush=True)
        except Skip as reason:
            print(f"skip - {name}: {reason}", flush=True)
        except Exception as error:
            traceback.print_exc()
            said = (str(error) or type(error).__name__).strip().replace("\n", " | ")
            print(f"not ok - {name}: {said[:600]}", flush=True)


def need(command):
    """The path of a command, or a skip."""
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")
    if path is None:
        raise Skip(f"{command} is not installed")
    return path


def run_longer(test, **environment):
    """Runs one end-to-end test, longer than it usually is."""
    command = ["cargo", "test", "--quiet", "-p", "outrigger-tests", "--test", "e2e", "--", test]
    root = os.path.join(os.path.dirname(__file__), "../..")
    done = subprocess.run(command, cwd=root, env={**os.environ, **environment}, capture_output=True, timeout=170)
    print(done.stdout.decode(), done.stderr.decode(), file=sys.stderr)
    assert done.returncode == 0, done.stdout.decode()[-500:]
    assert b"1 passed" in done.stdout, done.stdout.decode()[-300:]


def free_port(kind=socket.SOCK_STREAM):
    """A loopback port that nobody uses now, below the kernel's ephemeral range."""
    import random

    while True:
        port = random.randrange(10000, 32000)
        with socket.socket(socket.AF_INET, kind) as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def eventually(what, happens, patience=PATIENCE):
    """Polls until `happens()` is true and gives its value; fails naming `what`."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        outcome = happens()
        if outcome:
            return outcome
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


def accepts(port):
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child that ends with its block; its output goes to this check's log."""

    def __init__(self, *command, **options):
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def terminate(self):
        """Asks it to end and waits; its exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(PATIENCE)


class Dialogue(Process):
    """A child that is spoken to, and speaks, in lines; its own are JSON."""

    def __init__(self, *command, **options):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.child = subprocess.Popen(command, stderr=sys.stderr, **pipes, **options)

    def say(self, line):
        """Sends a line."""
        print(line, file=self.child.stdin, flush=True)

    def hear(self):
        """The next line."""
        line = self.child.stdout.readline()
        assert line, f"it ended: {self.child.wait(PATIENCE)}"
        return json.loads(line)


class Proxy(Process):
    """The proxy before one cluster; `more` are lines of the cluster, `listener` lines of the listener."""

    def __init__(self, endpoints=(), more=(), listener=(), route=()):
        self.port, self.admin = free_port(), free_port()
        self.directory = tempfile.TemporaryDirectory()
        lines = [
            f"admin: {{ address: 127.0.0.1:{self.admin} }}",
            "listeners:",
            "  - name: edge",
            f"    address: 127.0.0.1:{self.port}",
            *(f"    {line}" for line in listener),
            "    routes:",
            "      - name: all",
            "        cluster: web",
            *(f"        {line}" for line in route),
            "clusters:",
            "  web:",
        ]
        if endpoints:
            lines.append(f"    endpoints: [{', '.join(f'127.0.0.1:{port}' for port in endpoints)}]")
        lines += [f"    {line}" for line in more]
        config = os.path.join(self.directory.name, "outrigger.yaml")
        with open(config, "w") as file:
            file.write("\n".join(lines) + "\n")
        super().__init__(os.environ["OUTRIGGER_BIN"], "--config", config)

    def __enter__(self):
        eventually("the proxy listens", lambda: self.child.poll() is not None or accepts(self.port) and accepts(self.admin))
        assert self.child.poll() is None, "the proxy ended at its start"
        return self

    def get(self, path="/", admin=False, **headers):
        """Status, headers and body of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin if admin else self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def still_serves(self):
        """Fails unless a plain request is answered 200."""
        status, _, body = self.get()
        assert status == 200, f"{status}: {body!r}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; each answer would wait 40 ms for the acknowledgement of the first.
    disable_nagle_algorithm = True

    def do_GET(self):
        self.server.seen.append((self.command, self.path))
        length = int(self.headers.get("content-length") or 0)
        body = f"{self.server.name} {self.command} {self.path} {len(self.rfile.read(length))}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_POST = do_PUT = do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Endpoint:
    """An HTTP/1.1 server of Python's standard library, on a thread."""

    def __init__(self, name="endpoint", address=("127.0.0.1", 0)):
        http.server.ThreadingHTTPServer.request_queue_size = 128
        self.server = http.server.ThreadingHTTPServer(address, _Handler)
        self.server.daemon_threads = True
        self.server.name, self.server.seen = name, []
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def seen(self):
        """Method and path of every request."""
        return self.server.seen
