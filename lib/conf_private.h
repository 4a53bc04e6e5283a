/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_private.h - the row of the configuration table and its value types.
 *
 * Shared by conf.c, which owns the table and the file's syntax, conf_all.c,
 * which does what is done with every setting, and conf_value.c, conf_net.c and
 * conf_smarthost.c, which own how one value is read and written.
 */
#ifndef LIB_CONF_PRIVATE_H
#define LIB_CONF_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct conf_cidr;
struct conf_cidrs;
struct conf_listens;
struct conf_server;
struct conf_smarthost;
struct conf_smarthosts;
struct conf_source;
struct conf_sources;
struct conf_witnesses;
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
	CONF_SOURCE,		/* struct conf_sources */
	CONF_SERVER,		/* struct conf_server */
	CONF_SMARTHOST,		/* struct conf_smarthosts */
	CONF_WITNESS,		/* struct conf_witnesses */
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
	const char	*shown;		/* the manual's, where def is silent */
	int64_t		 min, max;	/* of INT, SIZE and TIME */
	const char	*const *names;	/* of ENUM, NULL at the end */
	const char	*text;		/* mdoc(7) */
};

/* conf.c: row i of the table, NULL past its end. */
const struct conf_setting *conf_setting_at(size_t i);

static inline void *
conf_field(struct conf *c, const struct conf_setting *s)
{
	return (char *)c + s->offset;
}

static inline const void *
conf_field_in(const struct conf *c, const struct conf_setting *s)
{
	return (const char *)c + s->offset;
}

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

/* Digits at *p, which moves past them; false: none, or above INT64_MAX. */
bool conf_read_digits(const char **p, int64_t *n_r);
/* Labels of letters, digits and inner hyphens (RFC 1123 section 2.1). */
bool conf_is_host(const char *p, size_t len);
/* Copy it; -1 when it does not fit the field. */
int conf_set_text(const struct conf_setting *s, char *field, const char *value,
    size_t len, struct err *e);

/* ---- conf_net.c: parts of conf_value_set() and conf_value_format() */
int conf_set_listen(const struct conf_setting *s, struct conf_listens *list,
    const char *value, struct err *e);
int conf_set_cidr(const struct conf_setting *s, struct conf_cidrs *list,
    const char *value, struct err *e);
int conf_set_server(const struct conf_setting *s, struct conf_server *field,
    const char *value, struct err *e);
int conf_set_source(const struct conf_setting *s, struct conf_sources *list,
    const char *value, struct err *e);
void conf_source_format(const struct conf_source *v, struct strbuf *out);
int conf_set_url(const struct conf_setting *s, char *field, const char *value,
    struct err *e);
void conf_cidr_format(const struct conf_cidr *c, struct strbuf *out);
void conf_server_format(const struct conf_server *v, struct strbuf *out);

/* Digits and nothing else, from min to 65535. */
bool conf_read_port(const char *s, int64_t min, uint16_t *port_r);
bool conf_read_ip(const char *p, size_t len, uint8_t *family_r,
    uint8_t ip_r[16]);
/*
 * Split "host:port", "[ip6]:port" or, where no port is needed, either without
 * it.  *port_r is NULL then.  An address with colons needs its brackets.
 */
bool conf_split_port(const char *value, const char **host_r, size_t *len_r,
    const char **port_r);

/* ---- conf_smarthost.c: likewise */
int conf_set_smarthost(const struct conf_setting *s,
    struct conf_smarthosts *list, const char *value, struct err *e);
void conf_smarthost_format(const struct conf_smarthost *h,
    struct strbuf *out);

/* ---- conf_witness.c: likewise; note_key_format() writes */
int conf_set_witness(const struct conf_setting *s,
    struct conf_witnesses *list, const char *value, struct err *e);

#endif
