"""HTTP/2 conformance by h2spec, strict."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import Endpoint, Proxy, check, main, need

# What is known to fail, by h2spec's own words, and why that is right.
KNOWN = {
    "Sends invalid connection preface": "the port speaks HTTP/1.1 too, and answers what is no preface with its 400",
}


@check
def h2spec_finds_nothing_unknown():
    h2spec = need("h2spec")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy:
        command = [h2spec, "-h", "127.0.0.1", "-p", str(proxy.port), "--strict", "--timeout", "3"]
        done = subprocess.run(command, capture_output=True, timeout=170)
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode())
        print(said, file=sys.stderr)
        sums = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", said)
        assert sums, said[-300:]
        failures = set(re.findall(r"^\s+(?:×|\u00d7|x) (?:\d+: )?(.+)$", said, re.MULTILINE))
        unknown = sorted(failures - set(KNOWN))
        assert not unknown, f"{sums[0]}: {unknown}"
        assert int(sums[1]) > 140, sums[0]
        proxy.still_serves()


if __name__ == "__main__":
    main()
