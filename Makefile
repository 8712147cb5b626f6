# What a newcomer types. Everything is SwiftPM underneath.

SWIFT ?= swift
PAGEFERRY = .build/release/pageferry
# Headers and tools that SwiftPM does not fetch.
PACKAGES = zlib1g-dev libzstd-dev libsqlite3-dev pkg-config gnuplot-nox libnuma-dev libhugetlbfs-dev
# There is no DSA beside other processors, and no such package; its header includes uuid's.
ifeq ($(shell uname -m),x86_64)
PACKAGES += libaccel-config-dev uuid-dev
endif
# Suites that run whole workloads: in release, where they are 20 to 40 times faster.
SLOW = FuzzTests|FidelityTests

.PHONY: demo build test test-fast test-slow fuzz sanitize bench bench-quick bench-large bench-terabyte traces deps docs original format lint clean

# Replays a recorded program on fast and slow memory under the rules of the TPP kernel.
demo: build
	$(PAGEFERRY) run workloads/demo.yaml -p sysctl/machines/ddr5-cxl-asic.conf -p sysctl/profiles/tpp.conf

build: deps
	$(SWIFT) build -c release --product pageferry

test: test-fast test-slow

test-fast: deps
	$(SWIFT) test --skip '$(SLOW)'

# These suites alone and what is below them, in the release build of the command: they see nothing that is not public, so that
# -enable-testing (which swift test sets where it builds itself), and with it a second build of everything, is not needed.
test-slow: deps
	export PAGEFERRY_ONLY='$(subst |, ,$(SLOW))'; \
	$(SWIFT) build -c release --build-tests && $(SWIFT) test -c release --skip-build

# A minute for each reader of other programs' bytes, two at a time: seven minutes; .ci/run takes 20 s for each.
# make fuzz FUZZ_SECONDS=600 TARGETS="csv damon"
TARGETS =
fuzz: build
	SWIFT='$(SWIFT)' PAGEFERRY=$(PAGEFERRY) Tests/Fuzzers/fuzz.sh $(TARGETS)

# What moves real bytes or has threads, under ThreadSanitizer and AddressSanitizer, with nothing built but these suites and what they need:
# five minutes on two CPUs, less the second time. The command that some of them start is the ordinary one.
# Leaks are not looked for: the test runner's own start-up has some.
SANITIZED = CopyKernelsTests CopyBenchTests PortalsTests HostTests HostMemoryTests BackingTests
sanitize: build
	for sanitizer in thread address; do \
	  PAGEFERRY=$(PAGEFERRY) PAGEFERRY_ONLY='$(SANITIZED)' TSAN_OPTIONS=halt_on_error=1 ASAN_OPTIONS=detect_leaks=0 SWIFT_BACKTRACE=enable=no \
	    $(SWIFT) test --sanitize=$$sanitizer --scratch-path .build-$$sanitizer || exit 1; \
	done

# Ratios within one run; docs/performance.md says what they mean. bench-large takes two minutes and up to 10 GiB.
bench: deps
	$(SWIFT) run -c release pageferry-bench --check

bench-quick: deps
	$(SWIFT) run -c release pageferry-bench --quick

bench-large: deps
	$(SWIFT) run -c release pageferry-bench --large

bench-terabyte: deps
	$(SWIFT) run -c release pageferry-bench --terabyte

# Records traces on this machine: make traces TRACES="graph sort" SIZE=small. Hours for the full ones.
SIZE = full
TRACES =
traces: build
	PAGEFERRY=$(PAGEFERRY) workloads/traces/record.sh $(SIZE) $(TRACES)

# Only recording wants valgrind, and a C compiler for the tool that makes it fast (docs/cli.md, Recording); nothing here installs them.
deps:
	@command -v $(SWIFT) >/dev/null || { echo 'make: no swift here; install Swift 6.2 or later (https://www.swift.org/install)' >&2; exit 1; }
	@command -v dpkg >/dev/null || { echo 'make: no dpkg here; install zlib, libzstd, libnuma, libhugetlbfs and (on x86-64) libaccel-config with headers, and pkg-config yourself, then: swift build -c release' >&2; exit 0; }; \
	missing=; \
	for package in $(PACKAGES); do \
	  dpkg -s $$package 2>/dev/null | grep -q '^Status: install ok installed' || missing="$$missing $$package"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" -ne 0 ]; then \
	  echo "make: missing packages:$$missing; install them as root: apt-get install$$missing" >&2; exit 1; \
	fi; \
	echo "make: installing$$missing"; \
	apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing

# Runs each "$ pageferry ..." that begins a block again.
REFRESH = /^[$$] pageferry / { print; run = command substr($$0, 12); while ((run | getline line) > 0) print line; close(run); old = 1; next } \
  /^```/ { old = 0 } !old { print }

docs: build
	$(PAGEFERRY) sysctl --markdown > docs/knobs.md.new
	mv docs/knobs.md.new docs/knobs.md
	awk -v command='$(PAGEFERRY)' '$(REFRESH)' docs/copy-model.md > docs/copy-model.md.new
	mv docs/copy-model.md.new docs/copy-model.md

# Runs each "$ ..." that begins a block again, whatever the command; a failure ends it all.
RERUN = /^[$$] / { print; run = substr($$0, 3); while ((run | getline line) > 0) print line; if (close(run)) exit 1; old = 1; next } \
  /^```/ { old = 0 } !old { print }

# The original's experiments, and the tables of docs/original.md anew: a minute and a half.
original: build
	out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && \
	OUT=$$out PATH="$$PWD/$(dir $(PAGEFERRY)):$$PATH" awk '$(RERUN)' docs/original.md > docs/original.md.new && \
	mv docs/original.md.new docs/original.md

format:
	$(SWIFT) format -i -r Sources Tests Benchmarks Package.swift

lint:
	$(SWIFT) format lint --strict -r $(wildcard Sources Tests Benchmarks) Package.swift

clean:
	rm -rf .build .build-fuzz .build-thread .build-address
