/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.c - the outcomes of one batch as one sealed record.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/ipc.h"
#include "spool/outcome.h"

#define OUTCOME_VERSION	1

const char *
outcome_state_name(enum outcome_state s)
{
	static const char *const names[OUTCOME_STATES] = {
		"none", "delivered", "deferred", "failed", "expired",
		"suppressed",
	};

	return (unsigned)s < OUTCOME_STATES ? names[s] : names[0];
}

bool
outcome_unanswered(const struct outcome *o)
{
	return o->attempt != 0 && o->stage == IPC_STAGE_DOT && o->code == 0 &&
	    o->state != OUTCOME_SUPPRESSED;
}

void
outcome_set_init(struct outcome_set *s)
{
	strbuf_init(&s->records, OUTCOME_BATCH_MAX - 64);
	outcome_set_reset(s);
}

void
outcome_set_free(struct outcome_set *s)
{
	strbuf_free(&s->records);
	outcome_set_reset(s);
}

void
outcome_set_reset(struct outcome_set *s)
{
	strbuf_reset(&s->records);
	s->n = 0;
	s->lowest = UINT32_MAX;
	s->highest = 0;
}

void
outcome_set_add(struct outcome_set *s, const struct outcome *o)
{
	struct strbuf *b = &s->records;

	pack_u8(b, (uint8_t)o->state);
	pack_u8(b, o->kind);
	pack_u32(b, o->campaign);
	pack_u64(b, o->notice);
	pack_u64(b, o->subscriber);
	pack_u32(b, o->list);
	pack_u32(b, o->domain);
	pack_u16(b, o->attempt);
	pack_u8(b, o->stage);
	pack_u8(b, o->gate);
	pack_u16(b, o->code);
	pack_enhanced(b, o->enhanced);
	pack_u8(b, o->recipient);
	pack_u8(b, o->category);
	pack_u8(b, o->tls);
	for (int i = 0; i < 4; i++)
		pack_u32(b, o->delay_ms[i]);
	pack_i64(b, o->when_ms);
	pack_i64(b, o->due_ms);
	pack_str(b, o->host);
	pack_str(b, o->text);
	pack_str(b, o->message_id);
	s->n++;
	if (o->campaign < s->lowest)
		s->lowest = o->campaign;
	if (o->campaign > s->highest)
		s->highest = o->campaign;
}

void
outcome_set_seal(const struct outcome_set *s, uint64_t batch, uint32_t node,
    uint64_t first, uint64_t last, struct strbuf *out)
{
	record_begin(out, OUTCOME_VERSION);
	pack_u64(out, batch);
	pack_u32(out, node);
	pack_u64(out, first);
	pack_u64(out, last);
	pack_u32(out, s->lowest);
	pack_u32(out, s->highest);
	pack_u32(out, s->n);
	pack_raw(out, s->records.s, s->records.len);
	record_end(out);
	if (s->records.overflow)
		out->overflow = true;
}

int
outcome_open(struct unpack *u, struct slice sealed, struct outcome_head *h,
    struct err *e)
{
	uint8_t version = 0;

	memset(h, 0, sizeof(*h));
	if (record_open(u, sealed.p, sealed.len, &version) &&
	    version == OUTCOME_VERSION) {
		h->batch = unpack_u64(u);
		h->node = unpack_u32(u);
		h->first = unpack_u64(u);
		h->last = unpack_u64(u);
		h->lowest = unpack_u32(u);
		h->highest = unpack_u32(u);
		h->n = unpack_u32(u);
		if (!u->bad)
			return 0;
	}
	u->bad = true;
	err_set(e, ERR_DAMAGED, "a batch of outcomes is not what was written");
	return -1;
}

void
outcome_get(struct unpack *u, struct outcome *o)
{
	o->state = (enum outcome_state)unpack_u8(u);
	o->kind = unpack_u8(u);
	o->campaign = unpack_u32(u);
	o->notice = unpack_u64(u);
	o->subscriber = unpack_u64(u);
	o->list = unpack_u32(u);
	o->domain = unpack_u32(u);
	o->attempt = unpack_u16(u);
	o->stage = unpack_u8(u);
	o->gate = unpack_u8(u);
	o->code = unpack_u16(u);
	unpack_enhanced(u, o->enhanced);
	o->recipient = unpack_u8(u);
	o->category = unpack_u8(u);
	o->tls = unpack_u8(u);
	for (int i = 0; i < 4; i++)
		o->delay_ms[i] = unpack_u32(u);
	o->when_ms = unpack_i64(u);
	o->due_ms = unpack_i64(u);
	unpack_str(u, o->host, sizeof(o->host));
	unpack_str(u, o->text, sizeof(o->text));
	unpack_str(u, o->message_id, sizeof(o->message_id));
	if (o->state == 0 || (unsigned)o->state >= OUTCOME_STATES)
		u->bad = true;
}
