# Short words for the chores; `cargo xtask` does the work.
#
# Builds go outside the clone, so that a fresh clone on the same machine reuses them.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/groma-target

GROMA := $(CARGO_TARGET_DIR)/release/groma
# What `make demo` looks at; empty: the generated data center.
FOLDER ?=

.PHONY: help build demo test bench soak fmt lint bpf toolchain

help:  ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  make demo FOLDER=path   the same for your own captures, tables and traces"

build: toolchain  ## The release binary
	@echo "Building Groma in $(CARGO_TARGET_DIR): a quarter of an hour or more on two processors the first time, seconds later."
	@start=$$(date +%s); cargo build --release --workspace && echo "Built in $$(( $$(date +%s) - start )) s: $(GROMA)"

demo: build  ## Build; generate a data center, or take FOLDER; explain its traffic; leave a server running
	@"$(GROMA)" demo $(if $(FOLDER),"$(FOLDER)")

test: toolchain  ## All that must hold before a change is taken
	@cargo xtask ci

bench: toolchain  ## Speed, beside DuckDB and Polars on the same files
	@cargo xtask bench

soak: toolchain  ## The tests with far more cases: for a night
	@cargo xtask soak

fmt: toolchain  ## Format, add missing mod lines, make docs/kinds.md and docs/tables.md anew
	@cargo fmt --all
	@cargo xtask tidy --fix

lint: toolchain  ## clippy, and cargo-deny where it is installed
	@cargo xtask lint

bpf:  ## The kernel side of the probe, from its C source; needs clang 14 and llvm-strip, no headers
	@cd crates/groma-probe/bpf && \
		clang -g -O2 -target bpf -mcpu=v3 -Wall -Werror -fdebug-compilation-dir=. -c probe.bpf.c -o probe.bpf.o && \
		llvm-strip -g probe.bpf.o

# A compiler for Rust, and one for the C in zstd and mimalloc.
toolchain:
	@command -v cargo >/dev/null || { echo "Rust is missing: install 1.95 or later, see https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing a C compiler (build-essential)"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y build-essential >/dev/null; \
		else \
			echo "A C compiler is missing: install build-essential (Debian, Ubuntu), gcc (Fedora) or Xcode's tools (macOS)" >&2; exit 1; \
		fi; }
