"""Three libraries of gRPC, each with an xDS client of its own, without a proxy: our control plane tells them where to go."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from clients import Grpc
from control_planes import Outrigger
from stage import check_for, eventually, main
from story import Shop, tell


def a_cluster_is_called_by_its_name(control, client):
    with Shop(control, client) as shop:
        shop.serve()
        shop.start()
        shop.serve(v1="three")
        shop.follows("the move is followed", "three")


for library in "grpcio", "grpc-js", "grpc-go":
    tell(library, Outrigger, lambda library=library: Grpc(library))
    check_for(library, a_cluster_is_called_by_its_name, Outrigger, lambda library=library: Grpc(library, target="v1"))

if __name__ == "__main__":
    main()
