/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_evidence.c - a file of evidence holds, and nothing but that file does.
 *
 * With -w FOLDER it writes the samples, what it thinks of them and of a
 * thousand edits of a file, for tests/evidence.test to hold against the other
 * verifier.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "tests/evidence_samples.h"

#define EDITS	1000
#define SEED	20261123

static void
verify(const struct strbuf *b, struct evidence_verdict *v)
{
	evidence_verify((struct slice){ (const uint8_t *)b->s, b->len },
	    sample_key(), 1, v, NULL, NULL);
}

static void
each_sample_fails_where_it_is_wrong(void **state)
{
	const struct sample *s;
	struct evidence_verdict v;

	(void)state;
	for (size_t i = 0; (s = sample_at(i)) != NULL; i++) {
		struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);

		sample_make(s, &b);
		verify(&b, &v);
		if (v.sound != (s->where[0] == '\0') ||
		    strcmp(v.where, s->where) != 0)
			fail_msg("%s: %s: %s", s->why, v.where, v.why);
		strbuf_free(&b);
	}
}

struct seen {
	uint64_t	index[8];
	size_t		n;
};

static void
note_entry(void *arg, uint64_t index, struct slice entry)
{
	struct seen *s = arg;

	assert_true(entry.len > 0 && s->n < 8);
	s->index[s->n++] = index;
}

static void
what_a_sound_file_says(void **state)
{
	struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct evidence_verdict v;
	struct seen seen = { .n = 0 };

	(void)state;
	sample_make(sample_at(0), &b);
	evidence_verify((struct slice){ (const uint8_t *)b.s, b.len },
	    sample_key(), 1, &v, note_entry, &seen);
	assert_true(v.sound);
	assert_int_equal(v.entries, 3);
	assert_int_equal(v.texts, 1);
	assert_int_equal(v.mails, 1);
	assert_string_equal(v.checkpoint.origin, SAMPLE_ORIGIN);
	assert_true(v.checkpoint.size == 7);
	assert_int_equal(seen.n, 3);
	assert_true(seen.index[0] == 2 && seen.index[2] == 6);
	strbuf_free(&b);
}

/* Without a key from elsewhere a forgery fits together as well. */
static void
a_file_cannot_vouch_for_its_own_key(void **state)
{
	struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct evidence_verdict v;
	const struct sample *s;
	size_t i = 0;

	(void)state;
	while ((s = sample_at(i)) != NULL && strcmp(s->why, "other-key") != 0)
		i++;
	assert_non_null(s);
	sample_make(s, &b);
	verify(&b, &v);
	assert_false(v.sound);
	assert_string_equal(v.where, "log.vkey");
	strbuf_free(&b);
}

/* One octet of it another: it fails, wherever that is. */
static void
no_edit_passes(void **state)
{
	struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct strbuf c = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct evidence_verdict v;

	(void)state;
	sample_make(sample_at(0), &b);
	for (unsigned n = 0; n < EDITS; n++) {
		strbuf_reset(&c);
		strbuf_add(&c, b.s, b.len);
		sample_edit(SEED, n, c.s, c.len);
		verify(&c, &v);
		if (v.sound)
			fail_msg("edit %u of %d passes", n, SEED);
		assert_true(v.where[0] != '\0' && v.why[0] != '\0');
	}
	strbuf_free(&b);
	strbuf_free(&c);
}

static void
no_beginning_passes(void **state)
{
	struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct evidence_verdict v;

	(void)state;
	sample_make(sample_at(0), &b);
	for (size_t len = 0; len < b.len; len += 1 + len / 7) {
		evidence_verify((struct slice){ (const uint8_t *)b.s, len },
		    sample_key(), 1, &v, NULL, NULL);
		assert_false(v.sound);
	}
	strbuf_free(&b);
}

/* ---- for the other verifier */

static FILE *
create(const char *folder, const char *name, const char *end)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, end);
	if ((f = fopen(path, "w")) == NULL) {
		perror(path);
		exit(1);
	}
	return f;
}

static void
write_samples(const char *folder, FILE *list)
{
	const struct sample *s;
	struct evidence_verdict v;

	for (size_t i = 0; (s = sample_at(i)) != NULL; i++) {
		struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);
		FILE *f = create(folder, s->why, ".tar");

		sample_make(s, &b);
		verify(&b, &v);
		fwrite(b.s, 1, b.len, f);
		fclose(f);
		fprintf(list, "%s.tar %s\n", s->why, v.sound ? "sound" :
		    v.where);
		strbuf_free(&b);
	}
}

static void
read_all(const char *path, struct strbuf *b)
{
	FILE *f = fopen(path, "r");
	char buf[4096];
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(b, buf, n);
	fclose(f);
}

/* Lines: place, octet that stands there then, verdict. */
static void
judge_edits(const char *path, const char *vkey)
{
	struct strbuf b = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct strbuf c = STRBUF_INIT(EVIDENCE_FILE_MAX);
	struct evidence_verdict v;
	struct note_key key;
	size_t at;

	read_all(path, &b);
	if (note_key_parse(&key, vkey, strlen(vkey), NULL) == -1)
		exit(1);
	for (unsigned n = 0; n < EDITS; n++) {
		strbuf_reset(&c);
		strbuf_add(&c, b.s, b.len);
		sample_edit(SEED, n, c.s, c.len);
		for (at = 0; c.s[at] == b.s[at]; at++)
			;
		evidence_verify((struct slice){ (const uint8_t *)c.s, c.len },
		    &key, 1, &v, NULL, NULL);
		printf("%zu %u %s\n", at, (unsigned char)c.s[at], v.sound ?
		    "sound" : v.where);
	}
	strbuf_free(&b);
	strbuf_free(&c);
}

static void
write_all(const char *folder)
{
	struct strbuf vkey = STRBUF_INIT(NOTE_VKEY_MAX + 8);
	FILE *f = create(folder, "verdicts", ".txt");

	write_samples(folder, f);
	fclose(f);
	f = create(folder, "log", ".vkey");
	note_key_format(sample_key(), &vkey);
	fprintf(f, "%s\n", vkey.s);
	fclose(f);
	strbuf_free(&vkey);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sample_fails_where_it_is_wrong),
		cmocka_unit_test(what_a_sound_file_says),
		cmocka_unit_test(a_file_cannot_vouch_for_its_own_key),
		cmocka_unit_test(no_edit_passes),
		cmocka_unit_test(no_beginning_passes),
	};

	if (argc == 3 && strcmp(argv[1], "-w") == 0) {
		write_all(argv[2]);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "-e") == 0) {
		judge_edits(argv[2], argv[3]);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
