/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address_canonical.c - which mailbox an address most likely ends in, and
 * which names are not a person's.
 *
 * What a provider ignores is its own affair and may change; the table has
 * what the large ones are known for.  A wrong row makes a limit too tight or
 * too wide and nothing else, for consent is never decided here.
 */
#include "config.h"

#include <string.h>

#include "lib/address.h"

static const struct provider {
	const char	*domain;
	const char	*same_as;
	const char	*ignored;	/* characters of the local part */
} providers[] = {
	{ "gmail.com",		"gmail.com",	"." },
	{ "googlemail.com",	"gmail.com",	"." },
	{ "icloud.com",		"icloud.com",	"" },
	{ "mac.com",		"icloud.com",	"" },
	{ "me.com",		"icloud.com",	"" },
	{ "pm.me",		"proton.me",	".-_" },
	{ "proton.me",		"proton.me",	".-_" },
	{ "protonmail.com",	"proton.me",	".-_" },
	{ "ya.ru",		"yandex.ru",	"" },
	{ "yandex.com",		"yandex.ru",	"" },
	{ "yandex.ru",		"yandex.ru",	"" },
};

/*
 * Reserved are the names of S37 and the sender of bounces, to which a
 * mailing starts a loop; the others are those of RFC 2142.
 */
static const struct {
	const char		*name;
	enum address_role	 role;
} roles[] = {
	{ "abuse",		ADDRESS_RESERVED },
	{ "ftp",		ADDRESS_ROLE },
	{ "hostmaster",		ADDRESS_RESERVED },
	{ "info",		ADDRESS_ROLE },
	{ "mailer-daemon",	ADDRESS_RESERVED },
	{ "marketing",		ADDRESS_ROLE },
	{ "news",		ADDRESS_ROLE },
	{ "noc",		ADDRESS_RESERVED },
	{ "postmaster",		ADDRESS_RESERVED },
	{ "sales",		ADDRESS_ROLE },
	{ "security",		ADDRESS_RESERVED },
	{ "support",		ADDRESS_ROLE },
	{ "usenet",		ADDRESS_ROLE },
	{ "uucp",		ADDRESS_ROLE },
	{ "webmaster",		ADDRESS_ROLE },
	{ "www",		ADDRESS_ROLE },
};

/* Octets of a local part before its +tag; a leading '+' starts none. */
static size_t
untagged_len(const char *local)
{
	size_t n = strcspn(local, "+");

	return n > 0 && local[0] != '"' ? n : strlen(local);
}

static const struct provider *
provider_of(const char *domain)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (strcmp(domain, providers[i].domain) == 0)
			return &providers[i];
	return NULL;
}

bool
address_is_canonical(const char *local, const char *domain)
{
	const struct provider *known = provider_of(domain);
	size_t len = untagged_len(local), ignored;

	if (local[len] != '\0' || (known != NULL &&
	    strcmp(known->same_as, domain) != 0))
		return false;
	if (known == NULL || local[0] == '"')
		return true;
	/* Nothing but what is ignored is kept. */
	ignored = strcspn(local, known->ignored);
	return ignored == len || strspn(local, known->ignored) == len;
}

void
address_canonical(const struct address *in, struct address *out)
{
	const struct provider *known = provider_of(in->domain);
	size_t len = untagged_len(in->local), n = 0;
	char local[sizeof(out->local)];

	for (size_t i = 0; i < len; i++)
		if (known == NULL || in->local[0] == '"' ||
		    strchr(known->ignored, in->local[i]) == NULL)
			local[n++] = in->local[i];
	if (n == 0) {			/* nothing but what is ignored */
		memcpy(local, in->local, len);
		n = len;
	}
	if (out != in)
		*out = *in;
	memcpy(out->local, local, n);
	out->local[n] = '\0';
	if (known != NULL)
		strcpy(out->domain, known->same_as);
}

enum address_role
address_role(const struct address *folded)
{
	static const char request[] = "-request";
	const char *local = folded->local;
	size_t len = untagged_len(local), tail = sizeof(request) - 1;

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strlen(roles[i].name) == len &&
		    memcmp(roles[i].name, local, len) == 0)
			return roles[i].role;
	/* RFC 2142 section 6: the address that runs a mailing list. */
	if (len > tail && memcmp(local + len - tail, request, tail) == 0)
		return ADDRESS_ROLE;
	return ADDRESS_PERSON;
}
