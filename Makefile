# Every folder of cmd/ is a tool, every libcommon/*/*.c is in the library: no edit for a new file.
#   make  test  lint  bench  docs  fuzz  chaos  coverage  demo  install        SAN=address,undefined  TOOLS='read flow'
ifeq ($(origin CC),default)
CC := gcc
endif
comma   := ,
B       ?= build/$(if $(SAN),san,plain)$(if $(filter clang,$(CC)),-clang)
PREFIX  ?= /usr/local
LIBEXEC ?= $(PREFIX)/libexec/weir
OPT     ?= $(if $(SAN),-O1,-O2)
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS  += -std=gnu11 -g $(OPT) $(WARN) $(if $(CI),-Werror) $(if $(SAN),-fno-omit-frame-pointer) -fno-strict-aliasing
CPPFLAGS += -D_GNU_SOURCE -I. -DWEIR_LIBEXEC='"$(LIBEXEC)"'
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -DWEIR_SANITIZE $(if $(filter gcc,$(CC)),-Wno-format-truncation))
# What every packet passes is optimised over all files, for a tenth to a sixth less CPU; others link ordinary code.
HOT     := capture read flow reasm infer dns http tls parse json streams send
LTO     := $(if $(SAN)$(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects)
LIB_PKGS := msgpack libseccomp libcap-ng libcrypto

ALL_TOOLS := $(notdir $(wildcard cmd/*))
# A tool whose libraries (cmd/<tool>/pkgs) are not here is left out, with one line. A library that
# has no pkg-config file stands there as -lNAME.
tool_pkgs = $(shell cat cmd/$(1)/pkgs 2>/dev/null)
pc        = $(filter-out -l%,$(1))
libs      = $(filter -l%,$(1)) $(if $(call pc,$(1)),$(shell pkg-config --libs $(call pc,$(1)) 2>/dev/null))
have      = $(if $(tool_pkgs),$(shell { [ -z "$(call pc,$(tool_pkgs))" ] || pkg-config --exists $(call pc,$(tool_pkgs)); } && \
	{ [ -z "$(filter -l%,$(tool_pkgs))" ] || echo 'int main(void) { return 0; }' | $(CC) -x c -o /dev/null - $(filter -l%,$(tool_pkgs)) 2>/dev/null; } && echo yes),yes)
# Goals that make their own start, once the dependencies are there, need none of this yet.
ifneq ($(filter-out deps demo test lint bench fuzz chaos coverage clean,$(or $(MAKECMDGOALS),all)),)
ifndef TOOLS
TOOLS    := $(foreach t,$(ALL_TOOLS),$(if $(call have,$t),$t,$(info left out: weir-$t (needs $(call tool_pkgs,$t)))))
endif
endif
PKGS    := $(sort $(LIB_PKGS) $(foreach t,$(TOOLS),$(call tool_pkgs,$t)))
CPPFLAGS += $(shell pkg-config --cflags $(call pc,$(PKGS)) 2>/dev/null)
LDLIBS_COMMON := $(shell pkg-config --libs $(LIB_PKGS) 2>/dev/null) -lpthread -lm

LIB_OBJ  := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard libcommon/*/*.c)))
TOOL_SRC := $(foreach t,$(TOOLS),$(sort $(wildcard cmd/$t/*.c)))
# What a tool has beside its main.c is also linked by unit tests and fuzz targets.
PART_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(TOOL_SRC)))
# The tools that are parsers: an installed library has them, too.
PARSERS  := $(filter $(TOOLS),$(patsubst cmd/%/main.c,%,$(shell grep -l l7_main cmd/*/main.c)))
UNITS    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
BENCHES  := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
bin       = $(if $(filter weir,$(1)),$(B)/bin/weir,$(B)/libexec/weir/weir-$(1))
BINS     := $(foreach t,$(TOOLS),$(call bin,$t))

all: $(BINS)

define tool_rule
$(call bin,$(1)): $(patsubst %.c,$(B)/%.o,$(sort $(wildcard cmd/$(1)/*.c))) $(if $(filter parse infer,$(1)),$(B)/libweir-parsers.a) $(B)/libweir.a
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(if $$(filter $(1),$$(HOT)),$$(LTO),$$(LTO:-flto%=-fno-lto)) $$(SANFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call libs,$$(call tool_pkgs,$(1))) $$(LDLIBS_COMMON)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$t)))

$(B)/libweir.a: $(LIB_OBJ)
$(B)/libparts.a: $(PART_OBJ)
$(B)/libweir-parsers.a: $(filter $(foreach p,$(PARSERS),$(B)/cmd/$p/%),$(PART_OBJ))
$(B)/%.a:
	@rm -f $@
	ar rcs $@ $^
# Includes and names what libweir-parsers.a has.
$(B)/made/parsers.h: $(PARSERS:%=cmd/%/main.c) Makefile
	@mkdir -p $(@D)
	printf '%s\n' '/* parsers: those that libweir-parsers.a has. */' '#pragma once' $(foreach p,$(PARSERS),'#include "cmd/$p/$p.h"') \
		'#define WEIR_PARSERS $(subst $() $(),$(comma) ,$(PARSERS:%=&%_parser))' >$@
	printf '#define WEIR_PROTOCOLS %s\n' '$(PARSERS:%="%",)' >$(@D)/protocols.h
$(B)/cmd/parse/main.o $(B)/cmd/weir/main.o $(B)/cmd/infer/wanted.o: $(B)/made/parsers.h
$(B)/cmd/parse/main.o $(B)/cmd/weir/main.o $(B)/cmd/infer/wanted.o: CPPFLAGS += -I$(B)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LTO) $(SANFLAGS) -MMD -MP -c -o $@ $<
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libparts.a $(B)/libweir.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LTO:-flto%=-fno-lto) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(call libs,$(PKGS)) $(LDLIBS_COMMON)
$(B)/bench/%: $(B)/tests/bench/%.o $(B)/libparts.a $(B)/libweir.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LTO) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(call libs,$(PKGS)) $(LDLIBS_COMMON)
# A fuzz target with a main() that replays the files it is given; `make fuzz` links libFuzzer.
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/driver/replay.o $(B)/libparts.a $(B)/libweir.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LTO:-flto%=-fno-lto) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(call libs,$(PKGS)) $(LDLIBS_COMMON)

deps: ; @.ci/install-deps
# Build after the dependencies are there: a second make, which then finds their pkg-config files.
demo: deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all && tests/demo "$(B)"
test: deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all check-programs && tests/run "$(B)" $(TESTS)
check-programs: $(UNITS) $(FUZZERS)
lint: deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all && tests/lint/run "$(B)"
bench: export WEIR_MORE_DEPS = nfdump tcpflow tshark netsniff-ng tcpreplay python3-scapy
bench: deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BENCHES) && tests/bench/run "$(B)"
fuzz: ; @tests/fuzz/run
chaos: deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all && LONG=1 tests/run "$(B)" chaos
coverage: deps ; @tests/coverage
docs: all ; @tests/lint/gen-docs "$(B)"
install: all $(B)/libweir-parsers.a $(B)/made/parsers.h
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7
	$(if $(filter weir,$(TOOLS)),install $(B)/bin/weir $(DESTDIR)$(PREFIX)/bin/)
	install $(filter-out %/bin/weir,$(BINS)) $(DESTDIR)$(LIBEXEC)/
	for s in 1 5 7; do install -m 644 docs/man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s/ || exit 1; done
	install -m 644 $(B)/libweir.a $(B)/libweir-parsers.a $(DESTDIR)$(PREFIX)/lib/
	@for d in libcommon/base libcommon/net libcommon/record libcommon/packet libcommon/port libcommon/stage $(PARSERS:%=cmd/%); do \
		install -d $(DESTDIR)$(PREFIX)/include/weir/$$d; install -m 644 $$d/*.h $(DESTDIR)$(PREFIX)/include/weir/$$d/; done
	install -d $(DESTDIR)$(PREFIX)/include/weir/proto $(DESTDIR)$(PREFIX)/share/weir/specs && install -m 644 proto/*.def $(DESTDIR)$(PREFIX)/include/weir/proto/ && install -m 644 proto/specs/*.spec $(DESTDIR)$(PREFIX)/share/weir/specs/
	install -m 644 $(B)/made/parsers.h $(DESTDIR)$(PREFIX)/include/weir/
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig && sed 's|@PREFIX@|$(PREFIX)|;s|@LIBS@|$(strip $(call libs,$(foreach p,$(PARSERS),$(call tool_pkgs,$p))) $(LDLIBS_COMMON))|' .ci/weir.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/weir.pc
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system && sed 's|@PREFIX@|$(PREFIX)|' .ci/weir@.service.in > $(DESTDIR)$(PREFIX)/lib/systemd/system/weir@.service
clean: ; rm -rf build build-*

.PHONY: all deps demo test check-programs lint bench fuzz chaos coverage docs install clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null) $(wildcard cmd/*/*.mk)
