# Installs peers from their registries once; sourced by run.sh. What cannot be installed is said loudly here,
# and its checks report themselves as skipped.

loudly() { echo "!!! $*" >&2; }

# Newest versions on purpose: interop is with what users will install tomorrow.
python_peers=(grpcio h2 sslyze websockets)
venv=$INTEROP_HOME/venv
if [[ ! -x $venv/bin/python ]]; then
    python3 -m venv "$venv" || { loudly "no Python virtual environment: no check can run"; exit 1; }
fi
for peer in "${python_peers[@]}"; do
    "$venv/bin/pip" show --quiet "$peer" >/dev/null 2>&1 ||
        "$venv/bin/pip" install --quiet "$peer" >&2 ||
        loudly "PyPI's $peer could not be installed"
done

if [[ ! -x $INTEROP_HOME/bin/h2spec ]]; then
    GOBIN=$INTEROP_HOME/bin go install github.com/summerwind/h2spec/cmd/h2spec@latest >&2 ||
        loudly "h2spec could not be installed"
fi

# Debian's if it is there.
if ! command -v pebble >/dev/null; then
    GOBIN=$INTEROP_HOME/bin go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest >&2 ||
        loudly "Pebble could not be installed: apt-get install pebble"
fi

# What speaks xDS is pinned: a release of a control plane's clients may change what is asked on the wire.
(cd "$here/go" && go build -o "$INTEROP_HOME/bin/" ./...) >&2 ||
    loudly "go-control-plane and grpc-go could not be built"
if ! cmp -s "$here/node/package-lock.json" "$INTEROP_HOME/node/package-lock.json"; then
    mkdir -p "$INTEROP_HOME/node"
    cp "$here"/node/package*.json "$INTEROP_HOME/node/"
    npm ci --prefix "$INTEROP_HOME/node" --ignore-scripts --no-audit --no-fund --loglevel error >&2 || {
        rm "$INTEROP_HOME/node/package-lock.json"
        loudly "grpc-js-xds could not be installed"
    }
fi
# Envoy is the one of the bench.
if [[ ! -x $INTEROP_HOME/bin/envoy ]]; then
    "$here/../../bench/install-peers.sh" envoy >&2 || loudly "Envoy could not be installed"
    ln -sf "$(realpath "$here/../../target/peers/envoy/envoy")" "$INTEROP_HOME/bin/envoy"
fi

# From Debian: whoever may install gets them, and others are told what to ask for. Pods of network namespaces take root, and so do
# the rules in them.
debian=(curl:curl ip:iproute2 iptables:iptables nft:nftables nghttp:nghttp2-client promtool:prometheus unbound:unbound)
fresh=
for command in "${debian[@]}"; do
    command -v "${command%%:*}" >/dev/null && continue
    package=${command##*:}
    if ((EUID == 0)); then
        # Lists of packages may be older than what is there.
        [[ -n $fresh ]] || apt-get update -qq >&2
        fresh=yes
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2
    fi
    command -v "${command%%:*}" >/dev/null || loudly "${command%%:*} is missing: apt-get install $package"
done
