"""The long form of the rotation test: new identities of a mesh every second for a minute under load."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import check, main, run_longer


@check
def a_minute_of_rotations_fails_no_request():
    run_longer("mutual_tls::identities_and_their_authority_rotate", OUTRIGGER_TESTS_ROTATIONS="60")


if __name__ == "__main__":
    main()
