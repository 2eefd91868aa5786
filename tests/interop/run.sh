#!/usr/bin/env bash
# Interop: the proxy against peers that were written elsewhere. Prints a line a check and a closing line of sums.
#
#   tests/interop/run.sh [CHECK...]      all checks, or those named (files of checks/ without suffix)
#
# OUTRIGGER_BIN           the proxy, if not the one that cargo built (debug)
# OUTRIGGER_CONTROL_BIN   the control plane, if not the one that cargo built
# CARGO_TARGET_DIR        where cargo builds; installed peers lie in its interop/
# CI=true                 a peer that cannot be installed is a failure, not a skip
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
export OUTRIGGER_BIN=${OUTRIGGER_BIN:-$target/debug/outrigger}
export OUTRIGGER_CONTROL_BIN=${OUTRIGGER_CONTROL_BIN:-$target/debug/outrigger-control}
export INTEROP_HOME=$target/interop
export PATH=$INTEROP_HOME/bin:$PATH
mkdir -p "$INTEROP_HOME"

# One check may not hold up the others.
limit=180

for binary in "$OUTRIGGER_BIN" "$OUTRIGGER_CONTROL_BIN"; do
    if [[ ! -x $binary ]]; then
        echo "$binary is not there: \`cargo build -p outrigger -p outrigger-control\` first" >&2
        exit 1
    fi
done
# shellcheck source=install.sh
source "$here/install.sh"

results=$(mktemp)
trap 'rm -f "$results"' EXIT

run() {
    local check=$1 log status
    log=$INTEROP_HOME/$check.log
    timeout "$limit" "$INTEROP_HOME/venv/bin/python" "$here/checks/$check.py" 2>"$log" |
        sed "s/^/$check: /" | tee -a "$results"
    status=${PIPESTATUS[0]}
    if ((status != 0)); then
        # A check that says what failed has said enough; one that died has not.
        echo "$check: not ok - ended with $status; the last lines of $log:" | tee -a "$results"
        tail -n 20 "$log" >&2
    fi
}

checks=("$@")
if ((${#checks[@]} == 0)); then
    for file in "$here"/checks/*.py; do checks+=("$(basename "$file" .py)"); done
fi
for check in "${checks[@]}"; do run "$check"; done

count() { grep -c "^[a-z0-9_]*: $1 - " "$results"; }
passed=$(count ok) failed=$(count "not ok") skipped=$(count skip)
if [[ ${CI:-} == true ]]; then
    failed=$((failed + skipped)) skipped=0
fi
# Once more what went wrong: it may be far above, and of a long log only the end is shown at times.
grep -E "^[a-z0-9_]*: (not ok|skip) - " "$results"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
