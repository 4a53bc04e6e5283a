/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - one HTTP request and the answer to it, without the HTTP.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/xmalloc.h"
#include "web/html.h"
#include "web/page.h"

#define TOKEN_SHOWN	"<token>"	/* in place of one, in evidence */
#define SECRET_SHOWN	"<removed>"

/* Octets to begin with, so that buffers need not grow step by step. */
#define RAW_USUAL	512	/* of a request as kept */
#define ASK_USUAL	512	/* of a question beside that */

struct exchange *
exchange_new(struct exchange_env *env, const struct site *site,
    const char *method, const char *path, const char *version)
{
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->env = env;
	x->site = site;
	x->began_ms = clock_utc_ms(env->clock);
	x->method = web_method_parse(method);
	route_parse(path, site->prefix, &x->route);
	x->secret = x->route.route == ROUTE_CONFIRM ||
	    x->route.route == ROUTE_LEAVE || x->route.route == ROUTE_MINE;
	strbuf_init(&x->answer.body, x->route.route == ROUTE_MINE ?
	    EXCHANGE_DATA_MAX : EXCHANGE_PAGE_MAX);
	strbuf_init(&x->ask.frame, IPC_FRAME_MAX);
	strbuf_init(&x->forwarded_for, EXCHANGE_HOPS_MAX);
	strbuf_init(&x->forwarded, EXCHANGE_HOPS_MAX);
	strbuf_init(&x->raw, IPC_RAW_MAX);
	strbuf_reserve(&x->raw, RAW_USUAL);
	strbuf_init(&x->body, site->max_body);
	if (x->route.route == ROUTE_CONFIRM)
		path = "/c/" TOKEN_SHOWN;
	else if (x->route.route == ROUTE_LEAVE)
		path = "/u/" TOKEN_SHOWN;
	else if (x->route.route == ROUTE_MINE)
		path = "/data/" TOKEN_SHOWN;
	strbuf_addf(&x->raw, "%s %s %s\r\n", method, path, version);
	return x;
}

void
answer_free(struct answer *a)
{
	strbuf_free(&a->body);
}

void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	answer_free(&x->answer);
	strbuf_free(&x->ask.frame);
	strbuf_free(&x->forwarded_for);
	strbuf_free(&x->forwarded);
	strbuf_free(&x->raw);
	strbuf_free(&x->body);
	free(x);
}

/* ---- the head */

/* Evidence is cut at its limit, not refused. */
static void
raw_add(struct exchange *x, const char *p, size_t len)
{
	size_t room = x->raw.max - x->raw.len;

	strbuf_add(&x->raw, p, len < room ? len : room);
}

/* A value without the token, which a proxy may have copied into it. */
static void
raw_add_value(struct exchange *x, const char *value, size_t len)
{
	size_t n = x->secret ? strlen(x->route.argument) : 0;

	if (n == 0) {
		raw_add(x, value, len);
		return;
	}
	while (len > 0) {
		if (len >= n &&
		    strncasecmp(value, x->route.argument, n) == 0) {
			raw_add(x, TOKEN_SHOWN, sizeof(TOKEN_SHOWN) - 1);
			value += n;
			len -= n;
		} else {
			raw_add(x, value++, 1);
			len--;
		}
	}
}

static bool
is(const char *name, size_t len, const char *known)
{
	return strlen(known) == len && strncasecmp(name, known, len) == 0;
}

/* What lets others in, or leads back to a token, is nobody's evidence. */
static bool
is_secret(const struct exchange *x, const char *name, size_t len)
{
	return is(name, len, "Cookie") || is(name, len, "Authorization") ||
	    is(name, len, "Proxy-Authorization") ||
	    (x->secret && is(name, len, "Referer"));
}

/* Copied as text: cut to its place, controls replaced. */
static void
keep(char *out, size_t size, const char *value, size_t len)
{
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		out[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
	}
	out[len] = '\0';
}

static void
keep_hops(struct strbuf *b, bool *seen, const char *value, size_t len)
{
	if (*seen)
		strbuf_adds(b, ", ");
	*seen = true;
	strbuf_add(b, value, len);
}

static void
keep_length(struct exchange *x, const char *value, size_t len)
{
	uint64_t n = 0;

	x->lengths++;
	if (len == 0)
		x->bad_length = true;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9') {
			x->bad_length = true;
			return;
		}
		/* Far beyond every limit is far enough. */
		if (n < UINT32_MAX)
			n = n * 10 + (uint64_t)(value[i] - '0');
	}
	x->length = n;
}

void
exchange_header(struct exchange *x, const char *name, size_t name_len,
    const char *value, size_t len)
{
	raw_add(x, name, name_len);
	raw_add(x, ": ", 2);
	if (is_secret(x, name, name_len))
		raw_add(x, SECRET_SHOWN, sizeof(SECRET_SHOWN) - 1);
	else
		raw_add_value(x, value, len);
	raw_add(x, "\r\n", 2);

	if (is(name, name_len, "Content-Type")) {
		keep(x->type, sizeof(x->type), value, len);
	} else if (is(name, name_len, "User-Agent")) {
		keep(x->agent, sizeof(x->agent), value, len);
	} else if (is(name, name_len, "X-Forwarded-For")) {
		keep_hops(&x->forwarded_for, &x->has_for, value, len);
	} else if (is(name, name_len, "Forwarded")) {
		keep_hops(&x->forwarded, &x->has_forwarded, value, len);
	} else if (is(name, name_len, "Content-Length")) {
		keep_length(x, value, len);
	} else if (is(name, name_len, "Transfer-Encoding")) {
		x->codings++;
		x->chunked = is(value, len, "chunked");
	}
}

static enum exchange_step
refuse(struct exchange *x, unsigned status, enum text title, enum text what)
{
	answer_plain(x, status, title, what);
	x->answer.close = true;
	return EXCHANGE_ANSWERED;
}

/*
 * Where a body ends must be said once and clearly, or a proxy in front may
 * see another request in it than we do (RFC 9112 section 6.3, X30).
 */
static bool
framing_is_clear(const struct exchange *x)
{
	return x->lengths <= 1 && !x->bad_length && x->codings <= 1 &&
	    (x->codings == 0 || (x->chunked && x->lengths == 0));
}

enum exchange_step
exchange_head(struct exchange *x, size_t octets, const struct sockaddr *peer)
{
	raw_add(x, "\r\n", 2);
	/* A field that did not fit has lost the end that counts. */
	if (client_ip_peer(peer, &x->from) && !x->forwarded_for.overflow &&
	    !x->forwarded.overflow)
		client_ip_find(&x->site->trusted_proxies,
		    x->has_for ? x->forwarded_for.s : NULL,
		    x->has_forwarded ? x->forwarded.s : NULL, &x->from);
	if (octets > x->site->max_head)
		return refuse(x, 431, TEXT_431_TITLE, TEXT_431);
	if (!framing_is_clear(x))
		return refuse(x, 400, TEXT_400_TITLE, TEXT_400);
	if (x->length > x->site->max_body)
		return refuse(x, 413, TEXT_413_TITLE, TEXT_413);
	if (x->route.route != ROUTE_NONE &&
	    !route_allows(x->route.route, x->method)) {
		x->answer.allow = route_allow(x->route.route);
		return refuse(x, 405, TEXT_405_TITLE, TEXT_405);
	}
	return EXCHANGE_MORE;
}

bool
exchange_body(struct exchange *x, const void *p, size_t len)
{
	strbuf_add(&x->body, p, len);
	return !x->body.overflow;
}

/* ---- the answer */

static void
run_get(struct exchange *x)
{
	switch (x->route.route) {
	case ROUTE_HOME:
		page_home(x);
		return;
	case ROUTE_ROBOTS:
		page_robots(x);
		return;
	case ROUTE_HEALTH:
		page_health(x);
		return;
	case ROUTE_ABUSE:
		page_abuse(x);
		return;
	case ROUTE_LIST:
		page_list(x);
		return;
	case ROUTE_JOIN:
		page_join_get(x);
		return;
	case ROUTE_CONFIRM:
		page_confirm_get(x);
		return;
	case ROUTE_LEAVE:
		page_leave_get(x);
		return;
	case ROUTE_DATA:
		page_data_get(x);
		return;
	case ROUTE_MINE:
		page_mine_get(x);
		return;
	case ROUTE_CHECKPOINT:
		page_checkpoint(x);
		return;
	case ROUTE_LEDGER_KEY:
		page_ledger_key(x);
		return;
	case ROUTE_COSIGNATURE:
		page_cosigned(x);
		return;
	case ROUTE_TILE:
		page_tile(x);
		return;
	case ROUTE_NONE:
	case ROUTE_FAVICON:
	case ROUTE_METRICS:	/* asks queue */
	case ROUTES:
		break;
	}
	answer_plain(x, 404, TEXT_404_TITLE, TEXT_404);
}

static enum exchange_step
run_post(struct exchange *x)
{
	switch (x->route.route) {
	case ROUTE_JOIN:
		return page_join_post(x);
	case ROUTE_CONFIRM:
		return page_confirm_post(x);
	case ROUTE_LEAVE:
		return page_leave_post(x);
	case ROUTE_DATA:
		return page_data_post(x);
	case ROUTE_MINE:
		return page_mine_post(x);
	case ROUTE_COSIGNATURE:
		return page_cosign_post(x);
	default:
		answer_plain(x, 404, TEXT_404_TITLE, TEXT_404);
		return EXCHANGE_ANSWERED;
	}
}

/* A page that did not fit in its limit must not go out cut. */
static void
finish(struct exchange *x)
{
	if (x->answer.body.overflow)
		answer_try_again(x);
}

enum exchange_step
exchange_run(struct exchange *x)
{
	enum exchange_step step = EXCHANGE_ANSWERED;

	switch (x->method) {
	case METHOD_OPTIONS:
		answer_text(&x->answer, 204);
		x->answer.allow = route_allow(x->route.route);
		break;
	case METHOD_POST:
		step = run_post(x);
		break;
	default:
		if (x->route.route == ROUTE_METRICS)
			step = page_metrics(x);
		else
			run_get(x);
	}
	if (step == EXCHANGE_ANSWERED)
		finish(x);
	return step;
}

void
exchange_reply(struct exchange *x, enum ipc_result result, const char *text)
{
	if (x->route.route == ROUTE_METRICS)
		page_metrics_reply(x, result);
	else if (x->route.route == ROUTE_COSIGNATURE)
		page_cosign_reply(x, result);
	else if (result == IPC_TRY_AGAIN)
		answer_try_again(x);
	else if (x->route.route == ROUTE_JOIN)
		page_join_reply(x, result);
	else if (x->route.route == ROUTE_CONFIRM)
		page_confirm_reply(x, result, text);
	else if (x->route.route == ROUTE_DATA)
		page_data_reply(x, result);
	else if (x->route.route == ROUTE_MINE)
		page_mine_reply(x, result, text);
	else
		page_leave_reply(x, result);
	finish(x);
}

void
exchange_fixed(struct answer *a, const struct site *site,
    enum answer_fixed which)
{
	a->fixed = which;
	page_left(answer_html(a, 200), site, which == ANSWER_FIXED_LEFT_ALL);
}

/* ---- for the pages */

struct strbuf *
answer_html(struct answer *a, unsigned status)
{
	a->status = status;
	a->type = ANSWER_HTML;
	a->cache = ANSWER_CACHE_NEVER;
	strbuf_reset(&a->body);
	return &a->body;
}

struct strbuf *
answer_text(struct answer *a, unsigned status)
{
	answer_html(a, status);
	a->type = ANSWER_TEXT;
	return &a->body;
}

void
answer_plain(struct exchange *x, unsigned status, enum text title,
    enum text what)
{
	struct strbuf *out = answer_html(&x->answer, status);

	html_begin(out, title, NULL);
	html_paragraph(out, what, NULL);
	html_end(out, x->site);
}

void
answer_no_list(struct exchange *x)
{
	answer_plain(x, 404, TEXT_404_TITLE, TEXT_404_LIST);
}

void
answer_try_again(struct exchange *x)
{
	answer_plain(x, 503, TEXT_503_TITLE, TEXT_503);
	x->answer.fixed = ANSWER_FIXED_NO;
	x->answer.retry = true;
}

void
exchange_evidence(const struct exchange *x, const char *channel,
    struct ipc_evidence *ev_r)
{
	memset(ev_r, 0, sizeof(*ev_r));
	ev_r->when_ms = x->began_ms;
	memcpy(ev_r->ip, x->from.ip, sizeof(ev_r->ip));
	ev_r->port = x->from.port;
	memcpy(ev_r->proxy_ip, x->from.proxy_ip, sizeof(ev_r->proxy_ip));
	ev_r->proxy_port = x->from.proxy_port;
	keep(ev_r->channel, sizeof(ev_r->channel), channel, strlen(channel));
	memcpy(ev_r->agent, x->agent, sizeof(ev_r->agent));
	ev_r->raw = (struct slice){ (const uint8_t *)x->raw.s, x->raw.len };
}

uint64_t
exchange_ask(struct exchange *x, enum ipc_type type, bool again)
{
	/* The request as received is complete now. */
	raw_add_value(x, x->body.s, x->body.len);
	x->ask.type = type;
	x->ask.again = again;
	x->ask.id = atomic_fetch_add(&x->env->last_request, 1) + 1;
	strbuf_reset(&x->ask.frame);
	strbuf_reserve(&x->ask.frame, x->raw.len + ASK_USUAL);
	return x->ask.id;
}

enum exchange_step
exchange_asked(struct exchange *x)
{
	if (!x->ask.frame.overflow)
		return EXCHANGE_ASKS;
	answer_try_again(x);
	return EXCHANGE_ANSWERED;
}

const char *
exchange_type(const struct exchange *x)
{
	return x->type[0] != '\0' ? x->type : NULL;
}
