/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_packet.c - read the records of one DNS answer.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/dns_packet.h"

#define HEADER	12		/* octets before the question */

/* One record's frame: where its data lies. */
struct frame {
	char		owner[DNS_NAME_MAX];
	unsigned	type, class;
	uint32_t	ttl_s;
	size_t		data, data_len;
};

static bool
get16(const struct dns_packet *d, size_t *at, unsigned *v)
{
	if (*at > d->len || d->len - *at < 2)
		return false;
	*v = (unsigned)d->p[*at] << 8 | d->p[*at + 1];
	*at += 2;
	return true;
}

/* Append one label as text; a dot or odd octet in it is written as \DDD. */
static bool
name_label(char *out, size_t *used, const uint8_t *label, size_t len)
{
	if (*used != 0) {
		if (*used + 1 >= DNS_NAME_MAX)
			return false;
		out[(*used)++] = '.';
	}
	for (size_t i = 0; i < len; i++) {
		bool odd = label[i] <= ' ' || label[i] >= 0x7f ||
		    label[i] == '.' || label[i] == '\\';

		if (*used + (odd ? 4 : 1) >= DNS_NAME_MAX)
			return false;
		if (odd)
			*used += (size_t)snprintf(out + *used, 5, "\\%03u",
			    label[i]);
		else
			out[(*used)++] = (char)label[i];
	}
	out[*used] = '\0';
	return true;
}

/* The name at *at; a pointer must point before the place it stands at. */
static bool
get_name(const struct dns_packet *d, size_t *at, char out[DNS_NAME_MAX])
{
	size_t used = 0, p = *at, back = *at;
	bool jumped = false;

	out[0] = '\0';
	for (;;) {
		uint8_t c;

		if (p >= d->len)
			return false;
		c = d->p[p];
		if (c == 0) {
			if (!jumped)
				*at = p + 1;
			return true;
		}
		if ((c & 0xc0) == 0xc0) {
			size_t to;

			if (p + 1 >= d->len)
				return false;
			to = (size_t)(c & 0x3f) << 8 | d->p[p + 1];
			if (to >= back)
				return false;
			if (!jumped)
				*at = p + 2;
			jumped = true;
			p = back = to;
			continue;
		}
		if ((c & 0xc0) != 0 || d->len - p <= c)
			return false;
		if (!name_label(out, &used, d->p + p + 1, c))
			return false;
		p += 1 + (size_t)c;
	}
}

static bool
get_frame(const struct dns_packet *d, size_t *at, struct frame *f)
{
	unsigned hi, lo, len;

	if (!get_name(d, at, f->owner) || !get16(d, at, &f->type) ||
	    !get16(d, at, &f->class) || !get16(d, at, &hi) ||
	    !get16(d, at, &lo) || !get16(d, at, &len) || d->len - *at < len)
		return false;
	f->ttl_s = (uint32_t)hi << 16 | lo;
	if (f->ttl_s > INT32_MAX)	/* RFC 2181 section 8 */
		f->ttl_s = 0;
	f->data = *at;
	f->data_len = len;
	*at += len;
	return true;
}

/* The alias of `name` in the answers, if there is one. */
static bool
find_alias(const struct dns_packet *d, const char *name,
    char out[DNS_NAME_MAX])
{
	size_t at = d->first;
	struct frame f;

	for (unsigned i = 0; i < d->answers && get_frame(d, &at, &f); i++) {
		size_t data = f.data;

		if (f.type == DNS_CNAME && f.class == 1 &&
		    strcasecmp(f.owner, name) == 0)
			return get_name(d, &data, out);
	}
	return false;
}

bool
dns_packet_open(struct dns_packet *d, const void *p, size_t len,
    const char *name)
{
	unsigned flags, questions, dummy;
	char question[DNS_NAME_MAX], next[DNS_NAME_MAX];
	size_t at = 2, n = strlen(name);

	*d = (struct dns_packet){ .p = p, .len = len };
	if (len < HEADER || !get16(d, &at, &flags) ||
	    !get16(d, &at, &questions) || !get16(d, &at, &d->answers) ||
	    (flags & 0x8000) == 0 || questions != 1 ||
	    d->answers > DNS_RECORDS_MAX)
		return false;
	d->rcode = flags & 0xf;
	at = HEADER;
	if (!get_name(d, &at, question) || !get16(d, &at, &dummy) ||
	    !get16(d, &at, &dummy))
		return false;
	if (n > 0 && name[n - 1] == '.')
		n--;
	if (strlen(question) != n || strncasecmp(question, name, n) != 0)
		return false;
	d->first = at;
	strcpy(d->owner, question);
	for (int i = 0; find_alias(d, d->owner, next); i++) {
		if (i == DNS_ALIASES_MAX) {
			d->loop = true;
			break;
		}
		strcpy(d->owner, next);
	}
	return true;
}

static bool
read_txt(const struct dns_packet *d, const struct frame *f,
    struct dns_record *r)
{
	size_t at = f->data, end = f->data + f->data_len;

	r->text_len = 0;
	while (at < end) {
		size_t len = d->p[at++];

		if (len > end - at || len > DNS_TXT_MAX - r->text_len)
			return false;
		memcpy(r->text + r->text_len, d->p + at, len);
		r->text_len += len;
		at += len;
	}
	r->text[r->text_len] = '\0';
	return true;
}

static bool
read_data(const struct dns_packet *d, const struct frame *f,
    struct dns_record *r)
{
	size_t at = f->data;
	unsigned preference;

	r->type = f->type;
	r->ttl_s = f->ttl_s;
	switch (f->type) {
	case DNS_A:
	case DNS_AAAA:
		if (f->data_len != (f->type == DNS_A ? 4 : 16))
			return false;
		memcpy(r->ip, d->p + at, f->data_len);
		return true;
	case DNS_MX:
		if (f->data_len < 3 || !get16(d, &at, &preference))
			return false;
		r->preference = (uint16_t)preference;
		return get_name(d, &at, r->name);
	case DNS_TXT:
		return read_txt(d, f, r);
	case DNS_TLSA:
		/* One that is too long is still there, and unusable. */
		r->text_len = f->data_len <= DNS_TXT_MAX ? f->data_len : 0;
		memcpy(r->text, d->p + at, r->text_len);
		r->text[r->text_len] = '\0';
		return true;
	default:
		return true;
	}
}

bool
dns_packet_next(const struct dns_packet *d, enum dns_type type,
    unsigned *iter, struct dns_record *r, bool *bad_r)
{
	size_t at = d->first;
	struct frame f;

	*bad_r = false;
	for (unsigned i = 0; i < d->answers; i++) {
		if (!get_frame(d, &at, &f)) {
			*bad_r = true;
			return false;
		}
		if (i < *iter || f.type != (unsigned)type || f.class != 1 ||
		    strcasecmp(f.owner, d->owner) != 0)
			continue;
		*iter = i + 1;
		if (!read_data(d, &f, r)) {
			*bad_r = true;
			return false;
		}
		return true;
	}
	return false;
}
