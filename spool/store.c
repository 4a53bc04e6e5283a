/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - open and close the two LMDB environments.
 *
 * What LMDB 0.9 does not do by itself is done here: it does not notice a
 * truncated file (store_file.c), a second open in one process (which would
 * drop the file locks of the first), foreign secrets, or the schema of another
 * version.  Flags: MDB_NOTLS, for transactions belong to no thread; nothing
 * that weakens the sync of a commit, and no MDB_WRITEMAP, where a stray
 * pointer would write to the store.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "spool/ledger_private.h"
#include "spool/mailbox.h"
#include "spool/revocation.h"
#include "spool/store_lmdb.h"

#define READERS_MAX	512	/* read transactions of all processes */
#define PATH_OCTETS	4096
#define DIR_MODE	0750
#define DATA_MODE	0640
#define LOCK_MODE	0660	/* readers write their slot into it */
#define SCHEMA_OLDEST	1	/* that is upgraded */
#define SCHEMA_LEDGER	2	/* the first with a ledger */

static const char *const env_names[STORE_ENVS] = {
	[STORE_S] = "subscribers",
	[STORE_Q] = "queue",
};

const struct store_table_info store_tables[TABLE_LAST] = {
	[TABLE_META] = { "meta", STORE_S },
	[TABLE_ORGS] = { "orgs", STORE_S },
	[TABLE_ORG_NAMES] = { "org_names", STORE_S },
	[TABLE_ORG_DOMAINS] = { "org_domains", STORE_S },
	[TABLE_LISTS] = { "lists", STORE_S },
	[TABLE_LIST_NAMES] = { "list_names", STORE_S },
	[TABLE_DOMAINS] = { "domains", STORE_S },
	[TABLE_DOMAIN_IDS] = { "domain_ids", STORE_S },
	[TABLE_MEMBERS] = { "members", STORE_S },
	[TABLE_BY_ID] = { "by_id", STORE_S },
	[TABLE_BY_HASH] = { "by_hash", STORE_S },
	[TABLE_COUNTS] = { "counts", STORE_S },
	[TABLE_ATTRIBUTES] = { "attributes", STORE_S },
	[TABLE_SUPPRESSIONS] = { "suppressions", STORE_S },
	[TABLE_REQUESTS] = { "requests", STORE_S },
	[TABLE_REQUEST_OF] = { "request_of", STORE_S },
	[TABLE_TOKENS] = { "tokens", STORE_S },
	[TABLE_NOTICES] = { "notices", STORE_S },
	[TABLE_CONSENT] = { "consent", STORE_S },
	[TABLE_CONSENT_OF] = { "consent_of", STORE_S },
	[TABLE_THROTTLES] = { "throttles", STORE_S },
	[TABLE_ACTS] = { "acts", STORE_S },
	[TABLE_IMPORTS] = { "imports", STORE_S },
	[TABLE_AGGREGATES] = { "aggregates", STORE_S },
	[TABLE_LEAVES] = { "leaves", STORE_S },
	[TABLE_TILES] = { "tiles", STORE_S },
	[TABLE_COSIGNATURES] = { "cosignatures", STORE_S },
	[TABLE_REVOKED] = { "revoked", STORE_S },
	[TABLE_INVITED] = { "invited", STORE_S },
	[TABLE_ALIASES] = { "aliases", STORE_S },
	[TABLE_CROWDS] = { "crowds", STORE_S },
	[TABLE_QMETA] = { "meta", STORE_Q },
	[TABLE_CAMPAIGNS] = { "campaigns", STORE_Q },
	[TABLE_CAMPAIGN_OF] = { "campaign_of", STORE_Q },
	[TABLE_TALLIES] = { "tallies", STORE_Q },
	[TABLE_PROGRESS] = { "progress", STORE_Q },
	[TABLE_FINISHED] = { "finished", STORE_Q },
	[TABLE_DEFERRALS] = { "deferrals", STORE_Q },
	[TABLE_SITES] = { "sites", STORE_Q },
	[TABLE_OUTBOX] = { "outbox", STORE_Q },
	[TABLE_ACTIONS] = { "actions", STORE_Q },
	[TABLE_SHARES] = { "shares", STORE_Q },
	[TABLE_POLICIES] = { "policies", STORE_Q },
	[TABLE_TLS_COUNTS] = { "tls_counts", STORE_Q },
	[TABLE_SLOTS] = { "slots", STORE_Q },
};

/* The stores open in this process; ours and those before a fork. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *registry;

/* ---- the registry */

static int
registry_enter(struct store *st, const char *dir, struct err *e)
{
	struct stat sb;
	int ret = -1;

	if (stat(dir, &sb) == -1) {
		if (errno == ENOENT)
			err_set(e, ERR_NOTFOUND, "%s: no store there", dir);
		else
			err_sys(e, "%s", dir);
		return -1;
	}
	st->dev = sb.st_dev;
	st->ino = sb.st_ino;
	st->pid = getpid();
	pthread_mutex_lock(&registry_lock);
	for (struct store *o = registry; o != NULL; o = o->next) {
		if (o->pid == st->pid && o->dev == st->dev &&
		    o->ino == st->ino) {
			err_set(e, ERR_EXISTS, "%s: open in this process "
			    "already", dir);
			goto out;
		}
	}
	st->next = registry;
	registry = st;
	ret = 0;
out:
	pthread_mutex_unlock(&registry_lock);
	return ret;
}

static void
registry_leave(struct store *st)
{
	pthread_mutex_lock(&registry_lock);
	for (struct store **p = &registry; *p != NULL; p = &(*p)->next) {
		if (*p == st) {
			*p = st->next;
			break;
		}
	}
	pthread_mutex_unlock(&registry_lock);
}

/* ---- files */

static int
make_dir(const char *path, struct err *e)
{
	if (mkdir(path, DIR_MODE) == -1 && errno != EEXIST) {
		err_sys(e, "%s: mkdir", path);
		return -1;
	}
	return 0;
}

/*
 * Look at data.mdb before LMDB does.  1 sound, 0 there is none (only when it
 * may be made), -1 refused.
 */
static int
inspect(const char *dir, bool create, struct err *e)
{
	char path[PATH_OCTETS];
	struct stat sb;
	int fd, ret = -1;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		if (errno == ENOENT && create)
			return 0;
		if (errno == ENOENT)
			err_set(e, ERR_NOTFOUND, "%s: no store there", path);
		else
			err_sys(e, "%s", path);
		return -1;
	}
	if (fstat(fd, &sb) == -1)
		err_sys(e, "%s: fstat", path);
	else if (sb.st_size == 0 && create)
		ret = 0;	/* a first run that ended before its commit */
	else if (store_file_check(fd, path, e) == 0)
		ret = 1;
	close(fd);
	return ret;
}

/* Whatever the umask says. */
static int
set_mode(const char *dir, const char *name, mode_t mode, struct err *e)
{
	char path[PATH_OCTETS];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (chmod(path, mode) == -1) {
		err_sys(e, "%s: chmod", path);
		return -1;
	}
	return 0;
}

static int
need_lock_file(const char *dir, struct err *e)
{
	char path[PATH_OCTETS];

	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	if (access(path, R_OK | W_OK) == 0)
		return 0;
	if (errno == ENOENT)
		err_set(e, ERR_NOTFOUND, "%s: missing; the one who writes the "
		    "store makes it", path);
	else
		err_sys(e, "%s", path);
	return -1;
}

/* ---- an environment */

int
store_open_env(struct store *st, enum store_env which,
    const struct store_params *p, unsigned extra, struct err *e)
{
	struct environment *en = &st->envs[which];
	unsigned flags = MDB_NOTLS | extra | (p->write ? 0 : MDB_RDONLY);
	char dir[PATH_OCTETS - 16];
	int rc;

	snprintf(dir, sizeof(dir), "%s/%s", p->dir, env_names[which]);
	en->map_size = which == STORE_S ? p->map_size : p->map_size_queue;
	if (p->create && make_dir(dir, e) == -1)
		return -1;
	if (inspect(dir, p->create, e) == -1)
		return -1;
	if (!p->write && need_lock_file(dir, e) == -1)
		return -1;
	if ((rc = mdb_env_create(&en->env)) != 0 ||
	    (rc = mdb_env_set_mapsize(en->env, en->map_size)) != 0 ||
	    (rc = mdb_env_set_maxdbs(en->env, TABLE_LAST)) != 0 ||
	    (rc = mdb_env_set_maxreaders(en->env, READERS_MAX)) != 0 ||
	    (rc = mdb_env_open(en->env, dir, flags, LOCK_MODE)) != 0) {
		store_error(e, rc, dir);
		if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ||
		    rc == MDB_CORRUPTED)
			err_set(e, ERR_DAMAGED, "%s: %s", dir,
			    mdb_strerror(rc));
		return -1;
	}
	if (!p->write)
		return 0;
	return set_mode(dir, "data.mdb", DATA_MODE, e) == -1 ||
	    set_mode(dir, "lock.mdb", LOCK_MODE, e) == -1 ? -1 : 0;
}

/* Open, or for the writer make, one table. */
static int
open_table(struct txn *t, enum store_table table, struct err *e)
{
	int rc = mdb_dbi_open(t->txn, store_tables[table].name,
	    t->write ? MDB_CREATE : 0, &t->st->dbi[table]);

	if (rc == 0)
		return 0;
	if (rc == MDB_NOTFOUND)
		err_set(e, ERR_DAMAGED, "%s: the table %s is missing",
		    env_names[t->env], store_tables[table].name);
	else
		store_error(e, rc, store_tables[table].name);
	return -1;
}

int
store_open_tables(struct txn *t, struct err *e)
{
	for (enum store_table i = 0; i < TABLE_LAST; i++)
		if (store_tables[i].env == t->env && open_table(t, i, e) == -1)
			return -1;
	return 0;
}

/* ---- identity: schema, instance, secrets */

static const uint8_t schema_now[4] = { 0, 0, 0, STORE_SCHEMA };

/* The version is ours, or one that the writer can upgrade: in *found_r. */
static int
check_schema(struct txn *t, enum store_table meta, bool create,
    uint32_t *found_r, struct err *e)
{
	uint8_t v[sizeof(schema_now)];
	uint32_t found;
	int rc;

	*found_r = STORE_SCHEMA;
	rc = meta_get(t, meta, "schema", v, sizeof(v), e);
	if (rc == 0 && create)
		return meta_put(t, meta, "schema", schema_now,
		    sizeof(schema_now), e);
	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "%s: empty, no store was made",
		    env_names[t->env]);
	if (rc != 1)
		return -1;
	found = (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 |
	    (uint32_t)v[2] << 8 | v[3];
	*found_r = found;
	if (found == STORE_SCHEMA ||
	    (t->write && found >= SCHEMA_OLDEST && found < STORE_SCHEMA))
		return 0;
	err_set(e, ERR_DAMAGED, "%s: schema %u, and this program knows %d: "
	    "%s", env_names[t->env], found, STORE_SCHEMA,
	    found >= SCHEMA_OLDEST && found < STORE_SCHEMA ?
	    "listd upgrades it when it starts" :
	    "use the version that wrote it");
	return -1;
}

/* In the transaction that opens the tables, so all of it or nothing. */
static int
upgrade(struct txn *t, enum store_table meta, uint32_t found, struct err *e)
{
	if (found == STORE_SCHEMA)
		return 0;
	if (t->env == STORE_S && found < SCHEMA_LEDGER &&
	    (ledger_upgrade(t, e) == -1 || revocation_upgrade(t, e) == -1 ||
	    mailbox_upgrade(t, e) == -1 ||
	    ledger_first_put(t, e) == -1))
		return -1;
	return meta_put(t, meta, "schema", schema_now, sizeof(schema_now), e);
}

/* S draws it; Q carries a copy, so that halves of two stores never meet. */
static int
check_instance(struct txn *t, enum store_table meta, bool create,
    struct err *e)
{
	struct store *st = t->st;
	uint8_t id[INSTANCE_OCTETS];
	int rc = meta_get(t, meta, "instance", id, sizeof(id), e);

	if (rc == 0 && create) {
		if (t->env == STORE_S &&
		    getrandom(st->instance, sizeof(id), 0) != sizeof(id)) {
			err_sys(e, "getrandom");
			return -1;
		}
		return meta_put(t, meta, "instance", st->instance, sizeof(id),
		    e);
	}
	if (rc == 0)
		err_set(e, ERR_DAMAGED, "%s: no instance id",
		    env_names[t->env]);
	if (rc != 1)
		return -1;
	if (t->env == STORE_S) {
		memcpy(st->instance, id, sizeof(id));
	} else if (memcmp(st->instance, id, sizeof(id)) != 0) {
		err_set(e, ERR_DAMAGED, "%s belongs to another store",
		    env_names[t->env]);
		return -1;
	}
	return 0;
}

/*
 * One key against its check value: an HMAC over the instance, so that the
 * store can tell its secrets and says nothing about them.
 */
static int
check_key(struct txn *t, enum key_purpose purpose, uint8_t id, struct err *e)
{
	uint8_t mac[KEY_MAC_OCTETS], stored[KEY_MAC_OCTETS];
	const char *name = key_purpose_name(purpose);
	char row[64];
	int rc;

	snprintf(row, sizeof(row), "secret.%s.%u", name, id);
	if (!keyring_mac(t->st->keys, purpose, id, "store check",
	    t->st->instance, INSTANCE_OCTETS, mac)) {
		err_set(e, ERR_CRYPTO, "no MAC under the %s key", name);
		return -1;
	}
	rc = meta_get(t, TABLE_META, row, stored, sizeof(stored), e);
	if (rc == 0 && t->write)	/* rotated in since the last start */
		return meta_put(t, TABLE_META, row, mac, sizeof(mac), e);
	if (rc == -1)
		return -1;
	if (rc == 1 && memcmp(mac, stored, sizeof(mac)) != 0) {
		err_set(e, ERR_DAMAGED, "the %s key %u is not the one this "
		    "store was made with", name, id);
		return -1;
	}
	return 0;
}

/* Every key the store has ever seen must be there: old links verify by it. */
static int
check_missing_keys(struct txn *t, enum key_purpose purpose, struct err *e)
{
	char row[64];
	uint8_t mac[KEY_MAC_OCTETS];
	int rc;

	for (unsigned id = 1; id <= UINT8_MAX; id++) {
		if (keyring_find(t->st->keys, purpose, (uint8_t)id) != NULL)
			continue;
		snprintf(row, sizeof(row), "secret.%s.%u",
		    key_purpose_name(purpose), id);
		rc = meta_get(t, TABLE_META, row, mac, sizeof(mac), e);
		if (rc == -1)
			return -1;
		if (rc == 1) {
			err_set(e, ERR_DAMAGED, "the %s key %u of this store "
			    "is missing", key_purpose_name(purpose), id);
			return -1;
		}
	}
	return 0;
}

/*
 * The writer must hold every secret; a reader only those its role may see,
 * and of these the right ones.
 */
static int
check_secrets(struct txn *t, struct err *e)
{
	const struct keyring *keys = t->st->keys;

	for (enum key_purpose p = 0; keys != NULL && p < KEY_PURPOSES; p++) {
		size_t n = keyring_count(keys, p);

		if ((t->write || n > 0) && check_missing_keys(t, p, e) == -1)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (check_key(t, p, keyring_id(keys, p, i), e) == -1)
				return -1;
	}
	return 0;
}

static int
identify(struct store *st, enum store_env which, const struct store_params *p,
    struct err *e)
{
	enum store_table meta = which == STORE_S ? TABLE_META : TABLE_QMETA;
	uint32_t found;
	struct txn *t;

	if (txn_begin(st, which, p->write, &t, e) == -1)
		return -1;
	/* The schema before the tables, whose set it tells. */
	if (open_table(t, meta, e) == -1 ||
	    check_schema(t, meta, p->create, &found, e) == -1 ||
	    store_open_tables(t, e) == -1 ||
	    check_instance(t, meta, p->create, e) == -1 ||
	    (which == STORE_S && check_secrets(t, e) == -1) ||
	    upgrade(t, meta, found, e) == -1) {
		txn_abort(t);
		return -1;
	}
	/* A reader commits too: that is how LMDB keeps the table handles. */
	return txn_commit(t, e);
}

/* ---- open and close */

static int
open_all(struct store *st, const struct store_params *p, struct err *e)
{
	for (enum store_env i = 0; i < STORE_ENVS; i++) {
		if (store_open_env(st, i, p, 0, e) == -1)
			return -1;
		if (p->write)
			mdb_reader_check(st->envs[i].env, &(int){ 0 });
		if (identify(st, i, p, e) == -1)
			return -1;
		if (p->write)
			store_allocate(st, i);
	}
	return 0;
}

struct store *
store_alloc(const struct store_params *p, struct err *e)
{
	struct store *st;

	assert(p->write || !p->create);
	if (strlen(p->dir) > PATH_OCTETS / 2) {
		err_set(e, ERR_LIMIT, "the data directory's name is too long");
		return NULL;
	}
	st = xcalloc(1, sizeof(*st));
	st->keys = p->keys;
	st->write = p->write;
	pthread_mutex_init(&st->lock, NULL);
	if ((!p->create || make_dir(p->dir, e) == 0) &&
	    registry_enter(st, p->dir, e) == 0)
		return st;
	pthread_mutex_destroy(&st->lock);
	free(st);
	return NULL;
}

struct store *
store_open(const struct store_params *p, struct err *e)
{
	struct store *st = store_alloc(p, e);

	if (st != NULL && open_all(st, p, e) == -1) {
		store_close(st);
		return NULL;
	}
	return st;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	registry_leave(st);
	/* In a child after fork the environment is the parent's: let it be. */
	for (size_t i = 0; i < STORE_ENVS && st->pid == getpid(); i++) {
		assert(!st->envs[i].claimed);
		if (st->envs[i].spare != NULL)
			mdb_txn_abort(st->envs[i].spare);
		if (st->envs[i].env != NULL)
			mdb_env_close(st->envs[i].env);
	}
	pthread_mutex_destroy(&st->lock);
	free(st);
}

const char *
store_table_name(enum store_table table)
{
	return store_tables[table].name;
}

enum store_env
store_table_env(enum store_table table)
{
	return store_tables[table].env;
}

void
store_set_clock_unsure(struct store *st, bool unsure)
{
	atomic_store(&st->clock_unsure, unsure);
}

bool
store_clock_unsure(const struct store *st)
{
	return atomic_load(&st->clock_unsure);
}

const struct keyring *
store_keys(const struct store *st)
{
	return st->keys;
}

const uint8_t *
store_instance(const struct store *st)
{
	return st->instance;
}

struct departures *
store_departures(const struct store *st)
{
	return st->departures;
}

void
store_set_departures(struct store *st, struct departures *d)
{
	st->departures = d;
}

bool
store_claim_writer(struct store *st, enum store_env env)
{
	bool mine;

	pthread_mutex_lock(&st->lock);
	mine = st->write && !st->envs[env].claimed;
	if (mine)
		st->envs[env].claimed = true;
	pthread_mutex_unlock(&st->lock);
	return mine;
}

void
store_release_writer(struct store *st, enum store_env env)
{
	pthread_mutex_lock(&st->lock);
	st->envs[env].claimed = false;
	pthread_mutex_unlock(&st->lock);
}
