/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reactions_pack.c - an action for the store.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/pack.h"
#include "lib/reactions.h"
#include "lib/strbuf.h"

#define RECORD	1

void
reaction_action_pack(struct strbuf *b, const struct reaction_action *a)
{
	record_begin(b, RECORD);
	pack_u64(b, a->id);
	pack_u32(b, a->reaction);
	pack_u8(b, (uint8_t)a->kind);
	pack_u8(b, (uint8_t)a->scope);
	pack_u32(b, a->value);
	pack_u32(b, a->restart);
	pack_u32(b, a->grow);
	pack_u32(b, a->provider);
	pack_raw(b, a->site, sizeof(a->site));
	pack_u64(b, a->campaign);
	pack_i64(b, a->since_ms);
	pack_i64(b, a->until_ms);
	pack_str(b, a->name);
	pack_str(b, a->source);
	pack_str(b, a->host);
	pack_str(b, a->reply);
	record_end(b);
}

int
reaction_action_unpack(const void *p, size_t len, struct reaction_action *a_r,
    struct err *e)
{
	struct unpack u;
	uint8_t version, kind, scope;

	memset(a_r, 0, sizeof(*a_r));
	if (!record_open(&u, p, len, &version) || version != RECORD)
		goto damaged;
	a_r->id = unpack_u64(&u);
	a_r->reaction = unpack_u32(&u);
	kind = unpack_u8(&u);
	scope = unpack_u8(&u);
	a_r->value = unpack_u32(&u);
	a_r->restart = unpack_u32(&u);
	a_r->grow = unpack_u32(&u);
	a_r->provider = unpack_u32(&u);
	unpack_raw(&u, a_r->site, sizeof(a_r->site));
	a_r->campaign = unpack_u64(&u);
	a_r->since_ms = unpack_i64(&u);
	a_r->until_ms = unpack_i64(&u);
	unpack_str(&u, a_r->name, sizeof(a_r->name));
	unpack_str(&u, a_r->source, sizeof(a_r->source));
	unpack_str(&u, a_r->host, sizeof(a_r->host));
	unpack_str(&u, a_r->reply, sizeof(a_r->reply));
	if (!unpack_done(&u) || kind >= REACTION_KINDS ||
	    scope > REACTION_PROVIDER)
		goto damaged;
	a_r->kind = (enum reaction_kind)kind;
	a_r->scope = (enum reaction_scope)scope;
	return 0;
damaged:
	err_set(e, ERR_DAMAGED, "the record of a reaction is damaged");
	return -1;
}
