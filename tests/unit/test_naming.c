/* SPDX-License-Identifier: BSD-2-Clause */
/* What the naming of Go makes of types made by hand, and what is known of its elements. */
#include "type_data.h"

static int set_up_go(void **state)
{
	struct world *world;

	if (set_up(state))
		return 1;
	world = *state;
	grf_types_destroy(world->types);
	assert_null(grf_types_create(world->image, NULL, &world->layout, &world->modules, NULL,
				     &grf_naming_go, &world->types));
	return 0;
}

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(grf_naming_find("go"), &grf_naming_go);
	assert_ptr_equal(grf_naming_find("goref"), &grf_naming_goref);
	assert_ptr_equal(grf_namings[0], &grf_naming_go);
	assert_null(grf_naming_find("g"));
	assert_null(grf_naming_find(""));
}

static void expect_path(const struct grf_slot *slot, const char *path, const char *fields)
{
	char text[512] = "";

	for (uint16_t i = 0; i < slot->path_length; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " / " : "",
			 slot->path[i]);
	assert_string_equal(text, path);
	*text = '\0';
	for (uint16_t i = 0; i < slot->field_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " / " : "",
			 slot->fields[i]);
	assert_string_equal(text, fields);
}

/* Fields have their owner; embedded structs and those without a name go on with a dot. What types
 * are compared by is as in every naming. */
static void test_fields(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t node =
	    add_struct(world, "main.Node", 16, (struct field[]){{"name", string, 0}}, 1);
	uint64_t base =
	    add_struct(world, "main.Base", 16, (struct field[]){{"text", string, 0}}, 1);
	uint64_t bare = add_type(world, STRUCT, "struct { in string }", 16, 16, 0, 32), outer;
	const struct grf_type *type;

	set_fields(world, bare, (struct field[]){{"in", string, 0}}, 1);
	outer = add_struct(
	    world, "main.Outer", 64,
	    (struct field[]){
		{"node", node, 0}, {"Base", base, 16}, {"bare", bare, 32}, {"own", string, 48}},
	    4);
	type = read_type(world, outer);
	assert_int_equal(type->slot_count, 4);
	expect_path(&type->slots[0], "main.Outer.node / main.Node.name",
		    "node. (main.Node) / name. (string)");
	expect_path(&type->slots[1], "main.Outer.Base.text", "Base. (main.Base) / text. (string)");
	assert_string_equal(type->slots[2].path[0], "main.Outer.bare.in");
	assert_int_equal(type->slots[2].path_length, 1);
	expect_path(&type->slots[3], "main.Outer.own", "own. (string)");
	type = read_type(world, bare);
	assert_string_equal(type->slots[0].path[0], "struct.in");
}

/* An element that may hold many types says which when it is known. */
static void test_dynamic(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	uint64_t func = add_type(world, FUNC, NULL, 8, 8, DIRECT, 8);
	uint64_t list = add_slice(world, string);
	const struct grf_element *about;
	const struct grf_type *type;
	const char *name;

	type =
	    read_type(world, add_struct(world, "main.T", 40,
					(struct field[]){{"run", func, 0}, {"list", list, 8}}, 2));
	name = type->slots[0].path[0];
	about = grf_element_of(world->types, name);
	assert_string_equal(about->field, "run");
	assert_string_equal(grf_element_with_type(world->types, name, "main.f.func1"),
			    "main.T.run (main.f.func1)");
	assert_string_equal(grf_element_with_target(world->types, name, "main.T", false),
			    "main.T.run (? *main.T)");
	assert_string_equal(grf_element_with_type(world->types, name, "struct { a int }"),
			    "main.T.run (struct)");
	name = grf_element_with_type(world->types, name, "main.f.func1");
	assert_null(grf_element_with_type(world->types, name, "main.f.func1"));
	assert_string_equal(grf_element_of(world->types, name)->field, "run");
	assert_null(grf_element_with_type(world->types, type->slots[1].path[0], "main.T"));
	assert_null(grf_element_of(world->types, "main.T.list"));
}

static void test_elements_of_arrays(void **state)
{
	struct world *world = *state;
	uint64_t string = add_type(world, STRING, "string", 16, 8, NAMED, 0);
	const char *const *names =
	    grf_type_element_names(world->types, read_type(world, add_pointer(world, string)));

	for (int i = 0; i <= GRF_ELEMENT_LATER; i++)
		assert_string_equal(names[i], "[] (*string)");
	assert_string_equal(names[GRF_ELEMENT_BEFORE], "[<0] (*string)");
}

/* What is no escape of the linker's stays as it is. */
static void test_escapes(void **state)
{
	static const char *const names[][2] = {
	    {"a/yaml%2ev3.Kept", "a/yaml.v3.Kept"},
	    {"a%2e%2eb.c", "a..b.c"},
	    {"a%", "a%"},
	    {"a%2", "a%2"},
	    {"a%2E", "a%2E"},
	    {"a%00b", "a%00b"},
	    {"a%zz", "a%zz"},
	    {"%252e", "%2e"},
	    {"", ""},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(grf_root_name(world->types, names[i][0]), names[i][1]);
}

/* A longer name is cut; it never ends beyond its room. */
static void test_long_names(void **state)
{
	struct world *world = *state;
	char name[2 * GRF_NAME_BYTES];

	memset(name, '%', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(strlen(grf_root_name(world->types, name)) < GRF_NAME_BYTES);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_go, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_find),    TEST(test_fields),
	    TEST(test_dynamic), TEST(test_elements_of_arrays),
	    TEST(test_escapes), TEST(test_long_names),
	};

	return cmocka_run_group_tests_name("naming", tests, NULL, NULL);
}
