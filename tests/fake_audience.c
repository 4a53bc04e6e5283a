/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_audience.c - lists, members and the gate in plain memory.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "spool/list.h"
#include "spool/mailbox.h"
#include "tests/fake_audience.h"

struct fake_audience audience;

void
audience_reset(void)
{
	memset(&audience, 0, sizeof(audience));
}

static int
member_order(const void *a, const void *b)
{
	const struct fake_member *x = a, *y = b;

	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	if (x->h8 != y->h8)
		return x->h8 < y->h8 ? -1 : 1;
	return (x->subscriber > y->subscriber) -
	    (x->subscriber < y->subscriber);
}

static void
sorted(void)
{
	if (audience.unsorted)
		qsort(audience.m, audience.n, sizeof(audience.m[0]),
		    member_order);
	audience.unsorted = false;
}

uint64_t
audience_join(uint32_t list, uint32_t domain, uint64_t h8)
{
	struct fake_member *m = &audience.m[audience.n];

	if (audience.n == FAKE_MEMBERS)
		abort();
	m->list = list;
	m->domain = domain;
	m->h8 = h8;
	m->subscriber = audience.n + 1;
	m->join = m->change = ++audience.sequence;
	m->state = MEMBER_ACTIVE;
	if (domain > audience.domains)
		audience.domains = domain;
	audience.unsorted = true;
	return ++audience.n;
}

struct fake_member *
audience_find(uint64_t subscriber)
{
	for (size_t i = 0; i < audience.n; i++)
		if (audience.m[i].subscriber == subscriber)
			return &audience.m[i];
	return NULL;
}

void
audience_leave(uint64_t subscriber)
{
	struct fake_member *m = audience_find(subscriber);

	if (m->gone)
		return;
	m->gone = true;
	audience.sequence++;
	audience.left++;
}

void
audience_suspend(uint64_t subscriber)
{
	struct fake_member *m = audience_find(subscriber);

	if (m->gone || m->state != MEMBER_ACTIVE)
		return;
	m->state = MEMBER_SUSPENDED;
	m->change = ++audience.sequence;
}

void
audience_resume(uint64_t subscriber)
{
	struct fake_member *m = audience_find(subscriber);

	if (m->gone || m->state != MEMBER_SUSPENDED)
		return;
	m->past.v[m->past.n].join = m->join;
	m->past.v[m->past.n].until = m->change;
	m->past.n++;
	m->state = MEMBER_ACTIVE;
	m->join = m->change = ++audience.sequence;
}

uint64_t
audience_active(uint32_t list)
{
	uint64_t n = 0;

	for (size_t i = 0; i < audience.n; i++)
		n += audience.m[i].list == list && !audience.m[i].gone &&
		    audience.m[i].state == MEMBER_ACTIVE;
	return n;
}

uint64_t
audience_notice(uint32_t domain, int64_t now_ms)
{
	struct notice *n = &audience.notice[audience.notices];

	if (audience.notices == FAKE_NOTICES)
		abort();
	n->id = ++audience.notices;
	n->kind = NOTICE_CONFIRM;
	n->domain = domain;
	n->created_ms = n->due_ms = now_ms;
	snprintf(n->address, sizeof(n->address), "n%u@d%u.example",
	    (unsigned)n->id, domain);
	audience.notice_there[n->id - 1] = true;
	return n->id;
}

/* ---- spool/subscriber.h */

int
domain_find(struct txn *t, const char *domain, uint32_t *id_r, struct err *e)
{
	char name[256];

	(void)t, (void)e;
	for (uint32_t id = 1; id <= audience.domains; id++)
		if (domain_name(t, id, name, e) == 1 &&
		    strcmp(name, domain) == 0) {
			*id_r = id;
			return 1;
		}
	return 0;
}

int
domain_name(struct txn *t, uint32_t id, char out[static 256], struct err *e)
{
	(void)t;
	if (id == audience.bad_domain && id != 0) {
		err_set(e, ERR_DAMAGED, "domain_ids %u", (unsigned)id);
		return -1;
	}
	if (id == 0 || id > audience.domains)
		return 0;
	snprintf(out, 256, "d%u.example", id);
	return 1;
}

static void
member_out(const struct fake_member *f, struct member *m)
{
	memset(m, 0, sizeof(*m));
	m->list = f->list;
	m->domain = f->domain;
	m->h8 = f->h8;
	m->subscriber = f->subscriber;
	m->past = f->past;
	m->join = f->join;
	m->change = f->change;
	m->state = f->state;
	snprintf(m->local, sizeof(m->local), "u%u", (unsigned)f->subscriber);
}

int
subscriber_at(struct txn *t, uint32_t list, uint32_t domain, uint64_t h8,
    uint64_t subscriber, struct member *m_r, struct err *e)
{
	const struct fake_member *f = audience_find(subscriber);

	(void)t, (void)e;
	if (f == NULL || f->gone || f->list != list || f->domain != domain ||
	    f->h8 != h8)
		return 0;
	member_out(f, m_r);
	return 1;
}

/* An address is its domain and h8, in whatever list. */
int
subscriber_hash(struct txn *t, const struct member *m,
    uint8_t hash_r[static ADDRESS_HASH_OCTETS], struct err *e)
{
	(void)t, (void)e;
	memset(hash_r, 0, ADDRESS_HASH_OCTETS);
	memcpy(hash_r, &m->h8, sizeof(m->h8));
	memcpy(hash_r + sizeof(m->h8), &m->domain, sizeof(m->domain));
	return 0;
}

int
subscriber_next_of(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    struct member *m_r, struct err *e)
{
	uint8_t own[ADDRESS_HASH_OCTETS];
	const struct fake_member *best = NULL;
	struct member m;

	for (size_t i = 0; i < audience.n; i++) {
		const struct fake_member *f = &audience.m[i];

		member_out(f, &m);
		subscriber_hash(t, &m, own, e);
		if (f->gone || f->list < list || memcmp(own, hash,
		    sizeof(own)) != 0 ||
		    (best != NULL && best->list <= f->list))
			continue;
		best = f;
	}
	if (best == NULL)
		return 0;
	member_out(best, m_r);
	return 1;
}

/* Rows with r >= lo in order of r, by looking at every member. */
int
subscriber_window(struct txn *t, uint32_t list, uint32_t domain,
    uint64_t start, uint64_t lo, struct subscriber_row *rows, size_t max,
    size_t *n_r, bool *end_r, struct err *e)
{
	size_t n = 0, from, i, k;

	(void)t, (void)e;
	if (max < 16)
		abort();
	sorted();
	*end_r = true;
	*n_r = 0;
	/* Sorted by h8: begin at start + lo and go round once. */
	for (from = 0; from < audience.n; from++)
		if (audience.m[from].list == list &&
		    audience.m[from].domain == domain)
			break;
	for (k = from; k < audience.n && audience.m[k].list == list &&
	    audience.m[k].domain == domain; k++)
		;
	for (int round = 0; round < 2; round++)
		for (i = from; i < k; i++) {
			const struct fake_member *f = &audience.m[i];
			struct subscriber_row *r = &rows[n];

			if ((round == 0) != (f->h8 >= start) || f->gone ||
			    f->h8 - start < lo)
				continue;
			if (n == max) {
				/* Rows of one r are not torn apart. */
				while (n > 0 && rows[n - 1].r ==
				    f->h8 - start)
					n--;
				*n_r = n;
				*end_r = false;
				return 0;
			}
			r->r = f->h8 - start;
			r->h8 = f->h8;
			r->subscriber = f->subscriber;
			r->past = f->past;
			r->join = f->join;
			r->change = f->change;
			r->state = f->state;
			snprintf(r->local, sizeof(r->local), "u%u",
			    (unsigned)f->subscriber);
			n++;
		}
	*n_r = n;
	return 0;
}

int
subscriber_domains(struct txn *t, uint32_t list, uint32_t from,
    struct subscriber_domain *rows, size_t max, size_t *n_r, struct err *e)
{
	size_t n = 0;

	(void)t, (void)e;
	for (uint32_t d = from; d <= audience.domains && n < max; d++) {
		struct subscriber_domain row = { d, 0, 0 };

		for (size_t i = 0; i < audience.n; i++)
			if (audience.m[i].list == list &&
			    audience.m[i].domain == d && !audience.m[i].gone)
				row.all++;
		if (row.all > 0)
			rows[n++] = row;
	}
	*n_r = n;
	return 0;
}

/* ---- spool/mailbox.h */

static void
mailbox_out(uint64_t a, uint64_t b, uint8_t *mailbox)
{
	memcpy(mailbox, &a, sizeof(a));
	memcpy(mailbox + sizeof(a), &b, sizeof(b));
}

/* Without a number of its own it is the address: its domain and h8. */
static void
fake_mailbox(const struct fake_member *f, uint8_t *mailbox)
{
	mailbox_out(f->mailbox != 0 ? f->mailbox : f->h8,
	    f->mailbox != 0 ? 0 : f->domain, mailbox);
}

/* Addresses of a mailbox that differ. */
static unsigned
count_addresses(const uint8_t *mailbox)
{
	uint8_t own[ADDRESS_HASH_OCTETS];
	unsigned n = 0;

	for (size_t i = 0; i < audience.n; i++) {
		const struct fake_member *f = &audience.m[i];
		bool first = true;

		fake_mailbox(f, own);
		if (memcmp(own, mailbox, sizeof(own)) != 0)
			continue;
		for (size_t k = 0; k < i && first; k++)
			first = audience.m[k].mailbox != f->mailbox ||
			    audience.m[k].h8 != f->h8 ||
			    audience.m[k].domain != f->domain;
		n += first;
	}
	return n;
}

void
audience_alias(uint64_t subscriber, uint64_t mailbox)
{
	struct fake_member *f = audience_find(subscriber);
	uint8_t own[ADDRESS_HASH_OCTETS];
	unsigned n;

	f->mailbox = mailbox;
	fake_mailbox(f, own);
	n = count_addresses(own);
	if (n > audience.most)
		audience.most = n;
}

int
mailbox_of_member(struct txn *t, const struct member *m,
    uint8_t mailbox_r[static ADDRESS_HASH_OCTETS], struct err *e)
{
	(void)t, (void)e;
	audience.mailbox_reads++;
	fake_mailbox(audience_find(m->subscriber), mailbox_r);
	return 0;
}

int
mailbox_of_text(struct txn *t, const char *address,
    uint8_t mailbox_r[static ADDRESS_HASH_OCTETS], struct err *e)
{
	unsigned n;

	(void)t, (void)e;
	if (sscanf(address, "n%u@", &n) != 1 || n == 0 || n > FAKE_NOTICES)
		return 0;
	mailbox_out(audience.notice_mailbox[n - 1] != 0 ?
	    audience.notice_mailbox[n - 1] : n,
	    audience.notice_mailbox[n - 1] != 0 ? 0 : UINT64_MAX, mailbox_r);
	return 1;
}

int
mailbox_most(struct txn *t, unsigned *n_r, struct err *e)
{
	(void)t, (void)e;
	*n_r = audience.most > 0 ? audience.most : 1;
	return 0;
}

int
mailbox_addresses(struct txn *t,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS], unsigned *n_r,
    struct err *e)
{
	(void)t, (void)e;
	audience.mailbox_reads++;
	*n_r = count_addresses(mailbox);
	if (*n_r < 2)
		*n_r = 2;
	return 0;
}

void
mailbox_walk_begin(struct mailbox_walk *w,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS])
{
	audience.mailbox_reads++;
	*w = (struct mailbox_walk){ .list = 0 };
	memcpy(w->mailbox, mailbox, sizeof(w->mailbox));
}

/* w->list is a place in the array here. */
int
mailbox_walk_next(struct txn *t, struct mailbox_walk *w, struct member *m_r,
    struct err *e)
{
	uint8_t own[ADDRESS_HASH_OCTETS];

	(void)t, (void)e;
	while (w->list < audience.n) {
		const struct fake_member *f = &audience.m[w->list++];

		fake_mailbox(f, own);
		if (f->gone || memcmp(own, w->mailbox, sizeof(own)) != 0)
			continue;
		member_out(f, m_r);
		return 1;
	}
	return 0;
}

/* ---- spool/list.h */

int
list_counters(struct txn *t, uint32_t id, struct list_counters *c_r,
    struct err *e)
{
	(void)t, (void)id, (void)e;
	memset(c_r, 0, sizeof(*c_r));
	c_r->sequence = audience.sequence;
	c_r->left = audience.left;
	return 0;
}

/* ---- spool/gate.h */

const char *
gate_verdict_name(enum gate_verdict v)
{
	(void)v;
	return "verdict";
}

int
gate_check(struct txn *t, const struct gate_question *q,
    enum gate_verdict *v_r, struct member *m_r, struct err *e)
{
	const struct fake_member *f = audience_find(q->subscriber);

	(void)t, (void)e;
	audience.gate_calls++;
	if (f != NULL && m_r != NULL)
		member_out(f, m_r);
	if (audience.held)
		*v_r = GATE_HELD;
	else if (f == NULL || f->gone)
		*v_r = GATE_LEFT;
	else if (!member_counted(f->state, f->join, f->change, &f->past,
	    q->as_of))
		*v_r = GATE_NOT_COUNTED;
	else if (f->state != MEMBER_ACTIVE)
		*v_r = GATE_SUSPENDED;
	else if (f->suppressed)
		*v_r = GATE_SUPPRESSED_ORG;
	else if (f->forged)
		*v_r = GATE_NO_CONSENT;
	else
		*v_r = GATE_OPEN;
	return 0;
}

int
gate_check_notice(struct txn *t, uint64_t notice, int64_t now_ms,
    enum gate_verdict *v_r, struct notice *n_r, struct err *e)
{
	(void)now_ms;
	*v_r = notice_get(t, notice, n_r, e) == 1 ? GATE_OPEN : GATE_LEFT;
	return 0;
}

/* ---- spool/notice.h */

int
notice_get(struct txn *t, uint64_t id, struct notice *n_r, struct err *e)
{
	(void)t;
	if (id == 0 || id > audience.notices ||
	    !audience.notice_there[id - 1])
		return 0;
	*n_r = audience.notice[id - 1];
	if (id == audience.bad_notice) {
		err_set(e, ERR_DAMAGED, "notices %u", (unsigned)id);
		return -1;
	}
	return 1;
}

int
notice_next(struct txn *t, uint64_t id, struct notice *n_r, struct err *e)
{
	int rc = 0;

	for (; rc == 0 && id <= audience.notices; id++)
		rc = notice_get(t, id, n_r, e);
	return rc;
}
