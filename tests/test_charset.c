/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_charset.c - character sets: strict both ways, no tricks by name.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/strbuf.h"

static const struct {
	const char *name;
	enum charset_kind kind;
} kinds[] = {
	{ NULL,			CHARSET_ASCII },
	{ "",			CHARSET_ASCII },
	{ "US-ascii",		CHARSET_ASCII },
	{ "UTF-8",		CHARSET_UTF8 },
	{ "utf8",		CHARSET_UTF8 },
	{ "iso-8859-1",		CHARSET_OTHER },
	{ "windows-1252",	CHARSET_OTHER },
	{ "ISO-2022-JP",	CHARSET_OTHER },
	{ "GB18030",		CHARSET_OTHER },
	{ "UTF-16",		CHARSET_WIDE },
	{ "UTF-7",		CHARSET_WIDE },
	{ "EBCDIC-US",		CHARSET_WIDE },
	{ "no-such-set",	CHARSET_UNKNOWN },
	{ "ISO-8859-1//TRANSLIT", CHARSET_UNKNOWN },
	{ "../../etc/passwd",	CHARSET_UNKNOWN },
	{ "utf-8\n",		CHARSET_UNKNOWN },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", CHARSET_UNKNOWN },
};

static void
names_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (charset_kind(kinds[i].name) != kinds[i].kind)
			fail_msg("%s: %d", kinds[i].name,
			    charset_kind(kinds[i].name));
}

static const struct {
	const char *why, *name, *text, *utf8;	/* utf8 NULL: refused */
} rows[] = {
	{ "plain",		"us-ascii", "abc", "abc" },
	{ "8-bit in ASCII",	"us-ascii", "\351", NULL },
	{ "Latin-1",		"iso-8859-1", "caf\351", "caf\303\251" },
	{ "the Euro of Windows", "windows-1252", "\200", "\342\202\254" },
	{ "a hole in windows-1252", "windows-1252", "\201", NULL },
	{ "shift states",	"iso-2022-jp", "\033$BF|K\\\033(B!", "日本!" },
	{ "UTF-8",		"utf-8", "日本", "日本" },
	{ "overlong UTF-8",	"utf-8", "\300\257", NULL },
	{ "cut UTF-8",		"utf-8", "\303", NULL },
	{ "cut Shift_JIS",	"shift_jis", "\223", NULL },
	{ "nothing",		"iso-8859-15", "", "" },
	{ "unknown",		"no-such-set", "a", NULL },
};

static void
text_goes_both_ways(void **state)
{
	struct strbuf out = STRBUF_INIT(4096), back = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_INIT;
		int rc;

		strbuf_reset(&out);
		strbuf_reset(&back);
		rc = charset_to_utf8(rows[i].name, rows[i].text,
		    strlen(rows[i].text), &out, &e);
		if (rows[i].utf8 == NULL) {
			if (rc != -1 || e.code != ERR_INPUT)
				fail_msg("%s: accepted", rows[i].why);
			continue;
		}
		if (rc != 0 || strcmp(out.s, rows[i].utf8) != 0)
			fail_msg("%s: \"%s\" %s", rows[i].why, out.s, e.text);
		if (charset_from_utf8(rows[i].name, out.s, out.len, &back,
		    &e) != 0 || strcmp(back.s, rows[i].text) != 0)
			fail_msg("%s: back \"%s\" %s", rows[i].why, back.s,
			    e.text);
	}
	strbuf_free(&out);
	strbuf_free(&back);
}

static void
what_a_set_lacks_is_refused(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);
	struct err e;

	(void)state;
	assert_int_equal(charset_from_utf8("iso-8859-1", "日", 3, &out, &e),
	    -1);
	assert_int_equal(e.code, ERR_INPUT);
	assert_int_equal(charset_from_utf8("us-ascii", "\303\251", 2, &out,
	    &e), -1);
	strbuf_free(&out);
}

static void
output_has_a_limit(void **state)
{
	static char big[100000];
	struct strbuf out = STRBUF_INIT(sizeof(big));
	struct err e;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(charset_to_utf8("iso-8859-1", big, sizeof(big), &out,
	    &e), 0);
	assert_int_equal(out.len, sizeof(big));
	strbuf_reset(&out);
	big[50000] = '\351';
	assert_int_equal(charset_to_utf8("iso-8859-1", big, sizeof(big), &out,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&out);
}

/* What a role that has locked itself in an empty folder still reads. */
static int
read_in_chroot(const char *dir)
{
	struct strbuf out = STRBUF_INIT(100);

	if (chroot(dir) == -1 || chdir("/") == -1)
		return 2;
	if (charset_to_utf8("iso-2022-jp", "\033$BF|K\\\033(B", 10, &out,
	    NULL) == -1 || strcmp(out.s, "日本") != 0)
		return 3;
	strbuf_reset(&out);
	if (charset_to_utf8("Windows-1252", "\200", 1, &out, NULL) == -1)
		return 4;
	strbuf_reset(&out);
	if (charset_from_utf8("latin1", "\303\251", 2, &out, NULL) == -1)
		return 5;
	strbuf_free(&out);
	return 0;
}

static void
preloaded_tables_need_no_files(void **state)
{
	struct charset_tables *t = charset_preload();
	char dir[] = "/tmp/test_charset.XXXXXX";
	int status;
	pid_t pid;

	(void)state;
	charset_unload(NULL);
	if (geteuid() != 0) {
		charset_unload(t);
		skip();
	}
	assert_non_null(mkdtemp(dir));
	if ((pid = fork()) == 0)
		_exit(read_in_chroot(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(dir);
	charset_unload(t);
	assert_true(WIFEXITED(status));
	/* 2: a container may not let even root do it. */
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(text_goes_both_ways),
		cmocka_unit_test(what_a_set_lacks_is_refused),
		cmocka_unit_test(output_has_a_limit),
		cmocka_unit_test(preloaded_tables_need_no_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
