/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.h - fixed fields in and out of bytes: frames, records and log entries.
 *
 * One codec for everything that leaves a process or reaches the disk.  Integers
 * are big-endian, so that keys sort by value; byte strings carry a length.
 * Writing goes to a strbuf, whose overflow is looked at once.  Reading goes
 * through a cursor that turns bad once a field does not fit and then answers
 * zeros and empty strings, so a reader checks once, with unpack_done().
 */
#ifndef LIB_PACK_H
#define LIB_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Bytes borrowed from somewhere; not NUL-terminated. */
struct slice {
	const uint8_t	*p;
	size_t		 len;
};

void pack_u8(struct strbuf *b, uint8_t v);
void pack_u16(struct strbuf *b, uint16_t v);
void pack_u32(struct strbuf *b, uint32_t v);
void pack_u64(struct strbuf *b, uint64_t v);
void pack_i64(struct strbuf *b, int64_t v);
/* Seven bits an octet, the lowest first: 1 octet below 128, at most 10. */
void pack_varint(struct strbuf *b, uint64_t v);
/* len octets as they are, without a length. */
void pack_raw(struct strbuf *b, const void *p, size_t len);
/* u32 length, then the octets. */
void pack_bytes(struct strbuf *b, const void *p, size_t len);
/* A C string as pack_bytes(), without its NUL; NULL counts as "". */
void pack_str(struct strbuf *b, const char *s);

/* The three numbers of an enhanced code (RFC 3463; the last two to 999). */
void pack_enhanced(struct strbuf *b, const uint16_t code[static 3]);

struct unpack {
	const uint8_t	*p;
	size_t		 left;
	bool		 bad;	/* sticky: a field did not fit */
};

void unpack_init(struct unpack *u, const void *p, size_t len);
uint8_t unpack_u8(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
/* Bad when it does not end within 64 bits, or has an octet too many. */
uint64_t unpack_varint(struct unpack *u);
void unpack_enhanced(struct unpack *u, uint16_t code_r[static 3]);
/* Copy exactly len octets to out; zeros when they are not there. */
void unpack_raw(struct unpack *u, void *out, size_t len);
/* A length-prefixed string, borrowed from the input; empty when bad. */
struct slice unpack_bytes(struct unpack *u);
/*
 * A length-prefixed string copied to out[size] with a NUL.  Bad when it does
 * not fit or holds a NUL.
 */
void unpack_str(struct unpack *u, char *out, size_t size);
/* What is left, without consuming it. */
struct slice unpack_rest(const struct unpack *u);
/* True when every field fitted and nothing is left over. */
bool unpack_done(const struct unpack *u);

/*
 * A stored record is sealed: one octet of version, the fields, and the low 32
 * bits of XXH3 over both, so that a damaged value is told from an old one.
 * record_begin() starts b afresh; record_end() appends the check.
 */
void record_begin(struct strbuf *b, uint8_t version);
void record_end(struct strbuf *b);
/* The same of a record that begins at an offset of b, behind others. */
void record_end_from(struct strbuf *b, size_t from);
/*
 * Check the seal of p[len]; on success u reads the fields, *version_r has the
 * version, true is returned.  False: the value is not one we wrote.
 */
bool record_open(struct unpack *u, const void *p, size_t len,
    uint8_t *version_r);

#endif
