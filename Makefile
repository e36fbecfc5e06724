# make run    the REPL          make test   every test
# make lint   swift-format      make bench  speed, beside the peers
SHELL := /bin/bash
SWIFT ?= swift

.PHONY: run test lint format bench setup clean

run: setup
	@$(SWIFT) build -c release --product drydock -Xswiftc -gnone || exit 1
	@exec .build/release/drydock $(ARGS)

test: setup
	$(SWIFT) test --parallel

lint:
	@$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	@$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

bench: setup
	@$(SWIFT) build -c release --product drydock
	@.ci/bench

# Installs the system libraries that are missing.
setup:
	@.ci/setup

clean:
	rm -rf .build
