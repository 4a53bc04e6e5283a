/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_private.h - the row of the configuration table and its value types.
 *
 * Shared by conf.c, which owns the table and the file's syntax, and
 * conf_value.c, which owns how one value is read and written.
 */
#ifndef LIB_CONF_PRIVATE_H
#define LIB_CONF_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;

enum conf_type {
	CONF_BOOL,		/* bool */
	CONF_INT,		/* int64_t */
	CONF_SIZE,		/* int64_t octets */
	CONF_TIME,		/* int64_t milliseconds */
	CONF_ENUM,		/* conf_enum, an index of names */
	CONF_PATH,		/* char[], absolute */
	CONF_HOST,		/* char[], A-labels, lower case */
	CONF_USER,		/* char[], a login or group name */
	CONF_MAIL,		/* char[], local@host */
	CONF_URL,		/* char[], https://host[:port][/path] */
	CONF_LISTEN,		/* struct conf_listens */
	CONF_CIDR,		/* struct conf_cidrs */
	CONF_IP,		/* struct conf_cidrs, whole addresses only */
	CONF_SERVER,		/* struct conf_server */
	CONF_SMARTHOST,		/* struct conf_smarthosts */
};

#define CONF_RELOAD	0x01	/* a reload may change it */
#define CONF_REQUIRED	0x02	/* must be set in the file */
#define CONF_UNIX	0x04	/* a listener may be a UNIX socket's path */

struct conf_setting {
	const char	*name;
	enum conf_type	 type;
	unsigned	 flags;
	size_t		 offset;	/* in struct conf */
	size_t		 size;		/* of the field */
	const char	*def;		/* as in a file; NULL: empty */
	const char	*shown;		/* in the manual when def does not say */
	int64_t		 min, max;	/* of INT, SIZE and TIME */
	const char	*const *names;	/* of ENUM, NULL at the end */
	const char	*text;		/* mdoc(7) */
};

/*
 * Read value, a trimmed string without control characters, into field; a list
 * gets one more entry.  -1 with e filled, without the setting's name.
 */
int conf_value_set(const struct conf_setting *s, void *field,
    const char *value, struct err *e);
/* How many values field holds: entries of a list, else 1. */
size_t conf_value_count(const struct conf_setting *s, const void *field);
/* True for types whose name may be repeated. */
bool conf_value_is_list(const struct conf_setting *s);
/* Append value i in the form that conf_value_set() reads. */
void conf_value_format(const struct conf_setting *s, const void *field,
    size_t i, struct strbuf *out);
/* A number of the setting's unit, in the largest unit that divides it. */
void conf_number_format(const struct conf_setting *s, int64_t n,
    struct strbuf *out);
/* What a value looks like, for the manual: "duration", "host[:port]", ... */
const char *conf_value_shape(const struct conf_setting *s);

#endif
