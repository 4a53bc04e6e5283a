/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsrpt_pack.c - what was counted, and a report, on their way.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/tlsrpt_private.h"

#define DAY_MS	86400000

void
tlsrpt_each(const struct tlsrpt *t,
    void (*fn)(void *, const struct tlsrpt_event *), void *arg)
{
	const struct tlsrpt_row *r;

	TAILQ_FOREACH(r, &t->rows, entry) {
		const struct tlsrpt_event ev = { .when_ms = r->day * DAY_MS,
			.domain = r->domain, .type = r->type,
			.policy = r->policy, .mx = r->mx, .ip = r->ip,
			.result = r->result, .reason = r->reason,
			.count = r->count < UINT32_MAX ? (uint32_t)r->count :
			UINT32_MAX };

		fn(arg, &ev);
	}
}

/* ---- in frames and in the store */

static const char *
text_of(const char *s)
{
	return s != NULL ? s : "";
}

void
tlsrpt_pack(struct strbuf *b, const struct tlsrpt_event *ev)
{
	pack_i64(b, ev->when_ms);
	pack_u8(b, (uint8_t)ev->type);
	pack_u8(b, (uint8_t)ev->result);
	pack_u32(b, ev->count);
	pack_str(b, ev->domain);
	pack_str(b, text_of(ev->mx));
	pack_str(b, text_of(ev->ip));
	pack_str(b, text_of(ev->reason));
	pack_str(b, text_of(ev->policy));
}

void
tlsrpt_unpack(struct unpack *u, struct tlsrpt_told *told)
{
	uint8_t type, result;

	told->ev = (struct tlsrpt_event){ .when_ms = unpack_i64(u),
		.domain = told->domain, .mx = told->mx, .ip = told->ip,
		.reason = told->reason, .policy = told->policy };
	type = unpack_u8(u);
	result = unpack_u8(u);
	told->ev.count = unpack_u32(u);
	unpack_str(u, told->domain, sizeof(told->domain));
	unpack_str(u, told->mx, sizeof(told->mx));
	unpack_str(u, told->ip, sizeof(told->ip));
	unpack_str(u, told->reason, sizeof(told->reason));
	unpack_str(u, told->policy, sizeof(told->policy));
	if (type > TLSRPT_TLSA || result >= TLSRPT_RESULTS ||
	    told->domain[0] == '\0')
		u->bad = true;
	told->ev.type = u->bad ? TLSRPT_NO_POLICY :
	    (enum tlsrpt_policy_type)type;
	told->ev.result = u->bad ? TLSRPT_SUCCESS :
	    (enum tlsrpt_result)result;
}

/* ---- a report on its way to be mailed */

void
tlsrpt_about_put(struct strbuf *out, const struct tlsrpt_about *a)
{
	strbuf_addf(out, "%s %lld %s\n", a->domain, (long long)a->day, a->id);
}

/* Up to a blank or the end; false when it is empty or longer than max. */
static bool
take_word(const char **p, const char *end, char *out, size_t max)
{
	size_t n = 0;

	while (*p + n < end && (*p)[n] != ' ')
		n++;
	if (n == 0 || n > max)
		return false;
	memcpy(out, *p, n);
	out[n] = '\0';
	*p += n < (size_t)(end - *p) ? n + 1 : n;
	return true;
}

int
tlsrpt_about_get(const char *text, size_t len, struct tlsrpt_about *a,
    size_t *json_r, struct err *e)
{
	const char *end = memchr(text, '\n', len), *p = text;
	char day[8];
	size_t n;

	if (end == NULL || !take_word(&p, end, a->domain, TLSRPT_NAME_MAX) ||
	    !take_word(&p, end, day, sizeof(day) - 1) ||
	    !take_word(&p, end, a->id, TLSRPT_ID_MAX) || p != end ||
	    (n = strlen(day)) != strspn(day, "0123456789")) {
		err_set(e, ERR_INPUT, "not a report about TLS");
		return -1;
	}
	a->day = 0;
	for (size_t i = 0; i < n; i++)
		a->day = a->day * 10 + day[i] - '0';
	*json_r = (size_t)(end - text) + 1;
	return 0;
}
