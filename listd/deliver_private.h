/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_private.h - what the parts of the deliver role share:
 *
 *	role_deliver.c		its life: queue comes and goes, epochs, stop
 *	deliver_sessions.c	the sessions granted, and the ring of open work
 *	deliver_names.c		questions about names, and about our keys
 *	deliver_rules.c		what refusals mean, as queue says
 *	deliver_policies.c	policies about TLS that are kept for us
 *	deliver_tally.c		how TLS went
 */
#ifndef LISTD_DELIVER_PRIVATE_H
#define LISTD_DELIVER_PRIVATE_H

#include <sys/queue.h>

#include "lib/smtp_login.h"
#include "lib/strbuf.h"
#include "lib/sys/ring.h"
#include "lib/sys/timers.h"
#include "lib/tlsrpt.h"
#include "listd/smtp_session.h"

#define SESSION_BUCKETS	256

struct held_session {
	TAILQ_ENTRY(held_session) entry;
	uint32_t		 id;
	struct smtp_session	*smtp;
};
TAILQ_HEAD(session_list, held_session);

struct deliver {
	struct role_env		*env;
	struct channel		*queue;
	struct deliver_link	*link;
	uint64_t		 epoch;		/* of the work in hand */
	uint64_t		 next_epoch;	/* said by a HELLO; 0: none */
	struct timer		 grace;
	struct timer		 lonely;	/* no queue for too long */
	struct timer		 watch;		/* sessions that stand still */
	struct timer		 last_words;	/* they wait to be read */
	struct store		*store;
	struct keyring		*keys;
	struct copier		*copier;
	struct resolver		*resolver;
	struct policies		*policies;
	struct tls_tally	*tally;
	struct ring		*ring;
	uint16_t		 slot[RING_SLOTS];	/* free places of it */
	unsigned		 slots_free;
	SSL_CTX			*tls;
	struct tls_sessions	*tls_sessions;
	struct memo		*tls_broken, *dead;	/* see session_env */
	struct smtp_logins	 logins;
	struct smtp_session_env	 session_env;
	struct bdat_hosts	*bdat;
	struct reply_rules	*rules;
	struct strbuf		 shipped_rules;	/* until the overlay comes */
	struct session_list	 bucket[SESSION_BUCKETS];
	struct session_list	 over;		/* to be freed from the loop */
	size_t			 sessions;
	struct event		*flush;		/* end of this loop's turn */
	bool			 flush_set;
	bool			 draining;
};

/* deliver_sessions.c */
extern const struct smtp_session_ops deliver_session_ops;
void sessions_init(struct deliver *dl);
/* Let every session finish what it has begun, and take nothing more. */
void sessions_wind_down(struct deliver *dl);
/* End those that stand still. */
void sessions_watch(struct deliver *dl);
/* Not told to anyone: what was open is handed out again by a new queue. */
void sessions_drop(struct deliver *dl);
/* Free what is over; from the loop. */
void sessions_reap(struct deliver *dl);
/* Queue has read what a former life left in the ring. */
void sessions_clear_ring(struct deliver *dl);
void frame_session_open(struct deliver *dl, struct unpack *u);
void frame_session_close(struct deliver *dl, struct unpack *u);
void frame_deliver(struct deliver *dl, struct unpack *u);
void frame_recall(struct deliver *dl, struct unpack *u);

/* deliver_rules.c */
void frame_rules(struct deliver *dl, struct unpack *u);

/* deliver_policies.c: of struct policy_env, arg is a struct deliver */
struct mta_sts_kept;
bool deliver_policy_recall(void *arg, const char *domain,
    struct mta_sts_kept *k_r);
void deliver_policy_keep(void *arg, const char *domain,
    const struct mta_sts_kept *k);

/* deliver_tally.c: of struct policy_env and tls_tally, arg a struct deliver */
extern const struct tls_tally_ops deliver_tally_ops;
void deliver_policy_fault(void *arg, const char *domain,
    enum tlsrpt_result result, const char *why);

/* deliver_names.c */
void frame_resolve(struct deliver *dl, struct unpack *u);
void frame_lookup_txt(struct deliver *dl, struct unpack *u);
void frame_prove(struct deliver *dl, struct unpack *u);

#endif
