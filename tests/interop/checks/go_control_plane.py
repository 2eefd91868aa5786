"""Our proxy as a client of go-control-plane: both of its caches, both ways to ask."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from clients import OutriggerProxy
from control_planes import GoControlPlane
from stage import main
from story import tell

for cache in "simple", "mux":
    for way, delta in ("delta", True), ("state of the world", False):
        tell(
            f"{cache} cache, {way}",
            lambda cache=cache, delta=delta: GoControlPlane(cache, delta),
            lambda: OutriggerProxy("outrigger"),
        )

if __name__ == "__main__":
    main()
