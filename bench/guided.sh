#!/bin/sh
# Builds the proxy twice: once to see what it does under the bench's jobs, and again by what was seen (profile-guided
# optimisation), into target/guided/outrigger. Takes a quarter of an hour on two cores.
set -eu
cd "$(dirname "$0")/.."
target=$PWD/target/guided
host=$(rustc -vV | sed -n 's/^host: //p')
merge=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
[ -x "$merge" ] || rustup component add llvm-tools

# With a target named the flags are not those of build scripts and procedural macros.
build() {
    RUSTFLAGS=$1 cargo build -q --release --target "$host" --target-dir "$target/$2" -p outrigger
}

# What was seen is in no fingerprint of cargo's: what was built by it would pass for new.
rm -rf "$target/seen" "$target/built"
cargo build -q --release -p outrigger-bench
build "-Cprofile-generate=$target/seen" watched
OUTRIGGER_BENCH_BINARY=$target/watched/$host/release/outrigger target/release/outrigger-bench train
"$merge" merge -o "$target/seen/all.profdata" "$target"/seen/*.profraw
build "-Cprofile-use=$target/seen/all.profdata" built
cp "$target/built/$host/release/outrigger" "$target/outrigger"
echo "$target/outrigger"
