"""The long form of the hand-over test: a new process every second for a minute under load."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import check, main, run_longer


@check
def a_minute_of_upgrades_fails_no_request():
    run_longer("handover::an_upgrade_every_second", OUTRIGGER_TESTS_HANDOVER_SECONDS="60")


if __name__ == "__main__":
    main()
