/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns_parse.c - read the test DNS server's zone file.
 */
#include "config.h"

#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "tests/fake_dns.h"
#include "tests/fake_dns_zone.h"

#define LABEL_MAX	63
#define WORDS_MAX	1024		/* on a line */
#define STRING_MAX	255		/* of TXT */

static const struct {
	unsigned type;
	const char *name;
} types[] = {
	{ DNS_A, "A" }, { DNS_NS, "NS" }, { DNS_CNAME, "CNAME" },
	{ DNS_SOA, "SOA" }, { DNS_PTR, "PTR" }, { DNS_MX, "MX" },
	{ DNS_TXT, "TXT" }, { DNS_AAAA, "AAAA" }, { DNS_TLSA, "TLSA" },
	{ DNS_DNSKEY, "DNSKEY" },
};

#define NTYPES		(sizeof(types) / sizeof(types[0]))

struct word {
	char	*s;		/* NUL-terminated, escapes undone */
	size_t	 len;
	bool	 quoted;
};

struct line {
	const char	*path;
	unsigned	 number;
	struct word	 words[WORDS_MAX];
	size_t		 nwords;
	struct err	*e;
};

unsigned
dns_type_number(const char *name)
{
	for (size_t i = 0; i < NTYPES; i++)
		if (strcasecmp(types[i].name, name) == 0)
			return types[i].type;
	return 0;
}

const char *
dns_type_name(unsigned type)
{
	static char other[16];

	for (size_t i = 0; i < NTYPES; i++)
		if (types[i].type == type)
			return types[i].name;
	snprintf(other, sizeof(other), "TYPE%u", type);
	return other;
}

void
dns_put_u16(struct strbuf *out, unsigned v)
{
	strbuf_addc(out, (char)(v >> 8 & 255));
	strbuf_addc(out, (char)(v & 255));
}

void
dns_put_u32(struct strbuf *out, uint32_t v)
{
	dns_put_u16(out, v >> 16);
	dns_put_u16(out, v & 0xffff);
}

bool
dns_put_name(struct strbuf *out, const char *name)
{
	size_t start = out->len, len;

	if (strcmp(name, ".") == 0)
		name = "";
	while (*name != '\0') {
		len = strcspn(name, ".");
		if (len == 0 || len > LABEL_MAX)
			return false;
		strbuf_addc(out, (char)len);
		strbuf_add(out, name, len);
		name += len;
		if (*name == '.')
			name++;
	}
	strbuf_addc(out, '\0');
	return out->len - start <= DNS_NAME_MAX;
}

static int
bad(const struct line *ln, const char *what)
{
	err_set(ln->e, ERR_INPUT, "%s:%u: %s", ln->path, ln->number, what);
	return -1;
}

/* ---- words */

static int
unhex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo the escapes of a quoted word in place; s is behind its quote. */
static char *
take_quoted(struct word *w, char *s)
{
	char *to = s;

	w->s = s;
	for (; *s != '\0' && *s != '"'; s++) {
		if (*s == '\\' && s[1] == 'x' && unhex(s[2]) != -1 &&
		    unhex(s[3]) != -1) {
			*to++ = (char)(unhex(s[2]) << 4 | unhex(s[3]));
			s += 3;
		} else if (*s == '\\' && s[1] != '\0')
			*to++ = *++s;
		else
			*to++ = *s;
	}
	if (*s == '"')
		s++;
	*to = '\0';		/* behind the quote at the latest */
	w->len = (size_t)(to - w->s);
	return s;
}

/* Cut text, which is changed, into the words of ln. */
static int
split(struct line *ln, char *s)
{
	struct word *w;

	for (ln->nwords = 0; ; ln->nwords++) {
		s += strspn(s, " \t\r\n");
		if (*s == '\0' || *s == '#')
			return 0;
		if (ln->nwords == WORDS_MAX)
			return bad(ln, "too many words");
		w = &ln->words[ln->nwords];
		w->quoted = *s == '"';
		if (w->quoted) {
			s = take_quoted(w, s + 1);
			continue;
		}
		w->s = s;
		s += strcspn(s, " \t\r\n");
		w->len = (size_t)(s - w->s);
		if (*s != '\0')
			*s++ = '\0';
	}
}

static int
number(const struct line *ln, const char *text, uint32_t max, uint32_t *v_r)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 ||
	    v > max)
		return bad(ln, "bad number");
	*v_r = (uint32_t)v;
	return 0;
}

/* Folded, without the final dot. */
static char *
fold_name(const char *text)
{
	char *name = xstrdup(text);
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
	for (char *s = name; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return name;
}

/* ---- data of the types; w is the first of n words */

static int
put_address(const struct line *ln, int family, const char *text,
    struct strbuf *out)
{
	unsigned char raw[16];

	if (inet_pton(family, text, raw) != 1)
		return bad(ln, "bad address");
	strbuf_add(out, raw, family == AF_INET ? 4 : 16);
	return 0;
}

static int
put_txt(const struct word *w, size_t n, struct strbuf *out)
{
	for (size_t i = 0; i < n; i++) {
		const char *s = w[i].s;
		size_t left = w[i].len, len;

		do {
			len = left < STRING_MAX ? left : STRING_MAX;
			strbuf_addc(out, (char)len);
			strbuf_add(out, s, len);
			s += len;
			left -= len;
		} while (left > 0);
	}
	return 0;
}

static int
put_tlsa(const struct line *ln, const struct word *w, size_t n,
    struct strbuf *out)
{
	uint32_t v;

	if (n != 4)
		return bad(ln, "TLSA wants three numbers and hex");
	for (size_t i = 0; i < 3; i++) {
		if (number(ln, w[i].s, 255, &v) == -1)
			return -1;
		strbuf_addc(out, (char)v);
	}
	for (const char *s = w[3].s; *s != '\0'; s += 2) {
		if (unhex(s[0]) == -1 || unhex(s[1]) == -1)
			return bad(ln, "bad hex");
		strbuf_addc(out, (char)(unhex(s[0]) << 4 | unhex(s[1])));
	}
	return 0;
}

static int
put_soa(const struct line *ln, const struct word *w, size_t n,
    struct strbuf *out)
{
	uint32_t v;

	if (n != 7 || !dns_put_name(out, w[0].s) || !dns_put_name(out, w[1].s))
		return bad(ln, "SOA wants two names and five numbers");
	for (size_t i = 2; i < 7; i++) {
		if (number(ln, w[i].s, UINT32_MAX, &v) == -1)
			return -1;
		dns_put_u32(out, v);
	}
	return 0;
}

static int
put_mx(const struct line *ln, const struct word *w, size_t n,
    struct strbuf *out)
{
	uint32_t v;

	if (n != 2 || number(ln, w[0].s, 65535, &v) == -1)
		return bad(ln, "MX wants a number and a name");
	dns_put_u16(out, v);
	return dns_put_name(out, w[1].s) ? 0 : bad(ln, "bad name");
}

static int
put_data(const struct line *ln, unsigned type, const struct word *w, size_t n,
    struct strbuf *out)
{
	if (n == 0)
		return bad(ln, "no data");
	switch (type) {
	case DNS_A:
		return put_address(ln, AF_INET, w[0].s, out);
	case DNS_AAAA:
		return put_address(ln, AF_INET6, w[0].s, out);
	case DNS_MX:
		return put_mx(ln, w, n, out);
	case DNS_TXT:
		return put_txt(w, n, out);
	case DNS_TLSA:
		return put_tlsa(ln, w, n, out);
	case DNS_SOA:
		return put_soa(ln, w, n, out);
	default:
		return dns_put_name(out, w[0].s) ? 0 : bad(ln, "bad name");
	}
}

/* ---- lines */

static struct record *
add_record(struct zone *z, char *name, unsigned type)
{
	struct record *r;

	z->records = xreallocarray(z->records, z->nrecords + 1,
	    sizeof(*z->records));
	r = &z->records[z->nrecords];
	*r = (struct record){ .name = name, .type = type,
	    .ttl = z->default_ttl, .order = (uint32_t)z->nrecords };
	z->nrecords++;
	return r;
}

void
zone_add(struct zone *z, const char *name, unsigned type, struct strbuf *data)
{
	struct record *r = add_record(z, xstrdup(name), type);

	r->data_len = (uint16_t)data->len;
	r->data = (uint8_t *)strbuf_steal(data);
}

static int
parse_sign(struct zone *z, const struct line *ln)
{
	char *apex = fold_name(ln->words[0].s);
	int ret = zone_sign(z, apex, ln->words[2].s, ln->e);

	free(apex);
	return ret;
}

static bool
is_number(const struct word *w)
{
	return !w->quoted && w->len > 0 &&
	    strspn(w->s, "0123456789") == w->len;
}

static int
parse_record(struct zone *z, const struct line *ln, unsigned type)
{
	const struct word *w = ln->words + 2;
	size_t n = ln->nwords - 2;
	struct strbuf data = STRBUF_INIT(DNS_MESSAGE_MAX);
	struct record *r = add_record(z, fold_name(ln->words[0].s), type);
	int ret;

	/* A TTL is there when the data still suffices without its word. */
	if (n > (type == DNS_MX ? 2 : type == DNS_TLSA ? 4 : 1) &&
	    is_number(&w[0])) {
		if (number(ln, w[0].s, INT32_MAX, &r->ttl) == -1)
			return -1;
		w++;
		n--;
	}
	ret = put_data(ln, type, w, n, &data);
	if (ret == 0 && data.overflow)
		ret = bad(ln, "too much data");
	r->data_len = (uint16_t)data.len;
	r->data = (uint8_t *)strbuf_steal(&data);
	return ret;
}

static int
parse_fault_kind(const struct line *ln, struct fault *f)
{
	static const struct {
		const char *name;
		enum fault_kind kind;
		enum dns_code code;
	} kinds[] = {
		{ "servfail", FAULT_CODE, DNS_SERVFAIL },
		{ "nxdomain", FAULT_CODE, DNS_NXDOMAIN },
		{ "refused", FAULT_CODE, DNS_REFUSED },
		{ "formerr", FAULT_CODE, DNS_FORMERR },
		{ "drop", FAULT_DROP, DNS_NOERROR },
		{ "close", FAULT_CLOSE, DNS_NOERROR },
		{ "delay", FAULT_DELAY, DNS_NOERROR },
		{ "truncate", FAULT_TRUNCATE, DNS_NOERROR },
		{ "wrong-id", FAULT_WRONG_ID, DNS_NOERROR },
		{ "garbage", FAULT_GARBAGE, DNS_NOERROR },
		{ "bogus", FAULT_BOGUS, DNS_NOERROR },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(ln->words[2].s, kinds[i].name) != 0)
			continue;
		f->kind = kinds[i].kind;
		f->code = kinds[i].code;
		return 0;
	}
	return bad(ln, "unknown fault");
}

static int
parse_fault(struct zone *z, const struct line *ln)
{
	const char *slash = strchr(ln->words[1].s, '/');
	struct fault *f;
	size_t next = 3;
	uint32_t v;

	z->faults = xreallocarray(z->faults, z->nfaults + 1,
	    sizeof(*z->faults));
	f = &z->faults[z->nfaults++];
	*f = (struct fault){ .name = fold_name(ln->words[0].s),
	    .first = UINT64_MAX };
	if (slash != NULL && (f->type = dns_type_number(slash + 1)) == 0)
		return bad(ln, "unknown type");
	if (parse_fault_kind(ln, f) == -1)
		return -1;
	if (f->kind == FAULT_DELAY) {
		if (ln->nwords <= next)
			return bad(ln, "delay wants milliseconds");
		if (number(ln, ln->words[next++].s, UINT32_MAX,
		    &f->delay_ms) == -1)
			return -1;
	}
	if (ln->nwords > next &&
	    strncmp(ln->words[next].s, "first=", 6) == 0) {
		if (number(ln, ln->words[next++].s + 6, UINT32_MAX, &v) == -1)
			return -1;
		f->first = v;
	}
	return ln->nwords == next ? 0 : bad(ln, "more words than expected");
}

static int
parse_line(struct zone *z, struct line *ln, char *text)
{
	struct strbuf wire = STRBUF_INIT(2 * DNS_NAME_MAX);
	unsigned type;
	bool good;

	if (split(ln, text) == -1)
		return -1;
	if (ln->nwords == 0)
		return 0;
	if (ln->nwords < 3)
		return bad(ln, "want NAME TYPE DATA");
	good = dns_put_name(&wire, ln->words[0].s) && !wire.overflow;
	strbuf_free(&wire);
	if (!good)
		return bad(ln, "bad name");
	if (strncasecmp(ln->words[1].s, "FAIL", 4) == 0)
		return parse_fault(z, ln);
	if (strcasecmp(ln->words[1].s, "SIGN") == 0)
		return parse_sign(z, ln);
	if ((type = dns_type_number(ln->words[1].s)) == 0)
		return bad(ln, "unknown type");
	return parse_record(z, ln, type);
}

/* ---- the whole */

/* A name exists when anything exists below it (RFC 8020). */
static void
add_parents(struct zone *z)
{
	size_t n = z->nrecords;
	const char *dot, *last = "";

	for (size_t i = 0; i < n; i++) {
		const char *name = z->records[i].name;

		if (strncmp(name, "*.", 2) == 0)
			name += 2;
		else if ((dot = strchr(name, '.')) != NULL)
			name = dot + 1;
		else
			continue;
		if (strcmp(name, last) == 0)
			continue;	/* the same as the line before */
		last = name;
		for (; name != NULL; name = dot != NULL ? dot + 1 : NULL) {
			add_record(z, xstrdup(name), 0);
			dot = strchr(name, '.');
		}
	}
}

static int
compare(const void *va, const void *vb)
{
	const struct record *a = va, *b = vb;
	int rc = strcmp(a->name, b->name);

	if (rc != 0)
		return rc;
	return a->order < b->order ? -1 : a->order > b->order;
}

struct zone *
zone_load(const char *path, uint32_t default_ttl, struct err *e)
{
	struct line *ln = xcalloc(1, sizeof(*ln));
	struct zone *z = xcalloc(1, sizeof(*z));
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;

	z->default_ttl = default_ttl;
	ln->path = path;
	ln->e = e;
	if (f == NULL) {
		err_sys(e, "%s", path);
		zone_free(&z);
	}
	while (z != NULL && getline(&text, &cap, f) != -1) {
		ln->number++;
		if (parse_line(z, ln, text) == -1)
			zone_free(&z);
	}
	if (z != NULL) {
		add_parents(z);
		if (z->nrecords > 0)
			qsort(z->records, z->nrecords, sizeof(*z->records),
			    compare);
	}
	if (f != NULL)
		fclose(f);
	free(text);
	free(ln);
	return z;
}

void
zone_free(struct zone **z)
{
	if (*z == NULL)
		return;
	for (size_t i = 0; i < (*z)->nrecords; i++) {
		free((*z)->records[i].name);
		free((*z)->records[i].data);
	}
	for (size_t i = 0; i < (*z)->nfaults; i++)
		free((*z)->faults[i].name);
	zone_free_signers(*z);
	free((*z)->records);
	free((*z)->faults);
	free(*z);
	*z = NULL;
}
