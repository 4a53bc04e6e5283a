/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.c - the little that pages show of the store.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/access.h"
#include "spool/list.h"
#include "spool/request.h"
#include "spool/store.h"
#include "web/view_private.h"

struct view {
	pthread_rwlock_t	 lock;	/* held for reading by each look */
	struct store		*store;
};

struct view *
view_new(void)
{
	struct view *v = xcalloc(1, sizeof(*v));

	pthread_rwlock_init(&v->lock, NULL);
	return v;
}

void
view_free(struct view *v)
{
	if (v == NULL)
		return;
	pthread_rwlock_destroy(&v->lock);
	free(v);
}

struct store *
view_set(struct view *v, struct store *st)
{
	struct store *old;

	pthread_rwlock_wrlock(&v->lock);
	old = v->store;
	v->store = st;
	pthread_rwlock_unlock(&v->lock);
	return old;
}

int
view_look_begin(struct view *v, struct txn **t_r, struct err *e)
{
	*t_r = NULL;
	pthread_rwlock_rdlock(&v->lock);
	if (v->store == NULL)
		err_set(e, ERR_AGAIN, "the store is not open");
	else if (txn_read(v->store, STORE_S, t_r, e) == 0)
		return 0;
	pthread_rwlock_unlock(&v->lock);
	return -1;
}

void
view_look_end(struct view *v, struct txn *t)
{
	txn_end(t);
	pthread_rwlock_unlock(&v->lock);
}

_Static_assert(VIEW_STATEMENT_MAX >= LIST_STATEMENT_MAX,
    "room for what a list says");

static void
statement_shown(const struct list *l,
    char out[static VIEW_STATEMENT_MAX + 1])
{
	struct strbuf b = STRBUF_INIT(VIEW_STATEMENT_MAX);

	list_statement(l, &b);
	memcpy(out, b.s, b.len + 1);
	strbuf_free(&b);
}

static void
list_shown(const struct list *l, struct view_list *l_r)
{
	l_r->id = l->id;
	l_r->gone = l->state == LIST_REMOVED;
	l_r->open = l->open && list_answers(l) && (l->state == LIST_ACTIVE ||
	    l->state == LIST_HELD);
	snprintf(l_r->name, sizeof(l_r->name), "%s", l->name);
	snprintf(l_r->title, sizeof(l_r->title), "%s",
	    l->title[0] != '\0' ? l->title : l->name);
	snprintf(l_r->from, sizeof(l_r->from), "%s", l->from);
	snprintf(l_r->postal, sizeof(l_r->postal), "%s", l->postal);
	statement_shown(l, l_r->statement);
}

/* By name, or by id when name is NULL. */
static int
look_list(struct view *v, const char *name, uint32_t id,
    struct view_list *l_r, struct err *e)
{
	struct list *l = xcalloc(1, sizeof(*l));	/* large for a stack */
	struct txn *t;
	int rc = -1;

	if (view_look_begin(v, &t, e) == -1)
		goto out;
	rc = name != NULL ? list_find(t, name, l, e) : list_get(t, id, l, e);
	view_look_end(v, t);
	if (rc == 1)
		list_shown(l, l_r);
out:
	free(l);
	return rc;
}

static int
view_list(void *arg, const char *name, struct view_list *l_r, struct err *e)
{
	/* What can be no name is not looked for. */
	if (list_name_check(name, NULL) == -1)
		return 0;
	return look_list(arg, name, 0, l_r, e);
}

static int
view_list_by_id(void *arg, uint32_t id, struct view_list *l_r, struct err *e)
{
	return look_list(arg, NULL, id, l_r, e);
}

void
view_mask(const char *address, char out[static VIEW_FROM_MAX + 1])
{
	const char *at = strrchr(address, '@');
	unsigned char first = (unsigned char)address[0];

	/* A quoted or UTF-8 local part shows nothing of itself. */
	if (at == NULL || at == address || first == '"' || first >= 0x80)
		snprintf(out, VIEW_FROM_MAX + 1, "...%s",
		    at != NULL ? at : "");
	else
		snprintf(out, VIEW_FROM_MAX + 1, "%c...%s", first, at);
}

static enum view_state
request_shown(const struct request *r, int64_t now_ms)
{
	switch (r->state) {
	case REQUEST_CONFIRMED:
		return VIEW_CONFIRMED;
	case REQUEST_EXPIRED:
		return VIEW_EXPIRED;
	case REQUEST_VOID:
		return VIEW_VOID;
	case REQUEST_PENDING:
		break;
	}
	return r->expires_ms <= now_ms ? VIEW_EXPIRED : VIEW_PENDING;
}

static int
view_request(void *arg, const char *token, int64_t now_ms,
    struct view_request *r_r, struct err *e)
{
	struct list *l = xcalloc(1, sizeof(*l));
	struct view *v = arg;
	struct request r;
	struct txn *t;
	int rc = -1;

	if (view_look_begin(v, &t, e) == -1)
		goto out;
	rc = request_by_token(t, token, &r, e);
	r_r->title[0] = r_r->statement[0] = '\0';
	if (rc == 1 && list_get(t, r.list, l, e) == 1) {
		snprintf(r_r->title, sizeof(r_r->title), "%s",
		    l->title[0] != '\0' ? l->title : l->name);
		statement_shown(l, r_r->statement);
	}
	view_look_end(v, t);
	if (rc == 1) {
		r_r->purpose = r.purpose;
		r_r->state = request_shown(&r, now_ms);
		view_mask(r.address, r_r->address);
	}
out:
	free(l);
	return rc;
}

static int
view_person(void *arg, const char *token, int64_t now_ms, json_t **json_r,
    struct err *e)
{
	struct view *v = arg;
	struct txn *t;
	int rc;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	rc = access_json(t, token, now_ms, json_r, e);
	view_look_end(v, t);
	return rc;
}

static int
view_ready(void *arg, struct err *e)
{
	struct view *v = arg;
	struct txn *t;
	uint64_t n;
	int rc;

	if (view_look_begin(v, &t, e) == -1)
		return -1;
	rc = txn_counter(t, COUNTER_LIST, &n, e);
	view_look_end(v, t);
	return rc == -1 ? -1 : 1;
}

const struct view_ops view_ops = {
	.list = view_list,
	.list_by_id = view_list_by_id,
	.request = view_request,
	.person = view_person,
	.ledger = view_ledger,
	.tile = view_tile,
	.cosign = view_cosign,
	.ready = view_ready,
};
