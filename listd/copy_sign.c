/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy_sign.c - the signatures of copies, made in batches, and their proof.
 *
 * The private operation is what a copy costs, and several at once cost less
 * each than one (lib/dkim_sign.h).  So a copy is made up to what is to be
 * signed, and waits.  Its MAIL can go meanwhile, as the length is known.  Only
 * when the server asks for the content must the signature be there, and those
 * that wait for the same key are signed along with it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/copier_private.h"
#include "spool/store.h"

#define PIECES	3	/* header, empty line, final dot */

static char crlf[] = "\r\n", final_dot[] = ".\r\n";

/* ---- making */

int
made_finish(struct copier *c, struct made *m, const struct template *t,
    struct template_values *v, const struct signing_key *key,
    struct err *e)
{
	uint64_t now = (uint64_t)(clock_utc_ms(c->p.clock) / 1000);
	struct rendered *r = &m->rendered;

	v->witness = copier_witness(c);
	if (template_render(t, v, r, e) == -1)
		return -1;
	m->copy.octets = r->octets;
	/* lib/template.h writes 7-bit, a header of RFC 6532 apart. */
	m->copy.eightbit = m->copy.smtputf8 = r->smtputf8;
	m->parts = signing_parts(c, key, m->part);
	for (size_t i = 0; i < m->parts; i++) {
		struct dkim_signer *signer = m->part[i]->signer;

		if (dkim_sign_digest(signer, r->field, r->fields, r->body_hash,
		    now, &m->job[i], e) == -1)
			return -1;
		m->copy.octets += dkim_sign_length(signer, &m->job[i]);
	}
	m->failure = (struct err)ERR_INIT;
	m->waits = true;
	TAILQ_INSERT_TAIL(&c->waiting, m, entry);
	return 0;
}

void
made_forget(struct copier *c, struct made *m)
{
	if (m->waits)
		TAILQ_REMOVE(&c->waiting, m, entry);
	m->waits = false;
}

/* The bytes as they will be written: signatures stand before all else. */
static void
gather(struct made *m)
{
	struct rendered *r = &m->rendered;
	size_t room = COPY_SPARE + m->parts + r->iovs + PIECES + COPY_SPARE;
	struct iovec *iov;

	if (m->room < room) {
		m->room = room;
		m->pieces = xreallocarray(m->pieces, room,
		    sizeof(*m->pieces));
	}
	iov = m->copy.iov = m->pieces + COPY_SPARE;
	for (size_t i = 0; i < m->parts; i++) {
		struct slice s = dkim_sign_finish(&m->job[i]);

		*iov++ = (struct iovec){ (void *)(uintptr_t)s.p, s.len };
	}
	*iov++ = (struct iovec){ r->header.s, r->header.len };
	*iov++ = (struct iovec){ crlf, 2 };
	memcpy(iov, r->iov, r->iovs * sizeof(*iov));
	iov += r->iovs;
	if (!m->copy.bdat)
		*iov++ = (struct iovec){ final_dot, 3 };
	m->copy.n = (size_t)(iov - m->copy.iov);
}

/* ---- batches */

static bool
same_keys(const struct made *a, const struct made *b)
{
	return a->parts == b->parts && memcmp(a->part, b->part,
	    a->parts * sizeof(a->part[0])) == 0;
}

/* m, and the oldest of those that wait for the same keys. */
static size_t
choose(struct copier *c, struct made *m,
    struct made *batch[static DKIM_BATCH_MAX])
{
	struct made *other;
	size_t n = 0;

	batch[n++] = m;
	TAILQ_FOREACH(other, &c->waiting, entry) {
		if (n == DKIM_BATCH_MAX)
			break;
		if (other != m && same_keys(m, other))
			batch[n++] = other;
	}
	return dkim_sign_batch(m->part[0]->signer, n);
}

static int
sign_all(struct made *const batch[], size_t n, struct err *e)
{
	struct dkim_job *job[DKIM_BATCH_MAX];

	for (size_t p = 0; p < batch[0]->parts; p++) {
		for (size_t i = 0; i < n; i++)
			job[i] = &batch[i]->job[p];
		if (dkim_sign_private(batch[0]->part[p]->signer, job, n,
		    e) == -1)
			return -1;
	}
	return 0;
}

static void
sign_batch(struct copier *c, struct made *m)
{
	struct made *batch[DKIM_BATCH_MAX];
	size_t n = choose(c, m, batch);
	struct err e = ERR_INIT;
	int ret = sign_all(batch, n, &e);

	for (size_t i = 0; i < n; i++) {
		made_forget(c, batch[i]);
		if (ret == -1) {
			batch[i]->failure = e;
			continue;
		}
		gather(batch[i]);
		if (batch[i]->copy.token[0] != '\0')
			made_keep(batch[i], &batch[i]->failure);
		c->signed_copies++;
		if (c->signed_copies % COPIER_VERIFY_EVERY == 0)
			made_verify(c, batch[i], &batch[i]->failure);
	}
}

int
copy_sign(struct copier *c, struct copy *copy, struct err *e)
{
	struct made *m = (struct made *)copy;

	if (m->waits)
		sign_batch(c, m);
	if (m->failure.code == ERR_NONE)
		return 0;
	*e = m->failure;
	return -1;
}

void
copies_sign_with(struct copier *c, const struct signing_part *part)
{
	struct made *m, *after;

	for (m = TAILQ_FIRST(&c->waiting); m != NULL; m = after) {
		bool its = false;

		for (size_t i = 0; i < m->parts; i++)
			its = its || m->part[i] == part;
		if (its)
			sign_batch(c, m);
		/* A batch takes others along. */
		after = its ? TAILQ_FIRST(&c->waiting) : TAILQ_NEXT(m, entry);
	}
}

/* ---- the proof */

void
made_message(struct strbuf *b, const struct made *m)
{
	bool at_start = true;

	for (size_t i = 0; i + !m->copy.bdat < m->copy.n; i++) {
		const char *p = m->copy.iov[i].iov_base;
		size_t len = m->copy.iov[i].iov_len;

		/* What stands before the body, or was never stuffed. */
		if (i < m->parts + 2 || m->copy.bdat) {
			strbuf_add(b, p, len);
			continue;
		}
		for (size_t k = 0; k < len; k++) {
			if (!(at_start && p[k] == '.'))
				strbuf_addc(b, p[k]);
			at_start = p[k] == '\n';
		}
	}
}

static enum dkim_lookup
own_record(void *arg, const char *name, struct strbuf *txt)
{
	const struct made *m = arg;

	for (size_t i = 0; i < m->parts; i++) {
		size_t len = strlen(m->part[i]->selector);

		if (strncasecmp(name, m->part[i]->selector, len) == 0 &&
		    name[len] == '.') {
			strbuf_adds(txt, m->part[i]->txt);
			return DKIM_LOOKUP_FOUND;
		}
	}
	return DKIM_LOOKUP_NONE;
}

static const char *const must_cover[] = {
	"from", "to", "subject", "date", "message-id",
};
static const char *const must_cover_campaign[] = {
	"list-unsubscribe", "list-unsubscribe-post", "list-id", "feedback-id",
};

/* h= has to hold what one-click relies on (R23): nobody else looks (T9). */
static const char *
not_covered(const struct copier *c, const struct dkim_report *report,
    bool campaign)
{
	if (c->witness.len > 0 && !dkim_verify_covers(report, "listd-ledger"))
		return "listd-ledger";
	for (size_t i = 0; i < sizeof(must_cover) / sizeof(must_cover[0]); i++)
		if (!dkim_verify_covers(report, must_cover[i]))
			return must_cover[i];
	for (size_t i = 0; campaign && i < sizeof(must_cover_campaign) /
	    sizeof(must_cover_campaign[0]); i++)
		if (!dkim_verify_covers(report, must_cover_campaign[i]))
			return must_cover_campaign[i];
	return NULL;
}

/* All of them pass; a signature that fails is worse than none (T14). */
static int
all_pass(const struct made *m, const struct dkim_report *report,
    struct err *e)
{
	if (report->n != m->parts) {
		err_set(e, ERR_CRYPTO, "%zu signatures of %zu are found",
		    (size_t)report->n, m->parts);
		return -1;
	}
	for (size_t i = 0; i < report->n; i++)
		if (report->sig[i].verdict != DKIM_VERDICT_PASS) {
			err_set(e, ERR_CRYPTO, "the copy's own signature does "
			    "not verify: %s", report->sig[i].reason);
			return -1;
		}
	return 0;
}

int
made_verify(struct copier *c, const struct made *m, struct err *e)
{
	struct strbuf message = STRBUF_INIT(DKIM_VERIFY_OCTETS);
	struct dkim_report *report = xcalloc(1, sizeof(*report));
	const char *missing;
	int ret = -1;

	made_message(&message, m);
	if (dkim_verifier_run(c->verifier, SLICE(message.s, message.len),
	    (uint64_t)(clock_utc_ms(c->p.clock) / 1000), own_record,
	    (void *)(uintptr_t)m, report, e) == -1 ||
	    all_pass(m, report, e) == -1)
		goto out;
	missing = not_covered(c, report, m->compiled != NULL);
	if (missing != NULL) {
		err_set(e, ERR_CRYPTO, "the signature leaves out %s", missing);
		goto out;
	}
	ret = 0;
out:
	free(report);
	strbuf_free(&message);
	return ret;
}

