/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_request_keep.c - files and texts become content before a
 * record names them.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "listd/queue_api.h"
#include "listd/queue_request.h"
#include "spool/content.h"
#include "spool/statement.h"

/* The first recipient of a message had its file adopted already. */
static bool
is_adopted(const struct content *content, const struct ipc_forward *f)
{
	uint64_t size;

	return content_hold(content, f->hash, &size, NULL) == 1 &&
	    size == f->length;
}

/* A role's file becomes content before any record names it. */
static int
adopt(struct queue_requests *all, const struct ipc_forward *f)
{
	const struct content *content = queue_content(all->q);
	struct err e = ERR_INIT;

	if (content_adopt(content, "inbound", f->file, f->length, f->hash,
	    &e) == 0 || (e.code == ERR_NOTFOUND && is_adopted(content, f)))
		return 0;
	log_failure(LEVEL_ERROR, "adopt", &e);
	return -1;
}

/*
 * What a page said becomes content, before an entry names it by its hash.
 * Most requests follow a page whose text is there already.
 */
static int
keep_shown(struct queue_requests *all, const char *form, struct slice shown)
{
	const struct content *content = queue_content(all->q);
	uint8_t claimed[CONTENT_HASH], hash[CONTENT_HASH];
	struct err e = ERR_INIT;
	uint64_t size;

	if (shown.len == 0)
		return 0;
	if (!content_unhex(form, claimed)) {
		err_set(&e, ERR_INPUT, "the text of a form without its hash");
		goto fail;
	}
	if (content_hold(content, claimed, &size, NULL) == 1)
		return 0;
	if (content_put(content, shown.p, shown.len, hash, &e) == -1)
		goto fail;
	if (memcmp(hash, claimed, sizeof(hash)) == 0)
		return 0;
	err_set(&e, ERR_INPUT, "the text of a form is not that of its hash");
fail:
	log_failure(LEVEL_ERROR, "form", &e);
	return -1;
}

static int
keep_subscribe(struct queue_requests *all, struct ipc_subscribe *s)
{
	struct err e = ERR_INIT;

	if (s->shown.len > 0 || s->evidence.form[0] != '\0')
		return keep_shown(all, s->evidence.form, s->shown);
	/* By mail: they are shown it by the page that confirms. */
	if (statement_keep(queue_store(all->q), queue_content(all->q),
	    s->list, s->evidence.form, &e) == 0)
		return 0;
	log_failure(LEVEL_ERROR, "form", &e);
	return -1;
}

/* Files and texts that the job will name. */
int
request_keep(struct peer_request *r)
{
	struct queue_requests *all = r->peer->all;

	switch (r->type) {
	case IPC_FORWARD: return adopt(all, &r->in.forward);
	case IPC_SUBSCRIBE: return keep_subscribe(all, &r->in.subscribe);
	case IPC_CONFIRM:
		return keep_shown(all, r->in.confirm.evidence.form,
		    r->in.confirm.shown);
	default: return 0;
	}
}
