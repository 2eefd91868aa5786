"""Clients of a control plane: stock Envoy, three libraries of gRPC, and our proxy. Each calls the shop and says who answered."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import os
import socket
import tempfile
import urllib.parse
import urllib.request

from stage import PATIENCE, Dialogue, Endpoint, Process, Skip, free_port, need

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.environ.get("INTEROP_HOME", "")
SHOP = "shop"


class GrpcServer:
    """A gRPC server that says its name."""

    protocol = "http2"

    def __init__(self, name):
        try:
            import grpc
        except ImportError as missing:
            raise Skip("grpcio is not installed") from missing
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        handler = grpc.unary_unary_rpc_method_handler(lambda *_: name.encode())
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("echo.Echo", {"Name": handler})])
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(0)


class HttpServer(Endpoint):
    """An HTTP server that says its name."""

    protocol = "http1"


class OverHttp:
    """What is called as an HTTP proxy on `port`."""

    server = HttpServer
    forgiven = ()

    def call(self, count, host=SHOP):
        """How often who answered; errors count as if they were names."""
        return dict(collections.Counter(self.one(host) for _ in range(count)))

    def one(self, host):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/", headers={"host": host})
                response = connection.getresponse()
                body = response.read().decode()
            except OSError as error:
                return f"error: {error!r}"
            return body.split()[0] if response.status == 200 else f"error: {response.status} {body}"

    def listener(self):
        """The address that its listener has to have."""
        return f"127.0.0.1:{self.port}"


class Envoy(OverHttp):
    """Stock Envoy; `api` is DELTA_GRPC or GRPC (state of the world)."""

    # What a table may say and this client refuses, and of what its refusal speaks: a port that another process has.
    refusal = "cannot bind"

    def __init__(self, api):
        self.binary, self.api, self.node = need("envoy"), api, f"envoy-{api.lower()}"
        self.port, self.admin = free_port(), free_port()
        self.taken = socket.socket()
        self.taken.bind(("127.0.0.1", 0))

    def spoil(self, table):
        """Makes the table one that this client refuses in part."""
        address = "%s:%d" % self.taken.getsockname()
        table["listeners"].append({"name": "taken", "address": address, "routes": [{"cluster": "v1"}]})

    def start(self, control):
        """The client of that control plane."""
        ads = {"ads": {}, "resource_api_version": "V3"}
        address, admin = (
            {"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in (control.port, self.admin)
        )
        http2 = {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        bootstrap = {
            "admin": {"address": admin},
            "node": {"id": self.node, "cluster": "interop", "locality": {"zone": "a"}, "metadata": {"role": "edge"}},
            "dynamic_resources": {
                "ads_config": {
                    "api_type": self.api,
                    "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "control"}}],
                },
                "lds_config": ads,
                "cds_config": ads,
            },
            "static_resources": {
                "clusters": [
                    {
                        "name": "control",
                        "connect_timeout": "1s",
                        "typed_extension_protocol_options": {
                            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
                        },
                        "load_assignment": {
                            "cluster_name": "control",
                            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
                        },
                    }
                ]
            },
        }
        single = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        return Process(self.binary, *single, "--config-yaml", json.dumps(bootstrap))

    def counted(self, pattern):
        """Sum of its counters and gauges whose names match."""
        url = f"http://127.0.0.1:{self.admin}/stats?format=json&filter={urllib.parse.quote(pattern)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            return sum(stat.get("value", 0) for stat in json.load(reply)["stats"])


class Grpc:
    """A library of gRPC with a target of `xds:///`; its client is a program of this directory."""

    server = GrpcServer

    # A cluster of STRICT_DNS, which is no part of gRPC. Each library says so in its own words.
    refusal = "type"

    def __init__(self, library, target=SHOP):
        self.node, self.target = library, target
        # grpc-go draws from new weights a moment before its balancer has heard of a cluster that had none until then
        # (`clientconn.go` updates the selector first): calls of that moment fail, whatever the control plane does.
        self.forgiven = ("unknown cluster selected",) if library == "grpc-go" else ()
        self.command, self.environment = {
            "grpcio": ([f"{HOME}/venv/bin/python", f"{HERE}/python/client.py"], {}),
            "grpc-js": (["node", f"{HERE}/node/client.js"], {"NODE_PATH": f"{HOME}/node/node_modules"}),
            "grpc-go": (["grpc-client"], {}),
        }[library]
        need(self.command[0])
        if library == "grpc-js" and not os.path.isdir(f"{HOME}/node/node_modules/@grpc/grpc-js-xds"):
            raise Skip("grpc-js-xds is not installed")

    def listener(self):
        """Needed in a table, and used by nobody here."""
        return f"127.0.0.1:{free_port()}"

    def spoil(self, table):
        """Makes the table one that this client refuses in part."""
        table["clusters"]["named"] = {"dns": {"name": "localhost", "port": 1}}
        route = {"match": {"hosts": [SHOP], "path": {"exact": "/nobody/Calls"}}, "cluster": "named"}
        table["listeners"][0]["routes"].append(route)

    def start(self, control):
        """The client of that control plane."""
        bootstrap = {
            "node": {"id": self.node, "cluster": "interop", "locality": {"zone": "a"}},
            "xds_servers": [
                {
                    "server_uri": f"127.0.0.1:{control.port}",
                    "channel_creds": [{"type": "insecure"}],
                    "server_features": ["xds_v3"],
                }
            ],
        }
        environment = {**os.environ, **self.environment, "GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps(bootstrap)}
        # Its file wins over its text.
        environment.pop("GRPC_XDS_BOOTSTRAP", None)
        self.program = Dialogue(*self.command, f"xds:///{self.target}", env=environment)
        return self.program

    def call(self, count):
        """How often who answered; errors count as if they were names."""
        self.program.say(count)
        return self.program.hear()


class OutriggerProxy(OverHttp):
    """Our proxy."""

    # The name of the cluster that it cannot serve.
    refusal = "intercepted"

    def __init__(self, node):
        self.node = node
        self.port, self.admin = free_port(), free_port()
        self.directory = tempfile.TemporaryDirectory()

    def spoil(self, table):
        """Makes the table one that this client refuses in part."""
        table["refused"] = self.refusal

    def start(self, control):
        """The client of that control plane."""
        place = ["--control", f"127.0.0.1:{control.port}", "--cache-dir", f"{self.directory.name}/cache"]
        own = ["--node", self.node, "--admin", f"127.0.0.1:{self.admin}"]
        return Process(os.environ["OUTRIGGER_BIN"], *place, *own)
