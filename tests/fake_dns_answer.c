/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns_answer.c - from a query to its answer (RFC 1035 section 4, 2308,
 * 4592 for wildcards, 6891 for EDNS).
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "tests/fake_dns.h"
#include "tests/fake_dns_zone.h"

#define HEADER_OCTETS	12
#define UDP_OCTETS	512		/* without EDNS */
#define EDNS_OCTETS	4096		/* what we say we take */
#define CHAIN_MAX	16		/* CNAMEs followed */
#define SET_MAX		64		/* records of a name and type */
#define OWNER_IS_QNAME	0xc00c		/* pointer to offset 12 */

struct query {
	uint16_t	id, flags;
	const uint8_t	*question;	/* name, type and class as asked */
	size_t		 question_len;
	char		 name[DNS_NAME_MAX + 1];	/* folded */
	unsigned	 type;
	bool		 edns, dnssec_ok;
	size_t		 limit;		/* octets the asker takes */
};

static unsigned
get_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* The name at off, folded, into name; returns the offset behind it or 0. */
static size_t
read_name(const uint8_t *msg, size_t len, size_t off, char *name)
{
	size_t at = 0;
	unsigned label;

	while (off < len && (label = msg[off++]) != 0) {
		if (label > 63 || label > len - off ||
		    at + label + 1 > DNS_NAME_MAX)
			return 0;
		if (at > 0)
			name[at++] = '.';
		for (; label > 0; label--)
			name[at++] = (char)tolower(msg[off++]);
	}
	if (at == 0)
		name[at++] = '.';
	name[at] = '\0';
	return off;
}

/* The OPT record of the additional section, if it comes first there. */
static void
read_edns(const uint8_t *msg, size_t len, size_t off, struct query *q)
{
	size_t size;

	if (get_u16(msg + 10) == 0 || len - off < 11 || msg[off] != 0 ||
	    get_u16(msg + off + 1) != DNS_OPT)
		return;
	q->edns = true;
	size = get_u16(msg + off + 3);
	q->dnssec_ok = (msg[off + 7] & 0x80) != 0;
	if (size > q->limit)
		q->limit = size;
}

static bool
read_query(const uint8_t *msg, size_t len, struct query *q)
{
	size_t off;

	*q = (struct query){ .limit = UDP_OCTETS, .name = "?" };
	if (len < HEADER_OCTETS)
		return false;
	q->id = (uint16_t)get_u16(msg);
	q->flags = (uint16_t)get_u16(msg + 2);
	if (get_u16(msg + 4) != 1 || (q->flags & 0xf800) != 0)
		return false;
	off = read_name(msg, len, HEADER_OCTETS, q->name);
	if (off == 0 || len - off < 4) {
		strcpy(q->name, "?");
		return false;
	}
	q->type = get_u16(msg + off);
	off += 4;
	q->question = msg + HEADER_OCTETS;
	q->question_len = off - HEADER_OCTETS;
	read_edns(msg, len, off, q);
	return true;
}

/* ---- looking up */

/* The first record of name; NULL when the name does not exist. */
static const struct record *
find_name(const struct zone *z, const char *name)
{
	size_t lo = 0, hi = z->nrecords, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strcmp(z->records[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < z->nrecords && strcmp(z->records[lo].name, name) == 0)
		return &z->records[lo];
	return NULL;
}

/* The same, with wildcards. */
static const struct record *
find(const struct zone *z, const char *name)
{
	const struct record *r = find_name(z, name);
	char pattern[DNS_NAME_MAX + 3] = "*";
	const char *dot;

	for (dot = strchr(name, '.'); r == NULL && dot != NULL;
	    dot = strchr(dot + 1, '.')) {
		strcpy(pattern + 1, dot);
		r = find_name(z, pattern);
	}
	return r != NULL ? r : find_name(z, "*");
}

/* The record of type among those that start at r, or behind it. */
static const struct record *
next_of_type(const struct zone *z, const struct record *r, const char *name,
    unsigned type)
{
	for (; r < z->records + z->nrecords && strcmp(r->name, name) == 0; r++)
		if (r->type == type || (type == DNS_ANY && r->type != 0))
			return r;
	return NULL;
}

/* ---- faults */

static bool
pattern_matches(const char *pattern, const char *name)
{
	size_t plen = strlen(pattern), nlen = strlen(name);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) != 0)
		return strcmp(pattern, name) == 0;
	return nlen > plen - 1 &&
	    strcmp(name + nlen - (plen - 1), pattern + 1) == 0;
}

/* What the faults of a query add up to. */
struct damage {
	bool		code_set, truncate, wrong_id, garbage, bogus;
	enum dns_code	code;
};

static void
apply_fault(const struct fault *f, struct verdict *v, struct damage *d)
{
	switch (f->kind) {
	case FAULT_CODE:
		d->code_set = true;
		d->code = f->code;
		break;
	case FAULT_DROP:
		v->drop = true;
		break;
	case FAULT_CLOSE:
		v->drop = v->close = true;
		break;
	case FAULT_DELAY:
		v->delay_ms += f->delay_ms;
		break;
	case FAULT_TRUNCATE:
		d->truncate = true;
		break;
	case FAULT_WRONG_ID:
		d->wrong_id = true;
		break;
	case FAULT_GARBAGE:
		d->garbage = true;
		break;
	case FAULT_BOGUS:
		d->bogus = true;
		break;
	}
}

static struct damage
find_faults(struct zone *z, const struct query *q, struct verdict *v)
{
	struct damage d = { .code = DNS_NOERROR };

	for (size_t i = 0; i < z->nfaults; i++) {
		struct fault *f = &z->faults[i];

		if ((f->type != 0 && f->type != q->type) ||
		    !pattern_matches(f->name, q->name) || f->seen >= f->first)
			continue;
		f->seen++;
		apply_fault(f, v, &d);
	}
	return d;
}

/* ---- building */

static void
put_header(struct strbuf *out, const struct query *q, enum dns_code code,
    bool truncated, unsigned answers, unsigned authority)
{
	unsigned flags = 0x8080;	/* QR, RA */

	flags |= q->flags & 0x0110;	/* RD and CD as asked */
	if (truncated)
		flags |= 0x0200;
	dns_put_u16(out, q->id);
	dns_put_u16(out, flags | code);
	dns_put_u16(out, q->question != NULL ? 1 : 0);
	dns_put_u16(out, answers);
	dns_put_u16(out, authority);
	dns_put_u16(out, q->edns ? 1 : 0);
	strbuf_add(out, q->question, q->question_len);
}

static void
put_edns(struct strbuf *out, const struct query *q)
{
	if (!q->edns)
		return;
	strbuf_addc(out, '\0');
	dns_put_u16(out, DNS_OPT);
	dns_put_u16(out, EDNS_OCTETS);
	dns_put_u32(out, q->dnssec_ok ? 0x8000 : 0);
	dns_put_u16(out, 0);
}

/* owner NULL: the question's name. */
static void
put_record(struct strbuf *out, const char *owner, const struct record *r)
{
	if (owner == NULL)
		dns_put_u16(out, OWNER_IS_QNAME);
	else
		(void)dns_put_name(out, owner);
	dns_put_u16(out, r->type);
	dns_put_u16(out, 1);		/* IN */
	dns_put_u32(out, r->ttl);
	dns_put_u16(out, r->data_len);
	strbuf_add(out, r->data, r->data_len);
}

/* CNAME's target in text form. */
static void
target_name(const struct record *r, char *name)
{
	(void)read_name(r->data, r->data_len, 0, name);
}

/* The records of type at a name that starts at first, into set; their number. */
static size_t
set_of_type(const struct zone *z, const struct record *first, unsigned type,
    const struct record *set[static SET_MAX])
{
	const struct record *r;
	size_t n = 0;

	for (r = first; n < SET_MAX &&
	    (r = next_of_type(z, r, first->name, type)) != NULL; r++)
		set[n++] = r;
	return n;
}

/* Append a set, and its signature where there shall be one. */
static unsigned
put_set(const struct zone *z, const struct query *q, const char *owner,
    const struct record *const *set, size_t n, bool bogus, struct strbuf *out)
{
	const char *name = owner != NULL ? owner : q->name;
	const struct signer *s = zone_signer(z, name);

	for (size_t i = 0; i < n; i++)
		put_record(out, owner, set[i]);
	if (n == 0 || s == NULL || !q->dnssec_ok || q->type == DNS_ANY)
		return (unsigned)n;
	return (unsigned)n + signer_sign(s, name, set, n, bogus, out);
}

/*
 * Append the answer section for q to out, following CNAMEs.  name is left as
 * the end of the chain, *exists_r says whether there is such a name.
 */
static unsigned
put_answers(const struct zone *z, const struct query *q, char *name,
    bool bogus, bool *exists_r, struct strbuf *out)
{
	const struct record *first, *set[SET_MAX];
	char owner[DNS_NAME_MAX + 1];
	unsigned n = 0;
	size_t len;

	for (int i = 0; i < CHAIN_MAX; i++) {
		first = find(z, name);
		*exists_r = first != NULL;
		if (first == NULL)
			return n;
		strcpy(owner, name);
		len = set_of_type(z, first, q->type, set);
		n += put_set(z, q, i > 0 ? owner : NULL, set, len, bogus, out);
		len = set_of_type(z, first, DNS_CNAME, set);
		if (len == 0 || q->type == DNS_CNAME || q->type == DNS_ANY)
			return n;
		n += put_set(z, q, i > 0 ? owner : NULL, set, len, bogus, out);
		target_name(set[0], name);
	}
	return n;
}

/* The same as put_soa() where answers are signed; the records appended. */
static unsigned
put_denial(const struct zone *z, const struct signer *s, const char *name,
    bool bogus, struct strbuf *out)
{
	const struct record *first = find_name(z, signer_apex(s));
	const struct record *set[SET_MAX];
	size_t n = set_of_type(z, first, DNS_SOA, set);

	put_record(out, signer_apex(s), set[0]);
	if (n != 1 || !signer_sign(s, signer_apex(s), set, 1, bogus, out))
		return 1;
	first = find(z, name);
	n = first != NULL ? set_of_type(z, first, DNS_ANY, set) : 0;
	return signer_deny(s, name, set, n, z->default_ttl, bogus, out) ? 4 : 2;
}

/*
 * RFC 2308: a negative answer carries the zone's SOA.  Ours is the one of the
 * nearest parent that has one, else made up for the last two labels.
 */
static void
put_soa(const struct zone *z, const char *name, struct strbuf *out)
{
	const struct record *r = NULL;
	const char *s = name, *dot;

	for (;; s = dot + 1) {
		r = find_name(z, s);
		if (r != NULL)
			r = next_of_type(z, r, s, DNS_SOA);
		dot = strchr(s, '.');
		if (r != NULL || dot == NULL || strchr(dot + 1, '.') == NULL)
			break;
	}
	if (r != NULL) {
		put_record(out, s, r);
		return;
	}
	(void)dns_put_name(out, s);
	dns_put_u16(out, DNS_SOA);
	dns_put_u16(out, 1);
	dns_put_u32(out, z->default_ttl);
	dns_put_u16(out, 2 + 20);
	dns_put_u16(out, 0);			/* both names the root */
	for (int i = 0; i < 4; i++)
		dns_put_u32(out, 1);
	dns_put_u32(out, z->default_ttl);
}

static void
build(struct zone *z, const struct query *q, const struct damage *d, bool tcp,
    struct verdict *v, struct strbuf *out)
{
	struct strbuf body = STRBUF_INIT(DNS_MESSAGE_MAX);
	char name[DNS_NAME_MAX + 1];
	const struct signer *s = q->dnssec_ok ? zone_signer(z, q->name) : NULL;
	bool exists = true, cut;
	unsigned authority = 0;

	v->code = d->code;
	if (!d->code_set) {
		strcpy(name, q->name);
		v->answers = put_answers(z, q, name, d->bogus, &exists, &body);
		v->code = exists ? DNS_NOERROR : DNS_NXDOMAIN;
	}
	if (!d->code_set && v->answers == 0 && s != NULL) {
		v->code = DNS_NOERROR;
		authority = put_denial(z, s, q->name, d->bogus, &body);
	} else if (v->code == DNS_NXDOMAIN ||
	    (v->code == DNS_NOERROR && v->answers == 0)) {
		put_soa(z, q->name, &body);
		authority = 1;
	}
	if (body.overflow) {		/* no DNS message holds it */
		strbuf_reset(&body);
		v->code = DNS_SERVFAIL;
		v->answers = authority = 0;
	}
	cut = !tcp && (d->truncate || HEADER_OCTETS + q->question_len +
	    body.len + 11 > q->limit);
	put_header(out, q, v->code, cut, cut ? 0 : v->answers,
	    cut ? 0 : authority);
	if (!cut)
		strbuf_add(out, body.s, body.len);
	put_edns(out, q);
	strbuf_free(&body);
}

void
zone_answer(struct zone *z, const uint8_t *query, size_t len, bool tcp,
    struct verdict *v, struct strbuf *out)
{
	struct query q;
	struct damage d;

	*v = (struct verdict){ .code = DNS_NOERROR };
	if (!read_query(query, len, &q)) {
		v->drop = len < HEADER_OCTETS;
		v->code = DNS_FORMERR;
		strcpy(v->name, q.name);
		if (!v->drop)
			put_header(out, &q, v->code, false, 0, 0);
		return;
	}
	strcpy(v->name, q.name);
	v->type = q.type;
	d = find_faults(z, &q, v);
	if (v->drop)
		return;
	if (d.garbage) {
		strbuf_adds(out, "\xff\xff not dns");
		return;
	}
	build(z, &q, &d, tcp, v, out);
	if (d.wrong_id)
		out->s[0] = (char)~out->s[0];
}

const char *
dns_code_name(enum dns_code code)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED",
	};

	return names[code];
}
