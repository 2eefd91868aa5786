"""Stock Envoy as a client of our control plane, both ways that it can ask."""

import glob
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from clients import Envoy
from control_planes import Outrigger
from stage import accepts, check_for, eventually, free_port, main
from story import RETURN, Shop, tell

EXAMPLES = os.path.join(os.path.dirname(__file__), "../../../config/examples/*.yaml")
PROCESS = ("admin", "access_log", "drain", "overload", "zone")

# Certificates that are not there, and connections that were meant for others: nothing that Envoy could put in force here.
ELSEWHERE = re.compile(r"^\s*-?\s*(tls|identity|acme|transparent):( |$)", re.MULTILINE)


def a_host_leads_to_the_cluster_of_its_name(client):
    with Shop(Outrigger, client) as shop:
        shop.serve()
        shop.start()
        sidecar = {"name": "sidecar", "address": f"127.0.0.1:{free_port()}"}
        shop.client.port = int(sidecar["address"].rpartition(":")[2])
        shop.serve(listeners=[sidecar])
        eventually("the listener is there", lambda: accepts(shop.client.port))
        for host, name in {"v1": "one", "v2": "two", "idle": "three", "v2:8080": "two"}.items():
            eventually(f"{host} is {name}", lambda: shop.client.call(5, host) == {name: 5})


def a_move_touches_nothing_but_the_endpoints(client):
    with Shop(Outrigger, client) as shop:
        shop.serve(v1="one")
        shop.start()
        pushed = r"^(cluster_manager\.cds|listener_manager\.lds|http\..*\.rds\..*)\.update_success$"
        before = shop.client.counted(pushed)
        shop.serve(v1="three")
        shop.follows("the move is followed", "three")
        assert shop.client.counted(pushed) == before


def a_refusal_is_not_pushed_again(client):
    with Shop(Outrigger, client) as shop:
        shop.serve()
        shop.start()
        shop.serve(spoilt=True)
        eventually("the refusal is seen", shop.refusals)
        time.sleep(1)
        refused = shop.client.counted(r"lds\.update_rejected$")
        assert refused == 1, f"refused {refused} times"


def a_return_of_the_control_plane_changes_nothing(client):
    with Shop(Outrigger, client) as shop:
        shop.serve()
        shop.start()
        made = r"^(cluster_manager\.cluster|listener_manager\.listener)_(added|modified|removed)$"
        before = shop.client.counted(made)
        shop.control.kill()
        connected = lambda: shop.client.counted(r"^control_plane\.connected_state$")
        eventually("it is missed", lambda: not connected())
        shop.control.start()
        eventually("it is found again", connected, RETURN)
        # What is pushed after a return is acknowledged before a change that follows.
        shop.serve(v1="three")
        shop.follows("the move is followed", "three", RETURN)
        assert shop.client.counted(made) == before


def table_of(example):
    """The text of an example without what belongs to a proxy's own file, on free ports."""
    with open(example) as file:
        blocks = re.split(r"^(?=\w)", file.read(), flags=re.MULTILINE)
    kept = [block for block in blocks if not block.startswith(PROCESS)]
    moved = lambda found: f"{found[1]}127.0.0.1:{free_port()}"
    ports = lambda block: re.sub(r"(address: )\S+:\d+", moved, block) if block.startswith("listeners") else block
    return "".join(map(ports, kept))


def every_example_is_accepted(client):
    tables = {os.path.basename(example): table_of(example) for example in sorted(glob.glob(EXAMPLES))}
    here = {name: table for name, table in tables.items() if not ELSEWHERE.search(table)}
    assert len(here) >= 10, here.keys()
    for name, table in here.items():
        envoy = client()
        with Outrigger() as control:
            control.set(table)
            with envoy.start(control):
                eventually("it runs", lambda: accepts(envoy.admin))

                def settled():
                    refused = envoy.counted(r"\.update_rejected$")
                    assert not refused, f"{name}: {control.refusals(envoy.node)}"
                    warming = envoy.counted(r"^(cluster_manager\.warming_clusters|listener_manager\.total_listeners_warming)$")
                    return envoy.counted(r"^listener_manager\.total_listeners_active$") and not warming

                eventually(f"{name} is in force", settled)


for whom, api in ("delta", "DELTA_GRPC"), ("state of the world", "GRPC"):
    envoy = lambda api=api: Envoy(api)
    tell(whom, Outrigger, envoy)
    check_for(whom, a_host_leads_to_the_cluster_of_its_name, envoy)
    check_for(whom, a_move_touches_nothing_but_the_endpoints, envoy)
    check_for(whom, a_return_of_the_control_plane_changes_nothing, envoy)
    check_for(whom, a_refusal_is_not_pushed_again, envoy)
check_for("delta", every_example_is_accepted, lambda: Envoy("DELTA_GRPC"))

if __name__ == "__main__":
    main()
