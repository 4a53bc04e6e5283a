/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_ehlo.c - what a server offers in its answer to EHLO.
 *
 * RFC 5321 section 4.1.1.1: the first line greets; each later line is one
 * keyword with parameters after blanks.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/smtp_reply.h"

struct word {
	const char	*s;
	size_t		 len;
};

/* The next run without blanks of s[len]; its length is 0 at the end. */
static struct word
next_word(const char **s, size_t *len)
{
	struct word w;

	while (*len > 0 && **s == ' ') {
		(*s)++;
		(*len)--;
	}
	w.s = *s;
	for (w.len = 0; w.len < *len && w.s[w.len] != ' ';)
		w.len++;
	*s += w.len;
	*len -= w.len;
	return w;
}

static bool
word_is(struct word w, const char *name)
{
	return w.len == strlen(name) && strncasecmp(w.s, name, w.len) == 0;
}

/* Up to digits_max digits and nothing else. */
static bool
word_number(struct word w, size_t digits_max, uint64_t *n_r)
{
	uint64_t n = 0;

	if (w.len == 0 || w.len > digits_max)
		return false;
	for (size_t i = 0; i < w.len; i++) {
		if (w.s[i] < '0' || w.s[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(w.s[i] - '0');
	}
	*n_r = n;
	return true;
}

/* RFC 9422 section 3: NAME=VALUE; one to six digits for the two we know. */
static void
parse_limit(struct word w, struct smtp_ehlo *e)
{
	const char *eq = w.len != 0 ? memchr(w.s, '=', w.len) : NULL;
	struct word name, value;
	uint64_t n;

	if (eq == NULL)
		return;
	name = (struct word){ w.s, (size_t)(eq - w.s) };
	value = (struct word){ eq + 1, w.len - name.len - 1 };
	if (!word_number(value, 6, &n) || n == 0)
		return;
	if (word_is(name, "RCPTMAX"))
		e->rcptmax = (uint32_t)n;
	else if (word_is(name, "MAILMAX"))
		e->mailmax = (uint32_t)n;
}

/* Keywords that are an offer by themselves. */
static bool *
flag_of(struct word w, struct smtp_ehlo *e)
{
	const struct {
		const char	*name;
		bool		*flag;
	} flags[] = {
		{ "PIPELINING", &e->pipelining },
		{ "8BITMIME", &e->eightbitmime },
		{ "STARTTLS", &e->starttls },
		{ "CHUNKING", &e->chunking },
		{ "SMTPUTF8", &e->smtputf8 },
		{ "DSN", &e->dsn },
		{ "ENHANCEDSTATUSCODES", &e->enhanced },
		{ "REQUIRETLS", &e->requiretls },
		{ "SIZE", &e->size },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (word_is(w, flags[i].name))
			return flags[i].flag;
	return NULL;
}

static void
parse_line(const char *s, size_t len, struct smtp_ehlo *e)
{
	struct word key = next_word(&s, &len), w;
	bool *flag = flag_of(key, e);
	uint64_t n;

	if (flag != NULL)
		*flag = true;
	while ((w = next_word(&s, &len)).len != 0) {
		if (word_is(key, "SIZE") && word_number(w, 18, &n))
			e->size_max = n;
		else if (word_is(key, "LIMITS"))
			parse_limit(w, e);
		else if (word_is(key, "AUTH") && word_is(w, "PLAIN"))
			e->auth_plain = true;
		else if (word_is(key, "AUTH") && word_is(w, "LOGIN"))
			e->auth_login = true;
	}
}

void
smtp_ehlo_parse(const struct smtp_reply *reply, struct smtp_ehlo *ehlo_r)
{
	size_t from, to;

	memset(ehlo_r, 0, sizeof(*ehlo_r));
	for (unsigned i = 1; i < reply->lines; i++) {
		from = reply->line_at[i];
		to = i + 1 < reply->lines ? reply->line_at[i + 1] :
		    reply->text_len;
		/* Half a line may say SIZE 1 where it said SIZE 10240000. */
		if (reply->cut && to == reply->text_len)
			break;
		parse_line(reply->text + from, to - from, ehlo_r);
	}
}
