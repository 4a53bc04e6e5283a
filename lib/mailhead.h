/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailhead.h - read the header section of a message that somebody sent us.
 *
 * RFC 5322 section 2.2, forgiving about what arrives in practice: lines may
 * end in CRLF or LF, an mbox "From " line may come first, a line that is no
 * field is passed over.  Strict about size, because the sender chose it: what
 * passes a limit is an error, and time is linear in what is read.
 *
 * Values come unfolded and trimmed, a tab or line end in them as one blank
 * and any other control character as '?', so they may go to a log.  Nothing
 * else is decoded but by the functions that say so.
 */
#ifndef LIB_MAILHEAD_H
#define LIB_MAILHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/pack.h"

struct address;
struct err;
struct strbuf;

#define MAILHEAD_MAX		131072	/* octets of a header section */
#define MAILHEAD_FIELDS_MAX	2000	/* fields in it */
#define MAILHEAD_ADDRESSES_MAX	1000	/* addresses of one field */
#define MAILHEAD_COMMENT_MAX	100	/* comments inside comments */
#define MAILHEAD_LINE_MAX	998	/* octets of a line, RFC 5322 2.1.1 */

struct mailhead;

/*
 * Read a message, or as much of it as has come, up to the empty line.
 *
 * NULL with e set: ERR_LIMIT when the section has more than MAILHEAD_MAX
 * octets or MAILHEAD_FIELDS_MAX fields.
 */
struct mailhead *mailhead_parse(const void *message, size_t len,
    struct err *e);
void mailhead_free(struct mailhead *h);		/* NULL is fine */

/* Where the body begins in what was given; its length if there is none. */
size_t mailhead_body_at(const struct mailhead *h);

/* The longest line of the section; RFC 5322 allows MAILHEAD_LINE_MAX. */
size_t mailhead_longest_line(const struct mailhead *h);
/* Lines that were no field, no continuation and not the mbox line. */
unsigned mailhead_stray_lines(const struct mailhead *h);

/*
 * Field names compare without case.  The n-th value of that name from the
 * top, counted from 0, or NULL.  Strings live as long as h.
 */
const char *mailhead_get(const struct mailhead *h, const char *name,
    unsigned n);
unsigned mailhead_count(const struct mailhead *h, const char *name);
/* The i-th field of all: 1, or 0 behind the last. */
int mailhead_field(const struct mailhead *h, unsigned i, const char **name_r,
    const char **value_r);

/*
 * Append the first value as UTF-8 text, encoded words decoded, see header.h.
 * 1, 0 when there is no such field, -1 with e set as header_decode().
 */
int mailhead_text(const struct mailhead *h, const char *name,
    struct strbuf *out, struct err *e);

/*
 * True when a value begins with the token word, as in "Auto-Submitted:
 * auto-replied (vacation); x=y": whatever follows is a blank, a comment or a
 * parameter.  NULL is no value, and false.
 */
bool mailhead_token_is(const char *value, const char *word);

/*
 * Append the value of a parameter of Content-Type and its kin, by
 * mime_param_find(): 1, 0 when it is not there, -1 when malformed.
 */
int mailhead_param(const struct mailhead *h, const char *name,
    const char *param, struct strbuf *out);

/*
 * The n-th <...> of a field of message identifiers (Message-ID, In-Reply-To,
 * References), without its brackets.  False when there are fewer.
 */
bool mailhead_msgid(const struct mailhead *h, const char *name, unsigned n,
    struct slice *id_r);

/*
 * Called for each mailbox of a list; display is as written (see header.h to
 * decode it), may be empty, and lives for the call.
 */
typedef void mailhead_mailbox_fn(void *arg, const struct address *address,
    struct slice display);

/*
 * Read a list of addresses, RFC 5322 section 3.4, groups and comments
 * included.  Those that address_parse() does not take are counted in *bad_r
 * (may be NULL).
 *
 * The number of good ones, or -1 with e set: ERR_INPUT when quotes, comments
 * or brackets do not end, ERR_LIMIT above MAILHEAD_ADDRESSES_MAX in all or
 * MAILHEAD_COMMENT_MAX.
 */
int mailbox_list_parse(const char *value, size_t len,
    mailhead_mailbox_fn *fn, void *arg, unsigned *bad_r, struct err *e);

/*
 * The one author: From occurs once and names one address (X22).  Appends the
 * display name as UTF-8 to name unless that is NULL.
 *
 * 1, 0 when there is no From, -1 with e set when it is not one address; then
 * what name holds means nothing.
 */
int mailhead_author(const struct mailhead *h, struct address *author_r,
    struct strbuf *name, struct err *e);

#endif
