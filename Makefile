# Every target sets up what it needs from the package registries; nothing has to be installed by hand but Rust 1.95 or newer and a C compiler.
CARGO ?= cargo

.PHONY: demo test interop release bench bench-check corpus scenarios attacks memory growth path fleet simulator fuzz schema

## demo: a control plane, two proxies, a canary from v1 to v2 under traffic, and the control plane killed
demo:
	$(CARGO) build -p outrigger -p outrigger-control -p outrigger-bench
	target/debug/outrigger-bench demo --stay

## test: formatting, lints, unit and end-to-end tests; needs no foreign software
test:
	$(CARGO) fmt --all --check
	$(CARGO) clippy -q --workspace --all-targets -- -D warnings
	$(CARGO) build -q -p outrigger -p outrigger-control
	$(CARGO) test -q --workspace

## interop: the same proxy against software written elsewhere
interop:
	$(CARGO) build -q -p outrigger -p outrigger-control
	$(CARGO) test -q -p outrigger-tests --test e2e --no-run
	tests/interop/run.sh

## release: the proxy as it should be deployed, built by what it does under load, into target/guided/; a quarter of an hour
release:
	bench/guided.sh

## bench: that proxy side by side with the peers, into bench/RESULTS.md
bench: release
	bench/install-peers.sh
	OUTRIGGER_BENCH_BINARY=target/guided/outrigger target/release/outrigger-bench compare

## bench-check: instructions a request of the main paths against the checked-in ones
bench-check:
	bench/install-peers.sh valgrind
	$(CARGO) build -q --release -p outrigger -p outrigger-bench
	target/release/outrigger-bench check

## scenarios: failures of endpoints, beside the peers, into bench/SCENARIOS.md; a quarter of an hour
scenarios:
	bench/install-peers.sh nginx haproxy envoy python3
	$(CARGO) build -q --release -p outrigger -p outrigger-bench
	target/release/outrigger-bench scenario

## corpus: hostile and odd messages of HTTP/1, beside the peers, into bench/CORPUS.md; ten minutes
corpus:
	bench/install-peers.sh nginx haproxy envoy python3
	$(CARGO) build -q --release -p outrigger -p outrigger-bench
	target/release/outrigger-bench corpus

## attacks: hostile peers beside a good client, beside the peers, into bench/ATTACKS.md; half an hour
attacks:
	bench/install-peers.sh nginx haproxy envoy python3
	$(CARGO) build -q --release -p outrigger -p outrigger-bench
	target/release/outrigger-bench attack

## memory: what is held at rest and for connections, beside the peers, into bench/MEMORY.md; ten minutes
memory:
	bench/install-peers.sh nginx haproxy envoy python3
	$(CARGO) build -q --release -p outrigger -p outrigger-bench
	target/release/outrigger-bench memory

## growth: requests, updates, memory and starts by the size of the table, into bench/GROWTH.md; ten minutes
growth:
	bench/install-peers.sh valgrind
	$(CARGO) build -q --release -p outrigger -p outrigger-bench -p outrigger-control
	target/release/outrigger-bench growth --page

## path: one stream of HTTP/2 over a path of 50 ms, beside the peers; ten minutes
path:
	bench/install-peers.sh nginx haproxy envoy python3
	$(CARGO) build -q --release -p outrigger -p outrigger-bench
	target/release/outrigger-bench path

## fleet: a change, pushed to a thousand proxies; into bench/CONTROL.md, in a minute
fleet:
	$(CARGO) build -q --release -p outrigger-control -p outrigger-bench
	target/release/outrigger-bench control fleet --both --page

## simulator: a mesh on a virtual clock, 1,000 seeds, into bench/SIMULATOR.md; an hour and a half of one core
simulator:
	$(CARGO) build -q --release -p outrigger-bench
	target/release/outrigger-bench simulate --seeds 1000 --output bench/SIMULATOR.md

## schema: writes config/schema.json anew
schema:
	$(CARGO) run -q -p outrigger -- schema > config/schema.json

## fuzz: every parser of foreign bytes under cargo-fuzz, a minute each (`cargo install cargo-fuzz`)
fuzz:
	tests/fuzz/run.sh 60
