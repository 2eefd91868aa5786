"""Our proxy as a client of go-control-plane: both of its caches, both ways to ask."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from clients import OutriggerProxy
from control_planes import GoControlPlane
from stage import check_for, eventually, main
from story import Shop, tell


def client():
    return OutriggerProxy("outrigger")


def a_host_that_no_route_names_is_asked_for(control):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        # The first request waits for the answer.
        for host, name in {"idle": "three", "v2:8080": "two"}.items():
            assert shop.client.call(5, host) == {name: 5}, host
        (error,) = shop.client.call(1, "nobody")
        assert error.startswith(("error: 404", "error: 503")), error
        shop.call(20)


def it_is_asked_in_this_way_and_no_other(control, way):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        # Of a server without delta the first stream is seen by nobody.
        asked = eventually("it is asked", lambda: {(request["wire"], request["agent"]) for request in shop.control.requests})
        assert asked == {(way, "outrigger")}, asked


def a_refusal_is_not_repeated_in_a_storm(control):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        shop.serve(v1="three", spoilt=True)
        eventually("the refusal is seen", shop.refusals)
        # A snapshot cache sends what is refused again at once, as often as it is refused.
        time.sleep(2)
        refused = [request for request in shop.control.requests if request["refused"]]
        assert len(refused) < 10, f"refused {len(refused)} times"


for cache in "simple", "mux":
    for way in "delta", "sotw":
        whom, control = f"{cache} cache, {way}", lambda cache=cache, way=way: GoControlPlane(cache, way == "delta")
        tell(whom, control, client)
        check_for(whom, a_host_that_no_route_names_is_asked_for, control)
        check_for(whom, a_refusal_is_not_repeated_in_a_storm, control)
        check_for(whom, it_is_asked_in_this_way_and_no_other, control, way)

if __name__ == "__main__":
    main()
