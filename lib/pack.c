/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.c - fixed fields in and out of bytes.
 */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "lib/pack.h"
#include "lib/strbuf.h"

#define VARINT_MAX	10	/* octets of a u64 */
#define RECORD_CHECK	4	/* octets of check at the end of a record */

static void
pack_be(struct strbuf *b, uint64_t v, size_t octets)
{
	uint8_t out[8];

	for (size_t i = 0; i < octets; i++)
		out[i] = (uint8_t)(v >> (8 * (octets - 1 - i)));
	strbuf_add(b, out, octets);
}

void
pack_u8(struct strbuf *b, uint8_t v)
{
	pack_be(b, v, 1);
}

void
pack_u16(struct strbuf *b, uint16_t v)
{
	pack_be(b, v, 2);
}

void
pack_u32(struct strbuf *b, uint32_t v)
{
	pack_be(b, v, 4);
}

void
pack_u64(struct strbuf *b, uint64_t v)
{
	pack_be(b, v, 8);
}

void
pack_i64(struct strbuf *b, int64_t v)
{
	pack_be(b, (uint64_t)v, 8);
}

void
pack_varint(struct strbuf *b, uint64_t v)
{
	uint8_t out[VARINT_MAX];
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		out[n++] = (uint8_t)(0x80 | (v & 0x7f));
	out[n++] = (uint8_t)v;
	strbuf_add(b, out, n);
}

void
pack_raw(struct strbuf *b, const void *p, size_t len)
{
	strbuf_add(b, p, len);
}

void
pack_bytes(struct strbuf *b, const void *p, size_t len)
{
	if (len > UINT32_MAX) {
		b->overflow = true;
		return;
	}
	pack_u32(b, (uint32_t)len);
	strbuf_add(b, p, len);
}

void
pack_str(struct strbuf *b, const char *s)
{
	pack_bytes(b, s, s != NULL ? strlen(s) : 0);
}

void
pack_enhanced(struct strbuf *b, const uint16_t code[static 3])
{
	for (int i = 0; i < 3; i++)
		pack_u16(b, code[i]);
}

void
unpack_init(struct unpack *u, const void *p, size_t len)
{
	*u = (struct unpack){ p, len, false };
}

static const uint8_t *
unpack_take(struct unpack *u, size_t len)
{
	const uint8_t *p = u->p;

	if (u->bad || len > u->left) {
		u->bad = true;
		return NULL;
	}
	u->p += len;
	u->left -= len;
	return p;
}

static uint64_t
unpack_be(struct unpack *u, size_t octets)
{
	const uint8_t *p = unpack_take(u, octets);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < octets; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
unpack_u8(struct unpack *u)
{
	return (uint8_t)unpack_be(u, 1);
}

uint16_t
unpack_u16(struct unpack *u)
{
	return (uint16_t)unpack_be(u, 2);
}

uint32_t
unpack_u32(struct unpack *u)
{
	return (uint32_t)unpack_be(u, 4);
}

uint64_t
unpack_u64(struct unpack *u)
{
	return unpack_be(u, 8);
}

int64_t
unpack_i64(struct unpack *u)
{
	return (int64_t)unpack_be(u, 8);
}

uint64_t
unpack_varint(struct unpack *u)
{
	uint64_t v = 0;
	uint8_t octet;

	for (unsigned shift = 0; shift < 7 * VARINT_MAX; shift += 7) {
		octet = unpack_u8(u);
		v |= (uint64_t)(octet & 0x7f) << shift;
		if ((octet & 0x80) != 0)
			continue;
		/* Each number has one form: no zeros on top, no lost bits. */
		if ((octet == 0 && shift > 0) || (shift == 63 && octet > 1))
			break;
		return u->bad ? 0 : v;
	}
	u->bad = true;
	return 0;
}

void
unpack_enhanced(struct unpack *u, uint16_t code[static 3])
{
	for (int i = 0; i < 3; i++)
		code[i] = unpack_u16(u);
}

void
unpack_raw(struct unpack *u, void *out, size_t len)
{
	const uint8_t *p = unpack_take(u, len);

	if (p != NULL)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

struct slice
unpack_bytes(struct unpack *u)
{
	size_t len = unpack_u32(u);
	const uint8_t *p = unpack_take(u, len);

	if (p == NULL)
		return (struct slice){ (const uint8_t *)"", 0 };
	return (struct slice){ p, len };
}

void
unpack_str(struct unpack *u, char *out, size_t size)
{
	struct slice s = unpack_bytes(u);

	if (s.len >= size || memchr(s.p, '\0', s.len) != NULL) {
		u->bad = true;
		s.len = 0;
	}
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

struct slice
unpack_rest(const struct unpack *u)
{
	return (struct slice){ u->p, u->bad ? 0 : u->left };
}

bool
unpack_done(const struct unpack *u)
{
	return !u->bad && u->left == 0;
}

void
record_begin(struct strbuf *b, uint8_t version)
{
	strbuf_reset(b);
	pack_u8(b, version);
}

void
record_end_from(struct strbuf *b, size_t from)
{
	pack_u32(b, (uint32_t)XXH3_64bits(b->s + from, b->len - from));
}

void
record_end(struct strbuf *b)
{
	record_end_from(b, 0);
}

bool
record_open(struct unpack *u, const void *p, size_t len, uint8_t *version_r)
{
	struct unpack tail;

	unpack_init(u, p, len);
	if (len < 1 + RECORD_CHECK) {
		u->bad = true;
		return false;
	}
	len -= RECORD_CHECK;
	unpack_init(&tail, (const uint8_t *)p + len, RECORD_CHECK);
	if (unpack_u32(&tail) != (uint32_t)XXH3_64bits(p, len)) {
		u->bad = true;
		return false;
	}
	unpack_init(u, p, len);
	*version_r = unpack_u8(u);
	return true;
}
