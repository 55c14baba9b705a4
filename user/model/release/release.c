/* SPDX-License-Identifier: BSD-2-Clause */
/* A fact is named after the release that brought it: pclntab_1_18 holds from Go 1.18 on, until the
 * next pclntab. */
#include "model/release/release.h"

static const struct grf_pclntab_format pclntab_1_16 = {
    .magic = 0xfffffffa,
    .names = 24,
    .units = 32,
    .entry_size = 16,
    .absolute_pcs = true,
    .wide_funcdata = true,
    .inline_size = 20,
    .inline_parents = true,
};

static const struct grf_pclntab_format pclntab_1_18 = {
    .magic = 0xfffffff0,
    .names = 32,
    .units = 40,
    .entry_size = 8,
    .inline_size = 20,
    .inline_parents = true,
};

static const struct grf_pclntab_format pclntab_1_20 = {
    .magic = 0xfffffff1,
    .names = 32,
    .units = 40,
    .entry_size = 8,
    .inline_size = 16,
};

/* async_preempt, debug_call, cgocallback, morestack, sigpanic, systemstack, wrapper */
static const struct grf_func_ids func_ids_1_17 = {3, 5, 4, 13, 19, 20, 22};
static const struct grf_func_ids func_ids_1_18 = {3, 5, 4, 12, 18, 19, 21};
static const struct grf_func_ids func_ids_1_22 = {3, 6, 4, 13, 19, 20, 22};
static const struct grf_func_ids func_ids_1_25 = {3, 6, 4, 13, 20, 21, 23};

static const struct grf_descriptor_form descriptor_1_17 = {
    .direct_kind = 0x20,
    .offset_shift = 1,
    .map_tail = 40,
};
static const struct grf_descriptor_form descriptor_1_19 = {
    .direct_kind = 0x20,
    .map_tail = 40,
};
static const struct grf_descriptor_form descriptor_1_24 = {
    .direct_kind = 0x20,
    .map_tail = 64,
    .masks_on_demand = true,
};
static const struct grf_descriptor_form descriptor_1_26 = {
    .direct_tflag = 0x20,
    .map_tail = 64,
    .masks_on_demand = true,
};
static const struct grf_descriptor_form descriptor_1_27 = {
    .direct_tflag = 0x20,
    .map_tail = 88,
    .masks_on_demand = true,
};

static const struct grf_special_kinds specials_1_17 = {
    .finalizer = 1,
};
static const struct grf_special_kinds specials_1_23 = {
    .finalizer = 1,
    .weak_handle = 2,
};
static const struct grf_special_kinds specials_1_24 = {
    .finalizer = 1,
    .weak_handle = 2,
    .cleanup = 6,
};
static const struct grf_special_kinds specials_1_25 = {
    .finalizer = 2,
    .weak_handle = 3,
    .cleanup = 7,
};

static const struct grf_release releases[] = {
    {
	.minor = 17,
	.labels_in_map = true,
	.function = "runtime.mallocgc",
	.pclntab = &pclntab_1_16,
	.func_ids = &func_ids_1_17,
	.descriptor = &descriptor_1_17,
	.specials = &specials_1_17,
	.waits = GRF_WAITS_1_17,
	.sync_as_semacquire = true,
    },
    {
	.minor = 18,
	.labels_in_map = true,
	.function = "runtime.(*gcControllerState).update",
	.pclntab = &pclntab_1_18,
	.func_ids = &func_ids_1_18,
	.descriptor = &descriptor_1_17,
	.specials = &specials_1_17,
	.waits = GRF_WAITS_1_17,
	.sync_as_semacquire = true,
    },
    {
	.minor = 19,
	.labels_in_map = true,
	.function = "runtime.(*gcControllerState).heapGoalInternal",
	.pclntab = &pclntab_1_18,
	.func_ids = &func_ids_1_18,
	.descriptor = &descriptor_1_19,
	.specials = &specials_1_17,
	.waits = GRF_WAITS_1_17,
	.sync_as_semacquire = true,
    },
    {
	.minor = 20,
	.labels_in_map = true,
	.function = "runtime.(*mheap).initSpan",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_18,
	.descriptor = &descriptor_1_19,
	.specials = &specials_1_17,
	.waits = GRF_WAITS_1_20,
	.sync_as_semacquire = true,
	.growslice_type_last = true,
    },
    {
	.minor = 21,
	.labels_in_map = true,
	.function = "runtime.(*unwinder).next",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_18,
	.descriptor = &descriptor_1_19,
	.specials = &specials_1_17,
	.waits = GRF_WAITS_1_20,
	.sync_as_semacquire = true,
	.growslice_type_last = true,
    },
    {
	.minor = 22,
	.labels_in_map = true,
	.function = "runtime.(*_panic).nextFrame",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_22,
	.descriptor = &descriptor_1_19,
	.specials = &specials_1_17,
	.waits = GRF_WAITS_1_20,
	.sync_as_semacquire = true,
	.growslice_type_last = true,
    },
    {
	.minor = 23,
	.labels_in_map = true,
	.function = "runtime.(*timers).check",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_22,
	.descriptor = &descriptor_1_19,
	.specials = &specials_1_23,
	.waits = GRF_WAITS_1_20,
	.sync_as_semacquire = true,
	.growslice_type_last = true,
	.closure_offsets = true,
    },
    {
	.minor = 24,
	.function = "runtime.getGCMask",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_22,
	.descriptor = &descriptor_1_24,
	.specials = &specials_1_24,
	.waits = GRF_WAITS_1_24,
	.growslice_type_last = true,
	.closure_offsets = true,
    },
    {
	.minor = 25,
	.function = "runtime.(*cleanupQueue).enqueue",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_25,
	.descriptor = &descriptor_1_24,
	.specials = &specials_1_25,
	.waits = GRF_WAITS_1_25,
	.growslice_type_last = true,
	.closure_offsets = true,
	.exact_checkmarks = true,
    },
    {
	.minor = 26,
	.function = "runtime.gcNextMarkRoot",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_25,
	.descriptor = &descriptor_1_26,
	.specials = &specials_1_25,
	.waits = GRF_WAITS_1_26,
	.leaked_status = true,
	.growslice_type_last = true,
	.closure_offsets = true,
	.exact_checkmarks = true,
    },
    {
	.minor = 27,
	.function = "runtime.addModuleItabs",
	.pclntab = &pclntab_1_20,
	.func_ids = &func_ids_1_25,
	.descriptor = &descriptor_1_27,
	.specials = &specials_1_25,
	.waits = GRF_WAITS_1_26,
	.leaked_status = true,
	.growslice_type_last = true,
	.closure_offsets = true,
	.exact_checkmarks = true,
    },
};

static const struct grf_experiment experiments[] = {
    {
	.name = "allocheaders",
	.function = "runtime.(*mspan).writeHeapBitsSmall",
	.flag = offsetof(struct grf_experiments, alloc_headers),
	.on_since = 22,
	.fixed_since = 23,
	.odd = false,
	.odd_since = 22,
	.structure = "heap_arena",
	.like = 21,
    },
    {
	.name = "swissmap",
	.function = "internal/runtime/maps.(*Map).growToTable",
	.flag = offsetof(struct grf_experiments, swiss_map),
	.on_since = 24,
	.fixed_since = 26,
	.odd = false,
	.odd_since = 24,
	.structure = "hmap",
	.like = 23,
    },
    {
	.name = "greenteagc",
	.function = "runtime.scanObjectsSmall",
	.flag = offsetof(struct grf_experiments, green_tea),
	.on_since = 26,
	.odd = true,
	.odd_since = 25,
	.structure = "span_inline_mark_bits",
	.like = 26,
    },
};

#define RELEASES    (sizeof(releases) / sizeof(*releases))
#define EXPERIMENTS (sizeof(experiments) / sizeof(*experiments))

_Static_assert(RELEASES == GRF_RELEASES, "release.h says how many releases have a row");

const struct grf_release *grf_releases(size_t *ret_count)
{
	*ret_count = RELEASES;
	return releases;
}

const struct grf_release *grf_release_of(int minor)
{
	const struct grf_release *release = &releases[RELEASES - 1];

	while (release > releases && release->minor > minor)
		release--;
	return release;
}

const struct grf_release *grf_release_newest(void)
{
	return &releases[RELEASES - 1];
}

const struct grf_pclntab_format *grf_pclntab_format_of(uint32_t magic)
{
	for (size_t i = 0; i < RELEASES; i++)
		if (releases[i].pclntab->magic == magic)
			return releases[i].pclntab;
	return NULL;
}

const struct grf_experiment *grf_experiments(size_t *ret_count)
{
	*ret_count = EXPERIMENTS;
	return experiments;
}

bool *grf_experiment_flag(const struct grf_experiment *experiment, struct grf_experiments *flags)
{
	return (bool *)((char *)flags + experiment->flag);
}

struct grf_experiments grf_default_experiments(int minor)
{
	struct grf_experiments flags = {0};

	for (size_t i = 0; i < EXPERIMENTS; i++)
		*grf_experiment_flag(&experiments[i], &flags) = minor >= experiments[i].on_since;
	return flags;
}
