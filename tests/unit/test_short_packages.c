/* SPDX-License-Identifier: BSD-2-Clause */
/* Packages in the text for people: once whole, and short where that is unique. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "outputs/short_packages.h"

static void assert_short(const char *text, const char *expected)
{
	char *shortened = grf_short_packages(text);

	assert_non_null(shortened);
	assert_string_equal(shortened, expected);
	free(shortened);
}

static void test_the_first_is_whole(void **state)
{
	(void)state;
	assert_short("github.com/x/y/tsdb.Head > github.com/x/y/tsdb.Head.series > "
		     "[] (*github.com/x/y/tsdb.memSeries), held by "
		     "github.com/x/y/scrape.(*scrapeLoop).run, github.com/x/y/scrape.Target",
		     "github.com/x/y/tsdb.Head > tsdb.Head.series > [] (*tsdb.memSeries), held by "
		     "github.com/x/y/scrape.(*scrapeLoop).run, scrape.Target");
	assert_short("map[net/url.URL]*net/url.URL", "map[net/url.URL]*url.URL");
	assert_short("gopkg.in/yaml.v3.a > gopkg.in/yaml.v3.b", "gopkg.in/yaml.v3.a > yaml.v3.b");
}

static void test_two_of_one_name_stay_whole(void **state)
{
	static const char *const same[] = {
	    "text/template.T > html/template.T > text/template.T",
	    "net/http.A > net/http.B > http.C",
	    "main.a > main.b (main.go:12) holds 3.5 MiB (58 %): a slice of 1,000 elements",
	    "/usr/lib/x.y > /usr/lib/x.z > ./a.b ./a.b",
	    "a/b a/b a/. a/. / . ",
	    "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		assert_short(same[i], same[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_first_is_whole),
	    cmocka_unit_test(test_two_of_one_name_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
