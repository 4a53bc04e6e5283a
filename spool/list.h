/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.h - lists, their settings and whether they may send.
 *
 * A name is never used twice and stays known after removal, so that an
 * unsubscribe of the last copy finds it (T15).  What an owner types ends in
 * header fields and pages: it is UTF-8 without control characters, and the
 * title, which stands in mail to people who asked for nothing yet, is short
 * and no advertisement (S43).
 */
#ifndef SPOOL_LIST_H
#define SPOOL_LIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct strbuf;
struct txn;

#define LIST_NAME_MAX	63	/* octets, [a-z0-9-] */
#define LIST_TITLE_MAX	60	/* characters */
#define LIST_TITLE_OCTETS 240
#define LIST_FROM_NAME_MAX 128	/* octets */
#define LIST_POSTAL_MAX	512	/* octets */
#define LIST_TRUSTED_MAX 512	/* octets of attribute names */
#define LIST_TEXTS_MAX	8192	/* octets of JSON */
#define LIST_ADDRESS_MAX 320
#define LIST_ANSWER_MAX	300	/* octets of purpose and answers */
#define LIST_ANSWERS	4
#define LIST_STATEMENT_MAX (LIST_ANSWERS * (LIST_ANSWER_MAX + 1))
#define LIST_JURISDICTION_MAX 63 /* octets of names */

enum list_state {
	LIST_ACTIVE = 1,
	LIST_HELD,		/* mail waits */
	LIST_SUSPENDED,		/* by the desk */
	LIST_REMOVED,		/* nothing but its name and unsubscribes */
};

struct list {
	uint32_t	id, org;
	enum list_state	state;
	int64_t		created_ms;
	bool		open;		/* takes requests of strangers */
	bool		commercial;	/* undeclared counts as such (S33) */
	int64_t		owner_ms;	/* when the owner confirmed; 0: not */
	uint32_t	confirm_per_hour;	/* 0: the host's limit */
	uint32_t	max_message;	/* octets; 0: the host's limit */
	uint32_t	tls;		/* enum list_tls */
	char		name[LIST_NAME_MAX + 1];
	char		title[LIST_TITLE_OCTETS + 1];
	char		from[LIST_ADDRESS_MAX + 1];
	char		from_name[LIST_FROM_NAME_MAX + 1];
	char		reply_to[LIST_ADDRESS_MAX + 1];	/* "": as from */
	char		owner[LIST_ADDRESS_MAX + 1];
	char		postal[LIST_POSTAL_MAX + 1];
	char		language[36];
	char		trusted[LIST_TRUSTED_MAX + 1];	/* names, blanks */
	char		texts[LIST_TEXTS_MAX + 1];	/* JSON object or "" */
	char		jurisdiction[LIST_JURISDICTION_MAX + 1]; /* names */
	/*
	 * The four questions of fairness, which whoever is asked for consent
	 * is answered: what is collected of me, what will be mailed, how do I
	 * end it, can I take it back (S68)?  "" is no answer, and then the
	 * list takes no requests and no imports.  The second is the purpose,
	 * which consent is bound to (S36).
	 */
	char		collection[LIST_ANSWER_MAX + 1];
	char		purpose[LIST_ANSWER_MAX + 1];
	char		leaving[LIST_ANSWER_MAX + 1];
	char		revocation[LIST_ANSWER_MAX + 1];
	/* Consent entries up to here were given for another purpose. */
	uint64_t	purpose_since;
};

/* What a list's mail has to be sent over (enum ipc_tls has the levels). */
enum list_tls {
	LIST_TLS_OPPORTUNISTIC,	/* what there is */
	LIST_TLS_REQUIRED,	/* encrypted, or it waits */
	LIST_TLS_VERIFIED,	/* to a host that proves its name, or it waits */
};

/* What counts members; a row of its own, for it changes all the time. */
struct list_counters {
	uint64_t	sequence;	/* last number given */
	uint64_t	left;		/* members that went, ever */
	uint64_t	active;
	uint64_t	all;
};

const char *list_state_name(enum list_state s);
/* -1 ERR_INPUT for a name that may not be, saying why. */
int list_name_check(const char *name, struct err *e);
/* -1 ERR_INPUT: too long, an address or URL in it, control characters. */
int list_title_check(const char *title, struct err *e);

/* The same of any text that goes into a header field or page. */
int list_text_check(const char *text, const char *what, struct err *e);

struct list_new {
	uint32_t	 org;
	const char	*name;
	const char	*from;
	const char	*title;		/* NULL: the name */
	const char	*postal;	/* NULL: "" */
	const char	*owner;		/* NULL: from */
};

/* -1 with ERR_INPUT, ERR_EXISTS (also a removed one), ERR_NOTFOUND (org). */
int list_create(struct txn *t, const struct list_new *n, const char *who,
    int64_t now_ms, uint32_t *id_r, struct err *e);
/* 1, 0, -1. */
int list_get(struct txn *t, uint32_t id, struct list *l_r, struct err *e);
int list_find(struct txn *t, const char *name, struct list *l_r,
    struct err *e);
int list_next(struct txn *t, uint32_t id, struct list *l_r, struct err *e);
/* Only what the gate needs, without copying the texts.  1, 0, -1. */
int list_brief(struct txn *t, uint32_t id, uint32_t *org_r,
    enum list_state *state_r, struct err *e);
/* The same, and since when it has its purpose; for the gate. */
int list_gate(struct txn *t, uint32_t id, uint32_t *org_r,
    enum list_state *state_r, uint64_t *purpose_since_r, struct err *e);
/* What its mail has to be sent over; as list_brief(). */
int list_tls(struct txn *t, uint32_t id, enum list_tls *tls_r,
    struct err *e);
/* 0, with zeros when nobody was ever a member, or -1. */
int list_counters(struct txn *t, uint32_t id, struct list_counters *c_r,
    struct err *e);

/*
 * Change one setting by name, checked, and leave the act with old and new.
 * Names: title, from, from-name, reply-to, owner, postal-address, commercial,
 * open, language, texts, trusted-attributes, confirm-per-hour, max-message,
 * tls, jurisdiction (spool/jurisdiction.h), collection, purpose, leaving,
 * revocation.  A new owner address is unconfirmed.  -1 with ERR_NOTFOUND
 * (list), ERR_INPUT, or ERR_REFUSED: a purpose changes only while the list has
 * no members, for theirs is another (S36).
 */
int list_set(struct txn *t, uint32_t id, const char *setting,
    const char *value, const char *who, int64_t now_ms, struct err *e);
/* Are all four questions answered? */
bool list_answers(const struct list *l);
/*
 * The answers in their order, a line each, appended to out: what whoever is
 * asked is shown, and what the entry names by its hash.
 */
void list_statement(const struct list *l, struct strbuf *out);
/* The names list_set() takes: the i-th, NULL past the last. */
const char *list_setting(size_t i);
/* A setting's value as text appended to out; -1 ERR_INPUT. */
int list_value(const struct list *l, const char *setting, struct strbuf *out,
    struct err *e);
/* -1 with ERR_NOTFOUND, or ERR_REFUSED: a removed list stays so. */
int list_set_state(struct txn *t, uint32_t id, enum list_state state,
    const char *who, int64_t now_ms, struct err *e);
/* The owner's address proved itself. */
int list_owner_confirmed(struct txn *t, uint32_t id, int64_t now_ms,
    struct err *e);
/* A new JSON object with settings and state, or NULL. */
json_t *list_json(const struct list *l);

/* Why a list may not send: a set of bits, 0 when it may (S9, S33, S54, S90). */
enum {
	LIST_NO_STATE = 1 << 0,		/* the list is not active */
	LIST_NO_ORG = 1 << 1,		/* its organization is not */
	LIST_NO_OWNER = 1 << 2,		/* the owner did not confirm */
	LIST_NO_FROM = 1 << 3,		/* From's domain is not proven */
	LIST_NO_REPLY_TO = 1 << 4,	/* Reply-To's is not */
	LIST_NO_POSTAL = 1 << 5,	/* commercial, and no postal address */
	LIST_NO_FREEMAIL = 1 << 6,	/* From is at a free-mail provider */
	LIST_NO_ANSWERS = 1 << 7,	/* open, and a question of fairness
					 * is not answered */
};

/* 0 with *why_r, or -1 (ERR_NOTFOUND: no such list). */
int list_may_send(struct txn *t, uint32_t id, unsigned *why_r, struct err *e);
/* The reasons as sentences, one a line, appended to out. */
void list_why_text(unsigned why, struct strbuf *out);

#endif
