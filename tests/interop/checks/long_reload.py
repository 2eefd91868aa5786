"""The long form of the reload test: a new table every 100 ms for 20 s under load."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import check, main

ROOT = os.path.join(os.path.dirname(__file__), "../../..")


@check
def twenty_seconds_of_reloads_fail_no_request():
    environment = {**os.environ, "OUTRIGGER_TESTS_RELOAD_SECONDS": "20"}
    command = ["cargo", "test", "--quiet", "-p", "outrigger-tests", "--test", "e2e", "--", "reload::a_reload_every_100_ms"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=170)
    print(done.stdout.decode(), done.stderr.decode(), file=sys.stderr)
    assert done.returncode == 0, done.stdout.decode()[-500:]
    assert b"1 passed" in done.stdout, done.stdout.decode()[-300:]


if __name__ == "__main__":
    main()
