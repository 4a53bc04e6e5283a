/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_text.c - what a bounce says to people.
 *
 * Two uses: in a standard report, the text often quotes the refusal that the
 * fields leave out; and older bounces are nothing but such text.  They agree
 * on a shape: a sentence that introduces a list, then a line that begins with
 * an address for each recipient, then what was said about it, indented or not,
 * up to the next address or to the returned message.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/dsn_private.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/*
 * Does s[len] begin with phrase, which is in lower case?  A blank in it stands
 * for any run of blanks and line ends.  Octets taken, or 0.
 */
static size_t
begins(const char *s, size_t len, const char *phrase)
{
	size_t i = 0;

	for (; *phrase != '\0'; phrase++) {
		if (*phrase == ' ') {
			size_t from = i;

			while (i < len && is_blank(s[i]))
				i++;
			if (i == from)
				return 0;
		} else if (i == len || lower(s[i++]) != *phrase) {
			return 0;
		}
	}
	return i;
}

/* The end of the first place where phrase is found; 0: nowhere. */
static size_t
find_phrase(const char *s, size_t len, const char *phrase)
{
	size_t n;

	for (size_t i = 0; i < len; i++)
		if (lower(s[i]) == phrase[0] &&
		    (n = begins(s + i, len - i, phrase)) != 0)
			return i + n;
	return 0;
}

/* The sentences that introduce the list, in the order of trust. */
static const struct shape {
	const char	*phrase;
	enum dsn_action	 action;
} shapes[] = {
	/* Exim, Google and OpenSMTPD, about mail that is still tried */
	{ "has not yet been delivered is:", DSN_DELAYED },
	{ "following recipient has been delayed:", DSN_DELAYED },
	{ "a message is delayed for more than", DSN_DELAYED },
	{ "this is a warning message only", DSN_DELAYED },
	/* qmail: its format (QSBMF) fixes the first five words */
	{ "hi. this is the", DSN_FAILED },
	/* Exim and its heirs */
	{ "the following address(es) failed:", DSN_FAILED },
	{ "the following address failed:", DSN_FAILED },
	/* Google, Exchange */
	{ "delivery to the following recipient failed permanently:",
	    DSN_FAILED },
	{ "delivery to the following recipients failed", DSN_FAILED },
	{ "did not reach the following recipient:", DSN_FAILED },
	{ "delivery has failed to these recipients or groups:", DSN_FAILED },
	/* Yahoo */
	{ "unable to deliver your message to the following address",
	    DSN_FAILED },
	/* DragonFly */
	{ "there was an error delivering your mail to", DSN_FAILED },
	/* OpenSMTPD */
	{ "a message for the following list of recipients:", DSN_FAILED },
	/* Postfix */
	{ "could not be delivered to one or more destinations.", DSN_FAILED },
	{ "could not be delivered to one or more recipients.", DSN_FAILED },
	/* Sendmail and its kin */
	{ "the following addresses had permanent fatal errors", DSN_FAILED },
	{ "the following addresses had delivery problems", DSN_FAILED },
	{ "failed addresses follow:", DSN_FAILED },
};

bool
dsn_shape_find(const struct strbuf *text, enum dsn_action *action_r,
    size_t *from_r)
{
	size_t end;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		end = find_phrase(text->s, text->len, shapes[i].phrase);
		if (end != 0) {
			*action_r = shapes[i].action;
			*from_r = end;
			return true;
		}
	}
	return false;
}

/* Octets of the line at from, with its line end. */
static size_t
line_len(const struct strbuf *text, size_t from)
{
	const char *s = text->s + from;
	const char *lf = memchr(s, '\n', text->len - from);

	return lf != NULL ? (size_t)(lf - s) + 1 : text->len - from;
}

/* A line that says that the returned message follows, or is its first. */
static bool
is_end(const char *s, size_t len)
{
	static const char *const ends[] = {
		"--- below this line", "--- enclosed is", "------ this is",
		"----- this is", "----- original message", "--- the header of",
		"below is a copy", "return-path:", "received:",
	};
	size_t i = 0;

	for (; i < len && is_blank(s[i]); i++)
		;
	for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++)
		if (begins(s + i, len - i, ends[k]) != 0)
			return true;
	/* "|----- Message text follows: ----|" */
	return len > 2 && s[0] == '|' &&
	    find_phrase(s, len, "message text follows") != 0;
}

/* Octets of a field's name at s, as in "Received:"; 0: there is none. */
static size_t
name_of_field(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] > 0x20 && s[n] < 0x7f && s[n] != ':')
		n++;
	return n < len && s[n] == ':' ? n : 0;
}

void
dsn_text_cut(struct strbuf *text, struct strbuf *original)
{
	size_t at = 0, n;

	while (at < text->len && !is_end(text->s + at,
	    n = line_len(text, at)))
		at += n;
	if (at == text->len)
		return;
	n = at;
	/* The announcing line and the empty ones behind it. */
	if (name_of_field(text->s + n, line_len(text, n)) == 0)
		n += line_len(text, n);
	while (n < text->len && is_blank(text->s[n]))
		n++;
	if (original->len == 0)
		strbuf_add(original, text->s + n, text->len - n);
	strbuf_truncate(text, at);
}

/*
 * The address at the start of a line, alone or before something that goes on
 * about it: "<a@b.example>: host said", "a@b.example ... unknown host".
 */
static bool
line_address(const char *s, size_t len, char out[DSN_ADDRESS_MAX + 1])
{
	char close = len == 0 ? '\0' : s[0] == '<' ? '>' : s[0] == '"' ?
	    '"' : '\0';
	size_t from = close != '\0', n = from;

	while (n < len && !is_blank(s[n]) && strchr("<>\";", s[n]) == NULL &&
	    (s[n] != ':' || close != '\0'))
		n++;
	if (!dsn_copy_address(out, s + from, n - from))
		return false;
	if (close != '\0' && (n == len || s[n++] != close))
		return false;
	while (n < len && is_blank(s[n]))
		n++;
	return n == len || memchr(":;(<.", s[n], 5) != NULL;
}

struct blocks {
	struct dsn_block	*block;
	unsigned		 n, max;
	size_t			 indent;	/* of the first address */
};

/* A line of the list; blocks grow until the next address. */
static void
take_line(struct blocks *b, const char *s, size_t len)
{
	char address[DSN_ADDRESS_MAX + 1];
	struct dsn_block *last = b->n > 0 ? &b->block[b->n - 1] : NULL;
	size_t indent = 0;

	while (indent < len && is_blank(s[indent]))
		indent++;
	if (b->n < b->max && indent < len && (last == NULL ||
	    indent <= b->indent) &&
	    line_address(s + indent, len - indent, address) &&
	    (last == NULL || strcasecmp(address, last->address) != 0)) {
		if (last == NULL)
			b->indent = indent;
		last = &b->block[b->n++];
		memcpy(last->address, address, sizeof(address));
		last->text = s;
	}
	if (last != NULL)
		last->len = (size_t)(s - last->text) + len;
}

unsigned
dsn_blocks_find(const struct strbuf *text, size_t from,
    struct dsn_block *block, unsigned max)
{
	struct blocks b = { block, 0, max, 0 };

	while (from < text->len) {
		size_t n = line_len(text, from);

		take_line(&b, text->s + from, n);
		from += n;
	}
	return b.n;
}

/* ---- replies in free text */

/* 4yz or 5yz as a word of its own: not in an address, a size or a version. */
static bool
is_code(const char *s, size_t len, size_t i)
{
	if (len - i < 3 || (s[i] != '4' && s[i] != '5') ||
	    !is_digit(s[i + 1]) || !is_digit(s[i + 2]))
		return false;
	if (i > 0 && !is_blank(s[i - 1]) &&
	    memchr("(<[\"':;", s[i - 1], 7) == NULL)
		return false;
	return len - i == 3 || is_blank(s[i + 3]) ||
	    memchr("-:'\"", s[i + 3], 4) != NULL;
}

/* The enhanced code behind a basic one, past what stands between. */
static size_t
enhanced_behind(const char *s, size_t len, size_t i, struct enhanced *e_r)
{
	size_t n, k;

	for (k = i; k < len && k < i + 4 && memchr(" -'\"#:", s[k], 6) !=
	    NULL; k++)
		;
	n = enhanced_parse(s + k, len - k, e_r);
	return n != 0 ? k + n : 0;
}

/* "(#5.1.1)" is qmail's way, "5.1.1" at the start of a word everybody's. */
static size_t
enhanced_alone(const char *s, size_t len, struct enhanced *e_r)
{
	size_t n;

	for (size_t i = 0; i < len; i++)
		if ((i == 0 || is_blank(s[i - 1]) || s[i - 1] == '#') &&
		    (n = enhanced_parse(s + i, len - i, e_r)) != 0)
			return i + n;
	return 0;
}

void
dsn_said_find(const char *text, size_t len, struct dsn_said *said_r)
{
	struct enhanced e = { 0, 0, 0 };
	size_t first = 0, end = 0;
	int code = 0;

	for (size_t i = 0; i < len && end == 0; i++) {
		if (!is_code(text, len, i))
			continue;
		end = enhanced_behind(text, len, i + 3, &e);
		if (end != 0 || code == 0) {
			code = (text[i] - '0') * 100 +
			    (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
			first = i + 3;
		}
	}
	if (end == 0) {
		enhanced_alone(text, len, &e);
		end = first;
	}
	*said_r = (struct dsn_said){ code, e, text + end, len - end };
}

enum reply_stage
dsn_stage_find(const char *text, size_t len)
{
	static const struct {
		const char		*phrase;
		enum reply_stage	 stage;
	} stages[] = {
		{ "after initial connection", REPLY_AT_BANNER },
		{ "refused to talk to me", REPLY_AT_BANNER },
		{ "after ehlo", REPLY_AT_EHLO },
		{ "after helo", REPLY_AT_EHLO },
		{ "in reply to ehlo", REPLY_AT_EHLO },
		{ "after mail from", REPLY_AT_MAIL },
		{ "in reply to mail from", REPLY_AT_MAIL },
		{ "sender was rejected", REPLY_AT_MAIL },
	};

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (find_phrase(text, len, stages[i].phrase) != 0)
			return stages[i].stage;
	return REPLY_AT_REPORT;
}
