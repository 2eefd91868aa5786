"""Stock Envoy as a client of our control plane, both ways that it can ask."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from clients import Envoy
from control_planes import Outrigger
from stage import main
from story import tell

tell("delta", Outrigger, lambda: Envoy("DELTA_GRPC"))
tell("state of the world", Outrigger, lambda: Envoy("GRPC"))

if __name__ == "__main__":
    main()
