# SPDX-License-Identifier: BSD-2-Clause
# all · check · demo · deps · lint · install · clean.  V=1 shows the commands, SAN=1 adds ASan+UBSan.

VERSION  := 0.1.0
RELEASED := 2026-11-24
BUILD   ?= build
PREFIX  ?= /usr/local
DATA    ?= $(PREFIX)/share
ZSH_SITE ?= site-functions
UNITS_IN ?= $(PREFIX)/lib/systemd/system
CC      := gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
CPPFLAGS += -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -I$(BUILD) -DPGLEAKTRACE_VERSION='"$(VERSION)"'
LDLIBS   := -lbpf -lelf -lz -ljansson -lcap-ng -lncursesw -ltinfo
ifeq ($(STATIC),1)
CPPFLAGS += -DPGLEAKTRACE_STATIC
LDFLAGS  += -static
BUILD    := $(BUILD)/static
LDLIBS   := $(BUILD)/libmicrohttpd.a $(LDLIBS)
endif
ifeq ($(SAN),1)
CFLAGS   += -fsanitize=address,undefined -fno-sanitize-recover=all
BUILD    := $(BUILD)/san
endif
ifeq ($(COVERAGE),1)
CFLAGS   := -O0 -g --coverage
BUILD    := $(BUILD)/coverage
endif
BPFFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter \
	-Wno-gnu-variable-sized-type-not-at-end -Werror -Iinclude -Ivmlinux -ffile-prefix-map=$(CURDIR)/= \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null) -idirafter /usr/include

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

SOURCES := $(wildcard src/*.c src/*/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
# What needs no kernel: all that the unit tests link.
PURE    := $(filter-out $(BUILD)/src/main.o $(BUILD)/src/version.o $(BUILD)/src/stream/live%.o $(BUILD)/src/stream/check.o,$(OBJECTS))
BPF     := $(patsubst bpf/%.c,$(BUILD)/bpf/%.o,$(filter-out bpf/look.bpf.c,$(wildcard bpf/*.bpf.c)))
LOOK    := $(patsubst %,$(BUILD)/bpf/%.bpf.o,look descriptor socket process_key unix_name)
TOOLS   := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FILLED  := docs/pgleaktrace.8 docs/completions/pgleaktrace.bash docs/completions/_pgleaktrace docs/completions/pgleaktrace.fish
FILLERS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard docs/fill*.c))
UNITS   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all check-analyzer check-compilers clean coverage deb demo deps dist install lint pictures soak static tools
.PHONY: bench bench-screen check check-bench check-fuzz check-kernels check-live check-load
.PHONY: check-packages check-pages check-release check-replay check-screen check-unit
.DELETE_ON_ERROR:
.SECONDARY:

all: deps-build
	$(Q)$(MAKE) --no-print-directory $(BUILD)/pgleaktrace $(FILLED:%=$(BUILD)/%)

$(BUILD)/pgleaktrace: $(OBJECTS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(LDLIBS) -o $@

$(BUILD)/%.o: %.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

$(filter $(BUILD)/src/stream/live%.o,$(OBJECTS)) $(BUILD)/src/stream/check.o: $(BUILD)/pgleaktrace.skel.h
$(BUILD)/src/stream/live_look.o: $(BUILD)/look.skel.h

# The page's style and script are taken in as they are; its policy names their hashes.
hash = $$(env printf "$$(sha256sum $(1) | cut -c1-64 | sed 's/../\\x&/g')" | base64)
$(BUILD)/report_hashes.h: src/view/report.css src/view/report.js
	$(say) HASH $@
	@mkdir -p $(@D)
	$(Q)printf '#define REPORT_CSS_HASH "sha256-%s"\n#define REPORT_JS_HASH "sha256-%s"\n' \
		"$(call hash,src/view/report.css)" "$(call hash,src/view/report.js)" > $@

$(BUILD)/src/view/html_assets.o $(BUILD)/fuzz/src/view/html_assets.o: \
	$(BUILD)/report_hashes.h src/view/report.css src/view/report.js

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/pgleaktrace.bpf.o: $(BPF)
	$(say) JOIN $@
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/pgleaktrace.skel.h: $(BUILD)/pgleaktrace.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name pgleaktrace_bpf > $@

$(BUILD)/look.bpf.o: $(LOOK)
	$(say) JOIN $@
	$(Q)$(BPFTOOL) gen object $@ $^

# A light skeleton: the kernel itself relocates and loads, libbpf need not read the kernel's types. Its loader
# has room for 32 functions; with one more it would not load.
$(BUILD)/look.skel.h: $(BUILD)/look.bpf.o
	$(say) SKEL $@
	@[ $$(readelf -sW $< 2>/dev/null | grep -c ' FUNC ') -le 32 ] || { echo "$<: more than 32 functions" >&2; exit 1; }
	$(Q)$(BPFTOOL) gen skeleton -L $< name look_bpf > $@

# What -V tells of the BPF objects: the start of their sum.
$(BUILD)/bpf_id.h: $(BUILD)/pgleaktrace.bpf.o $(BUILD)/look.bpf.o
	$(say) HASH $@
	$(Q)printf '#define BPF_BUILD_ID "sha256:%.32s"\n' "$$(cat $^ | sha256sum)" > $@

$(BUILD)/src/version.o: $(BUILD)/bpf_id.h

# The man page and the completions: templates, filled with the program's own tables.
$(BUILD)/fill: $(FILLERS) $(PURE)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(filter-out -lbpf -lelf -lz,$(LDLIBS)) -o $@

$(BUILD)/docs/%: docs/%.in $(BUILD)/fill Makefile
	$(say) FILL $@
	@mkdir -p $(@D)
	$(Q)sed 's/@VERSION@/$(VERSION)/; s/@RELEASED@/$(RELEASED)/' $< | $(BUILD)/fill > $@

$(BUILD)/tools/%: tests/tools/%.c
	$(say) TOOL $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -O2 -g $(WARNINGS) -MMD -MP -MF $@.d -pthread $< -o $@

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(PURE)
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -lcmocka $(filter-out -lbpf -lelf -lz,$(LDLIBS)) -o $@

tools: $(TOOLS)

# All that building, testing and the demo need; each target asks for its own part by itself.
deps:
	$(Q)tests/deps.sh check install

deps-%:
	$(Q)tests/deps.sh $*

check: deps-check all
	$(Q)$(MAKE) --no-print-directory lint check-unit check-replay check-screen check-pages check-packages
	$(Q)$(MAKE) --no-print-directory SAN=1 check-unit check-replay
	$(Q)$(MAKE) --no-print-directory check-fuzz
	$(Q)$(MAKE) --no-print-directory check-analyzer
	$(Q)$(MAKE) --no-print-directory check-bench
	$(Q)$(MAKE) --no-print-directory check-live
	$(Q)$(MAKE) --no-print-directory SAN=1 check-live LIVE='$(SANITIZED)'
	$(Q)$(MAKE) --no-print-directory check-kernels

check-unit: $(UNITS)
	$(Q)for test in $(UNITS); do $$test || exit 1; done

check-replay: $(BUILD)/pgleaktrace
	$(Q)PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q tests/replay

check-pages: $(BUILD)/pgleaktrace
	$(Q)PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q tests/pages

# dist, static and deb, each built and tried: by hand, before a release; needs the distribution's mirror.
check-release: all tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q tests/release

# A million connections by 20,000 processes, and what the tracer holds meanwhile: by hand, some minutes.
soak: $(BUILD)/pgleaktrace tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) tests/soak.py

check-packages: all tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q tests/packages

# libFuzzer with ASan and UBSan; FUZZ_SECONDS each, seeds in tests/fuzz/seeds/.
FUZZ_FLAGS   := -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_SECONDS ?= 5

$(BUILD)/fuzz/%.o: %.c
	$(say) FUZZ $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/tests/fuzz/fuzz_%.o $(PURE:$(BUILD)/%=$(BUILD)/fuzz/%)
	$(say) LINK $@
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer $^ $(FUZZ_LINK) $(LDLIBS) -o $@

# argp ends the program when an option is wrong; the fuzzer wants to go on.
$(BUILD)/fuzz/fuzz_options: FUZZ_LINK := -Wl,--wrap=argp_parse,--wrap=argp_error,--wrap=regcomp

check-fuzz: $(FUZZERS)
	$(Q)for fuzzer in $(FUZZERS); do \
		tests/fuzz/run.sh $$fuzzer $(FUZZ_SECONDS) || exit 1; done

# All compilers that are installed; not in check, for it takes minutes.
check-compilers: export FOR_C = $(CPPFLAGS) $(CFLAGS) $(WARNINGS)
check-compilers: export FOR_BPF = $(BPFFLAGS)
check-compilers: $(BUILD)/pgleaktrace
	$(Q)tests/compilers.sh $(BUILD)

# Clang's analyzer with all the checkers it has on by itself; any report fails. What bpftool wrote is not ours.
ANALYZED := $(patsubst %.c,$(BUILD)/analyzed/%,$(SOURCES) $(wildcard docs/*.c tests/tools/*.c))

$(BUILD)/analyzed/%: %.c $(BUILD)/pgleaktrace
	$(say) ANALYZE $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) --analyze $(CPPFLAGS) -Xclang -analyzer-output=text $< -o /dev/null 2> $@ && \
		! grep ' warning: ' $@ | grep -qv '^$(BUILD)/' || { cat $@; exit 1; }

check-analyzer: $(BUILD)/pgleaktrace
	$(Q)$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) analyzed
	@echo "analyzer: no report"

.PHONY: analyzed
analyzed: $(ANALYZED)

# Lines of src/ run by the tests that need no kernel; fails below what is demanded. With those that need
# one, as root: make coverage AND=check-live
coverage:
	$(Q)find $(BUILD)/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(Q)$(MAKE) --no-print-directory COVERAGE=1 check-unit check-replay check-screen check-pages $(AND)
	$(Q)$(PYTHON) tests/coverage.py $(BUILD)/coverage

check-screen: $(BUILD)/pgleaktrace
	$(Q)PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q tests/screen

LIVE ?= tests/live
check-live: $(BUILD)/pgleaktrace tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q $(LIVE)

# Under ASan, UBSan and LSan: what comes and goes in every way, what is hostile, what fails. All of
# tests/live: make SAN=1 check-live.
SANITIZED := $(patsubst %,tests/live/test_%.py,cases hostile files refused)

# A live watch under valgrind, by hand.
.PHONY: check-valgrind
check-valgrind: $(BUILD)/pgleaktrace tools
	$(Q)tests/valgrind.sh $(BUILD)

# What a frame of the live screen costs with 1,000 scripts and 10,000 connections.
$(BUILD)/bench/frame: $(BUILD)/tests/bench/frame.o $(PURE)
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -lutil -o $@

bench-screen: $(BUILD)/bench/frame
	$(Q)$(PYTHON) tests/bench/crowd.py $(BUILD)/crowd.ndjson 1000 10000
	$(Q)$(BUILD)/bench/frame $(BUILD)/crowd.ndjson

# README's screens and docs/report.png, from a run of the demo.
pictures: deps-demo all
	$(Q)$(PYTHON) tests/demo/pictures.py $(BUILD)/pgleaktrace

# What it costs, beside others of its kind: a table, BUILD/bench.json and docs/PERFORMANCE.md.
bench: all tools
	$(Q)tests/deps.sh bench
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) tests/bench/bench.py --document docs/PERFORMANCE.md

# That the bench itself still works: seconds, and figures that mean nothing.
check-bench: $(BUILD)/pgleaktrace tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) tests/bench/bench.py --smoke > $(BUILD)/bench-smoke.txt

# Minutes of load; see tests/live/load.py.
check-load: $(BUILD)/pgleaktrace tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace $(PYTHON) -m pytest -q -s tests/live/load.py

# Debian's kernels in QEMU: oldstable's, stable's, and the newest that stable can be given, where
# tracepoints are preempted. The whole matrix by hand: KERNELS="5.10 6.1 6.12 6.16 …"
KERNELS ?= 6.1 6.12 newest
check-kernels: $(BUILD)/pgleaktrace tools
	$(Q)BUILD=$(BUILD) PGLEAKTRACE=$(BUILD)/pgleaktrace KERNELS="$(KERNELS)" \
		timeout 1200 $(PYTHON) -m pytest -q tests/kernels

demo: deps-demo all
	$(Q)tests/demo/demo.sh $(BUILD)/pgleaktrace

lint:
	$(Q)tests/lint.sh $(BUILD)

install: $(BUILD)/pgleaktrace $(FILLED:%=$(BUILD)/%)
	install -D -m 755 $(BUILD)/pgleaktrace $(DESTDIR)$(PREFIX)/sbin/pgleaktrace
	install -D -m 644 packaging/systemd/pgleaktrace.service $(DESTDIR)$(UNITS_IN)/pgleaktrace.service
	sed -i 's|/usr/sbin/pgleaktrace|$(PREFIX)/sbin/pgleaktrace|' $(DESTDIR)$(UNITS_IN)/pgleaktrace.service
	install -D -m 644 $(BUILD)/docs/pgleaktrace.8 $(DESTDIR)$(DATA)/man/man8/pgleaktrace.8
	install -D -m 644 $(BUILD)/docs/completions/pgleaktrace.bash $(DESTDIR)$(DATA)/bash-completion/completions/pgleaktrace
	install -D -m 644 $(BUILD)/docs/completions/_pgleaktrace $(DESTDIR)$(DATA)/zsh/$(ZSH_SITE)/_pgleaktrace
	install -D -m 644 $(BUILD)/docs/completions/pgleaktrace.fish $(DESTDIR)$(DATA)/fish/vendor_completions.d/pgleaktrace.fish

# The same bytes from the same commit, whenever and wherever.
dist:
	$(say) DIST $(BUILD)/pgleaktrace-$(VERSION).tar.gz
	@mkdir -p $(BUILD)
	$(Q)git archive --format=tar --prefix=pgleaktrace-$(VERSION)/ HEAD | gzip -9n > $(BUILD)/pgleaktrace-$(VERSION).tar.gz

# One file that needs nothing but a kernel: build/static/pgleaktrace. Without TLS, which --metrics does not use.
static:
	$(Q)$(MAKE) --no-print-directory STATIC=1 $(BUILD)/static/pgleaktrace

ifeq ($(STATIC),1)
$(BUILD)/pgleaktrace: $(BUILD)/libmicrohttpd.a
$(BUILD)/libmicrohttpd.a: packaging/static/libmicrohttpd.sh
	$(say) LIB $@
	@mkdir -p $(@D)
	$(Q)$< $@
endif

# build/deb/pgleaktrace_VERSION_ARCH.deb, from the tarball.
DEB_MAINTAINER ?= pgleaktrace authors <pgleaktrace@packages.debian.org>
deb: dist
	$(say) DEB $(BUILD)/deb
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb && tar xf $(BUILD)/pgleaktrace-$(VERSION).tar.gz -C $(BUILD)/deb
	$(Q)cp -r packaging/debian $(BUILD)/deb/pgleaktrace-$(VERSION)/debian
	$(Q)sed -i 's/@VERSION@/$(VERSION)/; s/@MAINTAINER@/$(DEB_MAINTAINER)/; s/@DATE@/'"$$(LC_ALL=C date -u -R -d $(RELEASED))"'/' \
		$(BUILD)/deb/pgleaktrace-$(VERSION)/debian/changelog $(BUILD)/deb/pgleaktrace-$(VERSION)/debian/control
	$(Q)cd $(BUILD)/deb/pgleaktrace-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(FILLERS:.o=.d) $(BPF:.o=.d) $(LOOK:.o=.d) $(UNITS:$(BUILD)/unit/%=$(BUILD)/tests/unit/%.d) $(TOOLS:=.d) $(wildcard $(BUILD)/fuzz/*/*.d $(BUILD)/fuzz/*/*/*.d)
