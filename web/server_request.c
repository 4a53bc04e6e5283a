/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_request.c - a request as libmicrohttpd hands it over, and its answer.
 *
 * The handler is called when the head is there, for each piece of the body,
 * and when the request is complete.  If queue must answer, the connection is
 * suspended first and the question asked then, because the answer may come
 * before the handler returns; resumed, the handler is called once more.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/exposition.h"
#include "lib/sys/channel.h"
#include "lib/xmalloc.h"
#include "web/html.h"
#include "web/metrics.h"
#include "web/server_private.h"

/* ---- answers */

static bool
add(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool
add_headers(struct MHD_Response *response, const struct answer *a, bool tls)
{
	static const char *const types[] = {
		[ANSWER_NONE] = "text/html; charset=utf-8",
		[ANSWER_HTML] = "text/html; charset=utf-8",
		[ANSWER_TEXT] = "text/plain; charset=utf-8",
		[ANSWER_FIGURES] = EXPOSITION_TYPE,
		[ANSWER_JSON] = "application/json",
		[ANSWER_OCTETS] = "application/octet-stream",
	};
	static const char *const caches[] = {
		[ANSWER_CACHE_NEVER] = "no-store",
		[ANSWER_CACHE_NO] = "no-cache",
		[ANSWER_CACHE_EVER] = "public, max-age=31536000, immutable",
	};
	char retry[16];
	bool ok = true;

	if (a->status != 204)
		ok = add(response, "Content-Type", types[a->type]);
	ok = ok && add(response, "Cache-Control", caches[a->cache]) &&
	    add(response, "Content-Security-Policy", html_policy()) &&
	    add(response, "Referrer-Policy", "no-referrer") &&
	    add(response, "X-Content-Type-Options", "nosniff") &&
	    add(response, "X-Frame-Options", "DENY") &&
	    add(response, "X-Robots-Tag", "noindex, nofollow");
	if (ok && a->type == ANSWER_JSON)
		ok = add(response, "Content-Disposition",
		    "attachment; filename=\"kept.json\"");
	if (ok && tls)
		ok = add(response, "Strict-Transport-Security",
		    "max-age=31536000");
	if (ok && a->allow != NULL)
		ok = add(response, "Allow", a->allow);
	if (ok && a->retry) {
		snprintf(retry, sizeof(retry), "%d", EXCHANGE_RETRY_S);
		ok = add(response, "Retry-After", retry);
	}
	if (ok && a->close)
		ok = add(response, "Connection", "close");
	return ok;
}

struct MHD_Response *
server_response(struct answer *a, bool tls)
{
	size_t len = a->body.len;
	char *body = len != 0 ? strbuf_steal(&a->body) : NULL;
	struct MHD_Response *response = MHD_create_response_from_buffer(len,
	    body, len != 0 ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

	if (response == NULL) {
		free(body);
		return NULL;
	}
	if (!add_headers(response, a, tls)) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

static enum MHD_Result
send_answer(struct request *r)
{
	struct server *s = r->listener->server;
	struct answer *a = &r->x->answer;
	struct MHD_Response *response;
	enum MHD_Result rc;

	r->state = REQUEST_ANSWERED;
	server_conn_wait(s, r->conn, s->timeout_ms);
	if (atomic_load(&s->draining))
		a->close = true;
	response = r->gen->fixed[r->listener->tls][a->fixed];
	if (response != NULL && !a->close)
		return MHD_queue_response(r->mhd, a->status, response);
	if (a->fixed != ANSWER_FIXED_NO)
		exchange_fixed(a, &r->gen->site, a->fixed);
	if ((response = server_response(a, r->listener->tls)) == NULL)
		return MHD_NO;
	rc = MHD_queue_response(r->mhd, a->status, response);
	MHD_destroy_response(response);
	return rc;
}

/* ---- the head */

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *name,
    size_t name_len, const char *value, size_t len)
{
	(void)kind;
	exchange_header(cls, name, name_len, value != NULL ? value : "", len);
	return MHD_YES;
}

static const struct sockaddr *
peer_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd,
	    MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL ? info->client_addr : NULL;
}

static size_t
head_octets(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd,
	    MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info != NULL ? info->header_size : 0;
}

static enum MHD_Result
begin(struct worker *w, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, void **context)
{
	struct server *s = w->listener->server;
	struct request *r = xcalloc(1, sizeof(*r));

	r->worker = w;
	r->listener = w->listener;
	r->mhd = mhd;
	r->conn = server_conn_of(mhd);
	r->gen = atomic_load(&s->gen);
	r->began_ms = server_now(s);
	r->x = exchange_new(s->p.env, &r->gen->site, method, url, version);
	*context = r;
	atomic_fetch_add(&s->active, 1);
	server_conn_wait(s, r->conn, s->timeout_ms);
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, r->x);
	if (exchange_head(r->x, head_octets(mhd), peer_of(mhd)) ==
	    EXCHANGE_ANSWERED)
		return send_answer(r);
	return MHD_YES;
}

/* ---- the whole */

/* In the loop: queue has answered, or nobody did. */
static void
on_answered(struct queue_ask *ask, enum ipc_result result, const char *text)
{
	struct request *r = (struct request *)ask;	/* its first member */
	struct worker *worker = r->worker;	/* r may go once resumed */

	r->result = result;
	snprintf(r->text, sizeof(r->text), "%s", text);
	r->state = REQUEST_REPLIED;
	MHD_resume_connection(r->mhd);
	server_worker_wake(worker);
}

static enum MHD_Result
ask(struct request *r)
{
	struct server *s = r->listener->server;

	r->state = REQUEST_ASKED;
	r->ask.id = r->x->ask.id;
	r->ask.type = r->x->ask.type;
	r->ask.again = r->x->ask.again;
	r->ask.frame = &r->x->ask.frame;
	r->ask.into = r->x->ask.into;
	r->ask.answered = on_answered;
	server_conn_wait(s, r->conn, NEVER);
	MHD_suspend_connection(r->mhd);
	if (!queue_link_ask(s->link, &r->ask))
		on_answered(&r->ask, IPC_TRY_AGAIN, "");
	return MHD_YES;
}

static enum MHD_Result
complete(struct request *r)
{
	switch (r->state) {
	case REQUEST_READING:
		if (exchange_run(r->x) == EXCHANGE_ASKS)
			return ask(r);
		return send_answer(r);
	case REQUEST_REPLIED:
		exchange_reply(r->x, r->result, r->text);
		return send_answer(r);
	case REQUEST_ASKED:
	case REQUEST_ANSWERED:
		break;
	}
	return MHD_YES;
}

enum MHD_Result
server_request_handle(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **context)
{
	struct request *r = *context;

	if (r == NULL)
		return begin(cls, mhd, url, method, version, context);
	if (*size != 0) {
		/* Answered already: read on, and keep nothing. */
		if (r->state == REQUEST_READING &&
		    !exchange_body(r->x, data, *size))
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	return complete(r);
}

void
server_request_done(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_RequestTerminationCode why)
{
	struct server *s = ((struct worker *)cls)->listener->server;
	struct request *r = *context;
	bool cut = why != MHD_REQUEST_TERMINATED_COMPLETED_OK;

	(void)mhd;
	if (r == NULL)
		return;
	if (r->state != REQUEST_ANSWERED)
		r->x->answer.status = 0;
	server_log_request(s, r, cut);
	metrics_request(s->p.env->metrics, r->x->route.route,
	    r->x->answer.status);
	server_conn_wait(s, r->conn, s->timeout_ms);
	exchange_free(r->x);
	free(r);
	*context = NULL;
	atomic_fetch_sub(&s->active, 1);
}
