"""The transparent sidecar in pods: applications call each other as if there was no proxy, and speak mutual TLS on the way."""

import collections
import functools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from pod import Network, Pod
from stage import check, check_for, eventually, main, need

SERVICE, SERVICE6 = "10.96.0.10", "fd96::10"
WEB = {"b1": 11, "b2": 12, "b3": 13}


@functools.cache
def network():
    """The one of this run."""
    return Network()


def listeners(tls="{ mesh: permissive }", outbound="outbound", by="redirect", source="loopback"):
    """What every sidecar listens on."""
    return [
        "listeners:",
        f"  - {{ name: outbound, address: '[::]:15001', transparent: {outbound} }}",
        f"  - {{ name: inbound, address: '[::]:15006', transparent: {{ inbound: {{ by: {by}, source: {source} }} }}, tls: {tls}, forward_client_cert: true }}",
    ]


def clusters():
    """The services, by the addresses at which they are called."""

    def at(port):
        return ", ".join(f"10.99.0.{number}:{port}" for number in WEB.values())

    return [
        "clusters:",
        f"  web: {{ addresses: ['{SERVICE}:80', '[{SERVICE6}]:80'], endpoints: [{at(8080)}], tls: mesh }}",
        f"  db: {{ addresses: ['{SERVICE}:3306'], endpoints: [{at(3306)}], tls: mesh }}",
        "  named: { endpoints: ['10.99.0.11:8080'], tls: mesh }",
    ]


def pod(name, number, tools=(), application=(), **ways):
    """A pod of the mesh: an application, a sidecar, and rules."""
    made = Pod(network(), name, number).application(*application)
    rights = ("net_admin",) if ways.get("by") == "tproxy" else ()
    made.sidecar(network().identity(name), *listeners(**ways), *clusters(), rights=rights)
    made.init(*tools)
    return made


@functools.cache
def caller():
    """Calls the service, each of whose pods is one of the mesh."""
    for name, number in WEB.items():
        service(name, number)
    return pod("a", 1)


@functools.cache
def service(name, number):
    """One of the service's pods."""
    return pod(name, number)


@functools.cache
def stranger():
    """Has no sidecar."""
    return Pod(network(), "s", 30).application()


def answers(pod, url, count=60):
    """Who answers calls on one connection, and how often."""
    said = pod.curl("--write-out", "%{stderr}%{num_connects}", *[url] * count, check=True)
    lines = [line for line in said.splitlines() if line]
    assert len(lines) == count, said[:400]
    return collections.Counter(line.split()[0] for line in lines), lines[0]


def refused(said):
    """Whether curl was told nothing, or by a proxy that it found nobody."""
    return "curl:" in said or said.startswith("502")


def greeted(pod, address, port=3306, patience=5):
    """What a server that speaks first says, and repeats; and how long it took to say it."""
    dialogue = (
        "import socket, sys, time; start = time.monotonic(); s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5);"
        "f = s.makefile('rw'); a = f.readline(); took = time.monotonic() - start; f.write('again\\n'); f.flush(); print(a.strip(), f.readline().strip(), took)"
    )
    said = pod.run(sys.executable, "-c", dialogue, address, str(port)).split()
    return " ".join(said[:-1]), float(said[-1])


@check
def each_call_goes_by_mutual_tls_to_one_of_three_pods():
    a = caller()
    seen, line = answers(a, f"http://{SERVICE}/")
    assert set(seen) == set(WEB) and min(seen.values()) >= 10, seen
    assert f"host={SERVICE}" in line and "caller=spiffe://pods.test/a" in line, line
    for name, number in WEB.items():
        there = service(name, number)
        assert there.metric('outrigger_peer_requests_total{peer="spiffe://pods.test/a"}') >= 10
    # All of them over few connections: HTTP/2 between the sidecars.
    handshakes = a.metric('outrigger_tls_handshakes_total{side="upstream"')
    assert 3 <= handshakes <= 12, handshakes
    print(f"60 calls on one connection: {dict(seen)}, {handshakes:.0f} handshakes", file=sys.stderr)


@check
def calls_by_ipv6_go_the_same_way():
    seen, line = answers(caller(), f"http://[{SERVICE6}]/")
    assert set(seen) == set(WEB) and "caller=spiffe://pods.test/a" in line, (seen, line)
    # To the very pod that is called, past any balancer.
    there = service("b2", WEB["b2"])
    seen, line = answers(caller(), f"http://[{there.address6}]:8080/", 5)
    assert set(seen) == {"b2"}, seen


@check
def a_host_names_a_cluster_where_no_address_does():
    said = caller().curl("--header", "host: named", "http://10.96.9.9/", check=True)
    assert said.startswith("b1 host=named") and "caller=spiffe://pods.test/a" in said, said


@check
def an_endpoint_that_is_called_itself_is_the_one_that_answers():
    seen, line = answers(caller(), "http://10.99.0.12:8080/", 12)
    assert set(seen) == {"b2"} and "caller=spiffe://pods.test/a" in line, (seen, line)


@check
def a_server_that_speaks_first_is_heard():
    a = caller()
    said = collections.Counter(greeted(a, SERVICE)[0] for _ in range(12))
    assert set(said) == {f"hello from {name} again" for name in WEB}, said
    said, took = greeted(a, stranger().address)
    assert said == "hello from s again" and took < 1, (said, took)
    # From outside, where it has to be waited whether a member says hello.
    said, took = greeted(stranger(), service("b1", 11).address)
    assert said == "hello from b1 again" and took < 1, (said, took)
    print(f"the greeting took {took * 1e3:.0f} ms", file=sys.stderr)


@check
def what_no_cluster_has_is_called_as_ever():
    s = stranger()
    said = caller().curl(f"http://{s.address}:8080/", check=True)
    assert said == f"s host={s.address}:8080 from={caller().address} caller=nobody\n", said
    assert caller().metric('outrigger_attempts_total{cluster="outbound/original"') > 0


@check
def what_nobody_has_fails_as_it_would_without():
    said = caller().curl(f"http://{stranger().address}:9/", time=10)
    assert "502" in said or "outrigger" in said or "connect" in said.lower(), said


@check
def a_pod_without_sidecar_reaches_them_where_that_is_allowed():
    b1 = service("b1", 11)
    said = stranger().curl(f"http://{b1.address}:8080/", check=True)
    assert said.startswith("b1 ") and said.endswith("caller=nobody\n"), said
    strict = pod("strict", 21, tls="mesh")
    said = stranger().curl(f"http://{strict.address}:8080/")
    assert refused(said), said
    # Nor by lying.
    header = "x-forwarded-client-cert: URI=spiffe://pods.test/a"
    said = stranger().curl("--header", header, f"http://{b1.address}:8080/", check=True)
    assert said.endswith("caller=nobody\n"), said
    strict.remove()


@check
def a_pod_that_calls_its_own_service_may_answer_itself():
    b1 = service("b1", 11)
    seen, line = answers(b1, f"http://{SERVICE}/")
    assert set(seen) == set(WEB), seen
    assert "caller=spiffe://pods.test/b1" in line, line


@check
def an_application_that_calls_itself_does_without_proxy():
    b1 = service("b1", 11)
    before = b1.metric("outrigger_requests_total")
    for address in "127.0.0.1", b1.address, "[::1]", f"[{b1.address6}]":
        assert b1.curl(f"http://{address}:8080/", check=True).startswith("b1 ")
    assert b1.metric("outrigger_requests_total") == before


@check
def the_proxy_s_own_user_is_left_alone():
    a = caller()
    before = a.metric("outrigger_requests_total")
    said = a.curl(f"http://{stranger().address}:8080/", uid=1337, check=True)
    assert said.startswith("s "), said
    assert a.metric("outrigger_requests_total") == before
    assert a.metric("outrigger_transparent_refusals_total") == 0


@check
def whoever_calls_the_listeners_themselves_is_turned_away():
    b2 = service("b2", 12)
    for url in f"http://{b2.address}:15006/", f"http://{b2.address}:15001/":
        assert refused(stranger().curl(url)), url
    assert refused(b2.curl("http://127.0.0.1:15001/"))
    # Of itself, by the name that others have for it: redirected, and refused at the second step.
    assert refused(caller().curl(f"http://{caller().address}:15001/"))
    eventually("it is counted", lambda: b2.metric("outrigger_transparent_refusals_total") >= 2)


@check
def a_circle_ends_at_once():
    # Rules that spare another user than the proxy's.
    astray = pod("astray", 22, tools=("--proxy-uid", "4242"))
    for url in f"http://{stranger().address}:8080/", f"http://{SERVICE}/":
        start = time.monotonic()
        said = astray.curl("--output", "-", url, time=20)
        took = time.monotonic() - start
        assert not said.startswith("s ") and took < 5, (said, took)
    assert "" == astray.run(sys.executable, "-c", f"import socket; s = socket.create_connection(('{stranger().address}', 3306)); print(end=s.recv(9).decode())", check=False).stdout
    loops = astray.metric('outrigger_transparent_refusals_total{listener="outbound",reason="loop"}')
    assert 3 <= loops <= 40, loops
    eventually("nothing is left of it", lambda: astray.metric('outrigger_connections{side="upstream"}') <= 1)
    # With the right rules all is well.
    astray.init()
    assert astray.curl(f"http://{stranger().address}:8080/", check=True).startswith("s ")
    astray.remove()


@check
def what_is_unknown_is_refused_where_that_is_asked_for():
    closed = pod("closed", 23, outbound="{ outbound: { unknown: refuse } }")
    said = closed.curl(f"http://{stranger().address}:8080/")
    assert "s host" not in said, said
    assert set(answers(closed, f"http://{SERVICE}/")[0]) == set(WEB)
    assert closed.run("nc", "-z", stranger().address, "3306", check=False) is not None
    assert closed.metric('outrigger_transparent_refusals_total{listener="outbound",reason="unknown"}') >= 1
    closed.remove()


def rules_are_set_twice_and_removed_twice(tool):
    need(tool)
    # An address of its own for each: who has called one knows by which card, and takes a while to ask anew.
    some = pod("some", {"nft": 24, "iptables": 34}[tool], tools=("--with", tool))
    some.init("--with", tool)
    s = stranger()
    seen, line = answers(some, f"http://{SERVICE}/", 12)
    assert set(seen) == set(WEB) and "caller=spiffe://pods.test/some" in line, (seen, line)
    assert s.curl(f"http://{some.address}:8080/", check=True).startswith("some ")
    requests = some.metric("outrigger_requests_total")
    assert requests >= 13, requests
    # Its own service, by way of itself.
    some.init("--with", tool, "--exclude-outbound-ports", "8080", "--exclude-inbound-ports", "8080,4191")
    some.curl(f"http://{s.address}:8080/", check=True)
    s.curl(f"http://{some.address}:8080/", check=True)
    assert some.metric("outrigger_requests_total") == requests, "excluded ports are left alone"
    some.init("--with", tool, "--exclude-outbound-cidrs", "10.99.0.0/24,10.99.0.30", "--include-inbound-ports", "1-2,3306")
    some.curl(f"http://{s.address}:8080/", check=True)
    s.curl(f"http://{some.address}:8080/", check=True)
    assert some.metric("outrigger_requests_total") == requests, "excluded networks are left alone"
    for _ in range(2):
        some.init("--with", tool, "--remove")
    assert "OUTRIGGER" not in some.run("iptables-save") + some.run("ip6tables-save")
    assert "outrigger" not in some.run("nft", "list", "ruleset")
    some.curl(f"http://{s.address}:8080/", check=True)
    assert some.metric("outrigger_requests_total") == requests
    some.remove()


check_for("nft", rules_are_set_twice_and_removed_twice, "nft")
check_for("iptables", rules_are_set_twice_and_removed_twice, "iptables")


@check
def connections_may_come_as_they_are():
    need("nft")
    asis = pod("asis", 25, tools=("--inbound-by", "tproxy"), by="tproxy")
    s = stranger()
    assert s.curl(f"http://{asis.address}:8080/", check=True).startswith("asis ")
    assert s.curl(f"http://[{asis.address6}]:8080/", check=True).startswith("asis ")
    assert asis.metric("outrigger_requests_total") == 2
    assert set(answers(asis, f"http://{SERVICE}/")[0]) == set(WEB)
    assert refused(s.curl(f"http://{asis.address}:15006/"))
    asis.remove()


@check
def an_application_may_see_its_callers_as_they_are():
    need("nft")
    tools = ("--inbound-by", "tproxy", "--inbound-source", "caller")
    open_ = pod("open", 26, tools=tools, by="tproxy", source="caller")
    s, b1 = stranger(), service("b1", 11)
    open_.init(*tools)
    for _ in range(3):
        assert f"from={s.address} " in s.curl(f"http://{open_.address}:8080/", check=True)
    assert f"from={s.address6} " in s.curl(f"http://[{open_.address6}]:8080/", check=True)
    assert greeted(s, open_.address)[0] == "hello from open again"
    assert set(answers(open_, f"http://{SERVICE}/")[0]) == set(WEB)
    assert open_.curl(f"http://{s.address}:8080/", check=True).startswith("s ")
    assert open_.metric("outrigger_transparent_refusals_total") == 0
    open_.init("--remove")
    assert "1337" not in open_.run("ip", "rule") + open_.run("ip", "-6", "rule")
    assert open_.metric("outrigger_requests_total") >= 4
    open_.remove()


@check
def without_the_right_to_it_the_rules_say_what_is_missing():
    binary = network().binary
    done = caller().run("setpriv", "--reuid=65534", "--bounding-set=-net_admin", binary, "init", check=False)
    assert done.returncode == 1 and "CAP_NET_ADMIN" in done.stderr, done
    done = caller().run("env", "PATH=/nowhere", binary, "init", check=False)
    assert done.returncode == 1 and "neither `nft` nor `iptables` is installed" in done.stderr, done
    done = caller().run("env", "PATH=/nowhere", binary, "init", "--dry-run")
    assert "redirect to :15001" in done


if __name__ == "__main__":
    main()
