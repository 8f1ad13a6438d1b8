# Everything a user or a developer runs. `make help` lists it.

# The Envoy of the demo and the tests, and the newest patches of the minor versions for `make matrix`. The wheel of
# 1.38.3 has no engine for wasm.
envoy_version := 1.40.0
versions ?= 1.36.4 1.37.0 1.38.2 1.39.3 $(envoy_version)
# An Envoy of your own: ENVOY=/path/to/envoy
ENVOY ?= $(CURDIR)/target/envoy/bin/envoy
export ENVOY

# The Envoy Gateway of `make kubernetes`. The Istio is that of tests/kubernetes/go.mod.
envoy_gateway_version := 1.9.0

wasm := target/wasm32-wasip1/release/openwhisk_filter.wasm
openwhisk := target/release/openwhisk-local
# The largest the filter may get, in bytes. Optimised for size it would be a sixth smaller: tests/bench/README.md has what
# that would cost.
size_budget := 464000
# How long `make fuzz` tries each target.
seconds ?= 60

# What stands below relies on these paths, whatever cargo is told elsewhere.
export CARGO_TARGET_DIR := $(CURDIR)/target
unexport CARGO_BUILD_TARGET

cargo_home := $(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)
# No path of the building machine in the filter. Cargo splits these flags at the character 0x1f, so paths may have spaces.
build_filter := CARGO_ENCODED_RUSTFLAGS="$$(printf '%s\037%s' "--remap-path-prefix=$(CURDIR)=." "--remap-path-prefix=$(cargo_home)=cargo")" \
	cargo rustc --locked --release --lib --crate-type cdylib --target wasm32-wasip1
# The release profile is made for the filter. A server should survive a panic, and need not be small.
build_native := CARGO_PROFILE_RELEASE_PANIC=unwind CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	cargo build --locked --release
build_openwhisk := $(build_native) -p openwhisk-local -p openwhisk-envoy

.DEFAULT_GOAL := help
.PHONY: build filter envoy run test test-node conformance matrix fuzz soak bench bench-core check manifests kubernetes lint deny fmt size clean help toolchain

build: filter ## Build the filter (target/wasm32-wasip1/release), the local OpenWhisk and the renderer (target/release)
	$(build_openwhisk)

# TRIM=/path/to/trim uses one that is built already.
filter: toolchain # The same sources and toolchain give the same file, wherever they are.
	$(build_filter)
	@$(if $(TRIM),,$(build_native) --quiet -p trim)
	@$(if $(TRIM),"$(TRIM)",target/release/trim) $(wasm)
	@sha256sum $(wasm) 2>/dev/null || shasum -a 256 $(wasm)

toolchain: # The wasm target, where rustup can add it.
	@command -v cargo >/dev/null || { echo "error: cargo is missing: install Rust with rustup" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "error: cc is missing: install gcc" >&2; exit 1; }
	@test -d "$$(rustc --print target-libdir --target wasm32-wasip1)" || \
		{ command -v rustup >/dev/null && rustup target add wasm32-wasip1; } || \
		{ echo "error: the target wasm32-wasip1 is missing: install Rust with rustup" >&2; exit 1; }

envoy: ## Put a real Envoy under target/envoy, unless ENVOY=/path says to use another one
	@if [ "$(ENVOY)" = "$(CURDIR)/target/envoy/bin/envoy" ]; then sh envoy/install.sh $(envoy_version) target/envoy; \
	elif [ ! -x "$(ENVOY)" ]; then echo "error: ENVOY is $(ENVOY), which is no program" >&2; exit 1; fi

run: build envoy ## Run the demo on port 10000 (OPENWHISK=http://host:port uses that OpenWhisk), or CONFIG=my-plugin.json (KEY_FILE=key)
	@command -v python3 >/dev/null || { echo "error: python3 is missing: install it" >&2; exit 1; }
	@exec python3 envoy/run.py

test: build envoy ## Run all tests: unit, golden, real Envoy, the official JavaScript client, the manifests
	@rm -rf target/tmp/golden target/tmp/produced
	cargo test --locked --workspace
	cargo test --locked --test secrets -- --ignored --nocapture
	@printf '\n%-28s %5s %5s %6s  %s\n' 'golden cases' all ran passed 'left out, and why'
	@cat target/tmp/golden/*.row
	@$(MAKE) --no-print-directory test-node

test-node: # The official client of OpenWhisk against the local one, and the manifests against their published schemas.
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		for tests in client manifests; do \
			(cd tests/$$tests && npm ci --ignore-scripts --no-audit --no-fund --silent && \
			OPENWHISK_LOCAL="$(CURDIR)/$(openwhisk)" node --test) || exit 1; \
		done; \
	elif [ "$(CI)" = true ]; then \
		echo "error: node and npm are missing, and the tests of the JavaScript client and the manifests need them" >&2; exit 1; \
	else \
		echo "left out: the tests of the JavaScript client and the manifests' schemas, because node and npm are missing"; \
	fi

conformance: build envoy ## Ask an OpenWhisk what was recorded of a real one: the local one, or OPENWHISK=http://host:port OPENWHISK_TOKEN=user:key
	$(build_native) -p conformance
	@exec target/release/conformance

fuzz: ## Fuzz the core, each target for 60 seconds; seconds=600 for longer
	@sh tests/fuzz/run.sh fuzz "$(seconds)"

soak: seconds = 600
soak: filter envoy ## Send mixed good and bad traffic through a real Envoy for 600 seconds; seconds=60 for less, seed=7 for that traffic
	$(build_native) -p soak
	@exec target/release/soak "$(seconds)" $(seed)

bench: seconds =
bench: filter envoy ## Measure the filter next to a native route and Lua for 8 minutes (quick=1, rounds=15, seconds=2, only=ratios for less or more)
	$(build_native) -p bench
	@OPENWHISK_FILTER_WASM_BEFORE="$(before)" exec target/release/bench $(if $(quick),quick) "rounds=$(rounds)" "seconds=$(seconds)" "only=$(only)" "workloads=$(workloads)"

bench-core: ## Measure the core of the filter by itself, natively
	cargo bench --locked -p bench

matrix: build ## Run the end-to-end tests on each minor version of Envoy (versions="1.36.4 1.40.0" for some)
	@mkdir -p target/matrix
	@for version in $(versions); do \
		sh envoy/install.sh $$version target/envoy-$$version || exit 1; \
		echo "Envoy $$version: target/matrix/$$version.log"; \
		rm -rf target/tmp/produced; \
		ENVOY="$(CURDIR)/target/envoy-$$version/bin/envoy" cargo test --locked --workspace --test e2e >target/matrix/$$version.log 2>&1; \
		echo $$? >target/matrix/$$version.status; \
		grep '^test result' target/matrix/$$version.log | tail -n 1 | sed 's/; 0 ignored.*//'; \
	done
	@printf '\n| Envoy | end-to-end tests |\n|---|---|\n'
	@failed=0; for version in $(versions); do \
		printf '| %s | %s |\n' $$version "$$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]* passed; [0-9]* failed\).*/\1/p' target/matrix/$$version.log | tail -n 1)"; \
		[ "$$(cat target/matrix/$$version.status)" = 0 ] || failed=1; \
	done; exit $$failed

manifests: ## Write the manifests in envoy/ anew, for envoy/kubernetes.json
	$(build_native) -p openwhisk-envoy
	@for name in envoy-gateway istio istio-gateway-patch; do \
		target/release/openwhisk-envoy --for $$name envoy/kubernetes.json > target/$$name.yaml && \
		mv target/$$name.yaml envoy/$$name.yaml || exit 1; \
	done

# The first time Go compiles both control planes: 16 minutes of CPU, and 6 GB of caches. Later it takes two minutes.
kubernetes: filter envoy ## Run the manifests on the real Envoy Gateway and Istio, without a cluster; needs Go
	@command -v go >/dev/null || { echo "error: go is missing: install Go 1.26 or newer" >&2; exit 1; }
	$(build_openwhisk)
	GOBIN="$(CURDIR)/target/kubernetes" go install github.com/envoyproxy/gateway/cmd/envoy-gateway@v$(envoy_gateway_version)
	cd tests/kubernetes && test -z "$$(gofmt -l .)" && go build -o ../../target/kubernetes/ istio.io/istio/pilot/cmd/pilot-agent
	cd tests/kubernetes && go test -count=1 -timeout 30m ./...

check: lint deny size ## Check formatting, lints, documentation, dependencies and the size of the filter

deny: # Licences, bans and sources of the dependencies. Advisories are checked on GitHub, where their database is.
	@if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources; \
	elif [ "$(CI)" = true ]; then \
		[ -x target/tools/bin/cargo-deny ] || cargo install --locked --quiet --root target/tools --no-default-features cargo-deny; \
		PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo deny check licenses bans sources; \
	else \
		echo "left out: licences, bans and sources of the dependencies, because cargo-deny is missing"; \
	fi

lint: toolchain # Clippy runs natively and for the wasm target, where the host edge exists.
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --lib --target wasm32-wasip1 -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

fmt: ## Format the sources
	cargo fmt --all

size: filter ## Build the filter and compare its size with the budget
	@size=$$(wc -c < $(wasm)); echo "$(wasm): $$size bytes of $(size_budget)"; test $$size -le $(size_budget)

clean: ## Remove everything that was built or installed
	rm -rf target tests/client/node_modules tests/manifests/node_modules

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
