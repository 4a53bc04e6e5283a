/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.c - what the parent says to a role it started, as octets.
 */
#include "config.h"

#include "lib/strbuf.h"
#include "listd/start.h"

static const char *const kind_names[ROLE_KINDS] = {
	[ROLE_QUEUE] = "queue",
	[ROLE_DELIVER] = "deliver",
	[ROLE_INBOUND] = "inbound",
	[ROLE_WEB] = "web",
};

const char *
role_kind_name(enum role_kind kind)
{
	return kind >= ROLE_QUEUE && kind < ROLE_KINDS ? kind_names[kind] :
	    "unknown";
}

static enum role_kind
get_kind(struct unpack *u)
{
	uint8_t kind = unpack_u8(u);

	if (kind < ROLE_QUEUE || kind >= ROLE_KINDS)
		u->bad = true;
	return (enum role_kind)kind;
}

static bool
get_bool(struct unpack *u)
{
	uint8_t v = unpack_u8(u);

	if (v > 1)
		u->bad = true;
	return v == 1;
}

static void
put_rights(struct strbuf *b, const struct rights *r)
{
	pack_u32(b, (uint32_t)r->uid);
	pack_u32(b, (uint32_t)r->gid);
	pack_u32(b, (uint32_t)r->own_gid);
	pack_u8(b, (uint8_t)r->ngroups);
	for (size_t i = 0; i < r->ngroups; i++)
		pack_u32(b, (uint32_t)r->groups[i]);
}

static void
get_rights(struct unpack *u, struct rights *r)
{
	r->uid = unpack_u32(u);
	r->gid = unpack_u32(u);
	r->own_gid = unpack_u32(u);
	r->ngroups = unpack_u8(u);
	if (r->ngroups > RIGHTS_GROUPS_MAX) {
		u->bad = true;
		r->ngroups = 0;
	}
	for (size_t i = 0; i < r->ngroups; i++)
		r->groups[i] = unpack_u32(u);
}

void
start_put(struct strbuf *b, const struct start *s)
{
	pack_u8(b, (uint8_t)s->kind);
	pack_u32(b, s->index);
	pack_u32(b, s->delivers);
	pack_u64(b, s->epoch);
	pack_u8(b, s->foreground);
	pack_u8(b, s->first_run);
	pack_u8(b, s->drop);
	put_rights(b, &s->rights);
	pack_bytes(b, s->conf.p, s->conf.len);
}

bool
start_get(const void *p, size_t len, struct start *s_r)
{
	struct unpack u;

	unpack_init(&u, p, len);
	s_r->kind = get_kind(&u);
	s_r->index = unpack_u32(&u);
	s_r->delivers = unpack_u32(&u);
	s_r->epoch = unpack_u64(&u);
	s_r->foreground = get_bool(&u);
	s_r->first_run = get_bool(&u);
	s_r->drop = get_bool(&u);
	get_rights(&u, &s_r->rights);
	s_r->conf = unpack_bytes(&u);
	if (s_r->index >= ROLE_DELIVER_MAX || s_r->delivers > ROLE_DELIVER_MAX)
		u.bad = true;
	return unpack_done(&u);
}

void
start_put_peer(struct strbuf *b, const struct start_peer *s)
{
	pack_u8(b, (uint8_t)s->kind);
	pack_u32(b, s->index);
	pack_u64(b, s->epoch);
}

bool
start_get_peer(const void *p, size_t len, struct start_peer *s_r)
{
	struct unpack u;

	unpack_init(&u, p, len);
	s_r->kind = get_kind(&u);
	s_r->index = unpack_u32(&u);
	s_r->epoch = unpack_u64(&u);
	return unpack_done(&u) && s_r->index < ROLE_DELIVER_MAX;
}

void
start_put_descriptor(struct strbuf *b, const char *name, bool reloadable)
{
	pack_u8(b, reloadable);
	pack_str(b, name);
}

bool
start_get_descriptor(const void *p, size_t len,
    char name_r[static START_NAME_MAX], bool *reloadable_r)
{
	struct unpack u;

	unpack_init(&u, p, len);
	*reloadable_r = get_bool(&u);
	unpack_str(&u, name_r, START_NAME_MAX);
	return unpack_done(&u);
}
