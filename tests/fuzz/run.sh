#!/usr/bin/env bash
# Fuzzes every target for a while: tests/fuzz/run.sh [SECONDS]. Finds new corpus files beside the checked-in ones.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is not installed: cargo install cargo-fuzz" >&2
    exit 1
fi
# The sanitizer flags want a nightly; a stable compiler takes them when told that it may.
export RUSTC_BOOTSTRAP=1
for target in \
    http1_session http2_session http2_endpoint connection http1 forwarded certificate dns proxy_protocol client_hello route trace xds config \
    document timeout retry_after grpc_health; do
    # What is found lies outside the checked-in corpus; the best of it is worth adding by hand.
    mkdir -p "target/found/$target"
    cargo fuzz run --fuzz-dir . "$target" "target/found/$target" "corpus/$target" -- -max_total_time="$seconds" -max_len=4096
done
