/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent.h - the entries that prove what was asked for, by whom and when.
 *
 * `consent` is an append-only table; nothing rewrites an entry, and only
 * erasure deletes one.  Row: index u64 -> 32 octets of random salt, the entry,
 * 4 octets of check.  The entry is a CBOR map (lib/cbor.h, deterministic)
 * whose integer keys are those of the table below; absent means zero or empty.
 * SHA-256(salt | entry) is the entry's commitment, which the ledger publishes
 * (spool/ledger.h); so the bytes of an entry are fixed for ever, keys are never
 * given another meaning, and a reader passes over keys it does not know.
 * There is one encoding of an entry: what would be written again as other
 * bytes is refused.
 *
 * `consent_of` finds the entries of an address by its hash.
 *
 *	 0 version of the encoding (uint 2; absent: 1, which did not say so)
 *	 1 kind (uint)			 2 time, UTC ms (uint)
 *	 3 list (uint)			 4 organization (uint)
 *	 5 address hash (bytes 16)	 6 address (text)
 *	 7 channel (text)		 8 client IP (bytes 16)
 *	 9 client port (uint)		10 proxy IP (bytes 16)
 *	11 proxy port (uint)		12 agent or HELO (text)
 *	13 shown text, hash (bytes 32)	14 request as received (bytes)
 *	15 request id (bytes 16)	16 Message-ID (text)
 *	17 remote host (text)		18 its reply (text)
 *	19 ms from the reply to the confirmation (uint)
 *	20 network of confirmation (uint: 1 as the request's, 2 another)
 *	21 grade (uint, enum consent_grade)
 *	22 import (uint)		23 source (text)
 *	24 basis (text)			25 reason (uint)
 *	26 setter (text)		27 subscriber (uint)
 *	28 count (uint)			29 the entry this one follows (uint)
 *	30 campaign (uint)		31 scope (uint, enum suppression_scope)
 *	32 content file (bytes 32)	33 note (text)
 *	34 result (uint, enum optin_result)
 *	35 date claimed by an import, UTC ms (uint)
 *	36 the clock was not synchronised (uint 1)
 *	37 SMTP code (uint)		38 enhanced code (text)
 *	39 entries erased (bytes: indexes of 8 octets, ascending)
 *	40 kind of the entry hashed (uint)
 *	41 its time, UTC ms (uint)	42 keyed hash of its client IP (bytes 16)
 *	43 mail as sent, token masked (bytes)
 *	44 SHA-256 of the mail as sent (bytes 32)
 *	45 SHA-256 of the request as received, of which 14 has only the head, or
 *	   any token masked (bytes 32)
 *	47 number of an act (uint)	48 SHA-256 of its row (bytes 32)
 *	49 purpose of the list, as it was stated (text)
 *	50 how often the link was opened before the button was pressed (uint);
 *	   51 ms from the reply to the first time (uint), 52 from where (bytes
 *	   16), 53 by what (text), 54 its network (uint: 1 as that of the
 *	   confirmation, 2 another)
 *	57 class of the source (uint)	58 class of the basis (uint)
 *	59 evidence vouched for (uint)	60 a row's own evidence (text)
 *	61 date of its request (uint)	62 IP of its request (bytes 16)
 *	   (57 to 62: of an import and its rows, see spool/provenance.h)
 *	63 name of an attribute (text)	64 what it was (text)
 *	65 what it is now (text)
 *
 * Those who check a file of evidence go by lib/EVIDENCE section 7, which has
 * the same keys and the words of consent_json() for them.
 */
#ifndef SPOOL_CONSENT_H
#define SPOOL_CONSENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct ipc_evidence;
struct ledger_entry;
struct strbuf;
struct txn;

#define CONSENT_VERSION		2	/* of the encoding, that is written */
#define CONSENT_SALT		32	/* octets */
#define CONSENT_COMMITMENT	32
#define CONSENT_ENTRY_MAX	65536	/* octets of an entry */
#define CONSENT_ERASED_MAX	1024	/* indexes named by one erasure entry */
#define CONSENT_TEXT_MAX	1024	/* octets of one text; more is cut */

/* Numbers that lie in entries: append only. */
enum consent_kind {
	CONSENT_REQUEST = 1,		/* accepted; a confirmation goes out */
	CONSENT_REQUEST_REFUSED,	/* result says why */
	CONSENT_REQUEST_THROTTLED,
	CONSENT_REQUESTS,		/* count of those past the limit */
	CONSENT_MAIL_SENT,		/* the confirmation mail was taken */
	CONSENT_MAIL_FAILED,
	CONSENT_CONFIRMED,		/* by the person who got the mail */
	CONSENT_CONFIRM_REFUSED,	/* an automatic reply */
	CONSENT_IMPORT,			/* one began: file, source, basis */
	CONSENT_IMPORT_ROW,		/* one row that is vouched for */
	CONSENT_PREFERENCE,
	CONSENT_UNSUBSCRIBED,
	CONSENT_BOUNCED,		/* suspended for a dead mailbox */
	CONSENT_COMPLAINED,
	CONSENT_SUPPRESSED,		/* a suppression was set by hand */
	CONSENT_LIFTED,
	CONSENT_ERASED,
	CONSENT_EXPORTED,
	CONSENT_ADDRESS_CHANGED,
	CONSENT_OWNER_CONFIRMED,
	CONSENT_ACT,			/* an operator's (spool/act.h) */
	CONSENT_SUSPENDED,		/* by the desk */
	CONSENT_RESUMED,
	CONSENT_REMOVED,		/* by owner or desk */
	CONSENT_ALREADY,		/* a member was told so by mail */
	CONSENT_HASHED,			/* stands for one of an unconfirmed
					 * request (spool/retention.h) */
	CONSENT_INVITED,		/* an imported one was asked, once */
	CONSENT_ADDRESS_ASKED,		/* a change of address is wanted */
	CONSENT_PRUNED,			/* kept long enough; names the gaps */
	CONSENT_RESTORED,		/* the store came from a backup */
	CONSENT_ACCESS_ASKED,		/* for what is held of an address */
	CONSENT_DISCLOSED,		/* it was handed to a third party */
	CONSENT_MAIL_ANSWERED,		/* the mail came back, or a reply */
	CONSENT_IMPORT_UNDONE,
	CONSENT_KINDS
};

/* How human a confirmation looked (T1-T3). */
enum consent_grade {
	CONSENT_GRADE_NONE,
	CONSENT_GRADE_SUSPECT,	/* < 3 s after its mail, from elsewhere */
	CONSENT_GRADE_PRESSED,	/* the button of the page */
	CONSENT_GRADE_REPLIED,	/* answered the mail */
};

enum consent_network {
	CONSENT_NETWORK_UNKNOWN, CONSENT_NETWORK_SAME, CONSENT_NETWORK_OTHER,
};

/* A value; slices are borrowed. */
struct consent {
	uint32_t	version;	/* 0: CONSENT_VERSION */
	enum consent_kind kind;
	int64_t		when_ms;
	uint32_t	list, org;
	struct slice	hash;		/* 16 octets or none */
	struct slice	address;
	struct slice	channel;
	struct slice	ip, proxy_ip;	/* 16 octets or none */
	uint16_t	port, proxy_port;
	struct slice	agent;
	uint8_t		shown[32];	/* zeros: none */
	struct slice	raw;
	struct slice	request;	/* 16 octets or none */
	struct slice	message_id;
	struct slice	host, reply;
	int64_t		token_ms;	/* at least 1 when known */
	enum consent_network network;
	enum consent_grade grade;
	uint32_t	import;
	struct slice	source, basis;
	uint32_t	reason;
	struct slice	setter;
	uint64_t	subscriber;
	uint64_t	count;
	uint64_t	follows;
	uint32_t	campaign;
	uint32_t	scope;
	struct slice	content;	/* 32 octets or none */
	struct slice	note;
	uint32_t	result;
	int64_t		claimed_ms;
	bool		clock_unsure;
	uint16_t	code;
	struct slice	enhanced;
	struct slice	erased;		/* indexes, 8 octets each, big-endian */
	enum consent_kind was;		/* HASHED: of the entry it stands for */
	int64_t		was_ms;
	struct slice	ip_hash;	/* 16 octets or none */
	struct slice	mail;		/* see lib/token_mask.h */
	struct slice	mail_hash, raw_hash;	/* 32 octets or none */
	uint64_t	act;
	struct slice	act_hash;	/* 32 octets or none */
	struct slice	purpose;
	uint32_t	looks;
	int64_t		look_ms;	/* at least 1 when known */
	struct slice	look_ip;	/* 16 octets or none */
	struct slice	look_agent;
	enum consent_network look_network;
	uint32_t	origin, ground;	/* enum origin, enum ground */
	uint32_t	vouched;	/* enum evidence */
	struct slice	evidence;
	int64_t		asked_ms;
	struct slice	asked_ip;	/* 16 octets or none */
	struct slice	attribute;	/* PREFERENCE: which, and its values */
	struct slice	before, after;
};

/* For texts of a C string. */
struct slice consent_text(const char *s);
/* Fill what a request's evidence says; borrows from ev. */
void consent_evidence(struct consent *c, const struct ipc_evidence *ev);
/* "request", "confirmed", ... */
const char *consent_kind_name(enum consent_kind kind);

/*
 * Append c's entry to out.  Texts that are not UTF-8 are repaired, those over
 * CONSENT_TEXT_MAX and a raw request over IPC_RAW_MAX are cut.  -1 ERR_LIMIT.
 */
int consent_encode(struct strbuf *out, const struct consent *c,
    struct err *e);
/*
 * Strict: but for keys that are not known, which are passed over, c_r encodes
 * to the same bytes again.  -1 ERR_DAMAGED.
 */
int consent_decode(struct slice entry, struct consent *c_r, struct err *e);
/* SHA-256(salt | entry). */
int consent_commitment(const uint8_t salt[static CONSENT_SALT],
    struct slice entry, uint8_t out[static CONSENT_COMMITMENT],
    struct err *e);
/* A new JSON object, or NULL for want of memory. */
json_t *consent_json(uint64_t index, const struct consent *c);

/*
 * Append to out the row that an entry will be: salt, entry, check.  Needs no
 * store, so that many can be made elsewhere.  salt: CONSENT_SALT random octets.
 */
int consent_make(struct strbuf *out, const uint8_t salt[static CONSENT_SALT],
    const struct consent *c, struct err *e);
/* CONSENT_SALT random octets.  0, or -1 ERR_CRYPTO. */
int consent_salt(uint8_t salt_r[static CONSENT_SALT], struct err *e);

/*
 * Many entries one after the other.  What leads to them from their addresses,
 * a row of `consent_of` each, is the caller's.
 */
struct consent_bulk;
struct consent_bulk *consent_bulk_begin(struct txn *t, struct err *e);
void consent_bulk_end(struct consent_bulk *b);	/* NULL is fine */
/* row: what consent_make() made; leaf: ledger_entry_of() it. */
int consent_bulk_append(struct consent_bulk *b, struct slice row,
    const struct ledger_entry *leaf, uint64_t *index_r, struct err *e);

/*
 * Append an entry; its index (from 1) in *index_r unless NULL.  It says so when
 * the clock is not synchronised, whoever made it (store_set_clock_unsure());
 * and a secret that still works is taken out of c->raw (spool/raw_mask.h).
 */
int consent_append(struct txn *t, const struct consent *c, uint64_t *index_r,
    struct err *e);
/* The same for a row that consent_make() made, of an address. */
int consent_append_made(struct txn *t, struct slice row,
    const struct ledger_entry *leaf, const uint8_t hash[static 16],
    uint64_t *index_r, struct err *e);
/* 1 with c_r borrowed from t, 0 when there is none (erased or never). */
int consent_get(struct txn *t, uint64_t index, struct consent *c_r,
    struct err *e);
/* The first with an index >= from, as consent_get() gives it.  1, 0, -1. */
int consent_next(struct txn *t, uint64_t from, uint64_t *index_r,
    struct consent *c_r, struct err *e);
/* The row as it lies: salt and entry, borrowed.  1, 0, -1. */
int consent_get_row(struct txn *t, uint64_t index, struct slice *salt_r,
    struct slice *entry_r, struct err *e);
/* The first entry of an address with an index >= from.  1, 0, -1. */
int consent_next_of(struct txn *t, const uint8_t hash[static 16],
    uint64_t from, uint64_t *index_r, struct err *e);
/* The last index given; 0 before the first. */
int consent_last(struct txn *t, uint64_t *index_r, struct err *e);
/*
 * Delete one entry, of an address when hash is not empty.  The entry that
 * names its index as erased is due in the same transaction.
 */
int consent_remove(struct txn *t, uint64_t index, struct slice hash,
    struct err *e);
/*
 * Delete up to max entries of an address and append their indexes to erased,
 * as the entry that names them, due in the same transaction, wants them; two
 * for one of kind HASHED, whose own gap must go on being named.  1 when there
 * may be more, 0, -1.
 */
int consent_erase(struct txn *t, const uint8_t hash[static 16],
    struct strbuf *erased, size_t max, struct err *e);

#endif
