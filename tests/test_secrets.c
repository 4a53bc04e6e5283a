/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_secrets.c - key files are made once, read back, and refused when
 * others could have read them (S12).
 */
#include "config.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "spool/secrets.h"
#include "tests/spool_world.h"

static const char *
key_file(const struct world *w, const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/secrets/%s", w->dir, name);
	return path;
}

static void
made_once_and_read_back(void **state)
{
	struct world *w = *state;
	struct keyring *a = keyring_new(), *b = keyring_new();
	struct stat sb;

	assert_int_equal(secrets_load(a, w->dir, SECRETS_ALL, &w->e), -1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
	assert_int_equal(secrets_create(w->dir, &w->e), 0);
	assert_int_equal(secrets_load(a, w->dir, SECRETS_ALL, &w->e), 0);
	assert_int_equal(secrets_create(w->dir, &w->e), 0);	/* again */
	assert_int_equal(secrets_load(b, w->dir, SECRETS_ALL, &w->e), 0);
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		assert_int_equal(keyring_count(a, p), 1);
		assert_memory_equal(keyring_find(a, p, 1),
		    keyring_find(b, p, 1), KEY_OCTETS);
		for (enum key_purpose q = 0; q < p; q++)
			assert_memory_not_equal(keyring_find(a, p, 1),
			    keyring_find(a, q, 1), KEY_OCTETS);
	}
	assert_int_equal(stat(key_file(w, ""), &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0700);
	assert_int_equal(stat(key_file(w, "url.key"), &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	keyring_free(a);
	keyring_free(b);
}

static void
a_lost_file_alone_is_made_anew(void **state)
{
	struct world *w = *state;
	struct keyring *a = keyring_new(), *b = keyring_new();

	assert_int_equal(secrets_create(w->dir, &w->e), 0);
	assert_int_equal(secrets_load(a, w->dir, SECRETS_ALL, &w->e), 0);
	assert_int_equal(unlink(key_file(w, "verp.key")), 0);
	assert_int_equal(secrets_create(w->dir, &w->e), 0);
	assert_int_equal(secrets_load(b, w->dir, SECRETS_ALL, &w->e), 0);
	assert_memory_equal(keyring_find(a, KEY_URL, 1),
	    keyring_find(b, KEY_URL, 1), KEY_OCTETS);
	assert_memory_not_equal(keyring_find(a, KEY_VERP, 1),
	    keyring_find(b, KEY_VERP, 1), KEY_OCTETS);
	keyring_free(a);
	keyring_free(b);
}

static void
a_rotated_key_is_written(void **state)
{
	struct world *w = *state;
	struct keyring *a = keyring_new();
	static const uint8_t octets[KEY_OCTETS] = { 1, 2, 3 };

	assert_int_equal(secrets_create(w->dir, &w->e), 0);
	assert_int_equal(secrets_load(a, w->dir, 1u << KEY_VERP, &w->e), 0);
	assert_int_equal(keyring_rotate(a, KEY_VERP, octets, NULL, &w->e), 0);
	assert_int_equal(secrets_write(a, w->dir, KEY_VERP, &w->e), 0);
	keyring_free(a);
	a = keyring_new();
	assert_int_equal(secrets_load(a, w->dir, 1u << KEY_VERP, &w->e), 0);
	assert_int_equal(keyring_count(a, KEY_VERP), 2);
	assert_int_equal(keyring_current(a, KEY_VERP), 2);
	assert_int_equal(keyring_count(a, KEY_URL), 0);
	keyring_free(a);
}

static void
refused(struct world *w, enum err_code code, const char *word)
{
	int fd = secrets_open(w->dir, KEY_URL, &w->e);

	if (fd != -1)
		fail_msg("opened: %s", word);
	assert_int_equal(w->e.code, code);
	if (strstr(w->e.text, word) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", w->e.text, word);
}

static void
files_others_could_read_are_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0660, 04600, 0700 };
	struct world *w = *state;
	char other[700];

	assert_int_equal(secrets_create(w->dir, &w->e), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(key_file(w, "url.key"), modes[i]), 0);
		refused(w, ERR_REFUSED, "mode");
	}
	assert_int_equal(chmod(key_file(w, "url.key"), 0400), 0);
	close(secrets_open(w->dir, KEY_URL, &w->e));
	snprintf(other, sizeof(other), "%s", key_file(w, "second"));
	assert_int_equal(link(key_file(w, "url.key"), other), 0);
	refused(w, ERR_REFUSED, "plain file");
	assert_int_equal(unlink(key_file(w, "url.key")), 0);
	assert_int_equal(symlink("second", key_file(w, "url.key")), 0);
	refused(w, ERR_SYSTEM, "url.key");
	assert_int_equal(unlink(key_file(w, "url.key")), 0);
	assert_int_equal(mkdir(key_file(w, "url.key"), 0700), 0);
	refused(w, ERR_REFUSED, "plain file");
}

static void
a_damaged_file_is_named(void **state)
{
	struct world *w = *state;
	struct keyring *a = keyring_new();
	FILE *f;

	assert_int_equal(secrets_create(w->dir, &w->e), 0);
	f = fopen(key_file(w, "url.key"), "w");
	fputs("1 nonsense current\n", f);
	fclose(f);
	assert_int_equal(secrets_load(a, w->dir, SECRETS_ALL, &w->e), -1);
	assert_non_null(strstr(w->e.text, "url"));
	assert_null(strstr(w->e.text, "nonsense"));
	f = fopen(key_file(w, "url.key"), "w");
	for (int i = 0; i < KEY_FILE_MAX; i++)
		fputs("#\n", f);
	fclose(f);
	assert_int_equal(secrets_load(a, w->dir, SECRETS_ALL, &w->e), -1);
	assert_int_equal(w->e.code, ERR_LIMIT);
	keyring_free(a);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(made_once_and_read_back),
		TEST(a_lost_file_alone_is_made_anew),
		TEST(a_rotated_key_is_written),
		TEST(files_others_could_read_are_refused),
		TEST(a_damaged_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
