"""The long form of the reload test: a new table every 100 ms for 20 s under load."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import check, main, run_longer


@check
def twenty_seconds_of_reloads_fail_no_request():
    run_longer("reload::a_reload_every_100_ms", OUTRIGGER_TESTS_RELOAD_SECONDS="20")


if __name__ == "__main__":
    main()
