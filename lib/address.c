/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.c - a mailbox as SMTP knows it, read and written.
 */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include <idn2.h>

#include "lib/address.h"
#include "lib/ascii.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define LABEL_MAX	63	/* octets, RFC 1035 section 2.3.4 */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* atext of RFC 5322 section 3.2.3, and UTF-8 (RFC 6531 section 3.3). */
static bool
is_atext(char c)
{
	return is_alnum(c) || (c & 0x80) != 0 ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* The dot-string at text, up to what cannot belong to one; 0 if none. */
static size_t
dot_string(const char *text, size_t len, struct err *e)
{
	size_t n = 0;

	while (n < len && (is_atext(text[n]) || text[n] == '.')) {
		if (text[n] == '.' && (n == 0 || text[n - 1] == '.')) {
			err_set(e, ERR_INPUT, "a dot where the local part "
			    "needs a character (RFC 5321 section 4.1.2)");
			return 0;
		}
		n++;
	}
	if (n == 0)
		err_set(e, ERR_INPUT, "no local part (RFC 5321 section "
		    "4.1.2)");
	else if (text[n - 1] == '.')
		err_set(e, ERR_INPUT, "the local part ends in a dot "
		    "(RFC 5321 section 4.1.2)");
	else
		return n;
	return 0;
}

/* The quoted string at text with its quotes; 0 if none that is sane. */
static size_t
quoted_string(const char *text, size_t len, struct err *e)
{
	size_t n = 1;

	while (n < len && text[n] != '"') {
		if (text[n] == '\\' && ++n < len && (text[n] & 0x80) != 0)
			break;
		if (n == len || (uint8_t)text[n] < 0x20 || text[n] == 0x7f)
			break;
		n++;
	}
	if (n >= len || text[n] != '"')
		err_set(e, ERR_INPUT, "a quoted local part that is not closed "
		    "or not printable (RFC 5321 section 4.1.2)");
	else if (n == 1)
		err_set(e, ERR_INPUT, "the local part is empty");
	else
		return n + 1;
	return 0;
}

/* Octets of the local part, which ends before an '@'; 0 with e set. */
static size_t
parse_local(const char *text, size_t len, unsigned flags, struct err *e)
{
	size_t n;

	if (len > 0 && text[0] == '"')
		n = quoted_string(text, len, e);
	else
		n = dot_string(text, len, e);
	if (n == 0)
		return 0;
	if (n == len || text[n] != '@') {
		err_set(e, ERR_INPUT, n == len ? "no @ and domain" :
		    "a character that a local part cannot have outside "
		    "quotes (RFC 5321 section 4.1.2)");
		return 0;
	}
	if (!utf8_is_ascii(text, n) && ((flags & ADDRESS_UTF8) == 0 ||
	    !utf8_valid(text, n))) {
		err_set(e, ERR_INPUT, (flags & ADDRESS_UTF8) == 0 ?
		    "the local part is not ASCII (RFC 6531)" :
		    "the local part is not UTF-8 (RFC 3629)");
		return 0;
	}
	if (n > ADDRESS_LOCAL_MAX && (flags & ADDRESS_LONG_LOCAL) == 0) {
		err_set(e, ERR_LIMIT, "the local part is longer than %d octets"
		    " (RFC 5321 section 4.5.3.1.1)", ADDRESS_LOCAL_MAX);
		return 0;
	}
	return n;
}

/* ---- domains */

static int
check_label(const char *label, size_t len, struct err *e)
{
	if (len == 0) {
		err_set(e, ERR_INPUT, "the domain has an empty label "
		    "(RFC 5321 section 4.1.2)");
		return -1;
	}
	if (len > LABEL_MAX) {
		err_set(e, ERR_LIMIT, "the domain has a label longer than %d "
		    "octets (RFC 1035 section 2.3.4)", LABEL_MAX);
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		if (is_alnum(label[i]) ||
		    (label[i] == '-' && i > 0 && i < len - 1))
			continue;
		err_set(e, ERR_INPUT, "the domain has a character or hyphen "
		    "that a host name cannot have there (RFC 5321 section "
		    "4.1.2)");
		return -1;
	}
	return 0;
}

/* A domain in ASCII by the rules for host names. */
static int
check_domain(const char *d, size_t len, unsigned flags, struct err *e)
{
	size_t from = 0, labels = 0;
	bool numeric = true;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && d[i] != '.')
			continue;
		if (check_label(d + from, i - from, e) == -1)
			return -1;
		labels++;
		from = i < len ? i + 1 : from;
	}
	for (size_t i = from; i < len; i++)
		numeric = numeric && d[i] >= '0' && d[i] <= '9';
	if (numeric) {
		err_set(e, ERR_INPUT, "the domain ends in a number: no such "
		    "top-level domain (RFC 1123 section 2.1)");
		return -1;
	}
	if (labels < 2 && (flags & ADDRESS_ONE_LABEL) == 0) {
		err_set(e, ERR_INPUT, "the domain has one label only");
		return -1;
	}
	if (len > ADDRESS_DOMAIN_MAX) {
		err_set(e, ERR_LIMIT, "the domain is longer than %d octets "
		    "(RFC 1035 section 2.3.4)", ADDRESS_DOMAIN_MAX);
		return -1;
	}
	return 0;
}

/*
 * A domain with U-labels into A-labels.  Domains of pure ASCII never come
 * here: the DNS compares A-labels as they are, so none is refused for what
 * it would decode to.
 */
static int
domain_to_ascii(const char *text, size_t len, struct strbuf *out,
    struct err *e)
{
	struct strbuf name = STRBUF_INIT(ADDRESS_TEXT_MAX);
	char *ascii = NULL;
	int rc, ret = -1;

	if (!utf8_valid(text, len) || memchr(text, '\0', len) != NULL) {
		err_set(e, ERR_INPUT, "the domain is not UTF-8 (RFC 3629)");
		goto out;
	}
	strbuf_add(&name, text, len);
	if (name.overflow) {
		err_set(e, ERR_LIMIT, "the domain is too long");
		goto out;
	}
	rc = idn2_to_ascii_8z(name.s, &ascii,
	    IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (rc != IDN2_OK) {
		err_set(e, rc == IDN2_MALLOC ? ERR_SYSTEM : ERR_INPUT,
		    "the domain is not IDNA2008 (RFC 5891): %s",
		    idn2_strerror(rc));
		goto out;
	}
	strbuf_adds(out, ascii);
	ret = 0;
out:
	idn2_free(ascii);
	strbuf_free(&name);
	return ret;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; other tags are not registered. */
static int
address_literal(const char *text, size_t len, char out[static 256],
    struct err *e)
{
	char inner[sizeof("IPv6:") + INET6_ADDRSTRLEN];
	struct in6_addr ip;
	size_t n = len - 2;
	bool good = false;

	if (len > 2 && n < sizeof(inner) && text[len - 1] == ']') {
		for (size_t i = 0; i < n; i++)
			inner[i] = ascii_lower(text[i + 1]);
		inner[n] = '\0';
		good = strlen(inner) == n && (strncmp(inner, "ipv6:", 5) == 0 ?
		    inet_pton(AF_INET6, inner + 5, &ip) == 1 :
		    inet_pton(AF_INET, inner, &ip) == 1);
	}
	if (!good) {
		err_set(e, ERR_INPUT, "a malformed address literal (RFC 5321 "
		    "section 4.1.3)");
		return -1;
	}
	out[0] = '[';
	memcpy(out + 1, inner, n);
	memcpy(out + 1 + n, "]", 2);
	return 0;
}

int
address_domain(const char *text, size_t len, unsigned flags,
    char out[static 256], struct err *e)
{
	struct strbuf d = STRBUF_INIT(ADDRESS_TEXT_MAX);
	int ret = -1;

	if (len > 0 && text[0] == '[') {
		if ((flags & ADDRESS_LITERAL) != 0)
			return address_literal(text, len, out, e);
		err_set(e, ERR_INPUT, "an address literal instead of a domain "
		    "(RFC 5321 section 4.1.3)");
		return -1;
	}
	if (len > ADDRESS_TEXT_MAX) {
		err_set(e, ERR_LIMIT, "the domain is too long");
		return -1;
	}
	if (utf8_is_ascii(text, len))
		strbuf_add(&d, text, len);
	else if (domain_to_ascii(text, len, &d, e) == -1)
		goto out;
	if (check_domain(d.s, d.len, flags, e) == -1)
		goto out;
	for (size_t i = 0; i <= d.len; i++)
		out[i] = ascii_lower(d.s[i]);
	ret = 0;
out:
	strbuf_free(&d);
	return ret;
}

/* ---- addresses */

int
address_parse(const char *text, size_t len, unsigned flags,
    struct address *out, struct err *e)
{
	char domain[sizeof(out->domain)];
	size_t n;

	if (len > ADDRESS_TEXT_MAX) {
		err_set(e, ERR_LIMIT, "the address is longer than %d octets",
		    ADDRESS_TEXT_MAX);
		return -1;
	}
	if ((n = parse_local(text, len, flags, e)) == 0 ||
	    address_domain(text + n + 1, len - n - 1, flags, domain, e) == -1)
		return -1;
	if (n + 1 + strlen(domain) > ADDRESS_MAX) {
		err_set(e, ERR_LIMIT, "the address is longer than %d octets "
		    "(RFC 5321 section 4.5.3.1.3)", ADDRESS_MAX);
		return -1;
	}
	memcpy(out->local, text, n);
	out->local[n] = '\0';
	memcpy(out->domain, domain, sizeof(domain));
	return 0;
}

void
address_format(struct strbuf *out, const struct address *a)
{
	strbuf_adds(out, a->local);
	strbuf_addc(out, '@');
	strbuf_adds(out, a->domain);
}

/* The content of a local part, without quotes and what they needed. */
static void
append_unquoted(struct strbuf *out, const char *local)
{
	if (local[0] != '"') {
		strbuf_adds(out, local);
		return;
	}
	for (const char *p = local + 1; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		strbuf_addc(out, *p);
	}
}

/* The content back in the form of the wire, quoted only where needed. */
static void
append_quoted(struct strbuf *out, const struct strbuf *content)
{
	if (dot_string(content->s, content->len, NULL) == content->len) {
		strbuf_add(out, content->s, content->len);
		return;
	}
	strbuf_addc(out, '"');
	for (size_t i = 0; i < content->len; i++) {
		if (content->s[i] == '"' || content->s[i] == '\\')
			strbuf_addc(out, '\\');
		strbuf_addc(out, content->s[i]);
	}
	strbuf_addc(out, '"');
}

/*
 * NFC, lower case, and NFC again: normalizing can bring forth capitals (the
 * sign for kelvin becomes K), and lower case can make a letter and its accent
 * one character where the capital has none (h with macron below).
 */
static int
fold_content(struct strbuf *content, struct err *e)
{
	struct strbuf nfc = STRBUF_INIT(sizeof(((struct address *)0)->local));
	int ret = -1;

	for (int pass = 0; pass < 2; pass++) {
		strbuf_reset(&nfc);
		if (utf8_nfc(&nfc, content->s, content->len, e) == -1)
			goto out;
		strbuf_reset(content);
		for (size_t i = 0; i < nfc.len; i++)
			strbuf_addc(content, ascii_lower(nfc.s[i]));
	}
	ret = 0;
out:
	strbuf_free(&nfc);
	return ret;
}

int
address_fold(const struct address *in, struct address *out, struct err *e)
{
	struct strbuf content = STRBUF_INIT(sizeof(out->local) - 1);
	struct strbuf local = STRBUF_INIT(sizeof(out->local) - 1);
	int ret = -1;

	append_unquoted(&content, in->local);
	if (fold_content(&content, e) == -1)
		goto out;
	append_quoted(&local, &content);
	if (content.overflow || local.overflow) {
		err_set(e, ERR_LIMIT, "the folded local part is too long");
		goto out;
	}
	*out = *in;
	memcpy(out->local, local.s, local.len + 1);
	ret = 0;
out:
	strbuf_free(&content);
	strbuf_free(&local);
	return ret;
}

/* ---- keyed hashes */

static int
no_key(enum key_purpose purpose, struct err *e)
{
	err_set(e, ERR_CRYPTO, "no usable %s key", key_purpose_name(purpose));
	return -1;
}

int
address_h8(const struct keyring *kr, const char *folded_local,
    uint64_t *h8_r, struct err *e)
{
	uint8_t mac[KEY_MAC_OCTETS];
	uint64_t h8 = 0;

	if (!keyring_mac(kr, KEY_H8, KEY_CURRENT, "listd h8 v1", folded_local,
	    strlen(folded_local), mac))
		return no_key(KEY_H8, e);
	for (size_t i = 0; i < 8; i++)
		h8 = h8 << 8 | mac[i];
	*h8_r = h8;
	return 0;
}

int
address_hash(const struct keyring *kr, const struct address *folded,
    uint8_t hash_r[static ADDRESS_HASH_OCTETS], struct err *e)
{
	char text[sizeof(struct address)];
	size_t n = strlen(folded->local), m = strlen(folded->domain);
	uint8_t mac[KEY_MAC_OCTETS];

	memcpy(text, folded->local, n);
	text[n] = '@';
	memcpy(text + n + 1, folded->domain, m);
	if (!keyring_mac(kr, KEY_ADDRESS, KEY_CURRENT, "listd address v1",
	    text, n + 1 + m, mac))
		return no_key(KEY_ADDRESS, e);
	memcpy(hash_r, mac, ADDRESS_HASH_OCTETS);
	return 0;
}
