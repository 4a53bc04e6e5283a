/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_reply.c - every reply of the sink, and what the rules put in its place.
 */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "tests/sink.h"

#define GARBAGE		"This is no TLS record at all, sorry.\r\n"

static struct occasion
occasion_of(const struct conn *c, enum sink_event event)
{
	return (struct occasion){
		.event = event,
		.local = c->listener->address,
		.peer = c->peer,
		.helo = c->helo.s,
		.from = c->from.s,
		.rcpts = c->rcpts.s + c->focus,
		.nrcpts = c->focus > 0 ? 1 : c->nrcpts,
		.conn = c->id,
		.txn = c->txn,
		.tls = c->tls == CONN_TLS,
	};
}

const struct action *
smtp_rule(struct conn *c, enum sink_event event)
{
	struct occasion occ;

	if (c->sink->rules == NULL)
		return NULL;
	occ = occasion_of(c, event);
	return ruleset_match(c->sink->rules, &occ);
}

/* Queue a reply or whatever stands for one, and note its digit. */
static int
put(struct conn *c, const char *s, size_t len)
{
	strbuf_add(&c->out, s, len);
	if (len > 0 && (s[0] == '4' || s[0] == '5'))
		record_count(c, refused);
	return len > 0 && isdigit((unsigned char)s[0]) ? s[0] : '5';
}

int
smtp_reply(struct conn *c, const char *event, const char *reply,
    uint64_t octets, const char *detail)
{
	size_t len = strlen(reply);

	record_event(c, event, NULL, reply, len, octets, detail);
	return put(c, reply, len);
}

void
smtp_refuse(struct conn *c, const char *reply, const char *anomaly)
{
	smtp_reply(c, "error", reply, 0, anomaly);
	record_anomaly(c, anomaly);
}

/* Actions that leave the peer without a reply.  False when a is not one. */
static bool
act_silently(struct conn *c, const struct action *a, enum sink_event event)
{
	switch (a->kind) {
	case ACTION_DROP:
		conn_end(c, CONN_CLOSES, "rule: drop");
		return true;
	case ACTION_RESET:
		conn_end(c, CONN_RESETS, "rule: reset");
		return true;
	case ACTION_STALL:
		c->stalled = true;
		c->state = CONN_DEAF;
		return true;
	case ACTION_HANG:
		c->state = CONN_DEAF;
		return true;
	case ACTION_TLS_FAIL:
		if (event == SINK_STARTTLS)
			return false;
		conn_send_past_tls(c, GARBAGE, sizeof(GARBAGE) - 1);
		conn_end(c, CONN_CLOSES, "rule: tls-fail");
		return true;
	default:
		return false;
	}
}

static const char *
silent_name(enum action_kind kind)
{
	switch (kind) {
	case ACTION_DROP:
		return "(drop)";
	case ACTION_RESET:
		return "(reset)";
	case ACTION_HANG:
		return "(hang)";
	case ACTION_STALL:
		return "(stall)";
	default:
		return "(tls-fail)";
	}
}

/* What a reply brings with it besides its octets. */
static void
after_reply(struct conn *c, const struct action *a, int digit)
{
	if (a->close)
		conn_end(c, CONN_CLOSES, "rule: close");
	else if (a->kind == ACTION_REPLY && strncmp(a->text, "421", 3) == 0)
		conn_end(c, CONN_CLOSES, "421");
	if (a->kind == ACTION_TLS_FAIL && digit == '2') {
		strbuf_adds(&c->out, GARBAGE);
		conn_end(c, CONN_CLOSES, "rule: tls-fail");
	}
	if (a->kind == ACTION_TLS_HANG && digit == '2')
		c->state = CONN_DEAF;
}

int
smtp_perform(struct conn *c, const struct action *a, enum sink_event event,
    const char *usual, uint64_t octets, const char *detail)
{
	const char *name = sink_event_name(event), *text = usual;
	size_t len;
	int digit;

	if (a == NULL)
		return smtp_reply(c, name, usual, octets, detail);
	if (a->delay_ms != 0)
		conn_delay(c, a->delay_ms);
	if (act_silently(c, a, event)) {
		text = silent_name(a->kind);
		record_event(c, name, NULL, text, strlen(text), octets,
		    detail);
		return 0;
	}
	len = strlen(usual);
	if (a->kind == ACTION_REPLY || a->kind == ACTION_RAW) {
		text = a->text;
		len = a->text_len;
	}
	if (a->dribble_ms != 0) {
		c->dribble_ms = a->dribble_ms;
		c->paused = true;	/* until the last octet is sent */
	}
	record_event(c, name, NULL, text, len, octets, detail);
	digit = put(c, text, len);
	after_reply(c, a, digit);
	return digit;
}

int
smtp_answer(struct conn *c, enum sink_event event, const char *usual,
    uint64_t octets, const char *detail)
{
	return smtp_perform(c, smtp_rule(c, event), event, usual, octets,
	    detail);
}
