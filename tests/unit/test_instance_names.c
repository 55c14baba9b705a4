/* SPDX-License-Identifier: BSD-2-Clause */
/* Which dictionary a generic function may be called with, and what its shapes stand for then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/types/generics/instance_names.h"
#include "model/types_create.h"

static struct grf_types *types;

static int begin(void **state)
{
	(void)state;
	types = calloc(1, sizeof(*types));
	if (types)
		types->arena_left = 1 << 20;
	return !types;
}

static int end(void **state)
{
	(void)state;
	grf_types_destroy(types);
	return 0;
}

static void test_dictionaries(void **state)
{
	(void)state;
	assert_true(
	    grf_instance_is_dictionary("p..dict.F[int,*p.T]", "p.F[go.shape.int,go.shape.*uint8]"));
	assert_true(
	    grf_instance_is_dictionary("a.b/c/p..dict.F[int]", "a.b/c/p.F[go.shape.int].func1.2"));
	assert_true(
	    grf_instance_is_dictionary("p..dict.Box[int]", "p.(*Box[go.shape.int]).Get.func1"));
	assert_true(grf_instance_is_dictionary("p..dict.Box[int]", "p.Box[go.shape.int].Get"));
	/* To Go 1.19 each method has one. */
	assert_true(
	    grf_instance_is_dictionary("p..dict.(*Box[int]).Get", "p.(*Box[go.shape.int_0]).Get"));
	assert_true(grf_instance_is_dictionary("p..dict.(*Box[int]).Get",
					       "p.(*Box[go.shape.int_0]).Get.func1"));
	assert_false(grf_instance_is_dictionary("p..dict.(*Box[int]).Get",
						"p.(*Box[go.shape.int_0]).Getter"));
	assert_false(
	    grf_instance_is_dictionary("p..dict.(*Box[int]).Get", "p.(*Box[go.shape.int_0]).Set"));
	/* Of another function, package, or number of arguments. */
	assert_false(grf_instance_is_dictionary("p..dict.G[int]", "p.F[go.shape.int]"));
	assert_false(grf_instance_is_dictionary("q..dict.F[int]", "p.F[go.shape.int]"));
	assert_false(grf_instance_is_dictionary("a/p..dict.F[int]", "b/p.F[go.shape.int]"));
	assert_false(grf_instance_is_dictionary("p..dict.F[int,int]", "p.F[go.shape.int]"));
	assert_false(grf_instance_is_dictionary("p.F[go.shape.int]", "p.F[go.shape.int]"));
	/* Broken off. */
	assert_false(grf_instance_is_dictionary("p..dict.F[int", "p.F[go.shape.int]"));
	assert_false(grf_instance_is_dictionary("p..dict.F[", "p.F["));
	assert_false(grf_instance_is_dictionary("", ""));
	assert_false(
	    grf_instance_is_dictionary("p..dict.F[struct { A int \"]", "p.F[go.shape.int]"));
}

static const char *name_of(const char *function, const char *symbol, const char *name)
{
	const struct grf_instance_names *names = grf_instance_names_read(types, function, symbol);

	return names ? grf_instance_name(types, names, name) : NULL;
}

static void test_names(void **state)
{
	const char *const function = "p.F[go.shape.int,go.shape.*uint8]";
	const char *const symbol = "p..dict.F[p.Celsius,*p.Node[int]]";

	(void)state;
	assert_string_equal(name_of(function, symbol, "map[go.shape.int]go.shape.*uint8"),
			    "map[p.Celsius]*p.Node[int]");
	assert_string_equal(name_of(function, symbol, "*p.Pair[go.shape.int,[]go.shape.*uint8]"),
			    "*p.Pair[p.Celsius,[]*p.Node[int]]");
	assert_string_equal(name_of(function, symbol, "int"), "int");
	/* Of no argument. */
	assert_null(name_of(function, symbol, "go.shape.int64"));
	assert_null(name_of(function, symbol, "map[go.shape.string]int"));
	/* What stands between quotes ends nothing. */
	assert_string_equal(name_of("p.F[go.shape.struct { A int \"],\" },go.shape.int]",
				    "p..dict.F[p.Tagged,int]",
				    "[]go.shape.struct { A int \"],\" }"),
			    "[]p.Tagged");
}

/* One shape for two types: which of them is meant is not to be told. */
static void test_two_of_one_shape(void **state)
{
	const char *const function = "p.F[go.shape.string,go.shape.string,go.shape.int]";

	(void)state;
	assert_null(name_of(function, "p..dict.F[string,p.Name,int]", "[]go.shape.string"));
	assert_string_equal(name_of(function, "p..dict.F[string,p.Name,int]", "[]go.shape.int"),
			    "[]int");
	assert_string_equal(name_of(function, "p..dict.F[p.Name,p.Name,int]", "[]go.shape.string"),
			    "[]p.Name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_dictionaries, begin, end),
	    cmocka_unit_test_setup_teardown(test_names, begin, end),
	    cmocka_unit_test_setup_teardown(test_two_of_one_shape, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
