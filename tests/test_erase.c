/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_erase.c - of who was erased no octet is left after compaction, in any
 * spelling, nobody brings them back, and the others' proofs hold (S31, R186).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ftw.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/merkle.h"
#include "spool/access.h"
#include "spool/act.h"
#include "spool/change.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/correct.h"
#include "spool/effect.h"
#include "spool/erase_kept.h"
#include "spool/import.h"
#include "spool/ledger.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/retention.h"
#include "spool/store_copy.h"
#include "spool/store_swap.h"
#include "spool/suppression.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

#define WHO	"Quentin.Xylo@Nowhere-else.example"
#define IP4	"203.0.113.77"

/* ---- a life in the store */

struct step {
	const char	*list, *address;
	int64_t		 now_ms;
	struct optin_asked out;
	char		 raw[512];
};

/* By the form, and what was posted and who by is on record. */
static int
do_ask(struct txn *t, void *arg, struct err *e)
{
	struct step *s = arg;
	struct ipc_subscribe in = { .evidence = { .when_ms = s->now_ms,
	    .ip = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 77 },
	    .channel = "form", .agent = "Browser of Quentin Xylo" } };
	const struct optin_ask ask = { .in = &in, .limits = &people_limits,
	    .now_ms = s->now_ms };

	snprintf(s->raw, sizeof(s->raw), "POST /join/%s HTTP/1.1\r\n"
	    "X-Forwarded-For: " IP4 "\r\n\r\naddress=%s", s->list,
	    s->address);
	in.evidence.raw = SLICE(s->raw, strlen(s->raw));
	snprintf(in.list, sizeof(in.list), "%s", s->list);
	snprintf(in.address, sizeof(in.address), "%s", s->address);
	return job_answer(optin_request(t, &ask, &s->out, e), e);
}

/* The mail that asked was taken, and is kept with what the server said. */
static int
do_mailed(struct txn *t, void *arg, struct err *e)
{
	struct step *s = arg;
	static const char mail[] = "To: <" WHO ">\r\n\r\nDear Quentin.Xylo";
	struct effect v = { .kind = EFFECT_NOTICE_SENT,
	    .notice = s->out.notice, .when_ms = s->now_ms,
	    .host = "mx.nowhere.example", .message_id = "<a@b>",
	    .text = "250 ok", .mail = SLICE(mail, strlen(mail)) };
	uint64_t last;

	memset(v.mail_hash, 7, sizeof(v.mail_hash));
	if (effect_last(t, &last, e) == -1)
		return -1;
	return effect_apply(t, last + 1, &v, 1, e) == -1 ? -1 : 0;
}

static void
join(struct world *w, const char *list, const char *address, int64_t now_ms)
{
	struct step s = { .list = list, .address = address,
	    .now_ms = now_ms };
	char token[TOKEN_CONFIRM_LEN + 1];

	world_must(w, STORE_S, do_ask, &s);
	assert_int_equal(s.out.result, OPTIN_ACCEPTED);
	people_token(w, s.out.notice, token);
	world_must(w, STORE_S, do_mailed, &s);
	assert_int_equal(people_confirm(w, token, IP4,
	    now_ms + MINUTE).result, OPTIN_CONFIRMED);
}

struct person {
	struct identity	 who;
	int64_t		 now_ms;
	struct import	 im;
	json_t		*kept;
};

/* Attributes, another address that is wanted, access, blocks, and an act. */
static int
do_live(struct txn *t, void *arg, struct err *e)
{
	struct person *p = arg;
	const struct correction c = { .list = 1, .hash = p->who.hash,
	    .name = SLICE("name", 4), .value = SLICE("Quentin Xylo", 12),
	    .who = "root", .now_ms = p->now_ms };
	const struct change_ask to = { .from = &p->who,
	    .to = "elsewhere@c.example", .who = "root",
	    .limits = &people_limits, .now_ms = p->now_ms };
	struct ipc_subscribe in = { .address = WHO };
	const struct optin_ask ask = { .in = &in, .limits = &people_limits,
	    .now_ms = p->now_ms };
	struct optin_asked asked;

	if (correct_attribute(t, &c, e) == -1 ||
	    change_ask(t, &to, &asked, e) == -1 ||
	    asked.result != OPTIN_ACCEPTED)
		return -1;
	return access_ask(t, &ask, &asked, e);
}

/* A row of an import that is vouched for, which has a file as evidence. */
static int
do_import(struct txn *t, void *arg, struct err *e)
{
	struct person *p = arg;
	struct import_row row;
	const struct import_slice s = { .rows = &row, .n = 1,
	    .now_ms = p->now_ms };
	struct import_slice at = s;
	struct import im;
	size_t done;

	import_row_of(&row, &p->who, 0, "{\"name\":\"Quentin Xylo\"}");
	if (import_begin(t, &p->im, p->now_ms, &im, e) == -1)
		return -1;
	at.id = im.id;
	p->im.id = im.id;
	if (import_rows(t, &at, &done, e) == -1 || done != 1)
		return -1;
	return import_end(t, im.id, IMPORT_DONE, p->now_ms, e);
}

static int
do_kept(struct txn *t, void *arg, struct err *e)
{
	struct person *p = arg;

	return erase_kept(t, p->who.hash, p->kept, e);
}

static int
do_drop(struct txn *t, void *arg, struct err *e)
{
	struct person *p = arg;

	return job_answer(import_drop_evidence(t, p->im.id, "root",
	    p->now_ms, e), e);
}

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	struct person *p = arg;
	struct leave_result r = { .changed = true };
	int rc = 0;

	while (rc == 0 && r.changed)
		rc = leave_erase(t, p->who.hash, "root", p->now_ms, &r, e);
	leave_result_free(&r);
	return rc;
}

static int
do_hash(struct txn *t, void *arg, struct err *e)
{
	return retention_hash(t, 10000, *(int64_t *)arg, e) == -1 ? -1 : 0;
}

/* ---- the search */

/* What must not be found, and the file at hand. */
static struct {
	char	spelling[128][512];
	size_t	len[128], n;
	char	found[768];
} search;

static void
look_for(const void *p, size_t len)
{
	assert_true(search.n < 128 && len > 3 && len < 512);
	memcpy(search.spelling[search.n], p, len);
	search.len[search.n++] = len;
}

/* As it is, in hex, in base64 at each of three places, and quoted. */
static void
spell(const char *text)
{
	size_t len = strlen(text), n = 0;
	char hex[2][300], quoted[600], pad[200];
	unsigned char base64[400];

	look_for(text, len);
	for (size_t i = 0; i < len; i++) {
		snprintf(hex[0] + 2 * i, 3, "%02x", (unsigned char)text[i]);
		snprintf(hex[1] + 2 * i, 3, "%02X", (unsigned char)text[i]);
		n += (size_t)snprintf(quoted + n, sizeof(quoted) - n,
		    strchr("@.-", text[i]) != NULL ? "=%02X" : "%c",
		    text[i]);
	}
	look_for(hex[0], 2 * len);
	look_for(hex[1], 2 * len);
	if (n != len)
		look_for(quoted, n);
	for (size_t shift = 0; shift < 3; shift++) {
		int octets;

		memset(pad, 'x', shift);
		memcpy(pad + shift, text, len);
		octets = EVP_EncodeBlock(base64, (unsigned char *)pad,
		    (int)(len + shift));
		/* Without the characters that depend on what is around. */
		look_for(base64 + 4, (size_t)octets / 4 * 4 - 8);
	}
}

static void
spell_all(void)
{
	static const char *const texts[] = {
		WHO, "quentin.xylo@nowhere-else.example", "Quentin.Xylo",
		"quentin.xylo", "QUENTIN.XYLO", "quentinxylo",
		"Quentin Xylo", IP4,
	};
	static const unsigned char ip[] = { 0xff, 0xff, 203, 0, 113, 77 };

	search.n = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		spell(texts[i]);
	look_for(ip, sizeof(ip));
}

static int
look_into(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	FILE *f;
	char *p;

	(void)ftw;
	if (type != FTW_F || sb->st_size == 0)
		return 0;
	f = fopen(path, "rb");
	assert_non_null(f);
	p = malloc((size_t)sb->st_size);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)sb->st_size, f), sb->st_size);
	for (size_t i = 0; i < search.n && search.found[0] == '\0'; i++)
		if (memmem(p, (size_t)sb->st_size, search.spelling[i],
		    search.len[i]) != NULL)
			snprintf(search.found, sizeof(search.found),
			    "%.200s: %.*s", path, (int)search.len[i],
			    search.spelling[i]);
	free(p);
	fclose(f);
	return 0;
}

/* Where the person is found in the folder of all data; "" nowhere. */
static const char *
found_in(struct world *w)
{
	search.found[0] = '\0';
	assert_int_equal(nftw(w->dir, look_into, 16, FTW_PHYS), 0);
	return search.found;
}

static void
compact(struct world *w)
{
	struct store_copy_info info;
	char dir[512];
	struct store_copy *c;
	int rc;

	snprintf(dir, sizeof(dir), "%s/%s", w->dir, STORE_COPY_DIR);
	mkdir(dir, 0700);
	snprintf(dir, sizeof(dir), "%s/%s", w->dir, STORE_COMPACT_DIR);
	c = store_copy_begin(w->st, dir, NOW, &w->e);
	if (c == NULL)
		fail_msg("%s", w->e.text);
	while ((rc = store_copy_step(c, &w->e)) == 1)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(store_copy_finish(c, true, NOW, &info, &w->e), 0);
	store_copy_free(c);
	world_close(w);
	assert_int_equal(store_swap(w->dir, &info, &w->e), 1);
	assert_int_equal(store_copy_remove(dir, &w->e), 0);
	world_reopen(w);
}

/* ---- the others */

/* Every entry that is there has a proof under the root of the log. */
static unsigned
proven(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct ledger_view view = { .t = t };
	struct ledger_head head;
	struct merkle_proof proof;
	uint8_t commitment[LEDGER_HASH], made[LEDGER_HASH], leaf[LEDGER_HASH];
	struct slice salt, entry;
	unsigned n = 0;

	assert_int_not_equal(ledger_head(t, &head, &w->e), -1);
	for (uint64_t i = 1; i <= head.size; i++) {
		if (consent_get_row(t, i, &salt, &entry, &w->e) != 1)
			continue;
		assert_int_equal(consent_commitment(salt.p, entry, made,
		    &w->e), 0);
		assert_int_equal(ledger_leaf(t, i, commitment, &w->e), 1);
		assert_memory_equal(made, commitment, sizeof(made));
		merkle_leaf(commitment, sizeof(commitment), leaf);
		assert_int_equal(merkle_inclusion(ledger_subtree, &view,
		    i - 1, head.size, &proof), 0);
		assert_true(merkle_verify_inclusion(leaf, i - 1,
		    head.size, &proof, head.root));
		n++;
	}
	txn_end(t);
	return n;
}

/* ---- */

static struct person
a_life(struct world *w)
{
	struct person p = { .who = people_identity(w, WHO),
	    .now_ms = NOW + 40 * DAY, .im = { .list = 2,
	    .vouched = EVIDENCE_CONFIRMED, .source = "shop", .who = "root",
	    .file = "file" } };
	int64_t late = NOW + 35 * DAY;
	struct step s = { .list = "other", .address = WHO, .now_ms = NOW };

	for (int i = 0; i < 40; i++) {
		char other[40];

		snprintf(other, sizeof(other), "p%d@b.example", i);
		people_join(w, "news", other, NOW);
	}
	/* Asked for and never confirmed: hashes by the time of the erasure. */
	world_must(w, STORE_S, do_ask, &s);
	world_must(w, STORE_S, do_mailed, &s);
	join(w, "news", WHO, NOW);
	world_must(w, STORE_S, do_hash, &late);
	world_must(w, STORE_S, do_import, &p);
	world_must(w, STORE_S, do_live, &p);
	people_leave(w, 1, "p7@b.example", IPC_LEAVE_LIST, p.now_ms);
	return p;
}

static void
no_octet_is_left(void **state)
{
	struct world *w = *state;
	struct person p = a_life(w);
	uint64_t suppressions = people_rows(w, TABLE_SUPPRESSIONS);
	unsigned others;

	spell_all();
	assert_string_not_equal(found_in(w), "");
	people_are_sound(w);
	world_must(w, STORE_S, do_erase, &p);
	/* What was deleted lies in free pages until then. */
	assert_string_not_equal(found_in(w), "");
	others = proven(w);
	assert_true(others > 80);
	compact(w);
	assert_string_equal(found_in(w), "");
	assert_int_equal(proven(w), others);
	people_are_sound(w);
	/* One each: whose lists had them, and who had but been asked. */
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS),
	    suppressions + 2);
	assert_int_equal(people_state(w, 1, "p17@b.example"), MEMBER_ACTIVE);

	/* An import brings nobody back (R14), nor does the owner's wish. */
	p.im.list = 1;
	memcpy(p.im.file, "another", 7);
	world_must(w, STORE_S, do_import, &p);
	assert_int_equal(people_state(w, 1, WHO), 0);
	assert_int_equal(people_state(w, 2, WHO), 0);
}

/* What the person shares with others is told, and can be ended (S31). */
static void
what_is_shared_is_told(void **state)
{
	static const char file[] = "email,when\n" WHO ",2020-01-01\n";
	struct world *w = *state;
	struct content *content = content_open(w->dir, true, &w->e);
	struct person p = { .who = people_identity(w, WHO), .now_ms = NOW,
	    .im = { .list = 2, .vouched = EVIDENCE_CONFIRMED,
	    .source = "shop", .who = "root", .file = "file" },
	    .kept = json_array() };
	const json_t *o;

	assert_non_null(content);
	assert_int_equal(content_put(content, file, strlen(file),
	    p.im.evidence, &w->e), 0);
	world_must(w, STORE_S, do_import, &p);
	world_must(w, STORE_S, do_kept, &p);
	assert_int_equal(json_array_size(p.kept), 1);
	o = json_array_get(p.kept, 0);
	assert_int_equal(json_integer_value(json_object_get(o, "import")),
	    p.im.id);
	assert_int_equal(strlen(json_string_value(json_object_get(o,
	    "evidence_file"))), 64);
	json_array_clear(p.kept);
	/* Also of who left since. */
	people_leave(w, 2, WHO, IPC_LEAVE_LIST, NOW + DAY);
	world_must(w, STORE_S, do_kept, &p);
	assert_int_equal(json_array_size(p.kept), 1);
	json_array_clear(p.kept);
	world_must(w, STORE_S, do_drop, &p);
	world_must(w, STORE_S, do_kept, &p);
	assert_int_equal(json_array_size(p.kept), 0);
	assert_int_not_equal(world_write(w, STORE_S, do_drop, &p), 0);
	/* The owner of lists is named by them. */
	p.who = people_identity(w, "Owner@acme.example");
	world_must(w, STORE_S, do_kept, &p);
	assert_int_equal(json_array_size(p.kept), 6);
	o = json_array_get(p.kept, 0);
	assert_string_equal(json_string_value(json_object_get(o, "list")),
	    "news");
	json_decref(p.kept);
	content_close(content);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_octet_is_left),
		TEST(what_is_shared_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
