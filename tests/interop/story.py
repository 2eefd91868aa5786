"""What every client of a control plane has to master, whoever wrote either: five checks, the same for all pairs."""

import contextlib
import sys
import time

from stage import check_for, eventually

# Of what a client may take to come back to a control plane that returns: Envoy and gRPC wait longer after each try.
RETURN = 45


class Shop:
    """Servers that say their names, the table that leads to them, a control plane and a client."""

    def __init__(self, control, client):
        self.control, self.client = control(), client()
        self.servers = {name: self.client.server(name) for name in ("one", "two", "three")}
        self.address = self.client.listener()

    def __enter__(self):
        self.open = contextlib.ExitStack()
        for server in self.servers.values():
            self.open.enter_context(server)
        self.open.enter_context(self.control)
        return self

    def __exit__(self, *_):
        self.open.close()

    def serve(self, v1="one", weights=(100, 0), spoilt=False, listeners=(), routes=(), cluster=(), v3=None):
        """Sets a table: who is behind the cluster `v1`, how much of the traffic goes there, to `v2` (which may have more keys)
        and to `v3` (which may be there); and more listeners and routes."""

        def of(name):
            server = self.servers[name]
            return {"endpoints": [f"127.0.0.1:{server.port}"], "protocol": server.protocol}

        route = {"match": {"hosts": ["shop"]}, "clusters": dict(zip(("v1", "v2", "v3"), weights))}
        table = {
            "listeners": [{"name": "edge", "address": self.address, "routes": [route, *routes]}, *listeners],
            # The third is named by no route: a control plane has more than a client uses.
            "clusters": {"v1": of(v1), "v2": {**of("two"), **dict(cluster)}, "idle": of("three")},
        }
        if v3:
            table["clusters"]["v3"] = of(v3)
        if spoilt:
            self.client.spoil(table)
        self.control.set(table)

    def start(self):
        """Starts the client, and waits until it serves."""
        process = self.open.enter_context(self.client.start(self.control))

        def serves():
            assert process.child.poll() is None, f"the client ended: {process.child.returncode}"
            return self.client.call(1) == {"one": 1}

        eventually("the client serves", serves)

    def call(self, count):
        """Calls that may not fail: how often who answered."""
        seen = self.client.call(count)
        errors = [name for name in seen if name.startswith("error")]
        assert all(any(known in name for known in self.client.forgiven) for name in errors), seen
        return seen

    def follows(self, what, name, patience=15):
        """Waits until all calls are answered by the one of that name; none may fail meanwhile."""
        start = time.monotonic()
        eventually(what, lambda: self.call(10) == {name: 10}, patience)
        print(f"{self.client.node}: {what} after {time.monotonic() - start:.2f} s", file=sys.stderr)

    def refusals(self):
        """What the client refuses, as the control plane has it."""
        return self.control.refusals(self.client.node)


def a_moved_endpoint_is_followed(control, client):
    with Shop(control, client) as shop:
        shop.serve(v1="one")
        shop.start()
        shop.serve(v1="three")
        shop.follows("the move is followed", "three")


def a_cluster_that_changes_and_one_that_is_new_are_taken_at_once(control, client):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        # The endpoints stay as they are: a client that makes the cluster anew waits for them all the same.
        shop.serve(weights=(0, 100), cluster={"connect_timeout": "2s"})
        shop.follows("the changed cluster is used", "two", patience=5)
        shop.serve(v3="three", weights=(0, 0, 100))
        shop.follows("the new cluster is used", "three", patience=5)


def a_canary_is_followed(control, client):
    with Shop(control, client) as shop:
        shop.serve(weights=(100, 0))
        shop.start()
        for share in 10, 50:
            shop.serve(weights=(100 - share, share))
            # Of 400 calls; the bounds are beyond four standard deviations.
            low, high = {10: (16, 64), 50: (160, 240)}[share]
            eventually(f"{share} % go to the canary", lambda: low <= shop.call(400).get("two", 0) <= high)
        shop.serve(weights=(0, 100))
        shop.follows("all go to the canary", "two")


def a_bad_resource_is_refused_for_all_to_see(control, client):
    with Shop(control, client) as shop:
        shop.serve(v1="one")
        shop.start()
        assert not shop.refusals(), shop.refusals()
        # What is good in the same table comes into force.
        shop.serve(v1="three", spoilt=True)
        shop.follows("the good part is followed", "three")
        said = eventually("the refusal is seen", shop.refusals)
        print(f"{shop.client.node}: {said}", file=sys.stderr)
        assert any(shop.client.refusal in text for text in said), said
        shop.call(20)
        shop.serve(v1="one")
        shop.follows("the mended table is followed", "one")
        eventually("nothing is refused any more", lambda: not shop.refusals())


def a_control_plane_that_is_killed_and_comes_back_is_survived(control, client):
    with Shop(control, client) as shop:
        shop.serve(v1="one")
        shop.start()
        shop.control.kill()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert shop.call(10) == {"one": 10}
        shop.control.start()
        assert shop.call(10) == {"one": 10}
        shop.serve(v1="three")
        shop.follows("the move after the return is followed", "three", RETURN)


def tell(whom, control, client):
    """Registers the five for a pair: how to make a control plane, and a client."""
    for behaviour in (
        a_moved_endpoint_is_followed,
        a_cluster_that_changes_and_one_that_is_new_are_taken_at_once,
        a_canary_is_followed,
        a_bad_resource_is_refused_for_all_to_see,
        a_control_plane_that_is_killed_and_comes_back_is_survived,
    ):
        check_for(whom, behaviour, control, client)
