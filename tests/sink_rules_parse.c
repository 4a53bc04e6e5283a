/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_rules_parse.c - read a rules file; its format is in sink_rules.h.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "tests/countmap.h"
#include "tests/sink_rules.h"
#include "tests/sink_rules_private.h"

#define FILE_MAX	(4u << 20)
#define TOKEN_MAX	(2u << 20)	/* a reply may be a 1 MB line */

struct scanner {
	const char	*s, *end;
	unsigned	 line;
	struct strbuf	 token;		/* may hold NULs */
	bool		 quoted;
	struct err	*e;
};

static int
bad(struct scanner *sc, const char *what, const char *token)
{
	err_set(sc->e, ERR_INPUT, "rules:%u: %s: %.80s", sc->line, what,
	    token);
	return -1;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character after a backslash. */
static int
scan_escape(struct scanner *sc)
{
	int hi, lo;

	if (sc->s == sc->end)
		return bad(sc, "string ends in a backslash", "");
	switch (*sc->s++) {
	case 'r':
		strbuf_addc(&sc->token, '\r');
		return 0;
	case 'n':
		strbuf_addc(&sc->token, '\n');
		return 0;
	case 't':
		strbuf_addc(&sc->token, '\t');
		return 0;
	case 'x':
		if (sc->end - sc->s < 2 || (hi = hex_value(sc->s[0])) == -1 ||
		    (lo = hex_value(sc->s[1])) == -1)
			return bad(sc, "\\x wants two hex digits", "");
		sc->s += 2;
		strbuf_addc(&sc->token, (char)(hi << 4 | lo));
		return 0;
	default:
		strbuf_addc(&sc->token, sc->s[-1]);
		return 0;
	}
}

static int
scan_string(struct scanner *sc)
{
	sc->quoted = true;
	sc->s++;
	while (sc->s < sc->end && *sc->s != '"' && *sc->s != '\n') {
		if (*sc->s != '\\') {
			strbuf_addc(&sc->token, *sc->s++);
			continue;
		}
		sc->s++;
		if (scan_escape(sc) == -1)
			return -1;
	}
	if (sc->s == sc->end || *sc->s != '"')
		return bad(sc, "string without an end", "");
	sc->s++;
	return 1;
}

/* The next token of this line: 1, 0 at its end, -1 with the error set. */
static int
scan_token(struct scanner *sc)
{
	strbuf_reset(&sc->token);
	sc->quoted = false;
	while (sc->s < sc->end && (*sc->s == ' ' || *sc->s == '\t' ||
	    *sc->s == '\r'))
		sc->s++;
	if (sc->s < sc->end && *sc->s == '#')
		while (sc->s < sc->end && *sc->s != '\n')
			sc->s++;
	if (sc->s == sc->end || *sc->s == '\n')
		return 0;
	if (*sc->s == '"')
		return scan_string(sc);
	while (sc->s < sc->end && !isspace((unsigned char)*sc->s))
		strbuf_addc(&sc->token, *sc->s++);
	return 1;
}

static int
parse_u64(struct scanner *sc, const char *text, uint64_t *value_r)
{
	char *end;

	errno = 0;
	*value_r = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0)
		return bad(sc, "not a number", text);
	return 0;
}

/* "N", "N-M" or "N-"; cuts text up. */
static int
parse_range(struct scanner *sc, char *text, struct range *range_r)
{
	char *dash = strchr(text, '-');

	if (dash != NULL)
		*dash++ = '\0';
	if (parse_u64(sc, text, &range_r->lo) == -1)
		return -1;
	range_r->hi = dash == NULL ? range_r->lo : UINT64_MAX;
	if (dash != NULL && *dash != '\0')
		return parse_u64(sc, dash, &range_r->hi);
	return 0;
}

static int
parse_percent(struct scanner *sc, const char *text, double *percent_r)
{
	char *end;

	*percent_r = strtod(text, &end);
	if (end == text || *end != '\0' || !(*percent_r >= 0) ||
	    *percent_r > 100)
		return bad(sc, "not a percentage", text);
	return 0;
}

static int
parse_per(struct scanner *sc, const char *text, struct rule *r)
{
	if (strcmp(text, "to") == 0)
		r->per = PER_TO;
	else if (strcmp(text, "from") == 0)
		r->per = PER_FROM;
	else if (strcmp(text, "local") == 0)
		r->per = PER_LOCAL;
	else if (strcmp(text, "conn") == 0)
		r->per = PER_CONN;
	else
		return bad(sc, "unknown key", text);
	return 0;
}

static void
set_string(char **dst, const char *text)
{
	free(*dst);
	*dst = xstrdup(text);
}

/* KEY=VALUE; the token is cut at the '='. */
static int
parse_filter(struct scanner *sc, const char *key, char *value, struct rule *r)
{
	if (strcmp(key, "to") == 0)
		set_string(&r->to, value);
	else if (strcmp(key, "from") == 0)
		set_string(&r->from, value);
	else if (strcmp(key, "helo") == 0)
		set_string(&r->helo, value);
	else if (strcmp(key, "local") == 0)
		set_string(&r->local, value);
	else if (strcmp(key, "peer") == 0)
		set_string(&r->peer, value);
	else if (strcmp(key, "tls") == 0)
		r->tls = strcmp(value, "yes") == 0 ? TLS_YES : TLS_NO;
	else if (strcmp(key, "conn") == 0)
		return parse_range(sc, value, &r->conn);
	else if (strcmp(key, "txn") == 0)
		return parse_range(sc, value, &r->txn);
	else if (strcmp(key, "nth") == 0)
		return parse_range(sc, value, &r->nth);
	else if (strcmp(key, "first") == 0)
		return parse_u64(sc, value, &r->nth.hi);
	else if (strcmp(key, "after") == 0) {
		if (parse_u64(sc, value, &r->nth.lo) == -1)
			return -1;
		r->nth.lo++;
	} else if (strcmp(key, "every") == 0) {
		if (parse_u64(sc, value, &r->every) == -1)
			return -1;
		if (r->every == 0)
			return bad(sc, "every=0 means nothing", "");
	} else if (strcmp(key, "percent") == 0)
		return parse_percent(sc, value, &r->percent);
	else if (strcmp(key, "seed") == 0)
		return parse_u64(sc, value, &r->seed);
	else if (strcmp(key, "per") == 0)
		return parse_per(sc, value, r);
	else if (strcmp(key, "at") == 0)
		return parse_u64(sc, value, &r->action.at);
	else
		return bad(sc, "unknown filter", key);
	return 0;
}

static int
parse_pattern(struct scanner *sc, const char *text, struct rule *r)
{
	switch (r->event) {
	case SINK_RCPT:
	case SINK_DATA:
	case SINK_CONTENT:
	case SINK_DOT:
		set_string(&r->to, text);
		return 0;
	case SINK_MAIL:
		set_string(&r->from, text);
		return 0;
	case SINK_EHLO:
		set_string(&r->helo, text);
		return 0;
	case SINK_CONNECT:
		set_string(&r->local, text);
		return 0;
	default:
		return bad(sc, "unknown action", text);
	}
}

/* The quoted string that reply and raw want; reply's lines get CRLF. */
static int
parse_text(struct scanner *sc, struct rule *r)
{
	bool crlf = r->action.kind == ACTION_REPLY;
	struct strbuf text = STRBUF_INIT(2 * TOKEN_MAX);
	int rc;

	if ((rc = scan_token(sc)) == -1)
		return -1;
	if (rc == 0 || !sc->quoted)
		return bad(sc, "wants a quoted string", "");
	for (size_t i = 0; i < sc->token.len; i++) {
		if (crlf && sc->token.s[i] == '\n')
			strbuf_addc(&text, '\r');
		strbuf_addc(&text, sc->token.s[i]);
	}
	if (crlf)
		strbuf_adds(&text, "\r\n");
	free(r->action.text);
	r->action.text_len = text.len;
	r->action.text = strbuf_steal(&text);
	return 0;
}

static int
parse_ms(struct scanner *sc, uint32_t *ms_r)
{
	uint64_t v;

	if (scan_token(sc) != 1)
		return bad(sc, "wants milliseconds", "");
	if (parse_u64(sc, sc->token.s, &v) == -1)
		return -1;
	if (v > UINT32_MAX)
		return bad(sc, "too long", sc->token.s);
	*ms_r = (uint32_t)v;
	return 0;
}

/* 1 when the token was an action, 0 when not, -1. */
static int
parse_action(struct scanner *sc, struct rule *r)
{
	static const struct {
		const char *name;
		enum action_kind kind;
	} kinds[] = {
		{ "accept", ACTION_USUAL }, { "reply", ACTION_REPLY },
		{ "raw", ACTION_RAW }, { "drop", ACTION_DROP },
		{ "reset", ACTION_RESET }, { "hang", ACTION_HANG },
		{ "stall", ACTION_STALL }, { "tls-fail", ACTION_TLS_FAIL },
		{ "tls-hang", ACTION_TLS_HANG },
	};
	const char *name = sc->token.s;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(name, kinds[i].name) != 0)
			continue;
		r->action.kind = kinds[i].kind;
		if (r->action.kind == ACTION_REPLY ||
		    r->action.kind == ACTION_RAW)
			return parse_text(sc, r) == -1 ? -1 : 1;
		return 1;
	}
	if (strcmp(name, "close") == 0) {
		r->action.close = true;
		return 1;
	}
	if (strcmp(name, "delay") == 0)
		return parse_ms(sc, &r->action.delay_ms) == -1 ? -1 : 1;
	if (strcmp(name, "dribble") == 0)
		return parse_ms(sc, &r->action.dribble_ms) == -1 ? -1 : 1;
	if (strcmp(name, "hide") == 0) {
		if (scan_token(sc) != 1)
			return bad(sc, "hide wants keywords", "");
		set_string(&r->action.hide, sc->token.s);
		return 1;
	}
	return 0;
}

static int
parse_event(struct scanner *sc, struct rule *r)
{
	for (int i = 0; i < SINK_EVENTS; i++) {
		if (strcmp(sc->token.s, sink_event_name(i)) == 0) {
			r->event = i;
			return 0;
		}
	}
	return bad(sc, "unknown event", sc->token.s);
}

/* The rest of a line whose event is in the token. */
static int
parse_rule(struct scanner *sc, struct rule *r)
{
	bool acts = false;
	char *eq;
	int rc;

	if (parse_event(sc, r) == -1)
		return -1;
	while ((rc = scan_token(sc)) == 1) {
		rc = sc->quoted ? 0 : parse_action(sc, r);
		if (rc == -1)
			return -1;
		acts = acts || rc == 1;
		if (rc == 1)
			continue;
		eq = strchr(sc->token.s, '=');
		if (eq != NULL)
			*eq++ = '\0';
		rc = eq != NULL ? parse_filter(sc, sc->token.s, eq, r) :
		    parse_pattern(sc, sc->token.s, r);
		if (rc == -1)
			return -1;
	}
	if (rc == 0 && !acts)
		return bad(sc, "no action", "");
	return rc;
}

static void
rule_start(struct rule *r, size_t number)
{
	*r = (struct rule){ .event = SINK_OTHER };
	r->conn = r->txn = r->nth = (struct range){ 1, UINT64_MAX };
	r->txn.lo = 0;			/* before the first MAIL */
	r->every = 1;
	r->percent = 100;
	r->seed = number;
	r->action.at = 1;
}

/* Parse one line into a new rule of rs, unless it is empty. */
static int
parse_line(struct scanner *sc, struct ruleset *rs)
{
	struct rule *r;
	int rc = scan_token(sc);

	if (rc != 1)
		return rc;
	rs->rules = xreallocarray(rs->rules, rs->nrules + 1,
	    sizeof(*rs->rules));
	r = &rs->rules[rs->nrules];
	rule_start(r, ++rs->nrules);
	if (parse_rule(sc, r) == -1)
		return -1;
	r->random = r->seed;
	if (r->per != PER_NONE)
		r->per_key = countmap_new();
	rs->has[r->event] = true;
	return 0;
}

struct ruleset *
ruleset_parse(const char *text, size_t len, struct err *e)
{
	struct scanner sc = { .s = text, .end = text + len, .e = e };
	struct ruleset *rs = xcalloc(1, sizeof(*rs));

	strbuf_init(&sc.token, TOKEN_MAX);
	while (sc.s < sc.end) {
		sc.line++;
		if (parse_line(&sc, rs) == -1) {
			ruleset_free(&rs);
			break;
		}
		if (sc.s < sc.end)
			sc.s++;		/* its newline */
	}
	strbuf_free(&sc.token);
	return rs;
}

struct ruleset *
ruleset_load(const char *path, struct err *e)
{
	struct strbuf text = STRBUF_INIT(FILE_MAX);
	struct ruleset *rs = NULL;
	FILE *f = fopen(path, "re");
	char chunk[8192];
	size_t n;

	if (f == NULL) {
		err_sys(e, "%s", path);
		return NULL;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		strbuf_add(&text, chunk, n);
	if (ferror(f))
		err_sys(e, "%s", path);
	else if (text.overflow)
		err_set(e, ERR_LIMIT, "%s: too large", path);
	else
		rs = ruleset_parse(text.s, text.len, e);
	fclose(f);
	strbuf_free(&text);
	return rs;
}
