/* SPDX-License-Identifier: BSD-2-Clause */
/* Who owns what in a heap made by hand, and what that retains. */
#include "walk_world.h"

#include "draw.h"
#include "owners_by_definition.h"

static struct grf_retained *retained;

static void find_owners(void)
{
	walk();
	assert_null(grf_retained_create(world.graph, &retained));
	assert_int_equal(owners_differ_from_definition(retained), 0);
}

static int end_owners(void **state)
{
	grf_retained_destroy(retained);
	retained = NULL;
	return end(state);
}

static uint32_t node_at(uint64_t address)
{
	const struct grf_span *span = NULL;
	uint32_t slot = 0;

	assert_true(grf_heap_find(&world.heap_model, address, &span, &slot));
	return grf_retained_node(retained, span->first_object + slot);
}

/* The node of a root. */
static uint32_t root_of(const char *name, enum grf_root_node_kind kind)
{
	for (uint32_t i = 0; i < retained->roots.nodes.count; i++)
		if (retained->roots.nodes.items[i].kind == kind &&
		    !strcmp(retained->roots.nodes.items[i].name, name))
			return i;
	fail_msg("no root %s", name);
	return 0;
}

static void assert_owner(uint64_t address, uint32_t owner)
{
	assert_int_equal(grf_retained_owner(retained, node_at(address)), owner);
}

static void assert_retains(uint32_t node, uint64_t objects, uint64_t bytes)
{
	struct grf_retained_size size = grf_retained_of(retained, node);

	assert_int_equal(size.objects, objects);
	assert_int_equal(size.bytes, bytes);
}

static void test_a_list_is_its_variables(void **state)
{
	uint64_t list[100];
	uint32_t variable;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		list[i] = object(0, i);
	for (uint32_t i = 0; i < 100; i++) {
		point(list[i], 0, list[(i + 1) % 100]);
		point(list[i], 8, object(2, i));
	}
	global("main.list", &to_node, list[0]);
	find_owners();
	variable = root_of("main.list", GRF_ROOT_NODE_VARIABLE);
	assert_ptr_equal(retained->roots.nodes.items[variable].type, &to_node);
	assert_owner(list[0], variable);
	assert_owner(list[50], node_at(list[49]));
	assert_owner(object(2, 50), node_at(list[50]));
	assert_retains(variable, 200, 3200);
	assert_retains(node_at(list[90]), 20, 320);
	assert_false(grf_retained_is_shared(retained, node_at(list[50])));
	/* The second pointer to it is from what it owns. */
	assert_true(grf_retained_is_shared(retained, node_at(list[0])));
}

static void test_what_two_hold_is_of_neither(void **state)
{
	uint64_t a = object(0, 0), b = object(0, 1), common = object(0, 2), bytes = object(2, 0);

	(void)state;
	point(a, 0, common);
	point(b, 0, common);
	point(common, 8, bytes);
	global("main.a", &to_node, a);
	global("main.b", &to_node, b);
	find_owners();
	assert_owner(common, GRF_ROOT_ALL);
	assert_owner(bytes, node_at(common));
	assert_retains(node_at(common), 2, 32);
	assert_retains(root_of("main.a", GRF_ROOT_NODE_VARIABLE), 1, 16);
	assert_true(grf_retained_is_shared(retained, node_at(common)));
}

static void test_what_meets_again_is_the_forks(void **state)
{
	uint64_t top = object(1, 0), left = object(0, 0), right = object(0, 1);
	uint64_t common = object(2, 0);

	(void)state;
	point(top, 0, left);
	point(top, 8, right);
	/* Twice from one holder is once. */
	point(top, 16, left);
	point(left, 8, common);
	point(right, 8, common);
	global("main.pairs", &pairs, top);
	find_owners();
	assert_owner(common, node_at(top));
	assert_owner(left, node_at(top));
	assert_false(grf_retained_is_shared(retained, node_at(left)));
	assert_retains(node_at(top), 4, 144);
}

/* A finalizer's record has a pointer to its function, and the collector follows it. */
static void test_the_runtime_shares_nothing_with_others(void **state)
{
	uint64_t closed = object(0, 0), held = object(0, 1), waiting = object(0, 2);
	uint64_t hidden = object(0, 3);
	struct grf_special_root specials[] = {
	    {.name = "runtime.SetFinalizer.fn", .kind = GRF_ROOT_OBJECT, .value = held},
	    {.name = "runtime.SetFinalizer.obj", .kind = GRF_ROOT_REFERENTS, .value = closed},
	    {.name = "runtime.SetFinalizer.obj", .kind = GRF_ROOT_REFERENTS, .value = waiting},
	};

	(void)state;
	world.specials = (struct grf_special_roots){specials, 3};
	point(closed, 8, object(2, 0));
	point(waiting, 0, object(0, 4));
	point(waiting, 8, object(2, 1));
	point(hidden, 0, held);
	global("main.held", &to_node, held);
	global("main.closed", &to_node, closed);
	/* Where the symbol is the runtime's, too. */
	world.global_count = 32;
	global("runtime.hidden", &to_node, hidden);
	find_owners();
	assert_owner(held, root_of("main.held", GRF_ROOT_NODE_VARIABLE));
	assert_owner(object(2, 0), node_at(closed));
	/* Nothing else reaches them. */
	assert_owner(object(0, 4), root_of("runtime.SetFinalizer.obj", GRF_ROOT_NODE_SPECIAL));
	assert_owner(object(2, 1), root_of("runtime.SetFinalizer.obj", GRF_ROOT_NODE_SPECIAL));
	assert_owner(hidden, root_of("runtime.hidden", GRF_ROOT_NODE_VARIABLE));
	assert_int_equal(
	    grf_retained_owner(retained, root_of("runtime.hidden", GRF_ROOT_NODE_VARIABLE)),
	    GRF_ROOT_OF_RUNTIME);
	assert_int_equal(grf_retained_owner(retained, node_at(waiting)), GRF_NODE_NONE);
}

/* An object that its own finalizer's referents lead back to owns them. */
static void test_a_finalizer_in_a_cycle(void **state)
{
	uint64_t a = object(0, 0), b = object(0, 1);
	struct grf_special_root special = {
	    .name = "runtime.SetFinalizer.obj", .kind = GRF_ROOT_REFERENTS, .value = a};

	(void)state;
	world.specials = (struct grf_special_roots){&special, 1};
	point(a, 0, b);
	point(b, 0, a);
	find_owners();
	assert_owner(a, root_of("runtime.SetFinalizer.obj", GRF_ROOT_NODE_SPECIAL));
	assert_owner(b, node_at(a));
}

static void test_goroutines_of_a_function(void **state)
{
	uint64_t own[2] = {object(0, 0), object(0, 1)}, common = object(0, 2), closed;
	const struct grf_function serve = {.name = "main.serve"};
	struct grf_frame frame = {.function = &serve};
	struct grf_goroutine_value values[2][2];
	struct grf_goroutine goroutines[2];
	uint32_t function;

	(void)state;
	closed = object(0, 3);
	for (int i = 0; i < 2; i++) {
		values[i][0] = (struct grf_goroutine_value){own[i], 0, GRF_VALUE_REGISTER, false};
		values[i][1] = (struct grf_goroutine_value){common, 0, GRF_VALUE_REGISTER, false};
		goroutines[i] = (struct grf_goroutine){
		    .address = i ? 0 : closed,
		    .frames = &frame,
		    .frame_count = 1,
		    .values = values[i],
		    .value_count = 2,
		};
	}
	world.goroutines.items = goroutines;
	world.goroutines.count = 2;
	/* A descriptor is the runtime's, whoever points to it. */
	point(own[1], 0, closed);
	find_owners();
	function = root_of("goroutine", GRF_ROOT_NODE_FUNCTION);
	assert_owner(common, function);
	assert_retains(function, 3, 48);
	assert_int_equal(
	    grf_retained_owner(
		retained,
		grf_retained_owner(retained, grf_retained_owner(retained, node_at(own[0])))),
	    function);
	assert_owner(closed, GRF_ROOT_OF_DESCRIPTORS);
}

static uint64_t pointers_from(uint64_t held, uint32_t holder)
{
	uint64_t id = grf_retained_object(retained, node_at(held)), pointers = 0;

	for (size_t i = 0; i < retained->tallies.count; i++)
		if (retained->tallies.items[i].kind == grf_graph_kind_index(retained->graph, id) &&
		    retained->tallies.items[i].holder == holder)
			pointers += retained->tallies.items[i].pointers;
	return pointers;
}

static void test_holders_are_counted(void **state)
{
	uint64_t a = object(1, 0), both = object(2, 0), only = object(2, 1), again = object(1, 40);

	(void)state;
	/* More pointers than a byte counts, from what one variable owns. */
	for (uint32_t i = 0; i < 26; i++) {
		uint64_t below = object(1, 1 + i);

		point(i ? object(1, i) : a, 0, below);
		for (uint32_t k = 1; k < 12; k++)
			point(below, 8 * k, k > 1 ? both : only);
	}
	/* One that is held, and holds: a pointer to itself does not count. */
	point(again, 0, again);
	point(again, 8, both);
	point(a, 88, again);
	global("main.a", &pairs, a);
	global("main.b", &pairs, again);
	find_owners();
	assert_owner(both, GRF_ROOT_ALL);
	assert_owner(only, node_at(object(1, 1)));
	assert_owner(again, GRF_ROOT_ALL);
	assert_int_equal(pointers_from(both, root_of("main.a", GRF_ROOT_NODE_VARIABLE)), 260);
	assert_int_equal(pointers_from(again, root_of("main.a", GRF_ROOT_NODE_VARIABLE)), 1);
	assert_int_equal(pointers_from(again, root_of("main.b", GRF_ROOT_NODE_VARIABLE)), 1);
}

/* Any pointers between any objects: cycles, self edges, garbage, leaves of several. */
static void make_random_heap(uint32_t seed)
{
	static struct grf_special_root specials[3];
	struct grf_type *const types[] = {&to_node, &unsafe, &to_byte, &pairs};
	static const char *const names[] = {"main.a", "main.b", "runtime.c", "runtime.d"};
	uint64_t objects[120];
	uint32_t count = 4 + draw(116), pointers = draw(3 * count);

	random_state = 0x9e3779b97f4a7c15u * (seed + 1);
	for (uint32_t i = 0; i < count; i++)
		objects[i] = object((int)(i % 3), i / 3);
	for (uint32_t i = 0; i < pointers; i++) {
		uint32_t from = draw(count), to = draw(4) ? draw(count) : from + draw(4);

		if (from % 3 != 2)
			point(objects[from], draw(from % 3 ? 12 : 2) * 8, objects[to % count]);
	}
	for (uint32_t i = 0; i < 4; i++) {
		world.global_count = i < 2 ? i : 30 + i;
		global(names[i], types[i], objects[draw(count)]);
	}
	for (uint32_t i = 0; i < 3; i++)
		specials[i] = (struct grf_special_root){
		    .name = i ? "runtime.SetFinalizer.obj" : "runtime.AddCleanup.fn",
		    .kind = i ? GRF_ROOT_REFERENTS : GRF_ROOT_OBJECT,
		    .value = objects[draw(count)],
		};
	world.specials = (struct grf_special_roots){specials, 3};
}

static void test_random_heaps(void **state)
{
	random_state = 1;
	for (uint32_t i = 0; i < 300; i++) {
		make_random_heap(i);
		find_owners();
		end_owners(state);
		begin(state);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_owners)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_list_is_its_variables),
	    TEST(test_what_two_hold_is_of_neither),
	    TEST(test_what_meets_again_is_the_forks),
	    TEST(test_the_runtime_shares_nothing_with_others),
	    TEST(test_a_finalizer_in_a_cycle),
	    TEST(test_goroutines_of_a_function),
	    TEST(test_holders_are_counted),
	    TEST(test_random_heaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
