#!/usr/bin/env bash
# Fuzzes targets for a while each: tests/fuzz/run.sh [SECONDS [TARGET...]]. Finds new corpus files beside the checked-in ones.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is not installed: cargo install cargo-fuzz" >&2
    exit 1
fi
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    # Those first that strangers reach.
    targets=(http1_session http2_session http2_endpoint connection http1 proxy_protocol client_hello forwarded route certificate
        dns trace xds config document timeout retry_after grpc_health)
fi
# What is shipped is what is fuzzed: the same versions of what others made.
cp ../../Cargo.lock Cargo.lock
# The sanitizer flags want a nightly; a stable compiler takes them when told that it may.
export RUSTC_BOOTSTRAP=1
# The proxy would tell the log of what is found wrong with its peers.
export OUTRIGGER_LOG=off
for target in "${targets[@]}"; do
    # What is found lies outside the checked-in corpus; the best of it is worth adding by hand.
    mkdir -p "target/found/$target"
    cargo fuzz run --fuzz-dir . "$target" "target/found/$target" "corpus/$target" -- -max_total_time="$seconds" -max_len=4096
done
