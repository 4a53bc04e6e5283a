/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - which entries a file of evidence has, and what proves them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/keyring.h"
#include "lib/tlog_proof.h"
#include "lib/token.h"
#include "lib/token_mask.h"
#include "lib/xmalloc.h"
#include "listd/bundle_private.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/ledger.h"
#include "spool/request.h"
#include "spool/row.h"
#include "spool/suppression.h"

#define SLICE_ROWS	4096	/* entries looked at in one transaction */
#define SLICE_PROOFS	64	/* entries proved in one */
#define FORMER_MAX	8	/* addresses before this one */

bool
bundle_is_withheld(const struct consent *c)
{
	static const char word[] = "complaint";

	/* If what the host did were told, what is not would be a complaint. */
	return c->kind == CONSENT_COMPLAINED ||
	    c->reason >= SUPPRESSION_COMPLAINT ||
	    (c->kind == CONSENT_EXPORTED &&
	    (slice_has_prefix(c->note, SLICE(word, strlen(word))) ||
	    (c->note.len > 0 && memmem(c->note.p, c->note.len,
	    BUNDLE_DISCLOSED, strlen(BUNDLE_DISCLOSED)) != NULL)));
}

/* ---- which entries */

static int
too_much(const struct bundle *b, unsigned max, const char *what,
    struct err *e)
{
	err_set(e, ERR_LIMIT, "more than %u %s: ask for %s period or one "
	    "list", max, what, b->ask->about == BUNDLE_COMPLAINT ?
	    "the address instead, with a" : "a shorter");
	return -1;
}

static int
add_index(struct bundle *b, uint64_t index, struct err *e)
{
	if (b->n == EVIDENCE_ENTRIES_MAX && index == b->ask->exported)
		return 0;	/* it may be left out: see begin() */
	if (b->n == EVIDENCE_ENTRIES_MAX)
		return too_much(b, EVIDENCE_ENTRIES_MAX, "entries", e);
	if (b->n == b->cap) {
		b->cap = b->cap == 0 ? 64 : 2 * b->cap;
		b->index = xreallocarray(b->index, b->cap,
		    sizeof(*b->index));
	}
	b->index[b->n++] = index;
	return 0;
}

static bool
is_wanted(const struct bundle_ask *ask, const struct consent *c)
{
	return c->when_ms >= ask->from_ms && c->when_ms < ask->to_ms &&
	    (ask->list == 0 || c->list == ask->list) &&
	    (ask->org == 0 || c->org == ask->org) &&
	    (ask->disclosed != NULL || !bundle_is_withheld(c));
}

/* The entry that says where an imported address came from. */
static int
add_followed(struct bundle *b, struct txn *t, const struct consent *c,
    struct err *e)
{
	struct consent f;
	int rc;

	if (c->follows == 0 || c->import == 0)
		return 0;
	if ((rc = consent_get(t, c->follows, &f, e)) != 1)
		return rc;
	return f.kind == CONSENT_IMPORT ? add_index(b, c->follows, e) : 0;
}

/*
 * The consent of an address that was changed was given by the one before it:
 * what that one has of the list belongs to the proof (T12).
 */
static int
add_former(struct bundle *b, struct txn *t, const struct consent *changed,
    unsigned depth, struct err *e)
{
	struct consent was, c;
	uint64_t index, from = 0;
	int rc;

	if (changed->kind != CONSENT_ADDRESS_CHANGED ||
	    changed->follows == 0 || depth == FORMER_MAX)
		return 0;
	if ((rc = consent_get(t, changed->follows, &was, e)) != 1 ||
	    was.hash.len != ADDRESS_HASH_OCTETS)
		return rc == -1 ? -1 : 0;
	while ((rc = consent_next_of(t, was.hash.p, from, &index, e)) == 1) {
		from = index + 1;
		if ((rc = consent_get(t, index, &c, e)) == -1)
			return -1;
		if (rc == 1 && c.list == changed->list &&
		    is_wanted(b->ask, &c) && (add_index(b, index, e) == -1 ||
		    add_followed(b, t, &c, e) == -1 ||
		    add_former(b, t, &c, depth + 1, e) == -1))
			return -1;
	}
	return rc;
}

static int
collect_address(struct bundle *b, struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e)
{
	struct consent c;
	uint64_t index, from = 0;
	int rc;

	while ((rc = consent_next_of(t, hash, from, &index, e)) == 1) {
		from = index + 1;
		if ((rc = consent_get(t, index, &c, e)) == -1)
			return -1;
		if (rc == 1 && is_wanted(b->ask, &c) &&
		    (add_followed(b, t, &c, e) == -1 ||
		    add_former(b, t, &c, 0, e) == -1 ||
		    add_index(b, index, e) == -1))
			return -1;
	}
	return rc;
}

/* 1 there is more from *at on, 0, -1. */
static int
collect_slice(struct bundle *b, struct txn *t, uint64_t *at, struct err *e)
{
	struct consent c;
	uint64_t index;
	int rc;

	for (int i = 0; i < SLICE_ROWS; i++) {
		if ((rc = consent_next(t, *at, &index, &c, e)) != 1)
			return rc;
		*at = index + 1;
		if (is_wanted(b->ask, &c) && add_index(b, index, e) == -1)
			return -1;
	}
	return 1;
}

static int
stopped(const struct bundle_ask *ask, struct err *e)
{
	if (ask->stop == NULL || !*ask->stop)
		return 0;
	err_set(e, ERR_AGAIN, "the daemon stops");
	return -1;
}

static int
collect_period(struct bundle *b, struct err *e)
{
	uint64_t at = 0;
	struct txn *t;
	int rc;

	do {
		if (stopped(b->ask, e) == -1 || txn_read(b->ask->store,
		    STORE_S, &t, e) == -1)
			return -1;
		rc = collect_slice(b, t, &at, e);
		txn_end(t);
	} while (rc == 1);
	return rc;
}

static void
add_shown(struct bundle *b, const uint8_t hash[static 32])
{
	for (size_t i = 0; i < b->nshown; i++)
		if (memcmp(b->shown[i].hash, hash, 32) == 0)
			return;
	if (b->nshown == b->shown_cap) {
		b->shown_cap = b->shown_cap == 0 ? 8 : 2 * b->shown_cap;
		b->shown = xreallocarray(b->shown, b->shown_cap,
		    sizeof(*b->shown));
	}
	b->shown[b->nshown] = (struct bundle_shown){ .missing = true };
	memcpy(b->shown[b->nshown].hash, hash, 32);
	strbuf_init(&b->shown[b->nshown++].text, IPC_SHOWN_MAX);
}

/* How the address came to the list, without a word of whose it is. */
static int
look_at_consent(struct bundle *b, struct txn *t, struct slice hash,
    struct err *e)
{
	static const uint8_t none[32];
	struct bundle_complaint *k = &b->complaint;
	struct consent c;
	uint64_t index, from = 0;
	int rc = 0;

	if (hash.len != ADDRESS_HASH_OCTETS)
		return 0;
	while ((rc = consent_next_of(t, hash.p, from, &index, e)) == 1 &&
	    index < b->ask->complaint) {
		from = index + 1;
		if ((rc = consent_get(t, index, &c, e)) == -1)
			return -1;
		if (rc == 0 || c.list != k->list)
			continue;
		k->requested |= c.kind == CONSENT_REQUEST;
		k->confirmed |= c.kind == CONSENT_CONFIRMED ||
		    c.kind == CONSENT_ADDRESS_CHANGED;
		k->imported |= c.kind == CONSENT_IMPORT_ROW;
		if (memcmp(c.shown, none, sizeof(none)) != 0)
			add_shown(b, c.shown);
	}
	return rc == -1 ? -1 : 0;
}

/* Whoever complained, if that may be told. */
static int
collect_complaint(struct bundle *b, struct txn *t, struct err *e)
{
	struct consent c;
	int rc = consent_get(t, b->ask->complaint, &c, e);

	if (rc == 1 && c.kind != CONSENT_COMPLAINED)
		rc = 0;
	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "entry %llu is no complaint",
		    (unsigned long long)b->ask->complaint);
	if (rc != 1)
		return -1;
	b->complaint = (struct bundle_complaint){ .list = c.list,
		.org = c.org, .campaign = c.campaign, .when_ms = c.when_ms };
	if (b->ask->disclosed == NULL || c.hash.len != ADDRESS_HASH_OCTETS)
		return look_at_consent(b, t, c.hash, e);
	return collect_address(b, t, c.hash.p, e);
}

static int
ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* In their order, each once. */
static void
sort_indexes(struct bundle *b)
{
	size_t n = 0;

	if (b->n == 0)
		return;
	qsort(b->index, b->n, sizeof(*b->index), ascending);
	for (size_t i = 1; i < b->n; i++)
		if (b->index[i] != b->index[n])
			b->index[++n] = b->index[i];
	b->n = n + 1;
}

static int
collect(struct bundle *b, struct err *e)
{
	struct txn *t;
	int rc;

	if (b->ask->about == BUNDLE_PERIOD) {
		rc = collect_period(b, e);
	} else {
		if (txn_read(b->ask->store, STORE_S, &t, e) == -1)
			return -1;
		rc = b->ask->about == BUNDLE_COMPLAINT ?
		    collect_complaint(b, t, e) :
		    collect_address(b, t, b->ask->hash, e);
		txn_end(t);
	}
	sort_indexes(b);
	return rc;
}

static void
bundle_clear(struct bundle *b)
{
	for (size_t i = 0; b->rows != NULL && i < b->n; i++) {
		strbuf_free(&b->rows[i].row);
		strbuf_free(&b->rows[i].proof);
		strbuf_free(&b->rows[i].mail);
		strbuf_free(&b->rows[i].masked);
	}
	for (size_t i = 0; i < b->nshown; i++)
		strbuf_free(&b->shown[i].text);
	free(b->rows);
	free(b->shown);
	free(b->index);
	strbuf_free(&b->checkpoint);
	json_decref(b->json);
}

int
bundle_look(const struct bundle_ask *ask, uint64_t *last_r, struct err *e)
{
	struct bundle b = { .ask = ask,
		.checkpoint = STRBUF_INIT(0) };
	int rc = collect(&b, e);

	*last_r = b.n > 0 ? b.index[b.n - 1] : 0;
	rc = rc == -1 ? -1 : b.n > 0 || ask->about == BUNDLE_COMPLAINT;
	bundle_clear(&b);
	return rc;
}

/* ---- the checkpoint */

static int
our_key(struct bundle *b, struct txn *t, struct err *e)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	const uint8_t *seed = keyring_find(store_keys(b->ask->store),
	    KEY_LEDGER, KEY_CURRENT);
	int rc = ledger_origin(t, origin, e);

	if (rc == 0 || (rc == 1 && seed == NULL))
		err_set(e, ERR_AGAIN, "the ledger was not signed yet");
	if (rc != 1 || seed == NULL)
		return -1;
	return note_key_make(&b->key, NOTE_ED25519, origin, seed, e);
}

/* Take the note if it is ours and holds the entries up to last. */
static bool
take_checkpoint(struct bundle *b, struct slice text, uint64_t last)
{
	struct err e = ERR_INIT;
	struct checkpoint c;
	struct note note;

	if (checkpoint_open(&c, &note, text.p, text.len, &b->key, 1,
	    &e) == -1 || c.size < last)
		return false;
	b->head = c;
	b->head.extensions = (struct slice){ NULL, 0 };
	strbuf_reset(&b->checkpoint);
	strbuf_add(&b->checkpoint, text.p, text.len);
	return true;
}

/* One that a witness has seen says more than one of our own. */
static int
choose_checkpoint(struct bundle *b, struct txn *t, uint64_t last,
    struct err *e)
{
	char witness[LEDGER_WITNESS_MAX + 1] = "";
	struct ledger_checkpoint own;
	struct slice note;
	int rc;

	if (our_key(b, t, e) == -1)
		return -1;
	while ((rc = ledger_cosigned_next(t, witness, &note, e)) == 1)
		if (take_checkpoint(b, note, last))
			return 0;
	if (rc == -1 || (rc = ledger_checkpoint(t, &own, e)) == -1)
		return -1;
	if (rc == 1 && take_checkpoint(b, SLICE(own.text, own.len),
	    last > b->ask->exported ? last : b->ask->exported))
		return 0;
	err_set(e, ERR_AGAIN, "no signed checkpoint holds all of it yet");
	return -1;
}

/* ---- the entries */

struct slice
bundle_entry(const struct bundle_row *r)
{
	return SLICE(r->row.s + CONSENT_SALT, r->row.len - CONSENT_SALT);
}

static int
prove(struct bundle *b, struct txn *t, struct bundle_row *r, struct err *e)
{
	struct ledger_view view = { .t = t, .err = ERR_INIT };
	struct tlog_proof p = { .index = r->index - 1,
		.checkpoint = SLICE(b->checkpoint.s, b->checkpoint.len) };

	if (merkle_inclusion(ledger_subtree, &view, p.index, b->head.size,
	    &p.path) == -1) {
		*e = view.err;
		if (e->code == ERR_NONE)
			err_set(e, ERR_DAMAGED, "no proof of entry %llu",
			    (unsigned long long)r->index);
		return -1;
	}
	tlog_proof_format(&p, &r->proof);
	return 0;
}

/* May the secret of this request be told? */
static bool
is_used_up(struct bundle *b, struct txn *t, const uint8_t *request)
{
	struct request req;
	int rc = request_get(t, request, &req, NULL);

	return rc == 0 ||
	    (rc == 1 && request_is_used_up(&req, b->ask->now_ms));
}

static bool
is_mail(struct bundle_row *r, const struct consent *c, const char *token)
{
	uint8_t hash[32];

	strbuf_reset(&r->mail);
	strbuf_add(&r->mail, c->mail.p, c->mail.len);
	token_unmask(r->mail.s, r->mail.len, token);
	return EVP_Digest(r->mail.s, r->mail.len, hash, NULL, EVP_sha256(),
	    NULL) == 1 && memcmp(hash, c->mail_hash.p, sizeof(hash)) == 0;
}

/* The mail as it was sent, by whichever key made its secret. */
static void
restore_mail(struct bundle *b, struct txn *t, struct bundle_row *r,
    const struct consent *c)
{
	const struct keyring *keys = store_keys(b->ask->store);
	char token[TOKEN_CONFIRM_LEN + 1];

	if (c->mail.len == 0 || c->mail_hash.len != 32)
		return;
	strbuf_add(&r->masked, c->mail.p, c->mail.len);
	if (is_mail(r, c, ""))		/* one without a secret */
		return;
	if (c->request.len == REQUEST_ID && is_used_up(b, t, c->request.p))
		for (size_t k = 0; k < keyring_count(keys, KEY_CONFIRM); k++)
			for (int use = 0; use < TOKEN_CONFIRM_USES; use++)
				if (token_confirm_format(keys, keyring_id(keys,
				    KEY_CONFIRM, k),
				    (enum token_confirm_use)use, c->request.p,
				    token, NULL) == 0 && is_mail(r, c, token))
					return;
	strbuf_reset(&r->mail);
}

static int
read_row(struct bundle *b, struct txn *t, struct bundle_row *r, struct err *e)
{
	static const uint8_t none[32];
	struct slice salt, entry;
	struct consent c;
	int rc = consent_get_row(t, r->index, &salt, &entry, e);

	strbuf_init(&r->row, EVIDENCE_ENTRY_MAX);
	strbuf_init(&r->proof, TLOG_PROOF_MAX);
	strbuf_init(&r->mail, IPC_RAW_MAX);
	strbuf_init(&r->masked, IPC_RAW_MAX);
	if (rc == 0)
		err_set(e, ERR_AGAIN, "entry %llu was erased meanwhile",
		    (unsigned long long)r->index);
	if (rc != 1 || consent_decode(entry, &c, e) == -1)
		return -1;
	b->octets += entry.len;
	if (b->octets > BUNDLE_OCTETS_MAX)
		return too_much(b, BUNDLE_OCTETS_MAX, "octets of entries", e);
	strbuf_add(&r->row, salt.p, salt.len);
	strbuf_add(&r->row, entry.p, entry.len);
	if (memcmp(c.shown, none, sizeof(none)) != 0)
		add_shown(b, c.shown);
	restore_mail(b, t, r, &c);
	return prove(b, t, r, e);
}

static int
read_rows(struct bundle *b, struct err *e)
{
	struct txn *t = NULL;
	int rc = 0;

	b->rows = xcalloc(b->n + 1, sizeof(*b->rows));
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		if (t == NULL && (stopped(b->ask, e) == -1 ||
		    txn_read(b->ask->store, STORE_S, &t, e) == -1))
			return -1;
		b->rows[i].index = b->index[i];
		rc = read_row(b, t, &b->rows[i], e);
		if (i % SLICE_PROOFS == SLICE_PROOFS - 1) {
			txn_end(t);
			t = NULL;
		}
	}
	if (t != NULL)
		txn_end(t);
	return rc;
}

/* ---- what was shown */

static int
by_hash(const void *a, const void *b)
{
	return memcmp(((const struct bundle_shown *)a)->hash,
	    ((const struct bundle_shown *)b)->hash, 32);
}

static void
read_shown(struct bundle *b)
{
	char buf[4096];
	uint8_t hash[32];
	uint64_t size;
	ssize_t n;

	for (size_t i = 0; i < b->nshown; i++) {
		struct bundle_shown *s = &b->shown[i];
		int fd = content_read(b->ask->content, s->hash, &size, NULL);

		if (fd == -1)
			continue;
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			strbuf_add(&s->text, buf, (size_t)n);
		close(fd);
		s->missing = n != 0 || s->text.overflow || EVP_Digest(
		    s->text.s, s->text.len, hash, NULL, EVP_sha256(),
		    NULL) != 1 || memcmp(hash, s->hash, sizeof(hash)) != 0;
	}
	if (b->nshown > 0)
		qsort(b->shown, b->nshown, sizeof(*b->shown), by_hash);
}

const struct bundle_shown *
bundle_shown_find(const struct bundle *b, const char *hex)
{
	uint8_t hash[CONTENT_HASH];

	if (!content_unhex(hex, hash))
		return NULL;
	for (size_t i = 0; i < b->nshown; i++)
		if (memcmp(b->shown[i].hash, hash, sizeof(hash)) == 0)
			return &b->shown[i];
	return NULL;
}

/* ---- all of it */

/* With one transaction for what stands in the store beside the entries. */
static int
with_store(struct bundle *b, int (*fn)(struct bundle *, struct txn *,
    struct err *), struct err *e)
{
	struct txn *t;
	int rc;

	if (txn_read(b->ask->store, STORE_S, &t, e) == -1)
		return -1;
	rc = fn(b, t, e);
	txn_end(t);
	return rc;
}

/* The entry of this export is in the file if its checkpoint holds it. */
static int
begin(struct bundle *b, struct txn *t, struct err *e)
{
	uint64_t last = 0;

	for (size_t i = b->n; i > 0 && last == 0; i--)
		if (b->index[i - 1] != b->ask->exported)
			last = b->index[i - 1];
	if (choose_checkpoint(b, t, last, e) == -1)
		return -1;
	while (b->n > 0 && b->index[b->n - 1] > b->head.size)
		b->n--;
	return 0;
}

int
bundle_make(const struct bundle_ask *ask, struct evidence_writer *w,
    struct err *e)
{
	struct bundle b = { .ask = ask };
	struct report r;
	int ret = -1;

	strbuf_init(&b.checkpoint, NOTE_MAX);
	if (collect(&b, e) == -1 || with_store(&b, begin, e) == -1 ||
	    read_rows(&b, e) == -1)
		goto out;
	read_shown(&b);
	if (with_store(&b, bundle_json, e) == -1)
		goto out;
	bundle_report(&b, &r);
	ret = bundle_file(&b, &r, w, e);
	report_free(&r);
out:
	bundle_clear(&b);
	return ret;
}
