/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header.h - header fields of a message: the one place that writes them, and
 * the reading of encoded words.
 *
 * Whatever ends up in a header, a name, a subject, a list title, a URL,
 * passes one gate: only printable ASCII and blanks get through it, and only
 * the gate's own keeper writes CR LF (R95, X41).  A value with a control
 * character is refused, not cleaned: it is either a mistake or an attack.
 *
 * Lines are folded at 78 octets, lines with encoded words at 76, and none
 * passes 998 (RFC 5322 section 2.1.1, RFC 2047 section 2).  There is no fold
 * right after the colon, and none inside a word, a <URI> or a quoted string.
 */
#ifndef LIB_HEADER_H
#define LIB_HEADER_H

#include <stddef.h>

struct address;
struct err;
struct strbuf;

#define HEADER_NAME_MAX		40	/* octets of a field's name */
#define HEADER_VALUE_MAX	16384	/* octets of a value written */
#define HEADER_DECODE_MAX	65536	/* octets of a value read */
#define HEADER_LINE_FOLD	78	/* octets of a line, CR LF apart */
#define HEADER_LINE_ENCODED	76	/* of a line with encoded words */
#define HEADER_LINE_MAX		998
#define HEADER_WORD_MAX		75	/* octets of one encoded word */

/*
 * Append the field "name: value" and its CR LF to out, folded.
 *
 * Common to all three: name is printable ASCII without ':' (RFC 5322 section
 * 2.2).  -1 with e set, out as it was (but for its overflow flag): ERR_INPUT
 * for a bad name, for control characters (C0, DEL, C1) and for what is not
 * UTF-8; ERR_LIMIT for a value that is too long, a line that cannot be folded
 * under HEADER_LINE_MAX, and a full out.
 */

/*
 * Unstructured text (Subject, Comments, ...).  What is not ASCII, or could be
 * taken for an encoded word, becomes encoded words in UTF-8, B or Q as is
 * shorter, and the words before and after it stay readable.  Reading it back
 * by header_decode() gives the same octets.
 */
int header_field_text(struct strbuf *out, const char *name,
    const char *value, size_t len, struct err *e);

/*
 * One mailbox (From, To, Reply-To, ...).  display[len] is a person's or
 * list's name in UTF-8; it is written as it is, in quotes, or in encoded
 * words, as it needs; when empty the address stands alone.  An address with a
 * local part beyond ASCII is ERR_INPUT: that takes SMTPUTF8.
 */
int header_field_mailbox(struct strbuf *out, const char *name,
    const char *display, size_t len, const struct address *a,
    struct err *e);

/*
 * A structured value that the caller has put together in ASCII.  Folded at
 * blanks and after commas that stand outside <> and quotes; a fold after a
 * comma without a blank adds one.  Blanks at either end are dropped.
 */
int header_field_raw(struct strbuf *out, const char *name,
    const char *value, size_t len, struct err *e);

/*
 * Append to out the text of an unstructured value as found in a message:
 * unfolded, encoded words decoded to UTF-8 (RFC 2047; with the language of
 * RFC 2231 section 5).
 *
 * Forgiving, as senders are: encoded words are known inside other text, and
 * a character may be spread over neighbouring ones.  Charsets known: utf-8,
 * us-ascii, iso-8859-1, iso-8859-15, windows-1252; words of others, and words
 * that do not decode, stay as they are.  The outcome is UTF-8, with U+FFFD
 * for what was ill-formed; a line end or tab becomes a blank and any other
 * control character U+FFFD, so nothing decoded can inject what the field
 * itself could not.
 *
 * -1 with ERR_LIMIT when len passes HEADER_DECODE_MAX or out is full.
 */
int header_decode(struct strbuf *out, const char *value, size_t len,
    struct err *e);

#endif
