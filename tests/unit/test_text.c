/* SPDX-License-Identifier: BSD-2-Clause */
/* Foreign text as it is shown: what Go names stays, what a terminal acts on is escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

static void test_names_of_go_stay(void **state)
{
	static const char *const names[] = {
	    "",
	    "main.cache",
	    "main.(*T[go.shape.int,example.com/a/b%2ec.D[...]]).f.func1",
	    "internal/abi·FuncPC",
	    "main.Größe. (map[string]*日本.語)",
	    "$mapval. (struct { a int \"tag\\\\x\" })",
	    "\xf0\x9f\x98\x80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *escaped = grf_text_escaped(names[i]);

		assert_true(grf_text_is_plain(names[i]));
		assert_string_equal(escaped, names[i]);
		free(escaped);
	}
}

static void test_what_a_terminal_obeys_is_escaped(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
	    {"\x1b]0;x\a", "\\x1b]0;x\\x07"},
	    {"a\x1b[31mb", "a\\x1b[31mb"},
	    {"a\rb\nc\td\x7f", "a\\x0db\\x0ac\\x09d\\x7f"},
	    {"\u202eevil\u2066", "\\u202eevil\\u2066"},
	    {"\u200b\u2028\u061c\ufeff", "\\u200b\\u2028\\u061c\\ufeff"},
	    {"\U000e0041", "\\U000e0041"},
	    {"\xc2\x9b"
	     "31m",
	     "\\u009b31m"}, /* CSI as one character */
	    {"\x9b"
	     "31m",
	     "\\x9b31m"},                        /* the same byte, no UTF-8 */
	    {"\xc0\x9b", "\\xc0\\x9b"},          /* overlong */
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	    {"\xe2\x80", "\\xe2\\x80"}, /* cut */
	    {"\xff", "\\xff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *escaped = grf_text_escaped(cases[i].text);

		assert_false(grf_text_is_plain(cases[i].text));
		assert_string_equal(escaped, cases[i].shown);
		free(escaped);
	}
}

/* Whatever the size, what is written ends in it, and no character is cut. */
static void test_cuts_between_characters(void **state)
{
	static const char text[] = "ab\x1b日\u202e語z";
	char *whole = grf_text_escaped(text);

	(void)state;
	for (size_t size = 1; size <= strlen(whole) + 4; size++) {
		char *buffer = malloc(size);
		size_t length;

		grf_text_escape(text, buffer, size);
		length = strlen(buffer);
		assert_true(length < size);
		assert_true(grf_text_is_plain(buffer));
		if (size > strlen(whole))
			assert_string_equal(buffer, whole);
		else if (size > 3)
			assert_string_equal(buffer + length - 3, "...");
		free(buffer);
	}
	free(whole);
}

static void test_errors_hold_no_raw_text(void **state)
{
	struct grf_error *error =
	    grf_error_create(GRF_ERROR_BAD_INPUT, "%s: bad", "a\x1b[31m\nb\u202e");

	(void)state;
	assert_string_equal(error->message, "a\\x1b[31m\\x0ab\\u202e: bad");
	error = grf_error_prefix(error, "%s", "\a");
	assert_string_equal(error->message, "\\x07: a\\x1b[31m\\x0ab\\u202e: bad");
	grf_error_free(error);
	error = grf_error_errno(GRF_ERROR_OUTPUT, 2, "open %s", "\r");
	assert_string_equal(error->message, "open \\x0d: No such file or directory");
	grf_error_free(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_of_go_stay),
	    cmocka_unit_test(test_what_a_terminal_obeys_is_escaped),
	    cmocka_unit_test(test_cuts_between_characters),
	    cmocka_unit_test(test_errors_hold_no_raw_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
