"""An application that knows of no proxy: `application.py NAME [ADDRESS]`.

HTTP at port 8080 (answers with its name, its caller's address, and who the sidecar says that it is), and at port 3306 a protocol in
which the server speaks first and then repeats what it is told.
"""

import http.server
import socket
import socketserver
import sys
import threading

NAME = sys.argv[1]
ADDRESS = sys.argv[2] if len(sys.argv) > 2 else "::"


class Web(http.server.BaseHTTPRequestHandler):
    """Says who it is, and who calls."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        caller = self.headers.get("x-forwarded-client-cert", "nobody").split("URI=")[-1].split(";")[0]
        host, source = self.headers.get("host"), self.client_address[0].removeprefix("::ffff:")
        body = f"{NAME} host={host} from={source} caller={caller}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Greeter(socketserver.StreamRequestHandler):
    """Speaks first."""

    def handle(self):
        self.wfile.write(f"hello from {NAME}\n".encode())
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    """Of both families, if it listens at all addresses."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, handler):
        self.address_family = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
        super().__init__((ADDRESS, port), handler)


greeter = Server(3306, Greeter)
threading.Thread(target=greeter.serve_forever, daemon=True).start()
Server(8080, Web).serve_forever()
