/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_manifest.h - the list of what a backup holds.
 *
 *	listd backup 1
 *	time 1790000000000
 *	ledger 4711 <root of its tree, 64 hex digits>
 *	file <SHA-256, 64 hex digits> <octets> subscribers/data.mdb
 *	...
 *	end <number of files>
 *
 * Each line ends with LF; one space separates; digits without leading zeros.
 * Paths are relative, of letters, digits, '.', '_', '-' and '/', and no part
 * of one is empty or begins with a dot, but for names of files as "a.b".
 */
#ifndef LIB_BACKUP_MANIFEST_H
#define LIB_BACKUP_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;

#define BACKUP_MANIFEST		"MANIFEST"
#define BACKUP_MANIFEST_MAX	(256u << 20)	/* octets */
#define BACKUP_PATH_MAX		400		/* octets of a path */
#define BACKUP_HASH		32

struct backup_file {
	uint8_t		 hash[BACKUP_HASH];
	uint64_t	 size;
	char		*path;
};

struct backup_manifest {
	int64_t		 when_ms;	/* UTC */
	uint64_t	 ledger;	/* entries */
	uint8_t		 root[BACKUP_HASH];
	struct backup_file *v;
	size_t		 n, cap;
};

/* All zeros is an empty one. */
void backup_manifest_free(struct backup_manifest *m);
/* True for a path as above. */
bool backup_path_ok(const char *path);
/* Add a file whose path is right; the last one's hash and size may follow. */
struct backup_file *backup_manifest_add(struct backup_manifest *m,
    const char *path);
/* Append the text. */
void backup_manifest_write(const struct backup_manifest *m,
    struct strbuf *out);
/* Read p[len] into m, which is empty.  -1 ERR_INPUT naming the line. */
int backup_manifest_parse(struct backup_manifest *m, const char *p,
    size_t len, struct err *e);

#endif
