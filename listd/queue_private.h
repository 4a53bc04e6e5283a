/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_private.h - what the files of the queue role share.
 */
#ifndef LISTD_QUEUE_PRIVATE_H
#define LISTD_QUEUE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "listd/steering.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/timers.h"
#include "listd/clock_watch.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "listd/silence.h"
#include "spool/writer.h"

struct channel;
struct control;
struct event;
struct departures;
struct figures;
struct keyring;
struct outcome_log;
struct queue;
struct queue_copy;
struct queue_requests;
struct ring;
struct scheduler;
struct sweep;
struct tls_reports;

/* The channel to one deliver role. */
struct queue_peer {
	struct queue	*q;
	unsigned	 index;
	struct channel	*ch;		/* NULL: not there */
	struct silence	 silence;
	bool		 accused;	/* the parent was to end it */
};

struct queue {
	struct role_env	*env;
	struct keyring	*keys;
	struct store	*store;
	struct content	*content;
	struct outcome_log *log;
	char		 outcomes[CONF_PATH_MAX + 16];	/* its folder */
	struct ring	*ring;
	struct scheduler *sched;
	struct steering	 steering;	/* what receivers accept */
	struct figures	*figures;	/* counted since the start */
	struct control	*control;
	struct queue_copy *copy;	/* of the store */
	struct departures *departures;	/* the journal beside it */
	struct writer	*writer[2];	/* by enum store_env */
	struct event	*commits[2];
	struct event	*turn;		/* the scheduler's next turn, soon */
	struct timer	 wait;		/* the same, by time */
	struct timer	 chores;
	struct timer	 sweep;		/* of content files: its next step */
	struct sweep	*sweeping;	/* NULL: none runs */
	bool		 chore_runs;
	int64_t		 prune_ms;	/* UTC, when evidence is looked at */
	int64_t		 slots_ms;	/* ... over slots */
	unsigned	 chore;		/* which is next */
	uint64_t	 epoch;
	struct queue_peer deliver[ROLE_DELIVER_MAX];
	struct timer	 silence;	/* a look at who says nothing */
	struct tls_reports *tls_reports;
	struct queue_requests *requests;	/* of inbound and web */
	struct clock_watch clock;
	struct {
		struct timer	 next;		/* look whether to sign */
		int64_t		 signed_ms;	/* monotonic, looked last */
		bool		 busy;		/* one waits to be kept */
		enum err_code	 said;		/* why nothing is signed */
	}		 ledger;
	bool		 held;		/* departures are due */
	bool		 draining;	/* the role's own turn has come */
};

/* ---- role_queue.c */
/* A turn of the scheduler, soon. */
void queue_turn_soon(struct queue *q);
/* What is on disk is the only truth: say so and end at once (P6). */
void queue_fatal(const struct err *why) __attribute__((noreturn));
/* Look whether a drain is complete. */
void queue_look_drained(struct queue *q);

/* ---- queue_steering.c */
struct source;
/* Read the data files that are named now; -1: mistakes, nothing changed. */
int queue_steering_load(struct queue *q, struct err *e);
void queue_steering_free(struct queue *q);
/* Tell a deliver role the rules of refusals; by them it judges. */
void queue_steering_tell(struct queue *q, unsigned peer);
/* The source addresses (at most SOURCES_MAX); returns how many. */
uint16_t queue_sources(const struct conf *c, struct source *sources);

/* ---- queue_peers.c */
void queue_peers_init(struct queue *q);
/* A fresh socket to deliver role index. */
void queue_peers_take(struct queue *q, unsigned index, int fd);
void queue_peers_close(struct queue *q);
/* The scheduler's send. */
void queue_send(void *arg, unsigned peer, uint16_t type,
    const struct strbuf *payload);
/* Say who had come how far when an earlier queue role died. */
void queue_report_ring(struct queue *q, unsigned role);

/* ---- queue_policies.c */
/* A frame of IPC_POLICY; -1 when it does not decode. */
int queue_policy_take(struct queue *q, struct slice frame, struct err *e);

/* ---- queue_tlsrpt.c */
/* A frame of IPC_TLS_EVENTS; -1 when it does not decode. */
int queue_tls_events_take(struct queue *q, struct slice frame, struct err *e);
/* Look for reports that are due. */
void queue_tls_reports_start(struct queue *q);
void queue_tls_reports_stop(struct queue *q);
/* When nothing calls back any more. */
void queue_tls_reports_free(struct queue *q);

/* ---- queue_copy.c */
int queue_copy_open(struct queue *q, struct err *e);
/* The role drains: what is not about to be swapped in is given up. */
void queue_copy_stop(struct queue *q);
/* The writers have ended, and the store is still open. */
void queue_copy_close(struct queue *q);

/* ---- queue_ledger.c */
/*
 * Before anything is appended: sign what is there, unless it was, and an empty
 * ledger too.  Before the writers start: sign what the start appended.
 */
void queue_ledger_begin(struct queue *q);
void queue_ledger_opened(struct queue *q);
/* S was committed: sign soon, if that appended. */
void queue_ledger_look(struct queue *q);
/* Say when url_base no longer makes the log's name. */
void queue_ledger_name(struct queue *q);
/* The writers have ended, and the store is still open: sign what came last. */
void queue_ledger_last(struct queue *q);
void queue_ledger_end(struct queue *q);

/* ---- queue_restored.c */
/* Open the journal of departures, once the store is. */
int queue_departures_open(struct queue *q, struct err *e);
/* Tell of what could not be written there. */
void queue_departures_look(struct queue *q);
void queue_departures_close(struct queue *q);
/* A store that was restored sends nothing while departures are due. */
int queue_restored_look(struct queue *q, struct err *e);

/* ---- queue_chores.c */
/* Start the work that is done once a minute, and once a day. */
void queue_chores_start(struct queue *q);
void queue_chores_stop(struct queue *q);
/* Whether the machine's clock is synchronised. */
void queue_look_at_clock(struct queue *q);

#endif
