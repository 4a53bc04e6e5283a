/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copier_private.h - shared by copier.c (what is compiled), copier_keys.c (who
 * signs), copier_witness.c (the ledger's field), copy.c (one recipient's copy) and copy_sign.c (its signatures).
 */
#ifndef LISTD_COPIER_PRIVATE_H
#define LISTD_COPIER_PRIVATE_H

#include <sys/queue.h>

#include "lib/dkim_key.h"
#include "lib/dkim_sign.h"
#include "lib/dkim_verify.h"
#include "lib/err.h"
#include "lib/template.h"
#include "listd/copier.h"

#define COPIER_CAMPAIGNS_MAX	64	/* compiled ones kept */
#define COPIER_IDLE_COPIES	128	/* kept for the next delivery */

/* A key and what it signs with. */
struct signing_part {
	char			 selector[64];
	struct dkim_key		*key;
	struct dkim_signer	*signer;
	char			*txt;		/* its own record */
	bool			 fresh;		/* given since the reload */
};

/* The keys of a domain, one of a type. */
struct signing_key {
	TAILQ_ENTRY(signing_key) entry;
	char			 domain[256];
	struct signing_part	*part[DKIM_KEY_TYPES];
};

/* A campaign, compiled. */
struct compiled {
	TAILQ_ENTRY(compiled)	 entry;		/* newest use first */
	uint32_t		 id, list;
	uint64_t		 as_of;
	int64_t			 date_ms;
	uint8_t			 verp_key, url_key;	/* ids; see lib/token.h */
	bool			 reminder;	/* copies say since when */
	struct template		*template;
	struct signing_key	*signer;
	unsigned		 users;		/* copies that point into it */
	bool			 dead;		/* freed with its last user */
};

/* A copy with what it is made of. */
struct made {
	struct copy		 copy;		/* first: what others hold */
	TAILQ_ENTRY(made)	 entry;		/* of idle, or of waiting */
	struct rendered		 rendered;
	const struct signing_part *part[DKIM_KEY_TYPES];	/* who signs */
	struct dkim_job		 job[DKIM_KEY_TYPES];	/* for each of them */
	size_t			 parts;
	bool			 waits;		/* for its signatures */
	struct err		 failure;	/* why it has none */
	struct compiled		*compiled;	/* NULL: a notice */
	struct template		*notice;	/* its own template */
	struct iovec		*pieces;	/* copy.iov, and what is before */
	size_t			 room;		/* of pieces */
	struct strbuf		 kept;		/* copy.mail lies here */
};

struct copier {
	struct copier_params	 p;
	TAILQ_HEAD(key_list, signing_key) keys;
	TAILQ_HEAD(compiled_list, compiled) campaigns;
	size_t			 ncampaigns;
	TAILQ_HEAD(, made)	 idle;
	size_t			 nidle;
	TAILQ_HEAD(, made)	 waiting;	/* for signatures, oldest first */
	struct dkim_verifier	*verifier;
	uint64_t		 signed_copies;
	uint64_t		 unread;	/* gates, since the last line */
	int64_t			 unread_ms;	/* of the next line; 0: at once */
	struct strbuf		 witness;	/* a whole field */
	int64_t			 witness_ms;	/* of the next one; 0: at once */
};

/* copier.c */
/* The compiled campaign, from the cache or made now; NULL with e. */
struct compiled *copier_campaign(struct copier *c, uint32_t id,
    struct err *e);
void compiled_release(struct copier *c, struct compiled *k);
/* Append up to max octets of a content file to b. */
int copier_read_content(struct copier *c, const uint8_t *hash, size_t max,
    struct strbuf *b, struct err *e);

/* copier_names.c */
struct named {
	struct slice	 message;
	uint32_t	 org;
	const char	*approved;	/* addresses, blanks between; or NULL */
};
/* Add what is wrong with the addresses that a message names.  0 or -1. */
int copier_names(struct copier *c, const struct named *names,
    json_t *findings, struct err *e);
/* grade: "MUST", "SHOULD" or "MAY". */
void copier_finding(json_t *findings, const char *grade, const char *rule,
    const char *text);

/* copier_keys.c */
/* The keys of domain or of the nearest domain above it; NULL with e. */
struct signing_key *copier_key_for(struct copier *c, const char *domain,
    struct err *e);
/* Which of them sign now, the one that all receivers know first. */
size_t signing_parts(const struct copier *c, const struct signing_key *k,
    const struct signing_part *part_r[static DKIM_KEY_TYPES]);
void copier_keys_free(struct copier *c);

/* copier_witness.c */
/* The field that copies carry now, borrowed until the next call. */
struct slice copier_witness(struct copier *c);

/* copy.c */
struct made *made_new(struct copier *c);
/* Free the idle ones. */
void copies_free(struct copier *c);

/* copy_sign.c */
/*
 * Render a copy and hash it, the ledger's field with it; all that is left is
 * copy_sign().
 */
int made_finish(struct copier *c, struct made *m, const struct template *t,
    struct template_values *v, const struct signing_key *key,
    struct err *e);
/* It goes without having been signed. */
void made_forget(struct copier *c, struct made *m);
/* Sign what waits for this key, which is about to go. */
void copies_sign_with(struct copier *c, const struct signing_part *part);
/* The message as its reader will have it: without dots added for SMTP. */
void made_message(struct strbuf *b, const struct made *m);
/* Let libopendkim verify what will be written.  0, or -1 with e. */
int made_verify(struct copier *c, const struct made *m, struct err *e);

/* copy_keep.c */
/* Of a confirmation that was signed: fill copy.mail and its hash. */
int made_keep(struct made *m, struct err *e);

/* notice_mail.c */
struct notice;
/* Compile a notice's text and make its copy. */
int notice_make(struct copier *c, struct made *m, const struct notice *n,
    struct err *e);

#endif
