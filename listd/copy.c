/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - one recipient's copy: may it go, and what are its bytes.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "lib/address.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/token.h"
#include "lib/verp.h"
#include "lib/xmalloc.h"
#include "listd/copier_private.h"
#include "spool/dormancy.h"
#include "spool/gate.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/store.h"
#include "spool/subscriber.h"

/* ---- the gate */

static int
ask_gate(struct copier *c, const struct ipc_delivery *d,
    enum gate_verdict *v, struct err *e)
{
	struct compiled *k = NULL;
	struct txn *t;
	int ret;

	if (d->kind == IPC_KIND_CAMPAIGN &&
	    (k = copier_campaign(c, d->campaign, e)) == NULL)
		return -1;
	if (txn_read(c->p.store, STORE_S, &t, e) == -1)
		return -1;
	if (d->kind == IPC_KIND_NOTICE) {
		ret = gate_check_notice(t, d->notice,
		    clock_utc_ms(c->p.clock), v, NULL, e);
	} else {
		struct gate_question q = { d->list, d->domain_id, d->h8,
			d->subscriber, k->as_of };

		ret = gate_check(t, &q, v, NULL, e);
	}
	txn_end(t);
	return ret;
}

/* One line says why, and the next one how often since. */
static void
say_unread(struct copier *c, const struct ipc_delivery *d,
    const struct err *e)
{
	int64_t now = clock_mono_ms(c->p.clock);
	struct log_line l;

	c->unread++;
	if (c->unread_ms != 0 && now < c->unread_ms)
		return;
	c->unread_ms = now + COPY_GATE_LOG_MS;
	log_begin(&l, LEVEL_ERROR, "gate-unread");
	log_int(&l, "held", (int64_t)c->unread);
	log_hex(&l, "delivery", d->delivery);
	log_hex(&l, d->kind == IPC_KIND_NOTICE ? "notice" : "campaign",
	    d->kind == IPC_KIND_NOTICE ? d->notice : d->campaign);
	log_err(&l, e);
	log_end(&l);
	c->unread = 0;
}

uint8_t
copy_gate(struct copier *c, const struct ipc_delivery *d)
{
	enum gate_verdict v = GATE_HELD;
	struct err e = ERR_INIT;

	/* A test goes to an address the operator named, not to a member. */
	if (d->kind == IPC_KIND_TEST)
		return 0;
	/* What cannot be read now is not open: held, and asked again later. */
	if (ask_gate(c, d, &v, &e) == -1) {
		say_unread(c, d, &e);
		return GATE_HELD;
	}
	return v == GATE_OPEN ? 0 : (uint8_t)v;
}

enum ipc_tls
copy_tls(struct copier *c, const struct ipc_delivery *d)
{
	static const enum ipc_tls levels[] = {
		[LIST_TLS_OPPORTUNISTIC] = IPC_TLS_NONE,
		[LIST_TLS_REQUIRED] = IPC_TLS_UNVERIFIED,
		[LIST_TLS_VERIFIED] = IPC_TLS_VERIFIED,
	};
	enum list_tls tls = LIST_TLS_OPPORTUNISTIC;
	struct err e = ERR_INIT;
	struct txn *t;
	int rc;

	if (d->list == 0)		/* mail of the host's own */
		return IPC_TLS_NONE;
	if (txn_read(c->p.store, STORE_S, &t, &e) == -1) {
		say_unread(c, d, &e);
		return IPC_TLS_DANE;
	}
	if ((rc = list_tls(t, d->list, &tls, &e)) == -1)
		say_unread(c, d, &e);
	txn_end(t);
	return rc == -1 ? IPC_TLS_DANE : levels[tls];
}

/* ---- memory */

struct made *
made_new(struct copier *c)
{
	struct made *m = TAILQ_FIRST(&c->idle);

	if (m != NULL) {
		TAILQ_REMOVE(&c->idle, m, entry);
		c->nidle--;
		return m;
	}
	m = xcalloc(1, sizeof(*m));
	m->rendered = (struct rendered)RENDERED_INIT;
	strbuf_init(&m->kept, 0);
	return m;
}

static void
made_free(struct made *m)
{
	rendered_free(&m->rendered);
	free(m->pieces);
	free(m);
}

void
copies_free(struct copier *c)
{
	struct made *m;

	while ((m = TAILQ_FIRST(&c->idle)) != NULL) {
		TAILQ_REMOVE(&c->idle, m, entry);
		made_free(m);
	}
	c->nidle = 0;
}

void
copy_release(struct copier *c, struct copy *copy)
{
	struct made *m = (struct made *)copy;

	made_forget(c, m);
	if (m->compiled != NULL)
		compiled_release(c, m->compiled);
	m->compiled = NULL;
	template_free(m->notice);
	m->notice = NULL;
	if (m->copy.token[0] != '\0') {
		keyring_wipe(&m->kept);
		OPENSSL_cleanse(m->copy.token, sizeof(m->copy.token));
		m->copy.mail = (struct slice){ NULL, 0 };
		memset(m->copy.mail_hash, 0, sizeof(m->copy.mail_hash));
	}
	if (c->nidle >= COPIER_IDLE_COPIES) {
		made_free(m);
		return;
	}
	TAILQ_INSERT_HEAD(&c->idle, m, entry);
	c->nidle++;
}

/* ---- a campaign's copy */

struct tokens {
	char	address[ADDRESS_MAX + 2];
	char	url[TOKEN_URL_LEN + 1];
	char	mailto[TOKEN_MAILTO_LEN + 1];
	char	message[TOKEN_DELIVERY_LEN + 1];
};

/* All that names this recipient in the copy, none of it guessable. */
static int
make_tokens(struct copier *c, const struct compiled *k,
    const struct ipc_delivery *d, struct copy *copy, struct tokens *t,
    struct err *e)
{
	struct token_unsubscribe u = { .list = d->list,
		.campaign = d->campaign };
	struct token_delivery td = { d->campaign, d->subscriber };
	struct strbuf path = STRBUF_INIT(sizeof(copy->return_path) - 1);
	struct address a, folded;
	int ret = -1;

	snprintf(a.local, sizeof(a.local), "%s", d->local);
	snprintf(a.domain, sizeof(a.domain), "%s", d->domain);
	if ((size_t)snprintf(t->address, sizeof(t->address), "%s@%s", d->local,
	    d->domain) >= sizeof(t->address)) {
		err_set(e, ERR_LIMIT, "the address is too long");
		return -1;
	}
	if (address_fold(&a, &folded, e) == -1 ||
	    address_hash(c->p.keys, &folded, u.address, e) == -1 ||
	    token_url_format(c->p.keys, k->url_key, &u, t->url, e) == -1)
		return -1;
	u.campaign = 0;
	if (token_mailto_format(c->p.keys, k->url_key, &u, t->mailto,
	    e) == -1 ||
	    token_delivery_format(c->p.keys, k->verp_key, TOKEN_MESSAGE_ID,
	    &td, t->message, e) == -1)
		return -1;
	if (verp_bounce_format(&path, c->p.keys, k->verp_key, &td,
	    c->p.conf->bounce_domain, e) == 0) {
		snprintf(copy->return_path, sizeof(copy->return_path), "%s",
		    path.s);
		snprintf(copy->message_id, sizeof(copy->message_id),
		    "<%s@%.200s>", t->message, c->p.conf->hostname);
		ret = 0;
	}
	strbuf_free(&path);
	return ret;
}

/* A test names no member; if its address is one, it shows that member's. */
static int
tested_member(struct copier *c, struct txn *t, const struct ipc_delivery *d,
    uint64_t *subscriber_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct address a, folded;
	struct member m;
	int rc;

	snprintf(a.local, sizeof(a.local), "%s", d->local);
	snprintf(a.domain, sizeof(a.domain), "%s", d->domain);
	if (address_fold(&a, &folded, e) == -1 ||
	    address_hash(c->p.keys, &folded, hash, e) == -1)
		return -1;
	rc = subscriber_find(t, d->list, hash, &m, e);
	if (rc == 1)
		*subscriber_r = m.subscriber;
	return rc;
}

/* The day on which a member asked, for a reminder; else "". */
static int
read_since(struct txn *t, uint64_t subscriber, char *day, struct err *e)
{
	int64_t since;
	int rc = dormancy_member_since(t, subscriber, &since, e);

	if (rc == 1)
		date_day(since, day);
	return rc;
}

/*
 * The member's attributes as they are now; NULL when there are none.  day: of
 * read_since(), unless it is NULL.
 */
static int
read_attributes(struct copier *c, const struct ipc_delivery *d, json_t **json,
    char *day, struct err *e)
{
	uint64_t subscriber = d->subscriber;
	struct slice text;
	struct txn *t;
	int ret = 1;

	*json = NULL;
	if (subscriber == 0 && d->kind != IPC_KIND_TEST)
		return 0;
	if (txn_read(c->p.store, STORE_S, &t, e) == -1)
		return -1;
	if (subscriber == 0)
		ret = tested_member(c, t, d, &subscriber, e);
	if (ret == 1 && day != NULL)
		ret = read_since(t, subscriber, day, e);
	if (ret == 1)
		ret = attributes_get(t, subscriber, &text, e);
	if (ret == 1)
		*json = json_loadb((const char *)text.p, text.len, 0, NULL);
	txn_end(t);
	return ret == -1 ? -1 : 0;
}

static int
make_campaign(struct copier *c, struct made *m, const struct ipc_delivery *d,
    struct err *e)
{
	struct compiled *k = copier_campaign(c, d->campaign, e);
	struct tokens tokens;
	struct template_values v = { .address = tokens.address,
		.url_token = tokens.url, .mailto_token = tokens.mailto,
		.message_token = tokens.message, .bdat = m->copy.bdat };
	char since[DATE_DAY_LEN + 1] = "";
	json_t *attributes;
	int ret;

	/* Queue holds the campaign until its parts can be read again. */
	if (k == NULL) {
		e->code = ERR_AGAIN;
		return -1;
	}
	/* One member's damage is no reason to hold the others. */
	if (read_attributes(c, d, &attributes, k->reminder ? since : NULL,
	    e) == -1) {
		if (e->code != ERR_DAMAGED)
			e->code = ERR_AGAIN;
		return -1;
	}
	m->compiled = k;
	k->users++;
	v.attributes = attributes;
	v.member_since = since[0] != '\0' ? since : NULL;
	ret = make_tokens(c, k, d, &m->copy, &tokens, e);
	if (ret == 0)
		ret = made_finish(c, m, k->template, &v, k->signer, e);
	json_decref(attributes);
	return ret;
}

static int
make_notice(struct copier *c, struct made *m, const struct ipc_delivery *d,
    struct err *e)
{
	struct notice n;
	struct txn *t;
	int ret;

	if (txn_read(c->p.store, STORE_S, &t, e) == -1) {
		e->code = ERR_AGAIN;
		return -1;
	}
	ret = notice_get(t, d->notice, &n, e);
	txn_end(t);
	if (ret != 1) {
		if (ret == 0)
			err_set(e, ERR_NOTFOUND, "the notice is gone");
		return -1;
	}
	return notice_make(c, m, &n, e);
}

struct copy *
copy_make(struct copier *c, const struct ipc_delivery *d, bool bdat,
    struct err *e)
{
	struct made *m = made_new(c);
	int ret;

	m->copy.bdat = bdat;
	if (d->kind == IPC_KIND_NOTICE)
		ret = make_notice(c, m, d, e);
	else
		ret = make_campaign(c, m, d, e);
	if (ret == 0)
		return &m->copy;
	copy_release(c, &m->copy);
	return NULL;
}
