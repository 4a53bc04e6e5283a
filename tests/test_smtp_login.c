/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_login.c - the file of logins at relays: what it says, what is
 * refused, and that no error repeats a secret.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/smtp_login.h"

#define SIXTY	"secretsecretsecretsecretsecretsecretsecretsecretsecretsecret"
#define LONG	SIXTY SIXTY SIXTY SIXTY "secretsecretsecr"

static const struct {
	const char *why, *text, *host, *user, *password;
} good[] = {
	{ "one for all", "me:secret\n", "a.example", "me", "secret" },
	{ "no end of line", "me:secret", "a.example", "me", "secret" },
	{ "CRLF", "me:secret\r\n", "a.example", "me", "secret" },
	{ "blanks and colons in a password", "me:a b:c \n", "a.example", "me",
	    "a b:c " },
	{ "of a host, whatever its case", "A.example me:x\nyou:y\n",
	    "a.EXAMPLE", "me", "x" },
	{ "others get the general one", "a.example me:x\n\nyou:y\n",
	    "b.example", "you", "y" },
	{ "or none", "a.example me:x\n", "b.example", NULL, NULL },
	{ "a user that is an address", "me@a.example:x", "b", "me@a.example",
	    "x" },
};

static void
logins_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct smtp_login *l;
		struct err e = ERR_INIT;
		struct smtp_logins all;

		if (smtp_logins_parse(good[i].text, strlen(good[i].text),
		    &all, &e) == -1)
			fail_msg("%s: %s", good[i].why, e.text);
		l = smtp_logins_find(&all, good[i].host);
		if (good[i].user == NULL) {
			assert_null(l);
			continue;
		}
		assert_non_null(l);
		assert_string_equal(l->user, good[i].user);
		assert_string_equal(l->password, good[i].password);
	}
}

static const struct {
	const char *why, *text, *said;
} bad[] = {
	{ "nothing", "", "wanted a line user:password" },
	{ "empty lines", "\n\r\n", "wanted a line user:password" },
	{ "no colon", "\nsecret", "line 2: wanted user:password or host "
	    "user:password" },
	{ "no user", ":secret", "line 1: no user" },
	{ "no user at a host", "a.example :secret", "line 1: no user" },
	{ "no password", "secret:", "line 1: no password" },
	{ "no host", " me:secret", "line 1: no host" },
	{ "two for all", "me:secret\nyou:secret", "line 2: a second line for "
	    "the same relays" },
	{ "two for one", "a me:secret\nA you:secret", "line 2: a second line "
	    "for the same relays" },
	{ "too long", "me:" LONG, "line 1: a password of more than 255 "
	    "octets" },
	{ "seventeen", "a a:b\nb a:b\nc a:b\nd a:b\ne a:b\nf a:b\ng a:b\n"
	    "h a:b\ni a:b\nj a:b\nk a:b\nl a:b\nm a:b\nn a:b\no a:b\np a:b\n"
	    "q a:b\n", "more than 16 lines" },
};

static void
mistakes_are_named_and_secrets_not(void **state)
{
	static const char nul[] = "me:sec\0ret";
	struct err e = ERR_INIT;
	struct smtp_logins all;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (smtp_logins_parse(bad[i].text, strlen(bad[i].text), &all,
		    &e) == 0)
			fail_msg("taken: %s", bad[i].why);
		assert_string_equal(e.text, bad[i].said);
	}
	assert_int_equal(smtp_logins_parse(nul, sizeof(nul) - 1, &all, &e),
	    -1);
	assert_string_equal(e.text, "line 1: no password");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logins_are_read),
		cmocka_unit_test(mistakes_are_named_and_secrets_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
