# What this repository can do. `make` alone lists it.

duckdb_lib := $(or $(DUCKDB_LIB_DIR),$(CURDIR)/.duckdb/lib)
bench_ready := .bench/venv/ready

.PHONY: help setup demo test lint docs bench
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 15

setup: ## fetch DuckDB's prebuilt library and extensions into .duckdb (once)
	@scripts/setup.sh

demo: setup ## build the command and measure the simulated company, truth beside estimate
	cargo build --release --locked
	cargo run --release --locked --quiet --bin touchstone -- demo

# Documentation tests run outside the target directory, where executables find libduckdb by themselves.
test: setup ## run all tests (TOUCHSTONE_TEST_DATA: a folder of public data sets, for the tests that read them)
	LD_LIBRARY_PATH="$(duckdb_lib)$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}" \
		cargo test --workspace --doc --locked --quiet
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --workspace --locked; \
	else \
		set -x; cargo test --workspace --lib --bins --tests --locked; \
	fi

lint: setup ## check the format, the compiler's and clippy's warnings
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

docs: ## build the book into target/book (needs mdbook)
	@command -v mdbook >/dev/null || { echo "docs: mdbook is missing: cargo install mdbook" >&2; exit 1; }
	mdbook build docs --dest-dir "$(CURDIR)/target/book"

bench: setup $(bench_ready) ## measure speed and memory beside the peers (BENCH_ONLY, BENCH_ROWS, BENCH_ROUNDS, BENCH_TOUCHES)
	cargo build --release --locked
	cargo build --release --locked --package touchstone-clv --package touchstone-attribution --examples
	.bench/venv/bin/python bench/run.py

$(bench_ready): $(wildcard bench/requirements*.txt)
	@scripts/bench-python.sh .bench
	@touch $@
