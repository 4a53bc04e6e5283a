/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jurisdiction.c - how long the evidence of a consent is kept, by whose law.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "spool/jurisdiction.h"

#define DAY_MS	(24ll * 3600 * 1000)
#define BLANKS	" "

/*
 * Leap days are counted in.  Where a law names no time of its own it is the one
 * in which a claim can still be brought, for so long consent must be proven.
 */
static const struct jurisdiction rows[] = {
	{ "default", 1096, "three years: the shortest that serves the laws "
	    "of Canada and of most of the European Union" },
	{ "eu", 1096, "GDPR 5(1)(e), 7(1), 17(3)(e): as long as claims can "
	    "be brought, three years in most member states" },
	{ "de", 1461, "BGB 195, 199(1): three years from the end of the year "
	    "in which the claim arose" },
	{ "uk", 2192, "Limitation Act 1980 s. 2, 5: six years" },
	{ "ca", 1096, "CASL s. 13, limitation of three years from "
	    "discovery" },
	{ "us", 1827, "28 USC 2462: five years for penalties" },
	{ "au", 2192, "Spam Act 2003 s. 26: six years" },
	{ "jp", 31, "Act on Regulation of Transmission of Specified "
	    "Electronic Mail art. 3, ordinance 4(2): one month" },
};
#define ROWS	(sizeof(rows) / sizeof(rows[0]))

const struct jurisdiction *
jurisdiction_at(size_t i)
{
	return i < ROWS ? &rows[i] : NULL;
}

static const struct jurisdiction *
find(const char *name, size_t len)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len &&
		    memcmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

int
jurisdiction_check(const char *names, struct err *e)
{
	for (names += strspn(names, BLANKS); *names != '\0';
	    names += strspn(names, BLANKS)) {
		size_t len = strcspn(names, BLANKS);

		if (find(names, len) == NULL) {
			err_set(e, ERR_INPUT, "%.*s is not known; eu, de, uk, "
			    "ca, us, au, jp are, and several with a blank "
			    "between", (int)(len < 40 ? len : 40), names);
			return -1;
		}
		names += len;
	}
	return 0;
}

int64_t
jurisdiction_evidence_ms(const char *names)
{
	unsigned days = 0;

	for (names += strspn(names, BLANKS); *names != '\0';
	    names += strspn(names, BLANKS)) {
		size_t len = strcspn(names, BLANKS);
		const struct jurisdiction *j = find(names, len);

		if (j != NULL && j->days > days)
			days = j->days;
		names += len;
	}
	return (days != 0 ? days : rows[0].days) * DAY_MS;
}
