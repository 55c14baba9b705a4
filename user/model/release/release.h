/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between Go releases, is small, and is said by no DWARF: one row for each release,
 * one table for the forms of the function table and one for experiments. Offsets of fields are in
 * layout_table.h. Code reads a fact, and compares no release numbers.
 */
#ifndef GRF_MODEL_RELEASE_RELEASE_H
#define GRF_MODEL_RELEASE_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/release/wait_reasons.h"

/** The GOEXPERIMENTs that decide what stands in memory: which are in force. */
struct grf_experiments {
	bool alloc_headers;
	bool swiss_map;
	bool green_tea;
};

/** A form of the function table, by the magic number that its pcHeader begins with
 * (runtime/symtab.go; cmd/link/internal/ld/pcln.go). */
struct grf_pclntab_format {
	uint32_t magic;
	uint8_t names, units; /* bytes from the pcHeader to where it says where they are */
	uint8_t entry_size;   /* bytes of an ftab entry */
	bool absolute_pcs;    /* in ftab and _func; else relative to the text */
	bool wide_funcdata;   /* aligned addresses; else 32-bit offsets from moduledata.gofunc */
	uint8_t inline_size;  /* bytes of a record of the inline tree */
	bool inline_parents;  /* records have a parent index; else the parent is found by its pc */
};

/** Numbers that the compiler gives to functions of the runtime: FuncID in internal/abi/symtab.go,
 * funcID in runtime/symtab.go up to Go 1.20. */
struct grf_func_ids {
	uint8_t async_preempt, debug_call, cgocallback, morestack, sigpanic, systemstack, wrapper;
};

/** Type descriptors: internal/abi/type.go and map.go (map_swiss.go), runtime/type.go up to 1.20. */
struct grf_descriptor_form {
	uint8_t direct_kind;  /* bit of Kind: a value is its own interface data word */
	uint8_t direct_tflag; /* the same as a bit of TFlag */
	uint8_t offset_shift; /* of struct field offsets; the low bit then says "embedded" */
	uint16_t map_tail;    /* bytes of a map's descriptor behind the common part */
	/** Masks too large for a plain bitmap: made when the type is first used
	 * (TFlagGCMaskOnDemand); else GC programs (KindGCProg). */
	bool masks_on_demand;
};

/** Kinds of specials: _KindSpecial* in runtime/mheap.go. 0: the release has no such kind. */
struct grf_special_kinds {
	uint8_t finalizer, weak_handle, cleanup;
};

/** How many releases have a row in release.c, and a column in layout_table.h. */
#define GRF_RELEASES 11

/** A Go release. */
struct grf_release {
	/** A function that came with the release and stayed: no release before has it. Every
	 * program has it, also one that does nothing: the runtime calls it. */
	const char *function;
	const struct grf_pclntab_format *pclntab;
	const struct grf_func_ids *func_ids;
	const struct grf_descriptor_form *descriptor;
	const struct grf_special_kinds *specials;
	enum grf_wait_numbers waits;
	int minor; /* 26 of Go 1.26 */
	/** DWARF has DW_AT_go_closure_offset (cmd/internal/dwarf/dwarf.go). */
	bool closure_offsets;
	/** The type is the last argument of runtime.growslice, not the first (runtime/slice.go). */
	bool growslice_type_last;
	/** GODEBUG=gccheckmark=1 marks every reachable object; before, it lost most of them
	 * (runtime/mcheckmark.go). */
	bool exact_checkmarks;
	/** sync.WaitGroup waits as "semacquire"; up to Go 1.19 sync.Mutex does, too. */
	bool sync_as_semacquire;
	/** The labels of goroutines are a map; later a slice of pairs (runtime/pprof/label.go). */
	bool labels_in_map;
	/** A goroutine may have the status _Gleaked (runtime/runtime2.go). */
	bool leaked_status;
};

/** An experiment, and since which release it is on by default (internal/buildcfg/exp.go). */
struct grf_experiment {
	const char *name;     /* in GOEXPERIMENT; after "no", where it is switched off */
	const char *function; /* that a program has where the experiment is in force */
	size_t flag;          /* offset in struct grf_experiments */
	int on_since;         /* minor */
	int fixed_since;      /* minor, from which on it cannot be switched; 0: it can */
	/** From this release on, a build in which the flag is `odd` has `structure` as another
	 * release has it by default. */
	bool odd;
	int odd_since;
	const char *structure; /* as layout_fields.h names it */
	int like;              /* minor */
};

/** All releases that are known, oldest first. */
const struct grf_release *grf_releases(size_t *ret_count);

/** The newest release that is known and not newer than go1.`minor`; the oldest, where all are. */
const struct grf_release *grf_release_of(int minor);

const struct grf_release *grf_release_newest(void);

/** NULL: no known release has such a table. */
const struct grf_pclntab_format *grf_pclntab_format_of(uint32_t magic);

const struct grf_experiment *grf_experiments(size_t *ret_count);

/** The flag of an experiment. */
bool *grf_experiment_flag(const struct grf_experiment *experiment, struct grf_experiments *flags);

/** What is in force where a build of go1.`minor` asks for nothing. */
struct grf_experiments grf_default_experiments(int minor);

#endif
