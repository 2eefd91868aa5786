"""DNS clusters against unbound: a local zone that changes, a restart, an absence."""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import Endpoint, Process, Proxy, check, eventually, free_port, main, need, socket

NAME = "web.mesh.test."


class Unbound:
    """A resolver with one authoritative local zone."""

    def __init__(self):
        self.command = need("unbound")
        self.port = free_port(socket.SOCK_DGRAM)
        self.directory = tempfile.TemporaryDirectory()
        self.process = None

    def serve(self, *records):
        """Starts, or starts again, with these records."""
        self.stop()
        config = os.path.join(self.directory.name, "unbound.conf")
        with open(config, "w") as file:
            file.write(
                f"""
server:
    interface: 127.0.0.1@{self.port}
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{self.directory.name}"
    pidfile: ""
    use-syslog: no
    local-zone: "mesh.test." static
"""
            )
            file.writelines(f"    local-data: '{record}'\n" for record in records)
            file.write("remote-control:\n    control-enable: no\n")
        self.process = Process(self.command, "-d", "-c", config)
        eventually("unbound answers", lambda: self.answers())
        return self

    def answers(self):
        """Whether it answers a query for the zone at all."""
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\3web\4mesh\4test\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.2)
            asker.connect(("127.0.0.1", self.port))
            try:
                asker.send(query)
                return bool(asker.recv(1500))
            except OSError:
                return False

    def stop(self):
        """Ends it; queries are refused."""
        if self.process is not None:
            self.process.__exit__()
            self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def cluster(self, what):
        """The cluster's line."""
        return f'dns: {{ name: {NAME[:-1]}, servers: ["127.0.0.1:{self.port}"], min_ttl: 500ms, {what} }}'


def body(proxy):
    """Who answers, or the status."""
    status, _, text = proxy.get()
    return text.split()[0].decode() if status == 200 else str(status)


@check
def a_changed_zone_is_followed_and_an_absent_resolver_survived():
    with Endpoint("one") as one, Endpoint("two", ("127.0.0.2", one.port)), Unbound() as unbound:
        unbound.serve(f"{NAME} 1 IN A 127.0.0.1")
        with Proxy(more=[unbound.cluster(f"port: {one.port}")]) as proxy:
            eventually("the first address serves", lambda: body(proxy) == "one")
            unbound.serve(f"{NAME} 1 IN A 127.0.0.2")
            eventually("the second address serves", lambda: body(proxy) == "two")
            unbound.stop()
            end = time.monotonic() + 4
            while time.monotonic() < end:
                assert body(proxy) == "two", "the last good addresses are kept"
                time.sleep(0.05)
            # The name is gone from the zone: NXDOMAIN from a healthy resolver.
            unbound.serve("other.mesh.test. 1 IN A 127.0.0.1")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                assert body(proxy) == "two", "the last good addresses are kept"
                time.sleep(0.05)
            unbound.serve(f"{NAME} 1 IN A 127.0.0.1", f"{NAME} 1 IN A 127.0.0.2")
            eventually("both serve", lambda: {body(proxy) for _ in range(20)} == {"one", "two"})


@check
def service_records_are_followed():
    with Endpoint("one") as one, Endpoint("two") as two, Unbound() as unbound:
        hosts = ["h1.mesh.test. 1 IN A 127.0.0.1", "h2.mesh.test. 1 IN A 127.0.0.1"]
        unbound.serve(f"{NAME} 1 IN SRV 1 1 {one.port} h1.mesh.test.", *hosts)
        with Proxy(more=[unbound.cluster("record: srv")]) as proxy:
            eventually("the first serves", lambda: body(proxy) == "one")
            records = [f"{NAME} 1 IN SRV 1 1 {port} h{number}.mesh.test." for number, port in [(1, one.port), (2, two.port)]]
            unbound.serve(*records, *hosts)
            eventually("both serve", lambda: {body(proxy) for _ in range(20)} == {"one", "two"})


@check
def a_truncated_answer_is_fetched_by_tcp():
    with Endpoint("one") as one, Unbound() as unbound:
        many = [f"{NAME} 1 IN AAAA 2001:db8::{number:x}" for number in range(1, 400)]
        unbound.serve(f"{NAME} 1 IN A 127.0.0.1", *many)
        with Proxy(more=[unbound.cluster(f"port: {one.port}"), "connect_timeout: 100ms"]) as proxy:
            eventually("all are known", lambda: proxy.get("/clusters", admin=True)[2].count(b"2001:db8") >= 399)


if __name__ == "__main__":
    main()
