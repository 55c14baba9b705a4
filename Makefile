# grf-bpf: shows what keeps the memory of a running Go program alive.
#
#   make            build/grf-bpf
#   make deps       install what a bare Debian or Ubuntu lacks
#   make check      unit and end-to-end tests
#   make unit-offline   the unit tests that need neither root nor eBPF
#   make bench      what it costs at scale
#   make bench-pause bench-latency     what the target feels, and its clients
#   make check-copy check-survival     the tests that take long
#   make check-matrix   the end-to-end tests with all releases and programs
#   make check-hostile check-long   inputs made to do harm; all tests that take long, and fuzzing
#   make fuzz       the fuzz targets, in build-fuzz/
#   make demo       attach to a Go program that comes along
#   make exactness  compare with the garbage collector over all Go releases and builds
#   make builds     the same program from every linker, as executable, PIE, static PIE and library
#   make check-kernels  the ways to copy under an older kernel, in qemu
#   make stops      200 stops at any instruction, against the collections before and after
#   make leaks      docs/leaks.md: what is said of leaks that people reported
#   make servers    look into Prometheus, etcd, nats, ... under load
#   make install    PREFIX=/usr/local DESTDIR=
#   make layout     user/model/release/layout_table.h, from the DWARF of each Go release
#   make format     make lint     make SANITIZE=1      (build in build-sanitize/)
#   make SANITIZE=thread check-races    what threads do beside each other (build in build-thread/)
#   make DEBUG=1    with assertions, as SANITIZE=1 has them     (build in build-debug/)

VERSION   := 0.1.0
CC        ?= cc
CLANG     ?= clang
BPFTOOL   ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PROTOC_C  ?= protoc-c
PREFIX    ?= /usr/local
DESTDIR   ?=
SANITIZE  ?=
DEBUG     ?= $(SANITIZE)

# V=1 prints the commands.
Q         := $(if $(V),,@)
say        = $(if $(V),,@printf '  %-7s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@))

BUILD     := build$(if $(SANITIZE),-$(if $(filter thread,$(SANITIZE)),thread,sanitize),$(if $(DEBUG),-debug))
# As the kernel names it, for eBPF; as Go does, for user/arch/*/live.
ARCH      := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
LIVE_ARCH := $(ARCH:x86=amd64)

comma     := ,
CFLAGS    ?= -O2 -g
SANITIZERS := $(if $(filter thread,$(SANITIZE)),thread,address$(comma)undefined)
CFLAGS    += $(if $(SANITIZE),-fsanitize=$(SANITIZERS) -fno-omit-frame-pointer)
# Assertions hold contracts of our own; what comes from a target is never asserted.
CFLAGS    += $(if $(DEBUG),,-DNDEBUG)
ALL_CFLAGS := -std=gnu17 -Wall -Wextra -Werror -D_GNU_SOURCE -DGRF_VERSION='"$(VERSION)"' \
	      -Iuser -Iinclude -I$(BUILD)/generated -pthread -MMD -MP $(CFLAGS)
LDLIBS    := -ljansson -lbpf -ldw -lelf -lprotobuf-c -lseccomp -lz -lzstd -lpthread

BPF_SOURCES := $(wildcard bpf/*.bpf.c)
SKELETONS   := $(BPF_SOURCES:bpf/%.bpf.c=$(BUILD)/generated/%.skel.h)
PROTOS      := user/image/core/snapshot.proto user/outputs/profile.proto
PROTO_C     := $(patsubst %.proto,$(BUILD)/generated/%.pb-c.c,$(notdir $(PROTOS)))
vpath %.proto $(dir $(PROTOS))

LIB_SOURCES := $(sort $(shell find user -name '*.c' ! -path 'user/cli/*' ! -path 'user/arch/*/live/*') \
	       $(wildcard user/arch/$(LIVE_ARCH)/live/*.c))
CLI_SOURCES := $(sort $(shell find user/cli -name '*.c'))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o) $(PROTO_C:%.c=%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)

TEST_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
TEST_BINARIES := $(TEST_SOURCES:tests/unit/%.c=$(BUILD)/tests/%)

.PHONY: all clean unit unit-offline check test-binaries check-copy check-survival check-kernels e2e deps demo \
	bench bench-builds bench-walk bench-pause bench-latency exactness builds stops leaks servers install uninstall format \
	lint layout layout-check check-hostile check-matrix check-long check-fuzz check-races fuzz fuzz-replay
all: $(BUILD)/grf-bpf

$(BUILD)/grf-bpf: $(CLI_OBJECTS) $(BUILD)/libgrf.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libgrf.a: $(LIB_OBJECTS)
	@rm -f $@
	$(call say,AR)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile | $(SKELETONS) $(PROTO_C)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/generated/%.pb-c.o: $(BUILD)/generated/%.pb-c.c
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -w -c -o $@ $<

$(BUILD)/generated/%.pb-c.c: %.proto
	@mkdir -p $(@D)
	$(call say,PROTO)
	$(Q)$(PROTOC_C) --proto_path=$(<D) --c_out=$(BUILD)/generated $<

$(BUILD)/generated/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/grf/*.h vmlinux/*.h)
	@mkdir -p $(@D)
	$(call say,BPF)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Wall -Werror \
		-Ivmlinux -Iinclude -c -o $@ $<

$(BUILD)/generated/%.skel.h: $(BUILD)/generated/%.bpf.o
	$(call say,SKEL)
	@echo '/* NOLINTBEGIN: generated */' > $@.tmp
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >> $@.tmp 2>$@.log || { cat $@.log; exit 1; }
	@echo '/* NOLINTEND */' >> $@.tmp
	@mv $@.tmp $@

# Unit tests: one program for each tests/unit/test_*.c, linked with the library.
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libgrf.a
	@mkdir -p $(@D)
	$(call say,TEST)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit $(LDFLAGS) -o $@ $< $(BUILD)/libgrf.a -lcmocka $(LDLIBS)

# The tool with hooks of the tests: a member of the library gives way to an object that is named, and a
# function to the one that wraps it there.
TEST_TOOL := $(BUILD)/tests/grf-bpf
# What end-to-end tests hold a core against.
CHECKS    := $(BUILD)/tests/check_owners
WRAPPED   := -Wl,--wrap=grf_image_create
HOOKS     := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/hooks/*.c)))
$(TEST_TOOL): $(CLI_OBJECTS) $(HOOKS) $(BUILD)/libgrf.a
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(WRAPPED) -o $@ $^ $(LDLIBS)

# Those that hold a process, need root, eBPF, a mount or a Go program that was built.
UNIT_LIVE := $(addprefix $(BUILD)/tests/test_,capture forked hold output precopy sandbox spill types_go)
unit-offline: $(filter-out $(UNIT_LIVE),$(TEST_BINARIES))
unit: $(TEST_BINARIES)
unit unit-offline:
	@printf '%s\n' $^ | xargs -P $(shell nproc) -n 1 sh -c 'said=$$("$$0" 2>&1) || \
		{ printf "%s\n" "$$said" "failed: $$0" >&2; exit 1; }' && echo "$(words $^) unit tests passed"

# End-to-end tests: Go programs built with several toolchains, attached to for real. As root.
e2e: all $(TEST_TOOL) $(CHECKS)
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/scripts/end_to_end.py \
		tests/e2e $(BUILD)/pytest -n $(E2E_JOBS) $(E2E_ARGS)
# They wait for their targets a part of the time.
E2E_JOBS ?= $(shell expr $$(nproc) + 1)

# What is to be compiled for it, on all CPUs first.
check: all
	+$(Q)$(MAKE) --no-print-directory -j$(shell nproc) test-binaries
	+$(Q)$(MAKE) --no-print-directory unit fuzz-replay e2e

# The same at length: 100 copies held against their originals; 1,000 targets whose grf-bpf was ended at
# some instant, for each signal and way of copying, and 500 snapshots of one. Takes an hour or more.
check-copy: $(BUILD)/tests/test_precopy
	GRF_TEST_RUNS=100 $<
check-survival: all $(TEST_TOOL)
	GRF_TEST_KILLS=1000 GRF_TEST_ROW=500 GRF_BPF=$(abspath $(BUILD)/grf-bpf) \
		/usr/bin/python3 -m pytest -q -n $(E2E_JOBS) tests/e2e/test_survival.py $(E2E_ARGS)

# Under kernels that this machine does not run, in qemu. VM_ARGS= such as "--runs 20".
check-kernels: all $(BUILD)/tests/test_precopy $(BUILD)/tests/test_hold
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/vm/kernels.py $(VM_ARGS)

# Inputs made to cost more than they hold; what the fuzz targets find in a minute each.
check-hostile: all fuzz-replay
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 -m pytest -q -n $(E2E_JOBS) \
		tests/e2e/test_hostile.py $(E2E_ARGS)
	GRF_TEST_RESTLESS=50 GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 -m pytest -q \
		-n $(E2E_JOBS) tests/e2e/test_restless.py tests/e2e/test_anew.py $(E2E_ARGS)
	GRF_TEST_REFUSED=all GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 -m pytest -q \
		-n $(E2E_JOBS) tests/e2e/test_refused.py $(E2E_ARGS)
# The end-to-end tests with all releases, programs and repetitions (tests/e2e/gating.py).
check-matrix: all
	+$(Q)GRF_TEST_LONG=1 $(MAKE) --no-print-directory e2e
# Threads that walk a heap, under the thread sanitizer.
check-races: $(BUILD)/grf-bpf
	GRF_BPF=$(abspath $<) /usr/bin/python3 -m pytest -q -n $(E2E_JOBS) tests/e2e/test_threads.py \
		-k crowd $(E2E_ARGS)
check-long: layout-check check-matrix check-hostile check-copy check-survival check-fuzz
	+$(Q)$(MAKE) --no-print-directory SANITIZE=thread check-races

FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_NAMES   := $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=%)
FUZZ_SECONDS ?= 60
FUZZ_FLAGS   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

fuzz: $(FUZZ_NAMES:%=build-fuzz/fuzz_%)
build-fuzz/%.o: %.c Makefile | $(SKELETONS) $(PROTO_C)
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)$(CLANG) $(filter-out -Werror -O2 -g -DNDEBUG,$(ALL_CFLAGS)) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link \
		-c -o $@ $<
build-fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(LIB_SOURCES:%.c=build-fuzz/%.o) $(PROTO_C:%.c=%.o)
	$(call say,FUZZ)
	$(Q)$(CLANG) $(filter-out -Werror -O2 -g -DNDEBUG,$(ALL_CFLAGS)) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ \
		$< $(filter %.o,$^) $(LDLIBS)
# What is new goes to build-fuzz/corpus; an input that fails stays in build-fuzz.
check-fuzz: fuzz
	@for name in $(FUZZ_NAMES); do mkdir -p build-fuzz/corpus/$$name; echo "fuzz $$name"; \
		build-fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10 \
			-verbosity=0 -print_final_stats=1 -artifact_prefix=build-fuzz/$$name- \
			build-fuzz/corpus/$$name tests/fuzz/corpus/$$name || exit 1; done

# The inputs that came along, once each.
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c tests/fuzz/fuzz.h $(BUILD)/libgrf.a
	@mkdir -p $(@D)
	$(call say,TEST)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(BUILD)/libgrf.a $(LDLIBS)
test-binaries: $(TEST_BINARIES) $(TEST_TOOL) $(CHECKS) $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
fuzz-replay: $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
	@for name in $(FUZZ_NAMES); do printf 'replay %s: ' $$name; \
		$(BUILD)/fuzz/$$name tests/fuzz/corpus/$$name/* || exit 1; done

deps:
	tests/scripts/install-deps.sh

demo: all
	@tests/scripts/demo.sh $(BUILD)

# At scale, beside goref where GOREF= names one.
bench: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/bench/bench_scale.py

# CPU and memory beside another build, BASE=: a grf-bpf or a commit. BENCH_ARGS= such as "--rounds 3".
bench-builds: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) BASE=$(BASE) /usr/bin/python3 tests/bench/bench_builds.py $(BENCH_ARGS)

# The walk beside the collector's mark, by heap shape and threads. BENCH_ARGS= such as "--part 0.1 list".
bench-walk: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/bench/bench_walk.py $(BENCH_ARGS)

# The pause, as the tool and as the target measure it. BENCH_ARGS= such as "--rows 0.7:0 --attaches 5".
bench-pause: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/bench/bench_pause.py $(BENCH_ARGS)

# What the clients of an HTTP server notice of a snapshot.
bench-latency: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/bench/bench_latency.py $(BENCH_ARGS)

# What is found reachable against the collector's marks, over releases and builds: docs/exactness.md.
exactness: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/exactness/exactness.py

# One program from every linker, in every form, stripped or not: a part of docs/exactness.md.
builds: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/exactness/builds.py $(BUILDS_ARGS)

# A program that is at work on all threads, stopped at once 200 times.
stops: all
	GRF_TEST_STOPS=200 GRF_BPF=$(abspath $(BUILD)/grf-bpf) \
		/usr/bin/python3 -m pytest -q tests/e2e/test_freeze.py -k as_at_a_collection

# Leaks as people reported them: docs/leaks.md.
leaks: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) tests/scripts/leaks.py

# Servers that were not written for this, under load: docs/servers.md. SERVERS=nats: only those.
servers: all
	GRF_BPF=$(abspath $(BUILD)/grf-bpf) /usr/bin/python3 tests/servers/servers.py $(SERVERS)

# The offsets of the runtime's fields; layout-check holds what is committed against the toolchains.
layout layout-check: $(SKELETONS) $(PROTO_C)
	tests/scripts/layout.py $(if $(filter %-check,$@),--check)

install: all
	install -D -m 755 $(BUILD)/grf-bpf $(DESTDIR)$(PREFIX)/bin/grf-bpf
	install -D -m 644 docs/grf-bpf.1 $(DESTDIR)$(PREFIX)/share/man/man1/grf-bpf.1

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/grf-bpf $(DESTDIR)$(PREFIX)/share/man/man1/grf-bpf.1

FORMATTED := $(shell find user include bpf tests/unit tests/hooks -name '*.[ch]')
format:
	clang-format -i $(FORMATTED)

lint: $(SKELETONS) $(PROTO_C) $(LIB_OBJECTS) $(CLI_OBJECTS)
	tests/scripts/layers.py user include bpf
	tests/scripts/files.py user include bpf tests
	tests/scripts/circles.py $(BUILD)/user $(filter $(BUILD)/user/%,$(LIB_OBJECTS) $(CLI_OBJECTS))
	tests/scripts/layout.py --rows
	clang-format --dry-run -Werror $(FORMATTED)
	printf '%s\n' $(LIB_SOURCES) $(CLI_SOURCES) | xargs -P 2 -n 4 sh -c \
		'clang-tidy --quiet "$$@" -- -std=gnu17 -D_GNU_SOURCE -DGRF_VERSION=\"0\" \
		-Iuser -Iinclude -I$(BUILD)/generated' lint

clean:
	rm -rf build build-debug build-sanitize build-thread build-fuzz

-include $(shell find $(BUILD) -path $(BUILD)/servers -prune -o -name '*.d' -print 2>/dev/null)
.SECONDARY:
