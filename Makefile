# README's commands. Everything here is what a developer runs by hand, too.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
# Cargo's own variable, if it is set, says where things are built.
TARGET  := $(or $(CARGO_TARGET_DIR),target)

.PHONY: all build sora sora-admin run test test-production test-pooled test-postgres lint fmt bench bench-parts fuzz soak install clean

all: build

# ./sora and ./sora-admin, optimised.
build:
	$(CARGO) build --release --locked --bins
	cp -f $(TARGET)/release/sora $(TARGET)/release/sora-admin .

sora sora-admin: build

# Builds and starts the server: on loopback in ./sora-data, unless a config.toml here says otherwise.
# make run ARGS='-debug' hands flags on.
run: build
	@exec ./sora $(ARGS)

# Everything that must hold before a change is taken. Programs that are not installed are named as
# skipped; .ci/run installs them.
test: lint
	$(CARGO) test --workspace --features crash_points --locked
	$(MAKE) test-production
	$(MAKE) test-pooled

# What touches a store, once more on the production home: PostgreSQL, and a bucket below the boundary
# of the program. Without a server for the bucket, on PostgreSQL alone.
test-production:
	@if [ ! -x $(TARGET)/clients/venv/bin/weed ] && ! command -v weed >/dev/null; then \
		echo "skipped: no weed"; $(MAKE) test-postgres; \
	elif ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then \
		SORA_TEST_HOME=production SIM_SEEDS=16 $(CARGO) test --features crash_points --locked -- \
			store:: work::nodes:: work::tests:: nodes::told:: nodes::leases:: contract:: transcripts:: \
			simulation:: roundtrip:: crash:: daemon:: clients:: objects:: settings:: outbox::; \
	else echo "skipped: no postgres"; fi

# The store once more, behind PgBouncer in transaction mode.
test-pooled:
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then echo "skipped: no postgres"; \
	elif ! PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null; then echo "skipped: no pgbouncer"; \
	else SORA_TEST_DATABASE=postgres SORA_TEST_POOLED=1 \
		$(CARGO) test --lib --features crash_points --locked -- store:: work::nodes::; fi

test-postgres:
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then \
		SORA_TEST_DATABASE=postgres SIM_SEEDS=16 $(CARGO) test --features crash_points --locked -- \
			store:: work::nodes:: work::tests:: nodes::told:: nodes::leases:: contract:: transcripts:: \
			simulation:: roundtrip:: crash:: daemon:: outbox::; \
	else echo "skipped: no postgres"; fi

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features crash_points --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	CARGO_TARGET_DIR=$(abspath $(TARGET)) $(CARGO) check --benches --manifest-path parser/benches/Cargo.toml --locked

fmt:
	$(CARGO) fmt --all

# Beside Dovecot, if it is installed; as root. make bench ARGS='--quick --only LMTP'
bench:
	$(CARGO) bench --locked --bench peers -- $(ARGS)

# The parts by themselves: the parsers beside their peers, and the store. A word chooses lines, a
# directory gives messages to read: make bench-parts ARGS='/path/to/mail'
bench-parts:
	cd parser/benches && $(CARGO) bench --locked -- $(ARGS)
	$(CARGO) bench --locked --bench store
	$(CARGO) bench --locked --bench objects
	$(CARGO) bench --locked --bench sieve

# FUZZ_SECONDS of CPU time on every target; wants cargo-fuzz and a nightly toolchain. What it learns
# stays in fuzz/target/corpus; fuzz/corpus holds what is worth replaying, every crash above all.
# make fuzz ARGS='imap_command --seconds 600'
FUZZ_SECONDS ?= 60
fuzz:
	@command -v cargo-fuzz >/dev/null || { echo "make fuzz: first run: cargo install --locked cargo-fuzz"; exit 1; }
	fuzz/campaign --seconds $(FUZZ_SECONDS) $(ARGS)

# What takes too long for every change: many more seeds, many more kills, and fuzzing.
soak:
	SIM_SEEDS=20000 SIEVE_SEEDS=200000 SORA_SOAK=1 $(CARGO) test --workspace --features crash_points --locked
	$(MAKE) fuzz FUZZ_SECONDS=600

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/sora
	install -m 755 sora sora-admin $(DESTDIR)$(PREFIX)/bin
	install -m 644 config.toml.example $(DESTDIR)$(PREFIX)/share/sora

clean:
	$(CARGO) clean
	rm -f sora sora-admin
