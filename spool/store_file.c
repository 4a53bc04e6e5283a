/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_file.c - is the data file as long as its own meta pages say.
 *
 * LMDB 0.9 maps the file and trusts it: a page behind the end of a truncated
 * file is SIGBUS at the first read.  Its two meta pages are therefore read by
 * hand before it opens the file.  The layout is that of lmdb 0.9.24, mdb.c,
 * struct MDB_page and MDB_meta, in the machine's own byte order and with
 * 8-octet words, data version 1, unchanged through the 0.9 series:
 *
 *	 0  page number 8, pad 2, flags 2, lower and upper 4
 *	16  magic 4, version 4, address 8, map size 8
 *	40  two trees of 48 octets; the first begins with the page size (u32)
 *     136  last page used 8
 *     144  transaction id 8
 */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "spool/store_private.h"

#define META_OCTETS	152
#define META_MAGIC	0xbeefc0deu
#define META_VERSION	1u
#define META_FLAG	0x08u		/* of a page: it is a meta page */
#define PAGE_MIN	256u
#define PAGE_MAX	65536u

struct meta {
	uint32_t	page_size;
	uint64_t	last_page;
	uint64_t	txn;
};

static void
field(const uint8_t *page, size_t at, void *out, size_t len)
{
	memcpy(out, page + at, len);
}

/* Read the meta page at offset; false when there is none of LMDB's. */
static bool
read_meta(int fd, off_t offset, struct meta *m_r)
{
	uint8_t page[META_OCTETS];
	uint32_t magic, version;
	uint16_t flags;
	ssize_t n;

	do {
		n = pread(fd, page, sizeof(page), offset);
	} while (n == -1 && errno == EINTR);
	if (n != (ssize_t)sizeof(page))
		return false;
	field(page, 10, &flags, sizeof(flags));
	field(page, 16, &magic, sizeof(magic));
	field(page, 20, &version, sizeof(version));
	field(page, 40, &m_r->page_size, sizeof(m_r->page_size));
	field(page, 136, &m_r->last_page, sizeof(m_r->last_page));
	field(page, 144, &m_r->txn, sizeof(m_r->txn));
	return (flags & META_FLAG) != 0 && magic == META_MAGIC &&
	    version == META_VERSION && m_r->page_size >= PAGE_MIN &&
	    m_r->page_size <= PAGE_MAX &&
	    (m_r->page_size & (m_r->page_size - 1)) == 0 &&
	    m_r->last_page < INT64_MAX / PAGE_MAX;
}

int
store_file_check(int fd, const char *path, struct err *e)
{
	struct meta a, b;
	struct stat sb;
	uint64_t last, need;

	if (!read_meta(fd, 0, &a) || !read_meta(fd, a.page_size, &b) ||
	    b.page_size != a.page_size) {
		err_set(e, ERR_DAMAGED, "%s: the first two pages are not those "
		    "of a store", path);
		return -1;
	}
	/* After the pages, so that a writer at work can only have added. */
	if (fstat(fd, &sb) == -1) {
		err_sys(e, "%s: fstat", path);
		return -1;
	}
	last = a.last_page > b.last_page ? a.last_page : b.last_page;
	need = (last + 1) * a.page_size;
	if ((uint64_t)sb.st_size < need) {
		err_set(e, ERR_DAMAGED, "%s: truncated, %llu octets where its "
		    "meta pages say %llu", path,
		    (unsigned long long)sb.st_size, (unsigned long long)need);
		return -1;
	}
	return 0;
}

int
store_file_txn(int fd, const char *path, uint64_t *txn_r, struct err *e)
{
	struct meta a, b;

	if (store_file_check(fd, path, e) == -1)
		return -1;
	if (!read_meta(fd, 0, &a) || !read_meta(fd, a.page_size, &b)) {
		err_set(e, ERR_DAMAGED, "%s: changed while it was read", path);
		return -1;
	}
	*txn_r = a.txn > b.txn ? a.txn : b.txn;
	return 0;
}
