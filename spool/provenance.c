/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provenance.c - where an imported address comes from, and on what ground it
 * may be mailed.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "lib/ascii.h"
#include "spool/provenance.h"

#define COUNT(A)	(sizeof(A) / sizeof((A)[0]))
#define FIRST_REFUSED_ORIGIN	ORIGIN_PUBLIC
#define FIRST_REFUSED_GROUND	GROUND_PUBLIC

static const char no_origin[] = "addresses that were public, collected, "
    "passed on or purchased gave no permission";
static const char no_ground[] = "that is no permission to mail somebody";

/* A name that a text may begin with, in lower case, hyphens as blanks. */
struct name {
	const char	*text;
	uint8_t		 value;
};

static const struct name origins[] = {
	{ "account", ORIGIN_ACCOUNT }, { "appended", ORIGIN_APPENDED },
	{ "bought", ORIGIN_PURCHASED }, { "broker", ORIGIN_PURCHASED },
	{ "checkout", ORIGIN_SHOP }, { "collected", ORIGIN_SCRAPED },
	{ "co registration", ORIGIN_SHARED },
	{ "coregistration", ORIGIN_SHARED }, { "crawled", ORIGIN_SCRAPED },
	{ "data broker", ORIGIN_PURCHASED },
	{ "directory", ORIGIN_PUBLIC }, { "e mail append", ORIGIN_APPENDED },
	{ "email append", ORIGIN_APPENDED }, { "enriched", ORIGIN_APPENDED },
	{ "event", ORIGIN_EVENT }, { "export", ORIGIN_PROGRAM },
	{ "fair", ORIGIN_EVENT }, { "form", ORIGIN_FORM },
	{ "forum", ORIGIN_FORUM }, { "guessed", ORIGIN_GUESSED },
	{ "harvested", ORIGIN_SCRAPED }, { "internet", ORIGIN_PUBLIC },
	{ "linkedin", ORIGIN_PUBLIC }, { "list broker", ORIGIN_PURCHASED },
	{ "mailchimp", ORIGIN_PROGRAM }, { "mailman", ORIGIN_PROGRAM },
	{ "membership", ORIGIN_MEMBERSHIP }, { "paper", ORIGIN_PAPER },
	{ "partner", ORIGIN_SHARED }, { "program", ORIGIN_PROGRAM },
	{ "public", ORIGIN_PUBLIC }, { "purchased", ORIGIN_PURCHASED },
	{ "registration", ORIGIN_ACCOUNT }, { "rented", ORIGIN_RENTED },
	{ "scraped", ORIGIN_SCRAPED }, { "shared", ORIGIN_SHARED },
	{ "shop", ORIGIN_SHOP }, { "sign up form", ORIGIN_FORM },
	{ "signup form", ORIGIN_FORM }, { "social media", ORIGIN_PUBLIC },
	{ "third party", ORIGIN_SHARED }, { "web", ORIGIN_PUBLIC },
	{ "web form", ORIGIN_FORM }, { "web search", ORIGIN_PUBLIC },
	{ "website", ORIGIN_PUBLIC }, { "websites", ORIGIN_PUBLIC },
	{ "www", ORIGIN_PUBLIC }, { "yellow pages", ORIGIN_PUBLIC },
	{ "zoominfo", ORIGIN_PURCHASED },
};

static const struct name grounds[] = {
	{ "bought", GROUND_PURCHASED }, { "confirmed", GROUND_CONFIRMED },
	{ "confirmed opt in", GROUND_CONFIRMED },
	{ "consent", GROUND_OPT_IN }, { "customer", GROUND_CUSTOMER },
	{ "double opt in", GROUND_CONFIRMED },
	{ "existing customer", GROUND_CUSTOMER },
	{ "existing customers", GROUND_CUSTOMER },
	{ "legitimate interest", GROUND_INTEREST },
	{ "membership", GROUND_MEMBERSHIP }, { "none", GROUND_UNKNOWN },
	{ "opt in", GROUND_OPT_IN }, { "public", GROUND_PUBLIC },
	{ "purchased", GROUND_PURCHASED }, { "rented", GROUND_PURCHASED },
	{ "scraped", GROUND_PUBLIC }, { "single opt in", GROUND_OPT_IN },
	{ "soft opt in", GROUND_CUSTOMER }, { "unknown", GROUND_UNKNOWN },
	{ "visited", GROUND_VISITED }, { "written", GROUND_WRITTEN },
};

/* What a description of a refused class has in it; written as names are. */
static const struct {
	const char	*word;
	bool		 begins;	/* longer ones too: "crawled" */
	bool		 trade;		/* a customer's ground has it too */
} refused_words[] = {
	{ "address broker", true, false }, { "bought", false, true },
	{ "co registration", true, false },
	{ "coregistration", true, false }, { "crawl", true, false },
	{ "data broker", true, false }, { "directories", false, false },
	{ "directory", false, false }, { "e mail append", true, false },
	{ "email append", true, false }, { "forum", true, false },
	{ "harvest", true, false }, { "linkedin connection", true, false },
	{ "linkedin contact", true, false },
	{ "linkedin profile", true, false }, { "list broker", true, false },
	{ "public", false, false }, { "publicly", false, false },
	{ "purchase", true, true }, { "purchasing", false, true },
	{ "rented", false, true }, { "scrape", true, false },
	{ "scraping", false, false }, { "web search", true, false },
	{ "yellow pages", false, false }, { "zoominfo", false, false },
};

/* ---- classes */

/* The next character as it is compared; *p moves behind it. */
static char
fold(const char **p)
{
	char c = ascii_lower(*(*p)++);

	return c == '-' || c == '_' ? ' ' : c;
}

/* Does text, up to its first colon and without blanks round it, say name? */
static bool
says(const char *text, const char *name)
{
	const char *end = text + strcspn(text, ":");

	while (text < end && *text == ' ')
		text++;
	while (end > text && end[-1] == ' ')
		end--;
	if ((size_t)(end - text) != strlen(name))
		return false;
	while (text < end)
		if (fold(&text) != *name++)
			return false;
	return true;
}

static unsigned
class_of(const char *text, const struct name *names, size_t n,
    unsigned described)
{
	if (text == NULL || text[strspn(text, " ")] == '\0')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (says(text, names[i].text))
			return names[i].value;
	return described;
}

enum origin
origin_of(const char *source)
{
	return (enum origin)class_of(source, origins, COUNT(origins),
	    ORIGIN_DESCRIBED);
}

enum ground
ground_of(const char *basis)
{
	return (enum ground)class_of(basis, grounds, COUNT(grounds),
	    GROUND_DESCRIBED);
}

const char *
origin_name(enum origin o)
{
	static const char *const names[ORIGINS] = {
		"none", "described", "form", "shop", "account", "event",
		"paper", "membership", "program", "public", "scraped",
		"purchased", "rented", "shared", "appended", "guessed",
		"forum",
	};

	return o < ORIGINS ? names[o] : "unknown";
}

const char *
ground_name(enum ground g)
{
	static const char *const names[GROUNDS] = {
		"none", "described", "opt-in", "confirmed", "written",
		"membership", "existing-customer", "public", "visited",
		"purchased", "legitimate-interest", "unknown",
	};

	return g < GROUNDS ? names[g] : "unknown";
}

const char *
evidence_name(enum evidence v)
{
	static const char *const names[EVIDENCES] = {
		"none", "confirmed", "customer",
	};

	return v < EVIDENCES ? names[v] : "unknown";
}

enum evidence
evidence_find(const char *name)
{
	for (enum evidence v = EVIDENCE_CONFIRMED; v < EVIDENCES; v++)
		if (strcmp(name, evidence_name(v)) == 0)
			return v;
	return EVIDENCE_NONE;
}

/* ---- what gives no permission */

static bool
is_letter(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* Behind word at the begin of text, or NULL when it is not there. */
static const char *
past(const char *text, const char *word)
{
	for (; *word != '\0'; word++)
		if (fold(&text) != *word)
			return NULL;
	return text;
}

static bool
speaks_of(const char *text, const char *word, bool begins)
{
	const char *end;

	for (const char *p = text; *p != '\0'; p++)
		if ((p == text || !is_letter(p[-1])) &&
		    (end = past(p, word)) != NULL &&
		    (begins || !is_letter(*end)))
			return true;
	return false;
}

static bool
speaks_of_any(const char *text, bool trade)
{
	for (size_t i = 0; i < COUNT(refused_words); i++)
		if ((trade || !refused_words[i].trade) &&
		    speaks_of(text, refused_words[i].word,
		    refused_words[i].begins))
			return true;
	return false;
}

const char *
origin_refused(const char *source)
{
	enum origin o = origin_of(source);

	return o >= FIRST_REFUSED_ORIGIN ||
	    (o != ORIGIN_NONE && speaks_of_any(source, true)) ? no_origin :
	    NULL;
}

const char *
ground_refused(const char *basis)
{
	enum ground g = ground_of(basis);

	return g >= FIRST_REFUSED_GROUND ||
	    (g != GROUND_NONE && speaks_of_any(basis, false)) ? no_ground :
	    NULL;
}

const char *
provenance_refused(enum evidence v, enum ground g)
{
	if (v == EVIDENCE_CONFIRMED && g == GROUND_CUSTOMER)
		return "an existing customer confirmed nothing and needs "
		    "evidence of its own";
	if (v == EVIDENCE_CUSTOMER && g != GROUND_CUSTOMER)
		return "that somebody is a customer is no evidence for "
		    "another basis";
	return NULL;
}

bool
provenance_ip(const char *text, uint8_t ip[static 16])
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(ip, 0, 10);
		ip[10] = ip[11] = 0xff;
		memcpy(ip + 12, &v4, 4);
		return true;
	}
	return inet_pton(AF_INET6, text, ip) == 1;
}
