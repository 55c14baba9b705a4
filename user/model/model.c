/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the parts of the model, each after those that it needs, and frees them. */
#include "model/model.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "model/code/version.h"
#include "model/self_check.h"
#include "model/types_create.h"

/* Logs how long a step took, and begins the next one. */
static void log_step(const char *what, uint64_t *began)
{
	uint64_t now = grf_now();

	grf_debug("%s: %.3f s", what, (double)(now - *began) / 1e9);
	*began = now;
}

static struct grf_error *missing_variable(const char *name)
{
	return grf_error_create(
	    GRF_ERROR_UNSUPPORTED,
	    "the executable does not tell where %s is: it has neither DWARF nor "
	    "a symbol table; build it without -ldflags=-s",
	    name);
}

static struct grf_error *read_goroutines(struct grf_model *model)
{
	uint64_t allgs = grf_types_variable(model->types, "runtime.allgs");

	uint64_t allm = grf_types_variable(model->types, "runtime.allm");

	if (!allgs)
		return missing_variable("runtime.allgs");
	if (!grf_scheduler_read(model->image, &model->layout, allgs, allm,
				grf_types_variable(model->types, "runtime.allp"),
				&model->scheduler))
		return grf_error_no_memory();
	return grf_goroutines_read(model->image, &model->layout, model->modules, model->pclntab,
				   allgs, allm, &model->goroutines);
}

static struct grf_error *read_heap(struct grf_model *model)
{
	struct grf_special_variables variables = {
	    .allfin = grf_types_variable(model->types, "runtime.allfin"),
	    .gc_cleanups = grf_types_variable(model->types, "runtime.gcCleanups"),
	};
	uint64_t mheap = grf_types_variable(model->types, "runtime.mheap_");
	struct grf_function asan;
	struct grf_error *error;

	if (!mheap)
		return missing_variable("runtime.mheap_");
	error = grf_heap_read(model->image, &model->layout, mheap, &model->heap);
	if (error)
		return error;
	model->heap->has_redzones =
	    grf_pclntab_by_name(model->pclntab, "runtime.asanunpoison", &asan);
	return grf_special_roots_read(model->image, &model->layout, model->heap, &variables,
				      &model->specials);
}

static struct grf_error *read_all(struct grf_model *model, const struct grf_naming *naming)
{
	uint64_t began = grf_now();
	struct grf_version version;
	struct grf_error *error;
	size_t thread_count;

	error = grf_version_find(model->executable, model->image, &version);
	if (error)
		return error;
	error =
	    grf_layout_resolve(&version, grf_executable_dwarf(model->executable), &model->layout);
	if (error)
		return error;
	log_step("layout", &began);
	error = grf_modules_read(model->image, model->executable, &model->layout, &model->modules);
	if (error)
		return error;
	error = grf_pclntab_create(model->image, &model->layout, model->modules, &model->pclntab);
	if (error)
		return error;
	log_step("modules and function table", &began);
	error = grf_types_create(model->image, model->executable, &model->layout, model->modules,
				 model->pclntab, naming, &model->types);
	if (error)
		return error;
	if (!model->layout.from_dwarf)
		grf_layout_take_descriptors(model->types, &model->layout);
	log_step("types", &began);
	error = read_heap(model);
	if (error)
		return error;
	log_step("heap", &began);
	error = grf_heap_self_check(&model->layout, model->modules, model->heap,
				    grf_image_arch(model->image));
	if (!error)
		error = read_goroutines(model);
	if (error)
		return error;
	grf_image_threads(model->image, &thread_count);
	error = grf_goroutines_self_check(&model->layout, model->modules, model->goroutines,
					  thread_count);
	log_step("goroutines", &began);
	return error;
}

struct grf_error *grf_model_create(const struct grf_image *image, struct grf_executable *executable,
				   const struct grf_naming *naming, struct grf_model **ret)
{
	_cleanup_model_ struct grf_model *model = calloc(1, sizeof(*model));
	struct grf_error *error;

	if (!model)
		return grf_error_no_memory();
	model->image = image;
	model->executable = executable;
	error = read_all(model, naming);
	if (!error)
		*ret = grf_take(model);
	return error;
}

void grf_model_destroy(struct grf_model *model)
{
	if (!model)
		return;
	grf_special_roots_destroy(model->specials);
	grf_goroutines_destroy(model->goroutines);
	grf_scheduler_free(&model->scheduler);
	grf_heap_destroy(model->heap);
	grf_types_destroy(model->types);
	grf_pclntab_destroy(model->pclntab);
	grf_modules_destroy(model->modules);
	free(model);
}
