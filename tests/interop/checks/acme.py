"""Certificates from Pebble, Let's Encrypt's small authority: got by either challenge, renewed in time, refused."""

import contextlib
import http.client
import json
import os
import socket
import socketserver
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import Endpoint, PATIENCE, Process, Skip, accepts, check, check_for, eventually, free_port, main, need

DAY = 86_400


class Names:
    """A name server for which every host is this machine."""

    def __enter__(self):
        port = free_port()
        self.servers = [
            socketserver.ThreadingUDPServer(("127.0.0.1", port), Datagram),
            socketserver.ThreadingTCPServer(("127.0.0.1", port), Stream),
        ]
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{port}"

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def answer(query):
    """One address to who asks for one, and nothing to the others."""
    question = query[12 : query.index(b"\0", 12) + 5]
    a = question[-4:-2] == b"\0\1"
    head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0"
    return head + question + (b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if a else b"")


class Datagram(socketserver.BaseRequestHandler):
    """As most ask."""

    def handle(self):
        query, socket = self.request
        socket.sendto(answer(query), self.client_address)


class Stream(socketserver.StreamRequestHandler):
    """As newer Pebbles ask."""

    def handle(self):
        while length := self.rfile.read(2):
            reply = answer(self.rfile.read(int.from_bytes(length, "big")))
            self.wfile.write(len(reply).to_bytes(2, "big") + reply)


class Pebble(Process):
    """The authority; it looks for http-01 at port `http`, for tls-alpn-01 at port `tls`."""

    def __init__(self, names, http, tls, life=90 * DAY):
        pebble, openssl = need("pebble"), need("openssl")
        self.directory = tempfile.TemporaryDirectory()
        self.port, self.management = free_port(), free_port()
        self.ca, key = self.path("server.pem"), self.path("server.key")
        command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=pebble"]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run([*command, "-days", "2", "-keyout", key, "-out", self.ca], check=True, capture_output=True)
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": self.ca,
            "privateKey": key,
            "httpPort": http,
            "tlsPort": tls,
            "domainBlocklist": ["blocked.example.com"],
            "retryAfter": {"authz": 1, "order": 1},
            # The first is what newer ones read, the second what older ones do.
            "profiles": {"default": {"description": "default", "validityPeriod": life}},
            "certificateValidityPeriod": life,
        }
        with open(self.path("pebble.json"), "w") as file:
            json.dump({"pebble": settings}, file)
        # One nonce in a hundred is refused for nothing, which is to be borne; more of them in a row end an order.
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "1"}
        super().__init__(pebble, "-config", self.path("pebble.json"), "-dnsserver", names, env=environment)

    def path(self, name):
        """Of a file of its own."""
        return os.path.join(self.directory.name, name)

    def __enter__(self):
        eventually("Pebble listens", lambda: accepts(self.port) and accepts(self.management))
        return self

    def ask(self, path, body=None):
        """What its management says; a POST if there is a body."""
        url = f"https://127.0.0.1:{self.management}/{path}"
        with urllib.request.urlopen(url, body, context=ssl.create_default_context(cafile=self.ca)) as response:
            return response.read().decode()


class Edge(Process):
    """The proxy, which gets certificates for `hosts`; its state is in `directory`."""

    def __init__(self, pebble, ports, endpoint, hosts, challenges, directory):
        (self.http, self.tls), self.admin, self.directory, self.pebble = ports, free_port(), directory, pebble
        table = {
            "admin": {"address": f"127.0.0.1:{self.admin}"},
            "acme": {
                "terms_agreed": True,
                "contact": ["ops@example.com"],
                "directory": f"https://localhost:{pebble.port}/dir",
                "ca": pebble.ca,
                "storage": os.path.join(directory, "acme"),
                "challenges": challenges,
            },
            "listeners": [
                {"name": "cleartext", "address": f"127.0.0.1:{self.http}", "redirect_to_https": True},
                {
                    "name": "edge",
                    "address": f"127.0.0.1:{self.tls}",
                    "tls": {"acme": hosts},
                    "routes": [{"cluster": "web"}],
                },
            ],
            "clusters": {"web": {"endpoints": [f"127.0.0.1:{endpoint.port}"]}},
        }
        config = os.path.join(directory, "outrigger.json")
        with open(config, "w") as file:
            json.dump(table, file)
        super().__init__(os.environ["OUTRIGGER_BIN"], "--config", config)

    def __enter__(self):
        eventually("the proxy listens", lambda: self.child.poll() is not None or accepts(self.tls))
        assert self.child.poll() is None, "the proxy ended at its start"
        return self

    def certificate(self, host, trust=None):
        """What is shown for `host`; with `trust`, an error unless that vouches for it."""
        context = ssl.create_default_context(cadata=trust) if trust else ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", self.tls), timeout=PATIENCE) as stream:
            with context.wrap_socket(stream, server_hostname=host) as tls:
                if trust:
                    tls.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
                    assert b" 200 " in tls.recv(4096), "a request is answered"
                return tls.getpeercert(binary_form=True)

    def trusted(self, host):
        """What is shown for `host` once clients believe it."""
        trust = self.pebble.ask("roots/0")

        def shown():
            with contextlib.suppress(ssl.SSLError):
                return self.certificate(host, trust)

        return eventually(f"{host} has a certificate", shown, 60)

    def orders(self, host, outcome):
        """How many came to this."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        connection.request("GET", "/metrics")
        series = f'outrigger_acme_orders_total{{host="{host}",outcome="{outcome}"}} '
        lines = connection.getresponse().read().decode().splitlines()
        return sum(float(line.removeprefix(series)) for line in lines if line.startswith(series))


@contextlib.contextmanager
def stage(hosts, challenges, **pebble):
    """All of it, and a way to start another proxy with the same state."""
    ports = free_port(), free_port()
    with Names() as names, Pebble(names, *ports, **pebble) as authority, Endpoint() as endpoint:
        with tempfile.TemporaryDirectory() as directory:
            start = lambda: Edge(authority, ports, endpoint, hosts, challenges, directory)
            yield authority, start


def a_certificate_is_got(challenge):
    hosts = ["shop.example.com", "www.example.com"]
    with stage(hosts, [challenge]) as (_, start):
        with start() as edge:
            # Whoever does not look at it is served from the first moment.
            placeholder = edge.certificate(hosts[0])
            shown = [edge.trusted(host) for host in hosts]
            assert shown[0] != shown[1] != placeholder
            for folder, _, files in os.walk(os.path.join(edge.directory, "acme")):
                assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder
                for file in files:
                    assert stat.S_IMODE(os.stat(os.path.join(folder, file)).st_mode) == 0o600, file
            assert [edge.orders(host, "obtained") for host in hosts] == [1, 1]
            assert edge.terminate() == 0
        with start() as edge:
            assert edge.certificate(hosts[0]) == shown[0], "the next start has it already"
            time.sleep(2)
            assert edge.orders(hosts[0], "obtained") == 0, "what is good is not ordered again"


for challenge in ("http-01", "tls-alpn-01"):
    check_for(challenge, a_certificate_is_got, challenge)


@check
def a_certificate_is_renewed_before_it_ends():
    host = "shop.example.com"
    with stage([host], ["tls-alpn-01", "http-01"], life=20) as (authority, start), start() as edge:
        shown = {edge.trusted(host)}
        trust, end = authority.ask("roots/0"), time.monotonic() + 45
        while len(shown) < 3:
            assert time.monotonic() < end, "never renewed"
            # Its time is looked at by this client, too.
            shown.add(edge.certificate(host, trust))
            time.sleep(0.1)
        assert edge.orders(host, "obtained") >= 3


@check
def a_host_that_the_authority_refuses_keeps_no_other_from_its_certificate():
    hosts = ["blocked.example.com", "shop.example.com"]
    with stage(hosts, ["http-01"]) as (_, start), start() as edge:
        edge.trusted(hosts[1])
        eventually("the failure is counted", lambda: edge.orders(hosts[0], "failed") == 1)
        assert edge.certificate(hosts[0]), "what stands in for it is shown"


@check
def an_authority_that_wants_one_renewed_is_heard():
    host = "shop.example.com"
    with stage([host], ["http-01"]) as (authority, start):
        with start() as edge:
            first = edge.trusted(host)
            assert edge.terminate() == 0
        past = json.dumps({"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}})
        pem = ssl.DER_cert_to_PEM_cert(first)
        request = json.dumps({"certificate": pem, "ariResponse": past}).encode()
        try:
            authority.ask("set-renewal-info/", request)
        except urllib.error.HTTPError as error:
            raise Skip(f"this Pebble has no renewal information ({error.code})")
        with start() as edge:
            eventually("another one is shown", lambda: edge.certificate(host) != first, 30)
            edge.trusted(host)


if __name__ == "__main__":
    main()
