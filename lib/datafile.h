/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datafile.h - the shape that the shipped data files have in common.
 *
 * What is known about other people's servers is data and no code: it has a
 * source and a date, grows old, and an administrator may know better.  Such a
 * file is lines:
 *
 *	# a comment: # is the first character that is not a blank
 *	format = 1
 *	version = 2026-11-22
 *
 *	[kind name]
 *	source = 2026-08 where it was read
 *	key = value
 *
 * A source line counts for the values below it, up to the next one or the end
 * of the section; it begins with a month or day that exists.  Nothing is
 * expanded; only phrases are quoted.  A reader of such a file goes on after a
 * mistake, so that all are told at once, each as `file:line: text`.
 */
#ifndef LIB_DATAFILE_H
#define LIB_DATAFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;

#define DATAFILE_MAX		(1000u << 10)	/* octets of a file: a frame */
#define DATAFILE_LINE_MAX	1024		/* octets of a line */
#define DATAFILE_NAME_MAX	63		/* octets of a name */
#define DATAFILE_DATE_MAX	10		/* octets of a date */
#define DATAFILE_MISTAKES_MAX	100		/* told of one reading */
#define DATAFILE_FORMAT		1	/* of what is described above */
#define DATAFILE_SECONDS_MAX	(366u * 86400u)	/* of a duration */

/* A file's bytes, which need no NUL; all of it is borrowed. */
struct datafile_text {
	const char	*file;		/* its name, for messages and origins */
	const void	*bytes;
	size_t		 len;
};

/* Mistakes of one or more files; what out's limit cuts off is lost. */
struct datafile_mistakes {
	struct strbuf	*out;
	size_t		 count;
};

/* Append `file:line: text` and a newline; line 0 is none. */
void datafile_mistake(struct datafile_mistakes *m, const char *file,
    unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Say how many were not told, if any.  Returns true when there were none. */
bool datafile_mistakes_end(struct datafile_mistakes *m, const char *file);

enum datafile_is {
	DATAFILE_END,
	DATAFILE_SECTION,	/* name is its kind, value its name or "" */
	DATAFILE_SETTING	/* name and value, which may be "" */
};

/* A file being read; name and value live until the next line is. */
struct datafile {
	struct datafile_text	 text;
	struct datafile_mistakes *m;
	size_t			 at;
	unsigned		 line;	/* of what was read last */
	char			*name, *value;
	/* Of the file, when datafile_next() has come to a section. */
	char			 version[DATAFILE_NAME_MAX + 1];
	/* Of the setting that was read last; "" when none was given. */
	char			 date[DATAFILE_DATE_MAX + 1];
	char			 source[DATAFILE_LINE_MAX + 1];
	bool			 is_overlay, has_format, has_version;
	bool			 in_section, has_source;
	char			 buf[DATAFILE_LINE_MAX + 1];
};

/*
 * is_overlay	format, version and sources may be missing
 *
 * A file larger than DATAFILE_MAX is one mistake and reads as empty.
 */
void datafile_begin(struct datafile *d, const struct datafile_text *text,
    bool is_overlay, struct datafile_mistakes *m);
/*
 * The next section or setting.  The head and the sources are read on the way;
 * what they lack, and lines that are neither, are mistakes.
 */
enum datafile_is datafile_next(struct datafile *d);

/* ---- values; each returns 0, or -1 with e saying what was expected */

/* Digits, within min and max. */
int datafile_number(const char *value, uint32_t min, uint32_t max,
    uint32_t *n_r, struct err *e);
/* A number with s, m, h or d: seconds, 1 to DATAFILE_SECONDS_MAX. */
int datafile_duration(const char *value, uint32_t *seconds_r, struct err *e);
/* One of names, which ends with NULL; n_r is its place. */
int datafile_choice(const char *value, const char *const *names,
    uint32_t *n_r, struct err *e);
/* Letters, digits, '-', '.' and '_', at most DATAFILE_NAME_MAX. */
int datafile_name_check(const char *name, struct err *e);
/*
 * A name of the DNS without its last dot, in lower case (value is changed):
 * labels of letters, digits, '-' and '_', RFC 1035 section 2.3.4.
 */
int datafile_host(char *value, struct err *e);
/*
 * Cut the next word off *rest at blanks and commas; NULL when there is none.
 */
char *datafile_word(char **rest);
/*
 * Cut the next "phrase" in double quotes off *rest.  1, 0 at the end, -1.  A
 * phrase holds no double quote and is not empty.
 */
int datafile_phrase(char **rest, char **phrase_r, struct err *e);

/*
 * A number for a name, the same in every process and after every reload, so
 * that it may travel in frames and lie in the store.  Never 0.  Different
 * names may share one: whoever keeps names refuses that.
 */
uint32_t datafile_key(const char *name);

#endif
