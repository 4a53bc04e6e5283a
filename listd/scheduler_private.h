/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_private.h - what the parts of the scheduler share.
 *
 *	run		a campaign at work
 *	dest		one domain of a run that is being sent to, or a part of
 *			a large one
 *	delivery	one copy in memory: waiting, or out with a session
 *	site		the hosts that take the mail of many domains
 *	lane		what one run has at one site
 *	session		the right to one connection, given to a peer
 *	query		a question a deliver role was asked
 */
#ifndef LISTD_SCHEDULER_PRIVATE_H
#define LISTD_SCHEDULER_PRIVATE_H

#include <sys/queue.h>

#include "lib/clock.h"
#include "lib/strbuf.h"
#include "listd/batch.h"
#include "listd/dues.h"
#include "listd/hash.h"
#include "listd/scheduler.h"
#include "listd/share.h"
#include "listd/window.h"
#include "spool/deferral.h"
#include "spool/gate.h"
#include "spool/store.h"
#include "spool/suspension.h"

struct member;
struct notice;
struct path;
struct posts;
struct reactions;
struct recent;
struct relay;
struct reply_rules;
struct shaping;
struct source;

#define WHO_NOTICE	((uint64_t)1 << 63)	/* delivery.who of a notice */

/* Domain ids in four octets each, first in first out. */
struct idlist {
	uint32_t	*v;
	size_t		 at, n, cap;	/* v[at..n) */
};
void idlist_add(struct idlist *l, uint32_t id);
bool idlist_take(struct idlist *l, uint32_t *id_r);
size_t idlist_count(const struct idlist *l);
void idlist_free(struct idlist *l);

enum delivery_state {
	DELIVERY_LOOSE,		/* nowhere yet */
	DELIVERY_WINDOW,	/* waits in dest's window */
	DELIVERY_RETRY,		/* waits in its site's retries */
	DELIVERY_NOTICE,	/* waits in its site's notices */
	DELIVERY_STASH,		/* waits for one path alone */
	DELIVERY_OUT,		/* with a session */
	DELIVERY_ENDED,		/* its old row is on disk until the commit */
};

struct delivery {
	uint64_t	 id;		/* unique in the epoch, while OUT */
	enum ipc_kind	 kind;
	enum delivery_state state;
	struct run	*run;		/* NULL: a notice or test */
	struct dest	*dest;		/* of a first attempt, else NULL */
	uint64_t	 number;	/* in dest's window */
	struct site	*site;
	struct session	*session;	/* OUT */
	struct path	*path;		/* STASH */
	struct recall_wait *wanted;	/* OUT, and wanted back */
	struct scheduler_test *test;
	uint64_t	 who;		/* subscriber, or notice | WHO_NOTICE */
	uint32_t	 campaign, list, domain;
	uint64_t	 h8, join;
	uint16_t	 attempt;	/* the one that is next, or out */
	uint8_t		 unanswered;	/* attempts with all content sent */
	bool		 lost;		/* ... and the last is one of them */
	bool		 row;		/* it has a deferral */
	bool		 ghost;		/* a row of it is to be written */
	bool		 next_row;	/* ... for its next attempt */
	uint64_t	 serial;	/* ENDED: of the batch that does it */
	int64_t		 queued_ms;	/* when it became due; key of its row */
	int64_t		 taken_ms;	/* OUT: when it was counted, UTC */
	int64_t		 first_ms;	/* of the first attempt; 0: none yet */
	int64_t		 born_ms;	/* notices: created */
	bool		 any_tls;	/* notices: TLS promised or not */
	uint8_t		*mailbox;	/* whose slot it goes by, or NULL */
	TAILQ_ENTRY(delivery) link;	/* of its session, or of its site */
	struct hash_link by_id, by_who;
	const char	*domain_name;	/* behind local */
	char		 local[];
};
TAILQ_HEAD(delivery_list, delivery);

/* Why a whole domain ends without being asked. */
struct verdict {
	enum outcome_state state;
	uint16_t	 code;
	uint16_t		 enhanced[3];
	uint8_t		 recipient;	/* enum reply_recipient */
	uint8_t		 category;	/* enum reply_category */
	const char	*text;
};
extern const struct verdict verdict_expired, verdict_null_mx,
    verdict_no_domain, verdict_self, verdict_assumed, verdict_unknown,
    verdict_do_not_send;

struct dest {
	struct run	*run;
	struct lane	*lane;		/* NULL: not to be sent, or read only */
	uint32_t	 domain;
	uint16_t	 part, parts;	/* of the domain's hash space */
	struct window	*window;
	const struct verdict *settle;	/* or NULL */
	bool		 dirty, flying, finishing;
	bool		 ends_domain;	/* finishing: other parts are over */
	bool		 in_ready, in_hungry, in_settling;
	TAILQ_ENTRY(dest) of_lane, ready, hungry, settling, dirt, flight;
	struct hash_link by_domain;
	char		 name[];
};
TAILQ_HEAD(dest_list, dest);

struct lane {
	struct run	*run;
	struct site	*site;
	struct idlist	 pending;	/* resolved, not begun */
	size_t		 counted;	/* of them, in the run's pool */
	struct dest_list all;
	struct dest_list ready;		/* with a READY member */
	struct dest_list hungry;	/* with members to read */
	size_t		 supply;	/* members FED or READY */
	size_t		 dests, domains;	/* a domain may be many */
	TAILQ_ENTRY(lane) of_site, of_run;
};
TAILQ_HEAD(lane_list, lane);

/* Domains of a run whose sites are of one kind (lane.h). */
struct pool {
	size_t		 domains;	/* that wait there, as they count */
	struct idlist	 passed;	/* known to belong there, passed over */
};

struct run {
	struct campaign	 c;		/* without its slices */
	bool		 held;		/* its list or organization is, or: */
	char		 why[IPC_TEXT_MAX + 1];	/* no copy can be made of it */
	bool		 stopped;	/* by a reaction, until a person acts */
	bool		 expiring;	/* send_by is past */
	bool		 dead;		/* cancelled: nothing more goes out */
	bool		 finishing;	/* the job is under way */
	bool		 told_frequency;	/* that some recipients wait */
	bool		 told_similar;	/* the same, for similar mail */
	unsigned	 near;		/* similar ones that were before */
	unsigned	 most;		/* addresses of a mailbox */
	uint64_t	 near_serial;	/* both are of then ... */
	int64_t		 near_ms;	/* ... and good until then */
	bool		 told_no_consent;	/* that some are no members */
	bool		 listed;
	uint32_t	 list_from;	/* next domain id to list */
	uint32_t	 chunk;		/* whose bits are in bits, + 1 */
	uint8_t		 bits[PROGRESS_CHUNK];
	struct idlist	 begun;		/* domains with a row, at start */
	struct idlist	 again, big, small;	/* to be resolved */
	struct pool	*pools;		/* by kind */
	size_t		 npools, npassed;
	int64_t		 until_ms;	/* UTC: some site they passed opens */
	size_t		 domains_left;	/* listed and not finished */
	size_t		 asking;	/* queries of it */
	int64_t		 deferred;	/* rows, with what is in no commit */
	size_t		 out;
	size_t		 nopen;		/* domains in dests */
	uint64_t	 touched;	/* serial of the batch it is in */
	struct shares	*shares;	/* how it goes at its sites */
	/* Of a resend: who failed there, subscriber ids; sorted when read. */
	struct outcome_reader *reader;
	bool		 only_read;
	uint64_t	*only;
	size_t		 nonly, only_cap;
	struct lane_list lanes;
	struct hash	 dests;		/* by domain */
	struct hash_link by_id;
	TAILQ_ENTRY(run) link;
};
TAILQ_HEAD(run_list, run);

struct session {
	uint32_t	 id;
	unsigned	 peer;
	struct site	*site;
	struct path	*path;
	bool		 up, closing;
	bool		 reserved;	/* for notices alone */
	bool		 useful;	/* it has had an answer to a message */
	bool		 excused;	/* its refusal is one delivery's own */
	unsigned	 nout;
	int64_t		 idle_ms;	/* since when nothing is out */
	struct delivery_list out;
	TAILQ_ENTRY(session) of_site;
	struct hash_link by_id;
};
TAILQ_HEAD(session_list, session);

struct peer {
	bool		 up, ready;
	unsigned	 sessions;
	uint64_t	 seen;		/* seq of outcomes taken over */
	uint64_t	 flying;	/* in the batch under way */
	uint64_t	 acked;
};

enum query_kind {
	QUERY_FRESH, QUERY_OPEN, QUERY_RETRY, QUERY_NOTICE, QUERY_TEST,
	QUERY_TXT, QUERY_PREPARE, QUERY_PROVE, QUERY_SITE,
};

struct query {
	uint32_t	 id;
	enum query_kind	 kind;
	unsigned	 peer;
	struct run	*run;		/* FRESH, OPEN */
	uint32_t	 domain;	/* FRESH, OPEN, RETRY */
	uint64_t	 notice;
	bool		 any_tls;	/* NOTICE: TLS is not what matters */
	struct scheduler_test *test;
	uint32_t	 campaign;	/* PREPARE */
	void	(*prepared)(void *, const struct ipc_prepared *);
	void	(*txt)(void *, enum ipc_dns, const struct slice *, size_t);
	void	(*proven)(void *, enum ipc_proof, const char *);
	void	(*found)(void *, struct site *, enum ipc_dns, const char *);
	void		*arg;
	struct hash_link by_id;
	char		 name[256];
};

/* One recall's interest in one delivery. */
struct recall_wait {
	struct recall	*recall;
	struct recall_wait *next;
};

struct recall {
	unsigned	 left;
	int64_t		 deadline_ms;	/* monotonic */
	struct scheduler_recalled result;
	void	(*done)(void *, const struct scheduler_recalled *);
	void		*arg;
	TAILQ_ENTRY(recall) link;
};

/* Somebody waits for a batch to be durable. */
struct durable_wait {
	uint64_t	 serial;
	void	(*done)(void *, bool);
	void		*arg;
	TAILQ_ENTRY(durable_wait) link;
};

struct scheduler {
	struct scheduler_params p;
	struct scheduler_limits limits;
	/* What bears on paths; their serial rises when any of it changes. */
	uint64_t	 limits_serial;
	const struct shaping *shaping;	/* or NULL */
	const struct reply_rules *rules;	/* or NULL */
	struct reactions *reactions;
	TAILQ_HEAD(, restart) restarts;	/* after suspensions; oldest first */
	unsigned	 nrestarts;
	struct source	*sources;
	uint16_t	 nsources;	/* at least 1 */
	struct hash	 shares;	/* of sources being warmed up */
	/* Those of now in order of preference, then those that are gone. */
	TAILQ_HEAD(, relay) relays;
	size_t		 nrelays;	/* of now; 0: by MX */
	uint64_t	 relay_time;	/* what the last one was given */
	uint64_t	 routes_serial;	/* rises when all go another way */
	struct hash	 all_limits;
	struct dues	*limit_dues;	/* their lines go on, monotonic */
	struct dues	*limit_ends;	/* they may be forgotten, monotonic */
	struct dues	*wakes;		/* sites that are closed until then */
	int64_t		 start_us;	/* monotonic */
	int64_t		 mono_ms;	/* of this turn */
	int64_t		 base_ms;	/* UTC at the start minus monotonic */
	uint64_t	 chance;	/* state of the generator */
	struct batcher	*batcher;
	uint64_t	 serial;	/* of the batch being filled */
	uint64_t	 durable;	/* serial of the last durable one */
	TAILQ_HEAD(, durable_wait) durable_waits;	/* by serial */
	int64_t		 flushed_ms;	/* when that under way was sent off */
	struct dest_list dirt;		/* their row changed */
	struct dest_list flight;	/* their row is under way */
	struct dest_list settling;	/* to be ended without asking */
	bool		 draining;
	bool		 held;		/* departures are due (T52) */
	bool		 again;		/* this turn left work */
	bool		 could;		/* hand out, in the turn before */
	bool		 look_again;	/* at every site: more is possible */
	/*
	 * The room that is left is for outcomes and retries, which give back
	 * what they take: a first attempt may leave a row for days (P7).
	 */
	bool		 no_room;

	struct txn	*s_txn;		/* read transactions of this turn */
	struct txn	*q_txn;

	struct recent	*recents;	/* scheduler_frequency.c */
	size_t		 nrecents;
	struct posts	*posts;
	struct hash	 mailboxes;	/* scheduler_slots.c */
	unsigned	 most_notices[2];	/* to one, today and yesterday */
	int64_t		 notices_day;
	uint64_t	 looks;
	struct run_list	 runs;
	struct hash	 runs_by_id;
	size_t		 nruns;

	struct hash	 deliveries;	/* OUT, by id */
	struct hash	 who;		/* all in memory */
	uint64_t	 next_delivery;
	struct delivery_list ended;
	struct hash	 sites;		/* by the first octets of the key */
	TAILQ_HEAD(, site) kicked;	/* to be looked at */
	struct dues	*starving;	/* want a session, none is free */
	struct dues	*pauses;	/* sites by pointer */

	struct peer	 peer[SCHEDULER_PEERS_MAX];
	bool		 started;	/* handing out is allowed */
	bool		 reported;	/* all told what they had before */
	bool		 passed_dead;	/* rows were kept until then */
	int64_t		 start_by_ms;	/* monotonic */
	struct hash	 sessions;
	uint32_t	 next_session;
	unsigned	 nsessions;
	int64_t		 sweep_ms;	/* of idle sessions */

	struct hash	 queries;
	uint32_t	 next_query;
	unsigned	 nlookups;
	unsigned	 next_peer;
	struct dues	*waits;		/* run << 32 | domain: DNS again */
	struct dues	*routes;	/* the same, open: theirs are fresh */
	struct dues	*dns_troubles;	/* the same: not a time but a count */
	struct idlist	 retry_queue;	/* domains with due rows */
	struct dues	*retries;	/* domain: its earliest row */
	struct dues	*notices;	/* id: due */
	uint64_t	 notice_from;	/* next id to look at */
	struct run	*ask_turn;	/* round robin of look-ups */

	/* The walk over all deferrals, for what expired or died. */
	bool		 sweeping;
	uint32_t	 walk_domain;
	bool		 walk_inside;	/* the domain, behind walk_row */
	struct deferral	 walk_row;
	int64_t		 walk_ms;	/* monotonic, of the next walk */
	bool		 walk_again;	/* one more when this one is over */
	int64_t		 walk_oldest_ms;	/* earliest first attempt */
	int64_t		 oldest_ms;	/* of the last whole walk; 0: none */

	TAILQ_HEAD(, recall) recalls;
	int64_t		 campaign_ms;	/* next look at scheduled ones */
	int64_t		 held_ms;	/* when holds are asked again */

	uint64_t	 handed_out, outcomes, begun, duplicates;
	uint64_t	 no_consent;
	bool		 stuck;
};

/* ---- scheduler.c */

/* UTC ms that never steps while the process lives (P10). */
int64_t sched_now(const struct scheduler *s);
uint32_t sched_chance(struct scheduler *s);
/* Whatever comes from outside is such a turn: its time, its transactions. */
void sched_turn_begin(struct scheduler *s);
void sched_turn_end(struct scheduler *s);
/* A read transaction of this turn, or NULL (logged). */
struct txn *sched_s(struct scheduler *s);
struct txn *sched_q(struct scheduler *s);
/* Something of this run is in the batch being filled. */
void sched_touch(struct scheduler *s, struct run *run);
void sched_dirty(struct scheduler *s, struct dest *d, bool soon);
bool sched_may_hand_out(const struct scheduler *s);

/* ---- scheduler_run.c: campaigns */
struct run *run_find(const struct scheduler *s, uint32_t campaign);
struct run *run_load(struct scheduler *s, const struct campaign *c,
    struct err *e);
void run_free(struct scheduler *s, struct run *run);
/* Nothing new is handed out of it now. */
bool run_waits(const struct run *run);
/* List, expire, finish: a slice of each run's work. */
void runs_advance(struct scheduler *s);
int64_t runs_wait_ms(const struct scheduler *s);
/* Is a resend meant for this subscriber? */
bool run_only(const struct run *run, uint64_t subscriber);
/* The next domain to resolve; false when there is none. */
bool run_take_domain(struct run *run, uint32_t *domain_r);
/* A domain of the run is over, durably. */
void run_domain_done(struct scheduler *s, struct run *run);

/* ---- scheduler_dest.c: domains being sent to */
/* One of the domain's parts that are not over, or NULL. */
struct dest *dest_find(const struct run *run, uint32_t domain);
/* Another of the same domain, or NULL. */
struct dest *dest_next(const struct dest *d);
void dest_free(struct scheduler *s, struct dest *d);
/* Read members; false when nothing could be read now. */
bool dest_feed(struct scheduler *s, struct dest *d, size_t max);
/* End it with a verdict: what waits, and what is still to be read. */
void dest_settle(struct scheduler *s, struct dest *d,
    const struct verdict *v);
/* A slice of what is to be settled. */
void dests_settle(struct scheduler *s);
/* From now on it is sent to by this lane, unless it has one; NULL is none. */
void dest_join_lane(struct dest *d, struct lane *lane);
/* The window's READY members changed: keep the lane's lists right. */
void dest_sort(struct dest *d);
/* Rows of what changed, into the batch; and the batch is durable. */
void dests_fill_batch(struct scheduler *s);
void dests_durable(struct scheduler *s);

/* ---- scheduler_domain.c: to begin and end domains */

/*
 * Begin or go on with all parts of a domain.  lane may be NULL.  False when it
 * is finished already, its name is gone, or a record is damaged (logged).
 */
bool domain_open(struct scheduler *s, struct run *run, uint32_t domain,
    struct lane *lane);
/* The same, and end it with a verdict. */
bool domain_settle(struct scheduler *s, struct run *run, uint32_t domain,
    const struct verdict *v);

/* Leave its lane, if any; true: no other part of the domain is there. */
bool dest_leave_lane(struct dest *d);

/* ---- scheduler_delivery.c */
struct delivery *delivery_new(struct scheduler *s, enum ipc_kind kind,
    uint64_t who, const char *local, const char *domain);
/*
 * Out of every list and table; a window keeps nothing but its number.  As
 * long as a row that stood for it can still be read, it stays as ENDED, so
 * that the row is not taken for one that waits.
 */
void delivery_free(struct scheduler *s, struct delivery *d);
void delivery_free_now(struct scheduler *s, struct delivery *d);
/* Free what a durable batch has ended. */
void deliveries_durable(struct scheduler *s);
struct delivery *delivery_of(const struct scheduler *s, const struct run *run,
    uint64_t who);
/* It was not tried, or not even out: to where it waited before. */
void delivery_back(struct scheduler *s, struct delivery *d);
/* It has its end, or its point is gone: leave window or row, and free it. */
void delivery_end(struct scheduler *s, struct delivery *d);
/* An outcome that no server spoke. */
void delivery_settle(struct scheduler *s, struct delivery *d,
    enum outcome_state state, const struct verdict *v, uint8_t gate);
/* The gate is closed: end it, or let it wait. */
void delivery_gated(struct scheduler *s, struct delivery *d, uint8_t gate);
/* It cannot be tried now and waits, without an attempt being counted. */
void delivery_postpone(struct scheduler *s, struct delivery *d);
/* Let a deferral stand for it, so that its window may move on. */
void delivery_to_row(struct scheduler *s, struct delivery *d);
/*
 * Its last content may have arrived, and it must not go again unless somebody
 * says so: by the campaign's policy, or because that happened too often.
 */
bool is_held_lost(const struct run *run, const struct deferral *row);
/* The row that stands for it, as it is stored. */
void delivery_row(const struct delivery *d, struct deferral *row_r);
/* d is in memory, wherever it is, and o says what became of it. */
void delivery_take_outcome(struct scheduler *s, struct delivery *d,
    const struct ipc_outcome *o);
/* It is out: let its deliver role drop it, if it can. */
void delivery_call_back(struct scheduler *s, const struct delivery *d);
/* A recall was answered, or overtaken. */
void delivery_recalled(struct scheduler *s, struct delivery *d, bool dropped);
void recalls_advance(struct scheduler *s);
/* Call back all of a run that is out; nobody waits for the answers. */
void recall_run(struct scheduler *s, const struct run *run);

/*
 * It waits until due_ms, without an attempt being counted; a campaign's.
 * cause is the code of its row (deferral.h).
 */
void delivery_wait(struct scheduler *s, struct delivery *d, int64_t due_ms,
    uint16_t cause);

/* ---- scheduler_frequency.c: how often one person is written to */

/* A campaign is over. */
void frequency_ended(struct scheduler *s, const struct campaign *c,
    int64_t ended_ms);
/* May this copy go to member m?  1, 0 not before *due_r (UTC ms), -1. */
int frequency_allows(struct scheduler *s, const struct delivery *d,
    const struct member *m, int64_t *due_r, struct err *e);

/* ---- scheduler_slots.c: how much similar mail one mailbox gets */

/*
 * May this copy go to member m, or this notice?  1; 0 not before *due_r (UTC
 * ms), be it that its slot is on its way to disk; -1.
 */
int slots_allow(struct scheduler *s, struct delivery *d,
    const struct member *m, int64_t *due_r, struct err *e);
int slots_allow_notice(struct scheduler *s, struct delivery *d,
    const struct notice *n, int64_t *due_r, struct err *e);
/* It has arrived, or may have: its slot, if any, is as old as that. */
void slots_delivered(struct scheduler *s, const struct delivery *d);
/* Similar mails that a mailbox may have in 24 hours. */
unsigned slots_limit(const struct scheduler *s);
int slots_load(struct scheduler *s, struct err *e);
void slots_durable(struct scheduler *s);
void slots_free(struct scheduler *s);

/* ---- scheduler_log.c */

/*
 * One line for each attempt, and for each delivery that ends without one: the
 * same keys in the same order, whatever happened (listd.8).
 */
void attempt_log(const struct delivery *d, const struct outcome *r,
    int64_t now);

/* ---- scheduler_outcome.c */

/* One outcome that a deliver role reports, of work of that epoch. */
void delivery_outcome(struct scheduler *s, unsigned peer, uint64_t epoch,
    const struct ipc_outcome *o);

/* ---- scheduler_renew.c: routes of domains that are being sent to */

/* It is at this site, and its route is believed as long as the site's. */
void route_renewed(struct scheduler *s, const struct run *run,
    uint32_t domain, const struct site *site);
/* Its domain is open no longer. */
void route_forget(struct scheduler *s, const struct dest *d);
/* Ask where it goes if its route is past its time. */
void route_renew(struct scheduler *s, const struct dest *d);
/* Those whose routes are past their time are to be asked for. */
void routes_renew(struct scheduler *s);
/* All that is open at a site is. */
void site_renew(struct scheduler *s, struct site *site);
/* The answer: site, or v, or neither. */
void route_open(struct scheduler *s, const struct query *q,
    struct site *site, const struct verdict *v);

/* ---- scheduler_lookup.c: routes */
void lookups_advance(struct scheduler *s);
int lookup_route(struct scheduler *s, struct slice payload, struct err *e);
/* The route that was asked for; ends the question. */
void route_answered(struct scheduler *s, struct query *q,
    const struct ipc_route *r);
void lookups_forget_run(struct scheduler *s, struct run *run);

/* ---- scheduler_query.c: questions as such */
struct query *query_new(struct scheduler *s, enum query_kind kind,
    const char *name);
void query_free(struct scheduler *s, struct query *q);
/* Ask it; it may be answered, or given up, before this returns. */
void query_go(struct scheduler *s, struct query *q);
bool query_is_route(const struct query *q);
int lookup_txt(struct scheduler *s, struct slice payload, struct err *e);
/*
 * Ask where the mail of a domain goes.  found is called once; without a site
 * why says why, for now when status is IPC_DNS_TEMPORARY.  It is made if it
 * was not known, and goes when nothing hangs on it.
 */
void lookup_site(struct scheduler *s, const char *domain,
    void (*found)(void *arg, struct site *site, enum ipc_dns status,
    const char *why), void *arg);
int lookup_proven(struct scheduler *s, struct slice payload, struct err *e);
int lookup_prepared(struct scheduler *s, struct slice payload,
    struct err *e);
void lookups_peer_down(struct scheduler *s, unsigned peer);
/* A test that waits at a site asks for its route anew. */
void test_reroute(struct scheduler *s, struct delivery *d);
void lookups_free(struct scheduler *s);

/* ---- scheduler_retry.c: deferrals */
int retries_load(struct scheduler *s, struct err *e);
/* It is known to be: damage is not the end (P6). */
bool campaign_is_over(struct scheduler *s, uint32_t campaign);
void retries_advance(struct scheduler *s);
/* Read due rows of a site's domains into memory. */
void retries_fill(struct scheduler *s, struct site *site);
/* All due rows of a domain end with this verdict. */
void retries_settle(struct scheduler *s, uint32_t domain,
    const struct verdict *v);
/* Walk all deferrals soon: something expired, died or may go on. */
void retries_sweep(struct scheduler *s);
/*
 * Nothing of a run goes out now: leave what waits at sites to its rows, which
 * a sweep looks at.
 */
void retries_park(struct scheduler *s, const struct run *run);
/* Forget what waits in memory at a site; rows stand for it all. */
void retries_unload(struct scheduler *s, struct site *site);

/* ---- scheduler_notice.c: notices, and tests, which go with them */
void notices_load(struct scheduler *s);
/* Its delivery, made from its row; NULL when it is gone or damaged. */
struct delivery *notice_delivery(struct scheduler *s, uint64_t notice);
/* It waits at a site, before the others or behind them; at a paused one not. */
void notice_waits(struct scheduler *s, struct delivery *d, struct site *site,
    bool first);
/* Forget it; its row is looked at again, where it goes asked anew. */
void notice_rests(struct scheduler *s, struct delivery *d);
/* Forget it until due_ms. */
void notice_later(struct scheduler *s, struct delivery *d, int64_t due_ms);
/*
 * Reserve its slot, so that it is durable when it is needed; false: there is
 * none, and it was put off.
 */
bool notice_has_slot(struct scheduler *s, struct delivery *d);
/* Is its time over?  Then it ends, unless it is out. */
bool notice_expires(struct scheduler *s, struct delivery *d);

/* ---- scheduler_reshape.c */

/* May anything be sent there? */
bool site_sends(const struct scheduler *s, const struct site *site);
/* New data: what they send elsewhere, or nowhere, is asked for anew. */
void routes_reshape(struct scheduler *s);

/* ---- scheduler_reaction.c */

/* At start, when runs are loaded. */
int reactions_start(struct scheduler *s, struct err *e);
/* A connection was refused by this path. */
void react_to_session(struct scheduler *s, const struct path *p,
    const struct ipc_session_state *st);
/* A delivery, still out, was. */
void react_to_outcome(struct scheduler *s, const struct delivery *d,
    const struct ipc_outcome *o);
/* What is over by time. */
void reactions_advance(struct scheduler *s);
/* Is it about this path? */
struct reaction_action;
bool action_bears_on(const struct scheduler *s,
    const struct reaction_action *a, const struct path *p);
/* Does a reaction stop this run? */
void run_look_stopped(struct scheduler *s, struct run *run);
/* What stopped a campaign ends with it. */
void reactions_forget_campaign(struct scheduler *s, uint32_t campaign);
/* End what bears on a site; false: there was nothing. */
bool reactions_cancel_site(struct scheduler *s, const struct site *site);
/* Silence: call back what it has, then close it. */
void session_hush(struct scheduler *s, struct session *se);

/* ---- scheduler_choice.c */

/* What goes out next by a path; reserved: notices alone.  Or NULL. */
struct delivery *choose_delivery(struct scheduler *s, struct path *p,
    bool reserved);
/* Is there something for it?  Is a notice the next? */
bool choose_has(struct scheduler *s, struct path *p);
bool choose_is_notice(const struct scheduler *s, const struct path *p);

/* ---- scheduler_reroute.c */

/* Relays came or went since its route was asked for; or nothing is sent. */
bool site_is_stale(const struct scheduler *s, const struct site *site);
/* What waits there, or at any site, asks for its route anew. */
void site_reroute(struct scheduler *s, struct site *site);
void sites_reroute(struct scheduler *s);

/* ---- scheduler_steering.c */

/* Tell who waited for what is durable now; all: it will not be any more. */
void durable_waits_end(struct scheduler *s, bool all);

/* ---- scheduler_session.c */
void sessions_work(struct scheduler *s, struct site *site);
void sessions_sweep(struct scheduler *s);
int session_state(struct scheduler *s, unsigned peer, struct slice payload,
    struct err *e);
int session_returned(struct scheduler *s, unsigned peer,
    struct slice payload, struct err *e);
void sessions_peer_down(struct scheduler *s, unsigned peer);
struct session *session_find(const struct scheduler *s, uint32_t id);
void session_free(struct scheduler *s, struct session *se);
/* Let it finish what it has and end. */
void session_close(struct scheduler *s, struct session *se);

#endif
