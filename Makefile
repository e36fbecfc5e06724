# make run    the REPL          make test   every test
# make lint   swift-format      make bench  speed, release build
SHELL := /bin/bash
SWIFT ?= swift

.PHONY: run release runc test lint format bench setup clean

# A debug build: it takes a third of the time, and a person does not notice the difference.
run: setup
	@$(SWIFT) build --product drydock || exit 1
	@exec .build/debug/drydock $(ARGS)

# The fast one: .build/release/drydock.
release: setup
	@$(SWIFT) build -c release --product drydock -Xswiftc -gnone

# The OCI runtime, fully static: .build/static/release/drydock-runc.
runc: setup
	@$(SWIFT) build -c release --static-swift-stdlib -Xswiftc -static-executable --product drydock-runc --scratch-path .build/static

test: setup
	$(SWIFT) test --parallel

lint:
	@$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	@$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

bench: release
	@.ci/bench

# Installs the system libraries that are missing.
setup:
	@.ci/setup

clean:
	rm -rf .build
