/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_check.c - names and titles that may be.
 */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base32.h"
#include "lib/err.h"
#include "lib/token.h"
#include "lib/utf8.h"
#include "spool/list.h"

#define COUNT(A)	(sizeof(A) / sizeof((A)[0]))

/* ---- names: they become local parts */

/* RFC 2142, and what belongs to the machine. */
static const char *const reserved_names[] = {
	"abuse", "hostmaster", "mailer-daemon", "noc", "postmaster", "root",
	"security",
};

/* The addresses that each list has beside its own. */
static const char *const reserved_ends[] = {
	"-bounces", "-confirm", "-owner", "-request", "-subscribe",
	"-unsubscribe",
};

static bool
ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && strcmp(s + len - n, end) == 0;
}

/* b-, u- and c- with what could be a token behind (lib/verp.h). */
static bool
looks_like_token(const char *name)
{
	size_t n = strlen(name);

	if (n < 2 + TOKEN_CONFIRM_LEN || name[1] != '-' ||
	    strchr("buc", name[0]) == NULL)
		return false;
	for (size_t i = 2; i < n; i++)
		if (!base32_is_digit(name[i]))
			return false;
	return true;
}

int
list_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > LIST_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len ||
	    name[0] == '-' || name[len - 1] == '-') {
		err_set(e, ERR_INPUT, "a list's name is 1 to %d letters a-z, "
		    "digits and inner hyphens", LIST_NAME_MAX);
		return -1;
	}
	for (size_t i = 0; i < COUNT(reserved_names); i++) {
		if (strcmp(name, reserved_names[i]) == 0) {
			err_set(e, ERR_INPUT, "%s is an address of the host "
			    "(RFC 2142) and no list", name);
			return -1;
		}
	}
	for (size_t i = 0; i < COUNT(reserved_ends); i++) {
		if (ends_with(name, reserved_ends[i])) {
			err_set(e, ERR_INPUT, "names that end in %s belong to "
			    "the list before it", reserved_ends[i]);
			return -1;
		}
	}
	if (looks_like_token(name)) {
		err_set(e, ERR_INPUT, "the name looks like one of our return "
		    "paths");
		return -1;
	}
	return 0;
}

/* ---- titles: they stand in mail to people who asked for nothing yet */

/* Lower case; each as a whole word or words. */
static const char *const adverts[] = {
	"act now", "best price", "buy now", "click here", "discount",
	"limited time", "order now", "special offer", "% off",
};

static const char *const top_domains[] = {
	"app", "biz", "co", "com", "dev", "info", "io", "me", "net", "online",
	"org", "shop", "site", "store", "top", "xyz",
};

/* Controls, and marks that turn or hide the text around them (T31). */
static bool
is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

int
list_text_check(const char *text, const char *what, struct err *e)
{
	size_t len = strlen(text), n;
	uint32_t c;

	for (size_t i = 0; i < len; i += n) {
		if ((n = utf8_next(text + i, len - i, &c)) == 0) {
			err_set(e, ERR_INPUT, "%s is not UTF-8", what);
			return -1;
		}
		if (is_hidden(c)) {
			err_set(e, ERR_INPUT, "%s has a control or invisible "
			    "character", what);
			return -1;
		}
	}
	return 0;
}

/* word[len] ends as a host name does: ".com", ".de" behind lower case. */
static bool
is_host(const char *word, size_t len)
{
	size_t dot, n;

	for (; len > 0 && !isalnum((unsigned char)word[0]); len--)
		word++;
	while (len > 0 && !isalnum((unsigned char)word[len - 1]))
		len--;
	for (dot = len; dot > 0 && word[dot - 1] != '.'; dot--)
		;
	if (dot < 2 || !isalnum((unsigned char)word[dot - 2]))
		return false;
	n = len - dot;
	for (size_t i = 0; i < COUNT(top_domains); i++)
		if (n == strlen(top_domains[i]) &&
		    strncasecmp(word + dot, top_domains[i], n) == 0)
			return true;
	if (n < 2)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)word[i]) && word[i] != '.' &&
		    word[i] != '-' && !isdigit((unsigned char)word[i]))
			return false;
	return !isdigit((unsigned char)word[dot]);
}

static bool
has_address(const char *title)
{
	const char *p = title;

	if (strchr(title, '@') != NULL || strstr(title, "://") != NULL ||
	    strcasestr(title, "www.") != NULL)
		return true;
	while (*p != '\0') {
		size_t n = strcspn(p, " ");

		if (is_host(p, n))
			return true;
		p += n + strspn(p + n, " ");
	}
	return false;
}

static bool
is_advert(const char *title)
{
	if (strstr(title, "!!") != NULL || strchr(title, '$') != NULL)
		return true;
	for (size_t i = 0; i < COUNT(adverts); i++)
		if (strcasestr(title, adverts[i]) != NULL)
			return true;
	return false;
}

static size_t
characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

int
list_title_check(const char *title, struct err *e)
{
	if (list_text_check(title, "the title", e) == -1)
		return -1;
	if (title[0] == '\0' || title[strspn(title, " ")] == '\0') {
		err_set(e, ERR_INPUT, "the title is empty");
		return -1;
	}
	if (characters(title) > LIST_TITLE_MAX ||
	    strlen(title) > LIST_TITLE_OCTETS) {
		err_set(e, ERR_INPUT, "a title has at most %d characters",
		    LIST_TITLE_MAX);
		return -1;
	}
	if (has_address(title)) {
		err_set(e, ERR_INPUT, "a title names no address, host or URL");
		return -1;
	}
	if (is_advert(title)) {
		err_set(e, ERR_INPUT, "a title says what the list is and "
		    "advertises nothing");
		return -1;
	}
	return 0;
}
