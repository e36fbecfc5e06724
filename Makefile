# make run    the REPL          make test   every test
# make lint   swift-format      make bench  speed, release build (bench-trace, -runc, -layers, -pull: its parts)
# make test-vm   the runtime on a pure cgroup-v2 host: a virtual machine that boots here
SHELL := /bin/bash
SWIFT ?= swift

.PHONY: run release runc test test-vm lint format bench bench-trace bench-runc bench-layers bench-pull setup clean

# A debug build: it takes a third of the time, and a person does not notice the difference.
run: setup
	@$(SWIFT) build --product drydock || exit 1
	@exec .build/debug/drydock $(ARGS)

# The fast one: .build/release/drydock.
release: setup
	@$(SWIFT) build -c release --product drydock -Xswiftc -gnone

# The OCI runtime, fully static: .build/static/release/drydock-runc.
runc:
	@.ci/setup runtime
	@$(SWIFT) build -c release --static-swift-stdlib -Xswiftc -static-executable --product drydock-runc --scratch-path .build/static

# Real containers and networks: one at a time.
NEEDS_ROOT := DrydockRuncTests|RealContainerTests|LinuxNetworkTests

# The containers of DrydockRuncTests are real and need root; for anybody else those tests say that they are skipped.
test:
	@.ci/setup test
	@if [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory runc; \
	else echo "drydock: not root: no real containers, the quick tests only" >&2; fi
	$(SWIFT) test --parallel --skip '$(NEEDS_ROOT)'
	$(SWIFT) test --skip-build --filter '$(NEEDS_ROOT)'

# ONLY=PART runs the checks of Tests/vm whose file's name holds it.
test-vm: runc
	@.ci/test-vm $(ONLY)

lint:
	@$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	@$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

bench: bench-trace bench-runc bench-layers bench-pull

bench-trace: release
	@.ci/bench

# Needs root. ROUNDS=N (100).
bench-runc: runc
	@.ci/bench-runc

# Unpacking, beside the floor and other unpackers. Needs root. MB=N (300), ROUNDS=N (3).
bench-layers:
	@.ci/setup test
	@$(SWIFT) build -c release --product layer-tool
	@.ci/bench-layers

# Pulling, beside the floor, docker, containerd and skopeo with umoci. Needs root. MB=N (300), ROUNDS=N (3).
bench-pull:
	@.ci/setup test
	@$(SWIFT) build -c release --product drydockd -Xswiftc -gnone
	@.ci/bench-pull

# Installs the system libraries that are missing.
setup:
	@.ci/setup

clean:
	rm -rf .build
