/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - how far each open delivery had come, readable after a crash.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "lib/err.h"
#include "lib/sys/ring.h"
#include "lib/xmalloc.h"

#define RING_MAGIC	0x6c697374645f7231u	/* "listd_r1" */
#define HEADER_OCTETS	4096
#define FILE_OCTETS	(HEADER_OCTETS + \
    (size_t)RING_ROLES * RING_SLOTS * sizeof(struct slot))

struct header {
	uint64_t	magic;
	uint32_t	roles;
	uint32_t	slots;
};

struct slot {
	uint64_t	campaign;
	uint64_t	subscriber;
	uint32_t	epoch;
	uint32_t	check;		/* of the three above */
	uint32_t	state;
	uint32_t	unused;
};

_Static_assert(sizeof(struct slot) == 32, "the layout in ring.h");

struct ring {
	char		*map;
	struct slot	*slots;
};

static bool
header_good(const struct header *h)
{
	return h->magic == RING_MAGIC && h->roles == RING_ROLES &&
	    h->slots == RING_SLOTS;
}

int
ring_prepare(int fd, bool *fresh_r, struct err *e)
{
	struct header h = { RING_MAGIC, RING_ROLES, RING_SLOTS }, old;
	struct stat st;

	if (fstat(fd, &st) == -1) {
		err_sys(e, "ring");
		return -1;
	}
	*fresh_r = st.st_size != (off_t)FILE_OCTETS ||
	    pread(fd, &old, sizeof(old), 0) != sizeof(old) ||
	    !header_good(&old);
	if (!*fresh_r)
		return 0;
	if (ftruncate(fd, 0) == -1 || ftruncate(fd, FILE_OCTETS) == -1 ||
	    pwrite(fd, &h, sizeof(h), 0) != sizeof(h)) {
		err_sys(e, "ring: write");
		return -1;
	}
	return 0;
}

struct ring *
ring_map(int fd, struct err *e)
{
	struct ring *r;
	struct stat st;
	char *map;

	if (fstat(fd, &st) == -1) {
		err_sys(e, "ring");
		return NULL;
	}
	if (st.st_size != (off_t)FILE_OCTETS) {
		err_set(e, ERR_DAMAGED, "ring: %lld octets instead of %zu",
		    (long long)st.st_size, FILE_OCTETS);
		return NULL;
	}
	map = mmap(NULL, FILE_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (map == MAP_FAILED) {
		err_sys(e, "ring: map");
		return NULL;
	}
	if (!header_good((const struct header *)map)) {
		err_set(e, ERR_DAMAGED, "ring: not of this shape");
		munmap(map, FILE_OCTETS);
		return NULL;
	}
	r = xcalloc(1, sizeof(*r));
	r->map = map;
	r->slots = (struct slot *)(map + HEADER_OCTETS);
	return r;
}

void
ring_unmap(struct ring *r)
{
	if (r == NULL)
		return;
	munmap(r->map, FILE_OCTETS);
	free(r);
}

static struct slot *
slot_of(const struct ring *r, unsigned role, unsigned slot)
{
	assert(role < RING_ROLES && slot < RING_SLOTS);
	return &r->slots[(size_t)role * RING_SLOTS + slot];
}

static uint32_t
check_of(const struct slot *s)
{
	return (uint32_t)XXH3_64bits(s, offsetof(struct slot, check));
}

void
ring_clear(struct ring *r, unsigned role)
{
	/* Slots never used are holes of the file and stay holes. */
	for (unsigned i = 0; i < RING_SLOTS; i++) {
		struct slot *s = slot_of(r, role, i);

		if (s->state != RING_FREE)
			__atomic_store_n(&s->state, RING_FREE,
			    __ATOMIC_RELEASE);
	}
}

void
ring_put(struct ring *r, unsigned role, unsigned slot,
    const struct ring_entry *entry)
{
	struct slot *s = slot_of(r, role, slot);

	/* Never one delivery's state beside another's name. */
	__atomic_store_n(&s->state, RING_FREE, __ATOMIC_SEQ_CST);
	s->campaign = entry->campaign;
	s->subscriber = entry->subscriber;
	s->epoch = entry->epoch;
	s->check = check_of(s);
	__atomic_store_n(&s->state, entry->state, __ATOMIC_RELEASE);
}

void
ring_mark(struct ring *r, unsigned role, unsigned slot, enum ring_state state)
{
	__atomic_store_n(&slot_of(r, role, slot)->state, state,
	    __ATOMIC_RELEASE);
}

bool
ring_get(const struct ring *r, unsigned role, unsigned slot,
    struct ring_entry *out, unsigned *torn)
{
	struct slot *from = slot_of(r, role, slot), s;

	s.state = __atomic_load_n(&from->state, __ATOMIC_ACQUIRE);
	if (s.state == RING_FREE)
		return false;
	memcpy(&s, from, offsetof(struct slot, state));
	if (s.state > RING_DOT || s.check != check_of(&s)) {
		if (torn != NULL)
			(*torn)++;
		return false;
	}
	*out = (struct ring_entry){ s.campaign, s.subscriber, s.epoch,
	    (enum ring_state)s.state };
	return true;
}
