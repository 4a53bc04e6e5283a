/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ustar.c - archives of which no octet is free.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/ustar.h"

/* Where the fields lie in a header. */
#define AT_NAME		0
#define AT_MODE		100
#define AT_UID		108
#define AT_GID		116
#define AT_SIZE		124
#define AT_MTIME	136
#define AT_CHECK	148
#define AT_TYPE		156
#define AT_MAGIC	257
#define AT_DEVMAJOR	329
#define AT_DEVMINOR	337

static const char zeros[2 * USTAR_BLOCK];

static bool
fits_name(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool
ustar_name_fits(const char *name, size_t len)
{
	bool begins = true;

	if (len == 0 || len > USTAR_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '/' ? begins : !fits_name(
		    (unsigned char)name[i]) || (begins && name[i] == '.'))
			return false;
		begins = name[i] == '/';
	}
	return !begins;
}

/* The header of a member; name and size were found fit. */
static void
make_header(uint8_t h[static USTAR_BLOCK], const char *name, size_t size)
{
	unsigned sum = 0;
	char text[16];

	memset(h, 0, USTAR_BLOCK);
	memcpy(h + AT_NAME, name, strlen(name));
	memcpy(h + AT_MODE, "0000644", 8);
	memcpy(h + AT_UID, "0000000", 8);
	memcpy(h + AT_GID, "0000000", 8);
	snprintf(text, sizeof(text), "%011zo", size);
	memcpy(h + AT_SIZE, text, 12);
	memcpy(h + AT_MTIME, "00000000000", 12);
	memset(h + AT_CHECK, ' ', 8);	/* as it is while it is summed */
	h[AT_TYPE] = '0';
	memcpy(h + AT_MAGIC, "ustar\00000", 8);
	memcpy(h + AT_DEVMAJOR, "0000000", 8);
	memcpy(h + AT_DEVMINOR, "0000000", 8);
	for (size_t i = 0; i < USTAR_BLOCK; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + AT_CHECK, text, 7);
}

static size_t
padding(size_t size)
{
	return (USTAR_BLOCK - size % USTAR_BLOCK) % USTAR_BLOCK;
}

static int
full(const struct strbuf *out, struct err *e)
{
	if (!out->overflow)
		return 0;
	err_set(e, ERR_LIMIT, "an archive over %zu octets", out->max);
	return -1;
}

int
ustar_add(struct strbuf *out, const char *name, struct slice content,
    struct err *e)
{
	uint8_t header[USTAR_BLOCK];

	if (!ustar_name_fits(name, strlen(name))) {
		err_set(e, ERR_INPUT, "no name for a member of an archive");
		return -1;
	}
	if (content.len > USTAR_SIZE_MAX) {
		err_set(e, ERR_LIMIT, "%s: over %u octets", name,
		    USTAR_SIZE_MAX);
		return -1;
	}
	make_header(header, name, content.len);
	strbuf_add(out, header, sizeof(header));
	strbuf_add(out, content.p, content.len);
	strbuf_add(out, zeros, padding(content.len));
	return full(out, e);
}

int
ustar_end(struct strbuf *out, struct err *e)
{
	strbuf_add(out, zeros, sizeof(zeros));
	return full(out, e);
}

/* ---- reading */

void
ustar_init(struct ustar *u, const void *p, size_t len)
{
	u->p = p;
	u->left = len;
}

static int
damaged(struct err *e, const char *why)
{
	err_set(e, ERR_DAMAGED, "the archive: %s", why);
	return -1;
}

/* Eleven octal digits and a NUL. */
static bool
read_size(const uint8_t *p, size_t *size_r)
{
	size_t v = 0;

	for (int i = 0; i < 11; i++) {
		if (p[i] < '0' || p[i] > '7')
			return false;
		v = v << 3 | (size_t)(p[i] - '0');
	}
	*size_r = v;
	return v <= USTAR_SIZE_MAX;
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0)
		p++, len--;
	return len == 0;
}

static int
at_end(struct ustar *u, struct err *e)
{
	if (u->left != sizeof(zeros) || !all_zero(u->p, u->left))
		return damaged(e, "its end is not one");
	u->left = 0;
	return 0;
}

int
ustar_next(struct ustar *u, struct ustar_member *m, struct err *e)
{
	uint8_t header[USTAR_BLOCK];
	size_t size, len;

	if (u->left < USTAR_BLOCK)
		return damaged(e, "it is cut short");
	if (u->p[0] == '\0')
		return at_end(u, e);
	len = strnlen((const char *)u->p, USTAR_NAME_MAX);
	if (!ustar_name_fits((const char *)u->p, len) ||
	    !read_size(u->p + AT_SIZE, &size))
		return damaged(e, "a header without name or size");
	memcpy(m->name, u->p, len);
	m->name[len] = '\0';
	make_header(header, m->name, size);
	if (memcmp(header, u->p, sizeof(header)) != 0)
		return damaged(e, "a header that was not written so");
	u->p += USTAR_BLOCK;
	u->left -= USTAR_BLOCK;
	if (u->left < size || u->left - size < padding(size))
		return damaged(e, "a member is cut short");
	m->content = (struct slice){ u->p, size };
	if (!all_zero(u->p + size, padding(size)))
		return damaged(e, "octets behind a member");
	u->p += size + padding(size);
	u->left -= size + padding(size);
	return 1;
}
