/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_ledger.c - the ledger, for those who watch it.
 *
 * As c2sp.org/tlog-tiles has it: the signed checkpoint, the tree in tiles and
 * the entries in bundles, which are commitments and tell nothing of anybody.
 * Of the tree only that is served which the last signed checkpoint covers, so
 * that nobody can hold octets against us that we did not sign for.  A restored
 * log has paths of its own: what caches keep for ever is of one history.
 *
 * A witness of the configuration posts a checkpoint that it has signed.  It is
 * judged here, so that only what is good reaches queue, and by queue again,
 * which trusts nobody with a socket to the world.
 *
 * Programs read all this: answers are plain text.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/tlog_tile.h"
#include "web/page.h"
#include "web/view.h"

static void
say(struct exchange *x, unsigned status, const char *what)
{
	strbuf_adds(answer_text(&x->answer, status), what);
	x->answer.retry = status == 503;
}

/* The answer to a look at the store that found 1, 0 or -1. */
static void
found(struct exchange *x, int rc, const char *none)
{
	x->answer.cache = ANSWER_CACHE_NO;
	if (rc == 1)
		return;
	x->answer.cache = ANSWER_CACHE_NEVER;
	if (rc == 0)
		say(x, 404, none);
	else
		say(x, 503, "the store cannot be read\n");
}

static void
show(struct exchange *x, enum view_ledger what, const char *none)
{
	struct strbuf *out = answer_text(&x->answer, 200);

	found(x, x->env->view->ledger(x->env->view_arg, x->route.log, what,
	    out, NULL), none);
}

void
page_checkpoint(struct exchange *x)
{
	show(x, VIEW_CHECKPOINT, "nothing was signed yet\n");
}

void
page_ledger_key(struct exchange *x)
{
	show(x, VIEW_LEDGER_KEYS, "nothing was signed yet\n");
}

void
page_cosigned(struct exchange *x)
{
	show(x, VIEW_COSIGNED, "no witness has signed yet\n");
}

void
page_tile(struct exchange *x)
{
	struct strbuf *out = answer_text(&x->answer, 200);
	struct tlog_tile t;
	int rc = 0;

	if (tlog_tile_parse(&t, x->route.argument,
	    strlen(x->route.argument)))
		rc = x->env->view->tile(x->env->view_arg, x->route.log, &t,
		    out, NULL);
	found(x, rc, "no such tile in the signed tree\n");
	if (rc == 1) {
		x->answer.type = ANSWER_OCTETS;
		x->answer.cache = ANSWER_CACHE_EVER;
	}
}

/* ---- cosignatures */

static const char	stranger[] =
    "not signed by this log and by a witness it knows\n",
    other[] = "not the tree of this log, or older than what is kept\n";

enum exchange_step
page_cosign_post(struct exchange *x)
{
	const struct cosign_witnesses w = { x->site->witnesses.v,
		x->site->witnesses.n };
	struct ipc_cosign c = { .note = { (const uint8_t *)x->body.s,
		x->body.len } };
	enum cosign_verdict verdict;

	if (x->env->view->cosign(x->env->view_arg, &w, c.note, &verdict,
	    NULL) == -1) {
		say(x, 503, "the store cannot be read\n");
		return EXCHANGE_ANSWERED;
	}
	switch (verdict) {
	case COSIGN_MALFORMED:
		say(x, 400, "not a signed checkpoint\n");
		return EXCHANGE_ANSWERED;
	case COSIGN_STRANGER:
		say(x, 403, stranger);
		return EXCHANGE_ANSWERED;
	case COSIGN_OTHER:
		say(x, 409, other);
		return EXCHANGE_ANSWERED;
	case COSIGN_GOOD:
		break;
	}
	c.request = exchange_ask(x, IPC_COSIGN, true);
	ipc_put_cosign(&x->ask.frame, &c);
	return exchange_asked(x);
}

void
page_cosign_reply(struct exchange *x, enum ipc_result result)
{
	switch (result) {
	case IPC_OK:
		say(x, 200, "kept\n");
		break;
	case IPC_UNKNOWN:
		say(x, 403, stranger);
		break;
	case IPC_NO:
		say(x, 409, other);
		break;
	case IPC_TRY_AGAIN:
		say(x, 503, "not kept, try again\n");
		break;
	}
}
