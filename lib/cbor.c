/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbor.c - CBOR in its deterministic encoding.
 */
#include "config.h"

#include <string.h>

#include "lib/cbor.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

/* Major types, RFC 8949 section 3.1. */
enum { MAJOR_UINT, MAJOR_NINT, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY,
    MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };

/* Additional information that says how long the argument is. */
#define INFO_U8		24
#define INFO_U64	27

#define SIMPLE_FALSE	20
#define SIMPLE_TRUE	21
#define SIMPLE_NULL	22

/* ---- writing */

static void
put_head(struct strbuf *b, unsigned major, uint64_t v)
{
	uint8_t first = (uint8_t)(major << 5);

	if (v < INFO_U8) {
		pack_u8(b, first | (uint8_t)v);
	} else if (v <= UINT8_MAX) {
		pack_u8(b, first | INFO_U8);
		pack_u8(b, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		pack_u8(b, first | (INFO_U8 + 1));
		pack_u16(b, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		pack_u8(b, first | (INFO_U8 + 2));
		pack_u32(b, (uint32_t)v);
	} else {
		pack_u8(b, first | INFO_U64);
		pack_u64(b, v);
	}
}

void
cbor_put_uint(struct strbuf *b, uint64_t v)
{
	put_head(b, MAJOR_UINT, v);
}

void
cbor_put_nint(struct strbuf *b, uint64_t n)
{
	put_head(b, MAJOR_NINT, n);
}

void
cbor_put_int(struct strbuf *b, int64_t v)
{
	if (v >= 0)
		cbor_put_uint(b, (uint64_t)v);
	else
		cbor_put_nint(b, (uint64_t)(-1 - v));
}

void
cbor_put_bytes(struct strbuf *b, const void *p, size_t len)
{
	put_head(b, MAJOR_BYTES, len);
	pack_raw(b, p, len);
}

void
cbor_put_text(struct strbuf *b, const char *text, size_t len)
{
	put_head(b, MAJOR_TEXT, len);
	pack_raw(b, text, len);
}

void
cbor_put_array(struct strbuf *b, uint64_t n)
{
	put_head(b, MAJOR_ARRAY, n);
}

void
cbor_put_map(struct strbuf *b, uint64_t n)
{
	put_head(b, MAJOR_MAP, n);
}

void
cbor_put_bool(struct strbuf *b, bool v)
{
	put_head(b, MAJOR_SIMPLE, v ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void
cbor_put_null(struct strbuf *b)
{
	put_head(b, MAJOR_SIMPLE, SIMPLE_NULL);
}

/* ---- reading */

static const struct cbor_item bad_item = { CBOR_BAD, 0, { NULL, 0 } };

void
cbor_init(struct cbor *c, const void *p, size_t len)
{
	memset(c, 0, sizeof(*c));
	c->p = p;
	c->left = len;
	c->level[0].left = 1;	/* one item is expected in all */
}

static struct cbor_item
refuse(struct cbor *c, const char *why)
{
	if (c->why == NULL)
		c->why = why;
	return bad_item;
}

/* The first octet and the argument of an item; false: refused. */
static bool
take_head(struct cbor *c, unsigned *major_r, uint64_t *arg_r)
{
	unsigned info, octets;
	uint64_t v = 0;

	if (c->left == 0)
		return refuse(c, "cut short"), false;
	*major_r = *c->p >> 5;
	info = *c->p & 31;
	c->p++, c->left--;
	if (info < INFO_U8) {
		*arg_r = info;
		return true;
	}
	if (info > INFO_U64)
		return refuse(c, info == 31 ? "indefinite length" :
		    "reserved length"), false;
	octets = 1u << (info - INFO_U8);
	if (c->left < octets)
		return refuse(c, "cut short"), false;
	for (unsigned i = 0; i < octets; i++)
		v = v << 8 | c->p[i];
	c->p += octets, c->left -= octets;
	/* A float's bits are no length, and it is refused by its type. */
	if (*major_r != MAJOR_SIMPLE && (info == INFO_U8 ? v < INFO_U8 :
	    v >> (4 * octets) == 0))
		return refuse(c, "not the shortest form"), false;
	*arg_r = *major_r == MAJOR_SIMPLE ? UINT64_MAX : v;
	return true;
}

static struct cbor_item
take_string(struct cbor *c, enum cbor_type type, uint64_t len)
{
	struct cbor_item it = { type, len, { c->p, (size_t)len } };

	if (len > c->left)
		return refuse(c, "cut short");
	if (type == CBOR_TEXT && !utf8_valid((const char *)c->p, (size_t)len))
		return refuse(c, "a text that is not UTF-8");
	c->p += len, c->left -= (size_t)len;
	return it;
}

/*
 * Begin an array or map of n items.  Each item takes an octet at least, so
 * the input bounds n before anything counts up to it.
 */
static struct cbor_item
begin(struct cbor *c, enum cbor_type type, uint64_t n)
{
	struct cbor_item it = { type, n, { NULL, 0 } };
	bool map = type == CBOR_MAP;

	if (n > c->left || (map && n > c->left / 2))
		return refuse(c, "cut short");
	if (c->depth + 1 == CBOR_DEPTH_MAX)
		return refuse(c, "too deep");
	c->level[++c->depth] = (struct cbor_level){
		.left = map ? 2 * n : n, .map = map, .key_next = map,
	};
	return it;
}

static struct cbor_item
take_simple(struct cbor *c, uint64_t v)
{
	switch (v) {
	case SIMPLE_FALSE:
	case SIMPLE_TRUE:
		return (struct cbor_item){ CBOR_BOOL, v == SIMPLE_TRUE,
		    { NULL, 0 } };
	case SIMPLE_NULL:
		return (struct cbor_item){ CBOR_NULL, 0, { NULL, 0 } };
	default:
		return refuse(c, "a float or simple value");
	}
}

/* Check an item that stands where a map's key does. */
static bool
take_key(struct cbor *c, struct cbor_level *l, unsigned major, uint64_t v)
{
	if (major != MAJOR_UINT)
		return refuse(c, "a key that is no unsigned integer"), false;
	if (l->any && v <= l->key)
		return refuse(c, "keys out of order"), false;
	l->key = v;
	l->any = true;
	return true;
}

struct cbor_item
cbor_next(struct cbor *c)
{
	struct cbor_level *l = &c->level[c->depth];
	struct cbor_item it;
	unsigned major;
	uint64_t v;

	if (c->why != NULL)
		return bad_item;
	if (l->left == 0)
		return refuse(c, "more than one item");
	if (!take_head(c, &major, &v))
		return bad_item;
	if (l->key_next && !take_key(c, l, major, v))
		return bad_item;
	l->left--;
	if (l->map)
		l->key_next = !l->key_next;
	switch (major) {
	case MAJOR_UINT:
	case MAJOR_NINT:
		it = (struct cbor_item){ major == MAJOR_UINT ? CBOR_UINT :
		    CBOR_NINT, v, { NULL, 0 } };
		break;
	case MAJOR_BYTES:
	case MAJOR_TEXT:
		it = take_string(c, major == MAJOR_TEXT ? CBOR_TEXT :
		    CBOR_BYTES, v);
		break;
	case MAJOR_ARRAY:
	case MAJOR_MAP:
		it = begin(c, major == MAJOR_MAP ? CBOR_MAP : CBOR_ARRAY, v);
		break;
	case MAJOR_SIMPLE:
		it = take_simple(c, v);
		break;
	default:
		it = refuse(c, "a tag");
		break;
	}
	while (c->depth > 0 && c->level[c->depth].left == 0)
		c->depth--;
	return it;
}

bool
cbor_skip(struct cbor *c)
{
	unsigned depth = c->depth;
	uint64_t left = c->level[depth].left;

	/*
	 * Done when the level that held the item has one less to come, or has
	 * itself ended with it.
	 */
	do {
		if (cbor_next(c).type == CBOR_BAD)
			return false;
	} while (c->depth > depth ||
	    (c->depth == depth && c->level[depth].left >= left));
	return true;
}

bool
cbor_done(const struct cbor *c)
{
	return c->why == NULL && c->depth == 0 && c->level[0].left == 0 &&
	    c->left == 0;
}

const char *
cbor_why(const struct cbor *c)
{
	return c->why != NULL ? c->why : "";
}
