"""The command-line clients that people try first."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import PATIENCE, Endpoint, Proxy, check, main, need


def output(*command, **options):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, **options)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-300:]}"
    return done.stdout.decode()


@check
def curl_speaks_http1_and_http2():
    curl = need("curl")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        for version, seen in [("--http1.0", "1"), ("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")]:
            said = output(curl, "-sS", version, "-w", "%{http_code} %{http_version}", f"http://127.0.0.1:{proxy.port}/a?b")
            assert "endpoint GET /a?b 0" in said, said
            assert "200 " + seen in said, said


@check
def curl_uploads_with_and_without_a_length():
    curl = need("curl")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/up"
        data = b"x" * 2_000_000
        for version in ["--http1.1", "--http2-prior-knowledge"]:
            # Over a megabyte curl sends `Expect: 100-continue` of its own.
            said = output(curl, "-sS", version, "--data-binary", "@-", url, input=data)
            assert said.strip() == "endpoint POST /up 2000000", said


@check
def curl_asks_for_the_head_only():
    curl = need("curl")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        for version in ["--http1.1", "--http2-prior-knowledge"]:
            said = output(curl, "-sSI", version, f"http://127.0.0.1:{proxy.port}/").lower()
            assert " 200" in said and "content-length: " in said, said


@check
def curl_upgrades_nothing_it_was_not_offered():
    # `--http2` on a cleartext URL asks for an upgrade to h2c, which RFC 9113 has dropped: HTTP/1.1 goes on.
    curl = need("curl")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        said = output(curl, "-sS", "--http2", "-w", "%{http_code}", f"http://127.0.0.1:{proxy.port}/")
        assert said.endswith("200"), said


@check
def nghttp_gets_many_streams():
    nghttp = need("nghttp")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        said = output(nghttp, "-n", "-s", "-m", "50", f"http://127.0.0.1:{proxy.port}/")
        assert said.count(" 200 ") == 50, said


@check
def curl_reads_the_admin_server():
    curl = need("curl")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        proxy.still_serves()
        json.loads(output(curl, "-sS", "--fail", f"http://127.0.0.1:{proxy.admin}/clusters"))
        for path in ["live", "ready", "config", "metrics"]:
            output(curl, "-sS", "--fail", f"http://127.0.0.1:{proxy.admin}/{path}")


if __name__ == "__main__":
    main()
