/* SPDX-License-Identifier: BSD-2-Clause */
/* The labels of goroutines, in memory made by hand: maps and slices, and such as are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "go_code.h"
#include "model/stacks/labels.h"

#define G       (GO_CODE_BASE + 0x10000)
#define SET     (GO_CODE_BASE + 0x10400)
#define MAP     (GO_CODE_BASE + 0x10500)
#define LIST    (GO_CODE_BASE + 0x10600)
#define BUCKETS (GO_CODE_BASE + 0x12000)
#define OLD     (GO_CODE_BASE + 0x14000)
#define TEXTS   (GO_CODE_BASE + 0x16000)
/* Of a map[string]string: 8 bytes, 8 keys, 8 values, the next one. */
#define BUCKET 272

static struct go_code code;
static uint64_t text_end;

static void begin(const char *version)
{
	go_code_begin(&code, version);
	go_code_add(&code, &(struct go_function){
			       .name = "main.f",
			       .size = 0x40,
			       .pcsp = GO_CODE_VALUES(&code, 0, 0x40),
			   });
	text_end = TEXTS;
	go_code_put(&code, G + (uint64_t)grf_offset(&code.layout, g, labels), SET, 8);
}

/* Puts a string and its header. */
static void put_text(uint64_t header, const char *text, size_t length)
{
	memcpy(go_code_at(&code, text_end), text, length);
	go_code_put(&code, header, text_end, 8);
	go_code_put(&code, header + 8, length, 8);
	text_end += length;
}

static void put_pair(uint64_t index, const char *key, const char *value)
{
	put_text(LIST + index * 32, key, strlen(key));
	put_text(LIST + index * 32 + 16, value, strlen(value));
}

static void put_entry(uint64_t bucket, uint64_t index, uint8_t hash, const char *key,
		      const char *value)
{
	go_code_put(&code, bucket + index, hash, 1);
	put_text(bucket + 8 + index * 16, key, strlen(key));
	put_text(bucket + 8 + 128 + index * 16, value, strlen(value));
}

static void put_map(uint64_t shift, uint64_t flags, uint64_t old)
{
	go_code_put(&code, SET, MAP, 8);
	GO_CODE_PUT(&code, MAP, hmap, b, shift, 1);
	GO_CODE_PUT(&code, MAP, hmap, flags, flags, 1);
	GO_CODE_PUT(&code, MAP, hmap, buckets, BUCKETS, 8);
	GO_CODE_PUT(&code, MAP, hmap, oldbuckets, old, 8);
}

static void put_list(uint64_t count)
{
	go_code_put(&code, SET, LIST, 8);
	go_code_put(&code, SET + 8, count, 8);
	go_code_put(&code, SET + 16, count, 8);
}

/* What the goroutine has; NULL: no labels. */
static void expect_labels(const char *expected)
{
	const struct grf_goroutine goroutine = {.address = G};
	char *text = NULL;
	uint64_t set;

	go_code_ready(&code);
	set = grf_goroutine_label_set(code.image, &code.layout, &goroutine);
	assert_true(grf_labels_text(code.image, &code.layout, set, &text));
	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
	free(text);
	go_code_end(&code);
}

static void test_none(void **state)
{
	(void)state;
	begin("go1.26.8");
	go_code_put(&code, G + (uint64_t)grf_offset(&code.layout, g, labels), 0, 8);
	expect_labels(NULL);
	begin("go1.26.8");
	put_list(0);
	expect_labels(NULL);
	begin("go1.22.12");
	expect_labels(NULL);
	begin("go1.22.12");
	put_map(0, 0, 0);
	expect_labels(NULL);
}

static void test_pairs(void **state)
{
	(void)state;
	begin("go1.24.9");
	put_list(2);
	put_pair(0, "user", "ann");
	put_pair(1, "path", "/a");
	expect_labels("path=/a, user=ann");
}

/* Two chained buckets; an entry that was deleted, and one that never was. */
static void test_map(void **state)
{
	(void)state;
	begin("go1.22.12");
	put_map(1, 0, 0);
	put_entry(BUCKETS, 0, 200, "user", "ann");
	put_entry(BUCKETS, 1, 1, "gone", "gone");
	put_entry(BUCKETS + BUCKET, 7, 5, "path", "/a");
	go_code_put(&code, BUCKETS + BUCKET + BUCKET - 8, BUCKETS + 4 * BUCKET, 8);
	put_entry(BUCKETS + 4 * BUCKET, 3, 9, "a", "b");
	expect_labels("a=b, path=/a, user=ann");
}

/* What was moved is in the new buckets, and marked in the old ones. */
static void test_map_that_grows(void **state)
{
	(void)state;
	begin("go1.17.13");
	put_map(2, 0, OLD);
	put_entry(BUCKETS, 0, 200, "moved", "1");
	put_entry(OLD, 0, 3, "moved", "1");
	put_entry(OLD, 1, 77, "here", "2");
	put_entry(OLD + BUCKET, 1, 77, "there", "3");
	put_entry(OLD + 2 * BUCKET, 1, 77, "beyond", "4");
	expect_labels("here=2, moved=1, there=3");
	/* Into as many as there were. */
	begin("go1.17.13");
	put_map(1, 8, OLD);
	put_entry(OLD + BUCKET, 1, 77, "there", "3");
	expect_labels("there=3");
}

static void test_quotes(void **state)
{
	static const char with_zero[] = "a\0b";

	(void)state;
	begin("go1.27.0");
	put_list(3);
	put_pair(0, "a", "b, c=\"d\\");
	put_pair(1, "b", "");
	put_text(LIST + 64, "c", 1);
	put_text(LIST + 80, with_zero, 3);
	expect_labels("a=\"b, c=\\\"d\\\\\", b=\"\", c=\"a\\x00b\"");
}

/* Long values are cut between characters, and so is the whole. */
static void test_long_ones(void **state)
{
	char value[201] = "", expected[4096] = "", key[8];

	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(value, "é");
	begin("go1.26.8");
	put_list(1);
	/* 63 bytes and a half of a character. */
	put_pair(0, "k", value);
	memmove(value + 1, value, 199);
	value[0] = 'x';
	text_end = TEXTS;
	put_pair(0, "k", value);
	strcpy(expected, "k=x");
	for (int i = 0; i < 31; i++)
		strcat(expected, "é");
	expect_labels(strcat(expected, "..."));

	begin("go1.26.8");
	put_list(100);
	*expected = '\0';
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "key%02d", i);
		put_pair((uint64_t)i, key, "value");
		if (strlen(expected) > 512)
			continue;
		strcat(strcat(strcat(expected, key), "=value"), ", ");
	}
	expect_labels(strcat(expected, "..."));
}

/* Numbers that cannot be true. */
static void test_hostile_ones(void **state)
{
	(void)state;
	begin("go1.26.8");
	put_list(UINT64_MAX);
	go_code_put(&code, SET, 0x10, 8);
	expect_labels("...");
	begin("go1.26.8");
	go_code_put(&code, G + (uint64_t)grf_offset(&code.layout, g, labels), 0x10, 8);
	expect_labels("...");
	begin("go1.26.8");
	put_list(1);
	put_pair(0, "k", "v");
	go_code_put(&code, LIST + 16, 0x10, 8);
	expect_labels("k=...");
	begin("go1.26.8");
	put_list(1);
	put_pair(0, "k", "v");
	go_code_put(&code, LIST + 24, UINT64_MAX, 8);
	go_code_put(&code, LIST + 16, 0x10, 8);
	expect_labels("k=...");
	begin("go1.22.12");
	put_map(255, 0, 0);
	expect_labels("...");
	/* A bucket that follows itself. */
	begin("go1.22.12");
	put_map(0, 0, 0);
	put_entry(BUCKETS, 0, 5, "a", "b");
	go_code_put(&code, BUCKETS + BUCKET - 8, BUCKETS, 8);
	expect_labels("...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none),         cmocka_unit_test(test_pairs),
	    cmocka_unit_test(test_map),          cmocka_unit_test(test_map_that_grows),
	    cmocka_unit_test(test_quotes),       cmocka_unit_test(test_long_ones),
	    cmocka_unit_test(test_hostile_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
