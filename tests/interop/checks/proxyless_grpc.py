"""Three libraries of gRPC, each with an xDS client of its own, without a proxy: our control plane tells them where to go."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from clients import Grpc
from control_planes import Outrigger
from stage import check_for, main
from story import Shop, tell


def a_cluster_is_called_by_its_name(control, client):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        shop.serve(v1="three")
        shop.follows("the move is followed", "three")


def what_grpc_has_no_field_for_is_no_hindrance(control, client):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        rich = {
            "match": {"hosts": ["shop"], "path": {"prefix": "/echo.Echo"}, "methods": ["POST"]},
            "clusters": {"v2": 1},
            "filters": [{"request_headers": {"set": {"x-a": "b"}}}, {"rewrite": {"host": "shop.internal"}}],
            "timeout": "5s",
            "attempt_timeout": "4s",
            "retry": {"attempts": 1},
            "hedge": {"after": "3s"},
        }
        others = [
            {"match": {"hosts": ["shop"], "path": {"exact": "/old"}}, "filters": [{"redirect": {"path": "/new"}}]},
            {"match": {"hosts": ["shop"], "path": {"regex": "/(ok|fine)"}}, "filters": [{"respond": {"body": "ok"}}]},
            {"match": {"hosts": ["shop"], "query": {"a": "b"}, "headers": {"x-a": "b"}}, "cluster": "idle"},
            {"match": {"hosts": ["shop"], "path": {"prefix": "/none"}}, "cluster_by": "host"},
        ]
        cluster = {
            "balancer": {"maglev": {"key": {"header": "x-user"}}},
            "limits": {"connections": 10, "adaptive": {}},
            "circuit_breaker": {"open_time": "1s"},
            "outlier_detection": {},
            "health_check": {"grpc": {}},
            "slow_start": "1s",
        }
        shop.serve(routes=[rich, *others], cluster=cluster)
        shop.follows("the richer route is taken", "two")
        assert not shop.refusals(), shop.refusals()


for library in "grpcio", "grpc-js", "grpc-go":
    tell(library, Outrigger, lambda library=library: Grpc(library))
    check_for(library, what_grpc_has_no_field_for_is_no_hindrance, Outrigger, lambda library=library: Grpc(library))
    check_for(library, a_cluster_is_called_by_its_name, Outrigger, lambda library=library: Grpc(library, target="v1"))

if __name__ == "__main__":
    main()
