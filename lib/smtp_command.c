/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_command.c - one SMTP command line, read (RFC 5321 section 4.1).
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/smtp_command.h"

struct word {
	const char	*s;
	size_t		 len;
};

static bool
word_is(struct word w, const char *name)
{
	return w.len == strlen(name) && strncasecmp(w.s, name, w.len) == 0;
}

static enum smtp_verb
verb_of(struct word w)
{
	static const struct {
		const char	*name;
		enum smtp_verb	 verb;
	} verbs[] = {
		{ "HELO", SMTP_HELO },		{ "EHLO", SMTP_EHLO },
		{ "LHLO", SMTP_LHLO },		{ "MAIL", SMTP_MAIL },
		{ "RCPT", SMTP_RCPT },		{ "DATA", SMTP_DATA },
		{ "RSET", SMTP_RSET },		{ "NOOP", SMTP_NOOP },
		{ "VRFY", SMTP_VRFY },		{ "EXPN", SMTP_EXPN },
		{ "HELP", SMTP_HELP },		{ "QUIT", SMTP_QUIT },
		{ "STARTTLS", SMTP_STARTTLS },	{ "AUTH", SMTP_ABSENT },
		{ "ETRN", SMTP_ABSENT },	{ "ATRN", SMTP_ABSENT },
		{ "TURN", SMTP_ABSENT },	{ "SEND", SMTP_ABSENT },
		{ "SOML", SMTP_ABSENT },	{ "SAML", SMTP_ABSENT },
		{ "BURL", SMTP_ABSENT },	{ "BDAT", SMTP_FOREIGN },
		{ "GET", SMTP_FOREIGN },	{ "POST", SMTP_FOREIGN },
		{ "PUT", SMTP_FOREIGN },	{ "CONNECT", SMTP_FOREIGN },
		{ "HEAD", SMTP_FOREIGN },	{ "OPTIONS", SMTP_FOREIGN },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (word_is(w, verbs[i].name))
			return verbs[i].verb;
	return SMTP_UNKNOWN;
}

static void
skip_blanks(struct word *w)
{
	while (w->len > 0 && w->s[0] == ' ') {
		w->s++;
		w->len--;
	}
}

/* Cut the run before the next blank off w. */
static struct word
next_word(struct word *w)
{
	struct word out;

	skip_blanks(w);
	out = *w;
	for (out.len = 0; out.len < w->len && w->s[out.len] != ' ';)
		out.len++;
	w->s += out.len;
	w->len -= out.len;
	return out;
}

static size_t
verb_max(enum smtp_verb verb)
{
	switch (verb) {
	case SMTP_MAIL:
		return SMTP_COMMAND_MAIL_MAX;
	case SMTP_RCPT:
		return SMTP_COMMAND_RCPT_MAX;
	default:
		return SMTP_COMMAND_MAX;
	}
}

bool
smtp_command_parse(const char *line, size_t len, struct smtp_command *cmd_r)
{
	struct word rest = { line, len };

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return false;
	/* A command begins in the first column: " MAIL" is not one. */
	if (len > 0 && line[0] == ' ')
		rest.len = 0;
	cmd_r->verb = verb_of(next_word(&rest));
	skip_blanks(&rest);
	while (rest.len > 0 && rest.s[rest.len - 1] == ' ')
		rest.len--;
	cmd_r->arg = rest.s;
	cmd_r->arg_len = rest.len;
	return len + 2 <= verb_max(cmd_r->verb);
}

const char *
smtp_helo_parse(const char *arg, size_t len)
{
	if (len == 0)
		return "501 5.5.4 Your name, please";
	if (len > SMTP_HELO_MAX)
		return "501 5.5.4 That name is too long";
	for (size_t i = 0; i < len; i++) {
		char c = arg[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= 'a' && c <= 'z') &&
		    memchr(".-_:[]", c, 6) == NULL)
			return "501 5.5.4 That is no host name";
	}
	return NULL;
}

/*
 * Cut "KEY:<path>" off the argument; the path comes without its brackets.  The
 * closing one is the first that does not stand in a quoted local part.
 */
static bool
cut_path(struct word *rest, const char *key, struct word *path_r)
{
	size_t n = strlen(key);
	bool quoted = false;

	if (rest->len < n || strncasecmp(rest->s, key, n) != 0)
		return false;
	rest->s += n;
	rest->len -= n;
	skip_blanks(rest);
	if (rest->len == 0 || rest->s[0] != '<')
		return false;
	for (n = 1; n < rest->len; n++) {
		if (rest->s[n] == '\\' && quoted)
			n++;
		else if (rest->s[n] == '"')
			quoted = !quoted;
		else if (rest->s[n] == '>' && !quoted)
			break;
	}
	if (n >= rest->len)
		return false;
	*path_r = (struct word){ rest->s + 1, n - 1 };
	rest->s += n + 1;
	rest->len -= n + 1;
	return rest->len == 0 || rest->s[0] == ' ';
}

/* RFC 1870 section 4: up to 20 digits, which may be more than we can count. */
static bool
parse_size(struct word value, uint64_t *size_r)
{
	const uint64_t safe = (UINT64_MAX - 9) / 10;
	uint64_t n = 0;

	if (value.len == 0 || value.len > 20)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.s[i] < '0' || value.s[i] > '9')
			return false;
		n = n > safe ? UINT64_MAX :
		    n * 10 + (uint64_t)(value.s[i] - '0');
	}
	*size_r = n;
	return true;
}

/* One parameter of MAIL; seen has a bit for each, as none may come twice. */
static const char *
mail_parameter(struct word w, bool utf8, unsigned *seen, struct smtp_mail *m)
{
	const char *eq = memchr(w.s, '=', w.len);
	struct word key = w, value = { "", 0 };
	unsigned bit;

	if (eq != NULL) {
		key.len = (size_t)(eq - w.s);
		value = (struct word){ eq + 1, w.len - key.len - 1 };
	}
	if (word_is(key, "SIZE")) {
		bit = 1;
		if (!parse_size(value, &m->size))
			return "501 5.5.4 SIZE wants a number";
	} else if (word_is(key, "BODY")) {
		bit = 2;
		m->eight_bit = word_is(value, "8BITMIME");
		if (!m->eight_bit && !word_is(value, "7BIT"))
			return "501 5.5.4 BODY is 7BIT or 8BITMIME";
	} else if (word_is(key, "SMTPUTF8") && utf8) {
		bit = 4;
		m->utf8 = true;
		if (eq != NULL)
			return "501 5.5.4 SMTPUTF8 has no value";
	} else {
		return "555 5.5.4 Unknown parameter of MAIL";
	}
	if ((*seen & bit) != 0)
		return "501 5.5.4 A parameter came twice";
	*seen |= bit;
	return NULL;
}

static bool
has_eight_bit(struct word w)
{
	for (size_t i = 0; i < w.len; i++)
		if ((unsigned char)w.s[i] > 0x7f)
			return true;
	return false;
}

const char *
smtp_mail_parse(const char *arg, size_t len, bool extended, bool utf8,
    struct smtp_mail *mail_r)
{
	struct word rest = { arg, len }, path, w;
	struct smtp_mail m;
	const char *refusal;
	unsigned seen = 0;

	memset(&m, 0, sizeof(m));
	if (!cut_path(&rest, "FROM:", &path))
		return "501 5.5.4 Syntax: MAIL FROM:<address>";
	while ((w = next_word(&rest)).len != 0) {
		if (!extended)
			return "555 5.5.4 Parameters need EHLO";
		if ((refusal = mail_parameter(w, utf8, &seen, &m)) != NULL)
			return refusal;
	}
	if (!m.utf8 && has_eight_bit(path))
		return "553 5.6.7 That address needs SMTPUTF8";
	if (path.len != 0 && address_parse(path.s, path.len,
	    ADDRESS_ONE_LABEL | ADDRESS_LONG_LOCAL | ADDRESS_LITERAL |
	    (m.utf8 ? ADDRESS_UTF8 : 0), &m.from, NULL) == -1)
		return "501 5.1.7 That sender address is malformed";
	*mail_r = m;
	return NULL;
}

const char *
smtp_rcpt_parse(const char *arg, size_t len, bool utf8, struct address *rcpt_r)
{
	struct word rest = { arg, len }, path;
	struct address a;

	if (!cut_path(&rest, "TO:", &path))
		return "501 5.5.4 Syntax: RCPT TO:<address>";
	if (next_word(&rest).len != 0)
		return "555 5.5.4 Unknown parameter of RCPT";
	if (path.len == 0)	/* RFC 5321 section 4.1.2: no null one */
		return "501 5.1.3 A recipient needs an address";
	memset(&a, 0, sizeof(a));
	if (word_is(path, "postmaster"))
		strcpy(a.local, "postmaster");
	else if (!utf8 && has_eight_bit(path))
		return "553 5.6.7 That address needs SMTPUTF8";
	else if (address_parse(path.s, path.len,
	    ADDRESS_ONE_LABEL | (utf8 ? ADDRESS_UTF8 : 0), &a, NULL) == -1)
		return "550 5.7.1 Not an address of this host";
	*rcpt_r = a;
	return NULL;
}
