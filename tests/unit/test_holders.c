/* SPDX-License-Identifier: BSD-2-Clause */
/* What the view of holders says of a heap made by hand, and whose code a name is of. */
#include "views/types/holders.h"
#include "walk_world.h"

#include "table_row.h"

static struct grf_holders *holders;

static int end_holders(void **state)
{
	grf_holders_destroy(holders);
	holders = NULL;
	return end(state);
}

/* Finds holders, but for those of a package. Returns the message where there are none. */
static char *look_for(const char *what, const char *hidden)
{
	struct grf_own_code *own = grf_own_code_create(&world.model);
	_cleanup_retained_ struct grf_retained *retained = NULL;
	struct grf_error *error;
	char *message = NULL;

	assert_non_null(own);
	if (hidden)
		assert_true(grf_own_code_hide(own, hidden));
	if (!world.graph)
		walk();
	assert_null(grf_retained_create(world.graph, &retained));
	grf_holders_destroy(holders);
	holders = NULL;
	error = grf_holders_create(retained, what, own, &holders);
	grf_own_code_destroy(own);
	if (error) {
		assert_int_equal(error->code, GRF_ERROR_USAGE);
		message = strdup(error->message);
	}
	grf_error_free(error);
	return message;
}

static void assert_holder(size_t index, uint64_t objects, uint64_t bytes, uint64_t retained,
			  const char *mine, const char *path)
{
	union grf_cell cells[GRF_TABLE_COLUMNS];

	read_row(grf_holders_table(holders), index, cells);
	assert_sizes(cells, bytes, objects, retained);
	assert_text(&cells[4], mine);
	assert_string_equal(cells[5].text, path);
}

static void assert_all(const char *type, uint64_t objects, uint64_t bytes, uint64_t retained)
{
	struct grf_table table = grf_holders_objects_table(holders);
	union grf_cell cells[GRF_TABLE_COLUMNS];

	assert_int_equal(table.row_count, 1);
	read_row(table, 0, cells);
	assert_sizes(cells, bytes, objects, retained);
	assert_string_equal(cells[4].text, type);
}

static void assert_pointers(size_t index, uint64_t pointers, uint64_t objects, const char *holder)
{
	union grf_cell cells[GRF_TABLE_COLUMNS];

	read_row(grf_holder_pointers_table(holders->pointers), index, cells);
	assert_int_equal(cells[0].number, pointers);
	assert_int_equal(cells[1].number, objects);
	assert_string_equal(cells[2].text, holder);
}

/* Three nodes hold one array of bytes each; two of them the same one. */
static void test_holders_of_a_type(void **state)
{
	uint64_t list[3];

	(void)state;
	make_list(list, 3);
	point(list[0], 8, object(2, 0));
	point(list[1], 8, object(2, 1));
	point(list[2], 8, object(2, 1));
	global("main.list", &to_node, list[0]);
	global("net/http.bytes", &to_byte, object(2, 2));
	assert_null(look_for("byte", NULL));
	assert_all("byte", 3, 48, 48);
	assert_int_equal(holders->rows.count, 3);
	assert_int_equal(holders->reachable, 96);
	assert_holder(0, 1, 16, 16, "main.list", "main.list > data. (*byte)");
	assert_holder(1, 1, 16, 16, "main.list", "main.list > next. (*Node) > data. (*byte)");
	assert_holder(2, 1, 16, 16, NULL, "net/http.bytes");
	assert_int_equal(holders->pointers->rows.count, 2);
	assert_pointers(0, 3, 2, "Node.data");
	assert_pointers(1, 1, 1, "net/http.bytes");
	/* With everything of main hidden, nobody is left. */
	assert_null(look_for("*byte", "main"));
	assert_all("byte", 3, 48, 48);
	assert_holder(0, 1, 16, 16, NULL, "main.list > data. (*byte)");
}

/* Each node of a list owns the next one: what they retain is counted once. */
static void test_a_list(void **state)
{
	uint64_t list[100];

	(void)state;
	make_list(list, 100);
	point(list[99], 8, object(2, 0));
	global("main.list", &to_node, list[0]);
	assert_null(look_for("Node", NULL));
	assert_all("Node", 100, 1600, 1616);
	assert_holder(0, 99, 1584, 1600, "main.list", "main.list > next. (*Node)");
	assert_holder(1, 1, 16, 1616, "main.list", "main.list");
	assert_pointers(0, 99, 99, "Node.next");
	assert_pointers(1, 1, 1, "main.list");
}

/* The fields of values in an array, each of whose pointers leads to an object of two. */
static void test_places_in_arrays(void **state)
{
	uint64_t array = object(1, 0);

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		point(array, i * 24, object(2, (uint32_t)i % 2));
		point(array, i * 24 + 8, object(2, 1));
	}
	global("main.pairs", &pairs, array);
	assert_null(look_for("Leaf", NULL));
	assert_all("Leaf", 2, 32, 32);
	assert_pointers(0, 4, 2, "[...]Pair.a");
	assert_pointers(1, 4, 1, "[...]Pair.b");
	assert_null(look_for("[...]Pair", NULL));
	assert_all("[...]Pair", 1, 96, 128);
	assert_pointers(0, 1, 1, "main.pairs");
}

static void test_an_address(void **state)
{
	char address[32];
	uint64_t list[3];
	char *message;

	(void)state;
	make_list(list, 3);
	global("main.list", &to_node, list[0]);
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)list[1] + 9);
	assert_null(look_for(address, NULL));
	assert_all("Node", 1, 16, 32);
	assert_holder(0, 1, 16, 32, "main.list", "main.list > next. (*Node)");
	assert_pointers(0, 1, 1, "Node.next");
	/* A free slot, what is outside of the heap, and what is no number. */
	for (int i = 0; i < 3; i++) {
		static const char *const wrong[] = {"0xc000000100", "0x10", "0xyes"};

		message = look_for(wrong[i], NULL);
		assert_non_null(message);
		assert_null(holders);
		free(message);
	}
}

static void test_near_names(void **state)
{
	char *message;

	(void)state;
	global("main.pairs", &pairs, object(1, 0));
	global("main.list", &to_node, object(0, 0));
	global("main.byte", &to_byte, object(2, 0));
	message = look_for("*pair", NULL);
	assert_string_equal(message, "no object is of the type `*pair'; there are [...]Pair");
	free(message);
	message = look_for("e", NULL);
	assert_string_equal(message, "no object is of the type `e'; there are Node, byte");
	free(message);
	message = look_for("\33[2J", NULL);
	assert_string_equal(message,
			    "no object is of the type `\\x1b[2J'; `grf-bpf types' shows all");
	free(message);
}

static void test_own_code(void **state)
{
	struct grf_own_code *own = grf_own_code_create(&world.model);

	(void)state;
	assert_non_null(own);
	assert_true(grf_own_code_has(own, "main.User"));
	assert_true(grf_own_code_has(own, "*main.User"));
	assert_true(grf_own_code_has(own, "[...]*main.User"));
	assert_true(grf_own_code_has(own, "[16]github.com/a/b.T[int]"));
	assert_true(grf_own_code_has(own, "gopkg.in/yaml%2ev3.(*Node).Decode"));
	assert_true(grf_own_code_has(own, "example%2ecom.T"));
	assert_false(grf_own_code_has(own, "net/http.(*conn).serve"));
	assert_false(grf_own_code_has(own, "sync.Pool"));
	assert_false(grf_own_code_has(own, "mainly.T"));
	assert_false(grf_own_code_has(own, "vendor/golang.org/x/net/http2.Framer"));
	assert_false(grf_own_code_has(own, "map[string]*github.com/a/b.T"));
	assert_false(grf_own_code_has(own, "hash<string,*github.com/a/b.T>"));
	assert_false(grf_own_code_has(own, "struct { main.a int }"));
	assert_false(grf_own_code_has(own, "func(main.T)"));
	assert_false(grf_own_code_has(own, "int"));
	assert_false(grf_own_code_has(own, ""));
	assert_true(grf_own_code_hide(own, "github.com/a"));
	assert_true(grf_own_code_hide(own, "gopkg.in/yaml.v3"));
	assert_false(grf_own_code_has(own, "github.com/a/b.T"));
	assert_true(grf_own_code_has(own, "github.com/ab.T"));
	assert_false(grf_own_code_has(own, "gopkg.in/yaml%2ev3.Node"));
	assert_false(grf_own_code_has(own, "*gopkg.in/yaml.v3.Node"));
	grf_own_code_destroy(own);
}

/* A program's own modules need no dot. */
static void test_modules(void **state)
{
	struct grf_own_code *own;

	(void)state;
	world.module_text = "path\tapp/cmd/server\nmod\tapp\t(devel)\t\n"
			    "dep\texample.com/x\tv1.0.0\th1:x=\ndep\nmod\t\n"
			    "dep\tlocal/thing\tv0.0.0\n=>\tnet/thing\t(devel)\t\nbuild\t-race=true";
	own = grf_own_code_create(&world.model);
	assert_non_null(own);
	assert_true(grf_own_code_has(own, "app.T"));
	assert_true(grf_own_code_has(own, "app/store.(*DB).Get"));
	assert_true(grf_own_code_has(own, "*local/thing.T"));
	assert_true(grf_own_code_has(own, "main.T"));
	assert_false(grf_own_code_has(own, "apple.T"));
	assert_false(grf_own_code_has(own, "net/thing.T"));
	assert_false(grf_own_code_has(own, "net/http.Server"));
	grf_own_code_destroy(own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_holders)
	const struct CMUnitTest tests[] = {
	    TEST(test_holders_of_a_type), TEST(test_a_list),     TEST(test_places_in_arrays),
	    TEST(test_an_address),        TEST(test_near_names), TEST(test_own_code),
	    TEST(test_modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
