/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.h - from an author's message to one recipient's copy.
 *
 * A campaign is compiled once: the message is linted, placed in its header
 * what listd gives every copy, its texts decoded, their placeholders found,
 * footers added, and all that stays the same encoded for the wire.  A copy is
 * then a list of runs that point into the template and of values that were
 * encoded for it, ready for writev(), with the SHA-256 that DKIM signs.
 *
 * What is written:
 *
 *	- CRLF throughout, 7-bit, no line over 998 octets;
 *	- text/plain and text/html parts with placeholders or a footer as
 *	  quoted-printable, in a form that equals its own DKIM "relaxed" body
 *	  (cte.h); every other part byte for byte as it came (8-bit ones are
 *	  encoded, for a hop may not speak 8BITMIME: R50);
 *	- signed and encrypted parts (multipart/signed, multipart/encrypted,
 *	  application/pkcs7-mime) untouched: R96.  Where they are all there
 *	  is, the visible unsubscribe link stands in a part behind them;
 *	- of the author's header all but what names a way, a recipient or a
 *	  list (lint.h says which).
 *
 * Placeholders are those of mustache.h, in text parts and in Subject, escaped
 * for where they stand.  Besides the recipient's attributes there are
 *
 *	address, list, message_id, postal_address, unsubscribe_url
 *
 * and in a reminder member_since, which no attribute can shadow.  In HTML a
 * value can stand in text, in a quoted attribute, and in a URL behind its
 * scheme; a whole URL must come from unsubscribe_url or a trusted attribute.
 *
 * A template never changes once made; threads may share it.
 */
#ifndef LIB_TEMPLATE_H
#define LIB_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <jansson.h>

#include "lib/dkim_canon.h"
#include "lib/pack.h"
#include "lib/strbuf.h"

struct address;
struct err;
struct lint_report;
struct template;

#define TEMPLATE_EXTRA_MAX	4	/* fields whose values come per copy */
#define TEMPLATE_EXTRA_VALUE_MAX 512	/* octets of such a value */
#define TEMPLATE_FIELDS_MAX	96	/* header fields of a copy */
#define TEMPLATE_HEADER_MAX	32768	/* octets of a copy's header */
#define TEMPLATE_SUBJECT_MAX	2000	/* octets of a rendered subject, UTF-8 */
#define TEMPLATE_TOKEN_MAX	128	/* characters of a token */
#define TEMPLATE_FOOTER_MAX	4096	/* octets of a footer's source */
#define TEMPLATE_URL_MAX	512	/* octets of a URL given here */
#define TEMPLATE_AUTHORS_MAX	16	/* addresses in From, Sender, Reply-To */
#define TEMPLATE_COPY_MAX	(10u << 20)	/* octets of a copy's body */

/* Everything is copied; strings are UTF-8, ASCII where they end in a URI. */
struct template_params {
	const char	*list_id;	/* dotted, under a domain of ours: R37 */
	const char	*list_title;	/* {{list}} */
	const char	*base_url;	/* "https://lists.example.org" */
	const char	*bounce_domain;	/* right of the mailto unsubscribe */
	const char	*id_domain;	/* right of Message-ID; NULL: the same */
	/* URIs for List-Help, List-Owner, List-Subscribe; NULL: no field. */
	const char	*help_uri, *owner_uri, *subscribe_uri;
	/* Feedback-ID a:b:c:sender (R9); sender NULL: no field. */
	const char	*feedback[3], *feedback_sender;
	const char	*cfbl_address;	/* RFC 9477; NULL: no field */
	const char	*postal_address;	/* lines; NULL: none */
	bool		 commercial;	/* needs postal_address: S33 */
	const char	*trusted;	/* attribute names with blanks between */
	int64_t		 date_ms;	/* Date of every copy: T29 */
	/*
	 * Mustache text put under a body part that does not show the link yet;
	 * must hold {{unsubscribe_url}}.  NULL: English.
	 */
	const char	*footer_text, *footer_html;
	/*
	 * The list was silent for long (S69): say at the top of every text why
	 * it comes, since when, and how to leave.
	 */
	bool		 reminder;
	/* Names of further fields, NULL where there are fewer. */
	const char	*extra[TEMPLATE_EXTRA_MAX];
};

/* One copy's values; borrowed for the call. */
struct template_values {
	const char	*address;	/* as address_format() writes it */
	const char	*url_token;	/* token_url_format() */
	const char	*mailto_token;	/* token_mailto_format() */
	const char	*message_token;	/* token_delivery_format() */
	const json_t	*attributes;	/* object; NULL: none */
	const char	*member_since;	/* a day, for a reminder; or NULL */
	int64_t		 date_ms;	/* of a notice; ignored otherwise */
	const char	*extra[TEMPLATE_EXTRA_MAX];	/* NULL: no field */
	/*
	 * One more field, written as it is: header_field_raw() made it, so its
	 * lines are folded and the last one ends.  Empty: none.
	 */
	struct slice	 witness;
	/* The body will go out by BDAT (RFC 3030): without dot-stuffing. */
	bool		 bdat;
};

/*
 * A copy.  Zeroed before its first use (RENDERED_INIT), used again for the
 * next copy, which then allocates nothing as long as it is not larger.  Valid
 * until the next template_render() into it, and while the template lives.
 */
struct rendered {
	struct strbuf	 header;	/* fields, without the empty line */
	struct dkim_field field[TEMPLATE_FIELDS_MAX];	/* in header, in order */
	size_t		 fields;
	struct iovec	*iov;		/* the body as it goes on the wire */
	size_t		 iovs;
	size_t		 wire_octets;	/* of iov; without the final dot */
	size_t		 octets;	/* header, empty line and body before
					 * dot-stuffing: SIZE= of RFC 1870 */
	bool		 smtputf8;	/* takes RFC 6531 */
	uint8_t		 body_hash[DKIM_HASH_LEN];
	struct renderer	*renderer;	/* private */
};

#define RENDERED_INIT	{ .header = STRBUF_INIT(TEMPLATE_HEADER_MAX) }

/*
 * Compile the message data[len].  report gets the linter's findings in any
 * case.  NULL with e set: ERR_REFUSED when a finding is MUST (e names the
 * first); ERR_INPUT for a placeholder or parameter that cannot be, with its
 * part and line; ERR_LIMIT.
 */
struct template *template_compile(const uint8_t *data, size_t len,
    const struct template_params *params, struct lint_report *report,
    struct err *e);
void template_free(struct template *t);		/* NULL is fine */

/* Body parts that show the link; 0 only where nothing may be touched. */
unsigned template_visible_links(const struct template *t);
/*
 * The i-th address that copies go out under, in From and Sender, or ask replies
 * to, in Reply-To; NULL past the last.  Whether a list may use them is its
 * owner's proof, not looked at here.
 */
const struct address *template_author(const struct template *t, size_t i);
const struct address *template_reply_to(const struct template *t, size_t i);
/* True when any copy differs from another in more than its header. */
bool template_is_personal(const struct template *t);

/*
 * A notice: one text/plain part, or a body that is made already, for one mail
 * at a time (T58).
 */
struct template_notice {
	const char	*from_name;	/* UTF-8, may be "" */
	const char	*from;		/* address */
	const char	*reply_to;	/* address; NULL: no field */
	const char	*subject;	/* Mustache, UTF-8 */
	const char	*text;		/* Mustache, UTF-8, LF or CRLF */
	/*
	 * Instead of text, which is "" then: a body of this media type, 7-bit
	 * with lines that end in CRLF; or NULL.
	 */
	const char	*media_type;
	struct slice	 body;
	const char	*auto_submitted;	/* "auto-generated"; NULL */
	const char	*list_id;	/* NULL: no field */
	const char	*list_title;	/* {{list}} */
	const char	*base_url;	/* for unsubscribe_url; NULL: is empty */
	const char	*id_domain;	/* right of Message-ID */
	const char	*extra[TEMPLATE_EXTRA_MAX];
	size_t		 text_max;	/* octets of a rendered body (S43: 2048),
					 * 0: TEMPLATE_COPY_MAX */
};

/*
 * Compile a notice.  Its values are strangers': they show as one line each,
 * and none is trusted.  Date comes with each copy's values.
 */
struct template *template_compile_notice(const struct template_notice *n,
    struct err *e);

/*
 * Make one copy.  Its header is ASCII, but for To with an address that is not
 * (RFC 6532): out->smtputf8, and it may go by SMTPUTF8 alone.  0, or -1 with e
 * set and out not to be used: ERR_INPUT for an address or token that cannot
 * stand in a header; ERR_LIMIT when values make the copy, its header or its
 * subject too long; ERR_CRYPTO.
 */
int template_render(const struct template *t,
    const struct template_values *values, struct rendered *out,
    struct err *e);
void rendered_free(struct rendered *r);

#endif
