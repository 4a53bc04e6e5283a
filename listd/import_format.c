/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_format.c - what the columns of a member file mean, by the program
 * that wrote it.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/csvin.h"
#include "listd/import_format.h"

#define COUNT(A)	(sizeof(A) / sizeof((A)[0]))

_Static_assert(sizeof(((struct import_layout *)0)->what) ==
    CSVIN_COLUMNS_MAX, "a meaning for each column");

static const struct import_column_name csv_columns[] = {
	{ "email", COLUMN_ADDRESS }, { "e-mail", COLUMN_ADDRESS },
	{ "email address", COLUMN_ADDRESS }, { "mail", COLUMN_ADDRESS },
	{ "address", COLUMN_ADDRESS }, { "date", COLUMN_DATE },
	{ "confirmed", COLUMN_DATE }, { "subscribed", COLUMN_DATE },
	{ "ip", COLUMN_IP }, { "source", COLUMN_SOURCE },
	{ "basis", COLUMN_BASIS }, { "evidence", COLUMN_EVIDENCE },
};

/*
 * As its audience exports of 2013 to 2025 have them; merge fields and groups
 * of the account's own stand between the address and MEMBER_RATING.  Place
 * and habits of a person are not needed to mail them, and NOTES are not for
 * their eyes.
 */
static const struct import_column_name mailchimp_columns[] = {
	{ "email address", COLUMN_ADDRESS }, { "email", COLUMN_ADDRESS },
	{ "confirm_time", COLUMN_DATE }, { "confirm_ip", COLUMN_IP },
	{ "optin_time", COLUMN_ASKED }, { "optin_ip", COLUMN_ASKED_IP },
	{ "unsub_time", COLUMN_LEFT }, { "clean_time", COLUMN_CLEANED },
	{ "status", COLUMN_STATUS }, { "member_rating", COLUMN_DROPPED },
	{ "latitude", COLUMN_DROPPED }, { "longitude", COLUMN_DROPPED },
	{ "gmtoff", COLUMN_DROPPED }, { "dstoff", COLUMN_DROPPED },
	{ "timezone", COLUMN_DROPPED }, { "cc", COLUMN_DROPPED },
	{ "region", COLUMN_DROPPED }, { "last_changed", COLUMN_DROPPED },
	{ "leid", COLUMN_DROPPED }, { "euid", COLUMN_DROPPED },
	{ "notes", COLUMN_DROPPED },
	{ "unsub_campaign_title", COLUMN_DROPPED },
	{ "unsub_campaign_id", COLUMN_DROPPED },
	{ "unsub_reason", COLUMN_DROPPED },
	{ "unsub_reason_other", COLUMN_DROPPED },
	{ "clean_campaign_title", COLUMN_DROPPED },
	{ "clean_campaign_id", COLUMN_DROPPED },
};

static const struct import_format formats[IMPORT_FORMATS] = {
	[IMPORT_CSV] = { .name = "csv", .columns = csv_columns,
		.n = COUNT(csv_columns) },
	[IMPORT_MAILCHIMP] = { .name = "mailchimp", .by_status = true,
		.by_proof = true, .plain_names = true,
		.columns = mailchimp_columns,
		.n = COUNT(mailchimp_columns) },
};

const struct import_format *
import_format_of(enum import_format_id id)
{
	return &formats[id];
}

bool
import_format_find(const char *name, enum import_format_id *id)
{
	for (size_t i = 0; i < IMPORT_FORMATS; i++)
		if (strcmp(name, formats[i].name) == 0) {
			*id = (enum import_format_id)i;
			return true;
		}
	return false;
}

/* ---- statuses */

static const struct {
	const char	*name;
	enum import_status status;
} statuses[] = {
	{ "subscribed", IMPORT_SUBSCRIBED },
	{ "unsubscribed", IMPORT_UNSUBSCRIBED },
	{ "cleaned", IMPORT_WAS_CLEANED },
	{ "nonsubscribed", IMPORT_NO_SUBSCRIBER },
	/* Other words for who gets no mail there and did not leave. */
	{ "non-subscribed", IMPORT_NO_SUBSCRIBER },
	{ "transactional", IMPORT_NO_SUBSCRIBER },
	{ "pending", IMPORT_NO_SUBSCRIBER },
	{ "archived", IMPORT_NO_SUBSCRIBER },
};

bool
import_status_find(const char *name, enum import_status *status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (strcasecmp(name, statuses[i].name) == 0) {
			*status = statuses[i].status;
			return true;
		}
	return false;
}

const char *
import_status_name(enum import_status status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return "any";
}

enum import_status
import_status_of(const char *file)
{
	const char *base = strrchr(file, '/');

	base = base != NULL ? base + 1 : file;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		size_t len = strlen(statuses[i].name);

		if (strncasecmp(base, statuses[i].name, len) == 0 &&
		    (base[len] == '_' || base[len] == '.'))
			return statuses[i].status;
	}
	return IMPORT_ANY;
}

/* ---- columns */

void
import_layout_find(const struct import_format *f, const struct csvin *csv,
    struct import_layout *l)
{
	size_t columns = csvin_columns(csv);

	memset(l->what, COLUMN_ATTRIBUTE, sizeof(l->what));
	for (size_t k = 0; k < COLUMN_KINDS; k++)
		l->at[k] = -1;
	for (size_t i = 0; i < f->n; i++)
		for (size_t j = 0; j < columns; j++) {
			enum import_column what = f->columns[i].what;

			if (strcmp(csvin_column_name(csv, j),
			    f->columns[i].name) != 0 ||
			    (what < COLUMN_KINDS && l->at[what] != -1))
				continue;
			l->what[j] = (unsigned char)what;
			if (what < COLUMN_KINDS)
				l->at[what] = (int)j;
		}
}
