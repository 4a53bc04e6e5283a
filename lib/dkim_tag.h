/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_tag.h - the tag=value lists of DKIM, read.
 *
 * A DKIM-Signature field and a key record in DNS share one syntax (RFC 6376
 * section 3.2): "v=1; a=rsa-sha256; ...".  Names are case-sensitive, folding
 * white space may stand around names, values and inside values, and a name
 * given twice makes the whole list invalid.  The slices handed out point into
 * the text that was parsed.
 */
#ifndef LIB_DKIM_TAG_H
#define LIB_DKIM_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;

#define DKIM_TAGS_MAX	32	/* tags of one list; RFC 6376 knows 14 */
#define DKIM_DOMAIN_MAX	253	/* octets of a name, RFC 1035 in text form */

struct dkim_tags {
	struct {
		struct slice	name;
		struct slice	value;	/* no white space at either end */
	}	tag[DKIM_TAGS_MAX];
	size_t	n;
};

/*
 * Parse p[len] into tags, which borrows from it.  Returns 0, or -1 with e set:
 * ERR_INPUT for anything outside the grammar (8-bit octets included) or a tag
 * given twice, ERR_LIMIT for more than DKIM_TAGS_MAX tags.
 */
int dkim_tags_parse(struct dkim_tags *tags, const uint8_t *p, size_t len,
    struct err *e);

/* The value of the tag called name, or NULL when the list has none. */
const struct slice *dkim_tags_find(const struct dkim_tags *tags,
    const char *name);

/* True when value equals text, octet for octet. */
bool dkim_tag_is(struct slice value, const char *text);

/*
 * True when the colon-separated list value names item; white space around
 * the elements and the case of letters do not count.
 */
bool dkim_tag_lists(struct slice value, const char *item);

/*
 * Decimal digits and nothing else, at most 18 of them: RFC 6376 section 3.5
 * asks for 12.  Returns false, number_r untouched, for anything else.
 */
bool dkim_tag_number(struct slice value, uint64_t *number_r);

/*
 * Decode base64 that white space may interrupt (RFC 6376 section 2.10) to
 * out[size]; *len_r octets were written.  Returns false for other characters,
 * bad padding, or more than size octets.
 */
bool dkim_tag_base64(struct slice value, uint8_t *out, size_t size,
    size_t *len_r);

/*
 * True for a host name that may stand in d= or s=: labels of 1 to 63 letters,
 * digits, hyphens and underscores joined by single dots, at most
 * DKIM_DOMAIN_MAX octets, no dot at the end.  With strict, as for names of our
 * own, no underscore and no hyphen at either end of a label (RFC 5321 section
 * 4.1.2).
 */
bool dkim_name_valid(struct slice name, bool strict);

#endif
