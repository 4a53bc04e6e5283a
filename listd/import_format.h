/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_format.h - what the columns of a member file mean, by the program
 * that wrote it.
 *
 * A format is a table: names of columns and what each says.  The reader knows
 * no program; whoever adds one adds a table here.
 *
 * csv		the head row names a column `email`, `e-mail`, `email address`,
 *		`mail` or `address`; `date`, `confirmed` or `subscribed` says
 *		when the person asked, `ip` from where, `source`, `basis` and
 *		`evidence` what else is known of it
 * mailchimp	the audience export: three files, by whose names or columns it
 *		is known who is subscribed, unsubscribed or cleaned (bounced).
 *		CONFIRM_TIME with CONFIRM_IP is evidence, OPTIN_TIME and
 *		OPTIN_IP are the request before it; where the two are missing
 *		somebody was added by hand, and cannot be vouched for
 *
 * Every other column with a value becomes an attribute of its name, except
 * what a format drops.
 */
#ifndef LISTD_IMPORT_FORMAT_H
#define LISTD_IMPORT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

struct csvin;

/* Numbers of an import's record: append only. */
enum import_format_id {
	IMPORT_CSV, IMPORT_MAILCHIMP, IMPORT_FORMATS
};

enum import_status {
	IMPORT_ANY,		/* its rows say it, or all are members */
	IMPORT_SUBSCRIBED,
	IMPORT_UNSUBSCRIBED,
	IMPORT_WAS_CLEANED,
	IMPORT_NO_SUBSCRIBER,	/* known there, and never asked for mail */
	IMPORT_STATUSES
};

enum import_column {
	COLUMN_ATTRIBUTE,
	COLUMN_ADDRESS,
	COLUMN_DATE,		/* of the confirmation */
	COLUMN_IP,		/* likewise */
	COLUMN_ASKED,		/* date of the request before it */
	COLUMN_ASKED_IP,
	COLUMN_SOURCE,
	COLUMN_BASIS,
	COLUMN_EVIDENCE,
	COLUMN_STATUS,
	COLUMN_LEFT,		/* date */
	COLUMN_CLEANED,		/* date */
	COLUMN_KINDS,
	COLUMN_DROPPED = COLUMN_KINDS	/* of no use here */
};

struct import_format {
	const char	*name;
	bool		 by_status;	/* each file is of one */
	bool		 by_proof;	/* only date and IP are evidence */
	bool		 plain_names;	/* attributes: blanks become '_' */
	const struct import_column_name {
		const char	*name;	/* lower case; the first found is it */
		enum import_column what;
	} *columns;
	size_t		 n;
};

const struct import_format *import_format_of(enum import_format_id id);
/* False when there is none of that name. */
bool import_format_find(const char *name, enum import_format_id *id_r);
/* "subscribed", ...; false when there is none of that name. */
bool import_status_find(const char *name, enum import_status *status_r);
const char *import_status_name(enum import_status status);
/* By a file's name, "cleaned_email_audience_export_1234.csv"; or ANY. */
enum import_status import_status_of(const char *file);

/* Where what stands in a file, once its head row is known; -1: nowhere. */
struct import_layout {
	int		 at[COLUMN_KINDS];
	unsigned char	 what[64];	/* enum import_column of each */
};

void import_layout_find(const struct import_format *f,
    const struct csvin *csv, struct import_layout *l_r);

#endif
