/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_copy_mark.c - the files of a copy: its mark, its end, and when the
 * next one is due.
 *
 * The mark is one sealed record: a half copy has none, and one that was torn
 * does not open.
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/store_copy_private.h"
#include "spool/store_private.h"

#define MARK_VERSION	1
#define MARK_MAX	4096

/* ---- folders */

static const char *const folders[] = { "subscribers", "queue" };
#define FOLDERS		(sizeof(folders) / sizeof(folders[0]))

static int
sync_dir(const char *dir, const char *name, struct err *e)
{
	char path[STORE_COPY_PATH + 32];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		err_sys(e, "%s", path);
		return -1;
	}
	if ((rc = fsync(fd)) == -1)
		err_sys(e, "%s: fsync", path);
	close(fd);
	return rc;
}

int
store_copy_sync_dirs(const char *dir, struct err *e)
{
	for (size_t i = 0; i < FOLDERS; i++)
		if (sync_dir(dir, folders[i], e) == -1)
			return -1;
	return sync_dir(dir, ".", e);
}

static int
remove_file(const char *dir, const char *name, bool folder, struct err *e)
{
	char path[STORE_COPY_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((folder ? rmdir(path) : unlink(path)) == 0 || errno == ENOENT)
		return 0;
	err_sys(e, "%s: remove", path);
	return -1;
}

int
store_copy_remove(const char *dir, struct err *e)
{
	static const char *const files[] = {
		/* The mark first: half a copy must not have one. */
		STORE_COPY_MARK, STORE_COPY_MARK ".new",
		"subscribers/data.mdb", "subscribers/lock.mdb",
		"queue/data.mdb", "queue/lock.mdb",
		"subscribers.old/data.mdb", "subscribers.old/lock.mdb",
		"queue.old/data.mdb", "queue.old/lock.mdb",
	};
	static const char *const dirs[] = {
		"subscribers", "queue", "subscribers.old", "queue.old", "",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (remove_file(dir, files[i], false, e) == -1)
			return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (remove_file(dir, dirs[i], true, e) == -1)
			return -1;
	return 0;
}

/* ---- the mark */

int
store_copy_write_mark(const char *dir, const struct store_copy_info *info,
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(MARK_MAX);
	char tmp[STORE_COPY_PATH + 32], path[STORE_COPY_PATH + 32];
	int fd, ret = -1;

	record_begin(&b, MARK_VERSION);
	pack_raw(&b, info->instance, sizeof(info->instance));
	for (size_t i = 0; i < FOLDERS; i++) {
		pack_u64(&b, info->source_txn[i]);
		pack_u64(&b, info->before[i]);
		pack_u64(&b, info->after[i]);
	}
	pack_i64(&b, info->begun_ms);
	pack_i64(&b, info->done_ms);
	pack_u64(&b, info->consent);
	pack_u32(&b, TABLE_LAST);
	for (size_t i = 0; i < TABLE_LAST; i++)
		pack_u64(&b, info->rows[i]);
	record_end(&b);
	snprintf(tmp, sizeof(tmp), "%s/%s.new", dir, STORE_COPY_MARK);
	snprintf(path, sizeof(path), "%s/%s", dir, STORE_COPY_MARK);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd != -1 && write(fd, b.s, b.len) == (ssize_t)b.len &&
	    fsync(fd) == 0 && rename(tmp, path) == 0)
		ret = sync_dir(dir, ".", e);
	else
		err_sys(e, "%s", tmp);
	if (fd != -1)
		close(fd);
	strbuf_free(&b);
	return ret;
}

static bool
parse_mark(const void *p, size_t len, struct store_copy_info *info)
{
	struct unpack u;
	uint8_t version;

	if (!record_open(&u, p, len, &version) || version != MARK_VERSION)
		return false;
	unpack_raw(&u, info->instance, sizeof(info->instance));
	for (size_t i = 0; i < FOLDERS; i++) {
		info->source_txn[i] = unpack_u64(&u);
		info->before[i] = unpack_u64(&u);
		info->after[i] = unpack_u64(&u);
	}
	info->begun_ms = unpack_i64(&u);
	info->done_ms = unpack_i64(&u);
	info->consent = unpack_u64(&u);
	if (unpack_u32(&u) != TABLE_LAST)
		return false;	/* of another version of this program */
	for (size_t i = 0; i < TABLE_LAST; i++)
		info->rows[i] = unpack_u64(&u);
	return unpack_done(&u);
}

int
store_copy_read_mark(const char *dir, struct store_copy_info *info_r,
    struct err *e)
{
	char path[STORE_COPY_PATH + 32];
	uint8_t buf[MARK_MAX];
	ssize_t n;
	int fd;

	*info_r = (struct store_copy_info){ .begun_ms = 0 };
	snprintf(path, sizeof(path), "%s/%s", dir, STORE_COPY_MARK);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || (n = read(fd, buf, sizeof(buf))) == -1) {
		err_sys(e, "%s", path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	if (parse_mark(buf, (size_t)n, info_r))
		return 1;
	err_set(e, ERR_DAMAGED, "%s: not the mark of a copy of this version",
	    path);
	return -1;
}

/* ---- when the next one is due */

struct erased {
	int64_t	first, last, compacted;
};

static int
get_erased(struct txn *t, struct erased *v, struct err *e)
{
	uint8_t b[24];
	struct unpack u;
	int rc = meta_get(t, TABLE_META, "erased", b, sizeof(b), e);

	*v = (struct erased){ 0, 0, 0 };
	if (rc != 1)
		return rc;
	unpack_init(&u, b, sizeof(b));
	v->first = unpack_i64(&u);
	v->last = unpack_i64(&u);
	v->compacted = unpack_i64(&u);
	return 0;
}

static int
put_erased(struct txn *t, const struct erased *v, struct err *e)
{
	struct strbuf b = STRBUF_INIT(32);
	int rc;

	pack_i64(&b, v->first);
	pack_i64(&b, v->last);
	pack_i64(&b, v->compacted);
	rc = meta_put(t, TABLE_META, "erased", b.s, b.len, e);
	strbuf_free(&b);
	return rc;
}

int
store_erased(struct txn *t, int64_t now_ms, struct err *e)
{
	struct erased v;

	if (get_erased(t, &v, e) == -1)
		return -1;
	if (v.first == 0)
		v.first = now_ms;
	v.last = now_ms;
	return put_erased(t, &v, e);
}

int
store_compact_due(struct txn *t, int64_t *first_r, int64_t *compacted_r,
    struct err *e)
{
	struct erased v;
	int rc = get_erased(t, &v, e);

	*first_r = v.first;
	*compacted_r = v.compacted;
	return rc;
}

int
store_erased_before(struct txn *t, int64_t begun_ms, int64_t now_ms,
    struct err *e)
{
	struct erased v;

	if (get_erased(t, &v, e) == -1)
		return -1;
	/* What was deleted while it was copied may have been copied before. */
	v.first = v.last >= begun_ms ? begun_ms : 0;
	v.compacted = now_ms;
	return put_erased(t, &v, e);
}
