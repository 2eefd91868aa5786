"""Pods without Kubernetes: network namespaces on one bridge, each with an application, and a sidecar that it knows nothing of.

As root, with `ip` and `nft` or `iptables`. Addresses are 10.99.0.N and fd99::N; what lies outside, as the addresses of services do,
goes to the bridge, where nobody has it.
"""

import atexit
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from stage import Process, Skip, eventually, need

UID = 1337
APPLICATION = os.path.join(os.path.dirname(__file__), "application.py")
# The whole of it in the name, so that several runs stay apart.
PREFIX = f"otr{os.getpid()}"
LINKS = itertools.count()
# Whoever ends a run has it clean up, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def run(*command, check=True, **options):
    """Runs it to its end; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    print("+", *command, done.stderr, file=sys.stderr)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: {done.stderr}")
    return done.stdout if check else done


class Network:
    """The bridge, and an authority for those who want to be known to each other."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Skip("namespaces take root")
        for command in ("ip", "openssl", "setpriv", "curl"):
            need(command)
        self.hub = f"{PREFIX}-hub"
        self.directory = tempfile.mkdtemp(prefix="outrigger-pods-")
        os.chmod(self.directory, 0o755)
        self.binary = shutil.copy(os.environ["OUTRIGGER_BIN"], self.directory)
        run("ip", "netns", "add", self.hub)
        atexit.register(self.remove)
        run("ip", "-n", self.hub, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", self.hub, "link", "set", "bridge", "up")
        run("ip", "-n", self.hub, "address", "add", "10.99.0.254/24", "dev", "bridge")
        run("ip", "-n", self.hub, "address", "add", "fd99::254/64", "dev", "bridge", "nodad")
        self.file("ca.cnf", "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", "/CN=pods", "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.crt")

    def file(self, name, text):
        """Writes a file that every user may read; its path."""
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def openssl(self, *arguments):
        """Runs openssl among the files."""
        run("openssl", *arguments, cwd=self.directory)

    def identity(self, name):
        """`identity` of a member: a certificate with a SPIFFE ID."""
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr")
        extensions = self.file(f"{name}.cnf", f"subjectAltName=critical,URI:spiffe://pods.test/{name}\n")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", "1", "-extfile", extensions, "-out", f"{name}.crt")
        os.chmod(os.path.join(self.directory, f"{name}.key"), 0o644)
        directory = self.directory
        return f"identity: {{ cert: {directory}/{name}.crt, key: {directory}/{name}.key, ca: {directory}/ca.crt }}"

    def remove(self):
        """Leaves nothing behind."""
        run("ip", "netns", "del", self.hub, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class Pod:
    """One of them; `number` is the last part of its addresses."""

    def __init__(self, network, name, number):
        self.network, self.name, self.open = network, name, contextlib.ExitStack()
        self.space, self.address, self.address6 = f"{PREFIX}-{name}", f"10.99.0.{number}", f"fd99::{number}"
        # A device goes some time after its namespace: no name is used twice.
        link = f"o{os.getpid()}x{next(LINKS)}"
        run("ip", "netns", "add", self.space)
        atexit.register(self.remove)
        run("ip", "-n", network.hub, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        run("ip", "-n", network.hub, "link", "set", link, "master", "bridge", "up")
        for device in ("lo", "eth0"):
            run("ip", "-n", self.space, "link", "set", device, "up")
        run("ip", "-n", self.space, "address", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.space, "address", "add", f"{self.address6}/64", "dev", "eth0", "nodad")
        run("ip", "-n", self.space, "route", "add", "default", "via", "10.99.0.254")
        run("ip", "-n", self.space, "route", "add", "default", "via", "fd99::254")

    def within(self, *command):
        """The command, to be run in the pod."""
        return ("ip", "netns", "exec", self.space, *command)

    def run(self, *command, **options):
        """Runs it in the pod."""
        return run(*self.within(*command), **options)

    def application(self, *arguments):
        """Starts its application: see application.py."""
        self.open.enter_context(Process(*self.within(sys.executable, APPLICATION, self.name, *arguments)))
        eventually("the application listens", lambda: ":8080 " in self.run("ss", "-ltn"))
        return self

    def sidecar(self, *lines, rights=()):
        """Starts its sidecar, with this file, as a user of its own."""
        config = self.network.file(f"{self.name}.yaml", "\n".join(lines) + "\n")
        user = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
        if rights:
            user += tuple(f"--{kind}={','.join(f'+{right}' for right in rights)}" for kind in ("inh-caps", "ambient-caps"))
        proxy = Process(*self.within(*user, self.network.binary, "--config", config))
        self.open.enter_context(proxy)
        eventually("the sidecar serves", lambda: proxy.child.poll() is not None or self.curl("http://127.0.0.1:4191/ready") == "ready\n")
        assert proxy.child.poll() is None, "the sidecar ended at its start"
        self.proxy = proxy
        return self

    def init(self, *arguments):
        """Sets the rules."""
        return self.run(self.network.binary, "init", *arguments)

    def curl(self, *arguments, uid=None, check=False, time=5):
        """What curl prints; what it says of its failure, if it fails."""
        user = ("setpriv", f"--reuid={uid}") if uid else ()
        done = self.run(*user, "curl", "--silent", "--show-error", "--max-time", str(time), *arguments, check=False)
        if check and done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout or done.stderr

    def metric(self, start):
        """The sum of what begins so."""
        page = self.curl("http://127.0.0.1:4191/metrics")
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(start))

    def remove(self):
        """Ends all that runs there."""
        atexit.unregister(self.remove)
        self.open.close()
        run("ip", "netns", "del", self.space, check=False)
