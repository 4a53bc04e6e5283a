/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler.h - who is sent what, when, through which deliver role.
 *
 * The one place where rates, connections and retries are decided (DESIGN.md
 * section 4).  A campaign at work is a run: its domains are listed, resolved
 * ahead of need and put to the site that takes their mail, where they wait as
 * four octets each until the site's turn for them comes.  Then a window of the
 * domain's members is read, covered by a commit, and handed out to sessions.
 *
 * Nothing is skipped and nothing is decided twice: progress moves only with
 * recorded outcomes, and what a crash leaves open is handed out again
 * (spool/DESIGN sections 8 to 10).
 *
 * The scheduler owns no socket, no timer and no thread.  Its owner passes
 * frames in, commits its jobs, and calls scheduler_run() whenever something
 * happened or the time it asked for has come.
 */
#ifndef LISTD_SCHEDULER_H
#define LISTD_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "spool/campaign.h"
#include "spool/writer.h"

struct clock;
struct err;
struct figures;
struct outcome_log;
struct post;
struct reply_rules;
struct ring_entry;
struct scheduler;
struct shaping;
struct source;
struct strbuf;

#define SCHEDULER_PEERS_MAX	64	/* deliver roles */
#define SCHEDULER_DEPTH		8	/* deliveries a session holds */
#define SCHEDULER_LOOKUPS	256	/* routes asked for at once */
#define SCHEDULER_RECALL_MS	1000	/* an answer waits for recalls */
#define SCHEDULER_READY_MS	10000	/* for deliver roles to report */
#define SCHEDULER_NODE		1	/* this node's id */
#define SCHEDULER_RELAYS_MAX	8	/* smarthosts */
#define SCHEDULER_SIMILAR	10	/* mails to a mailbox in 24 h; S44 */
#define SCHEDULER_PART		200000	/* members of a part of a domain */

/* Of the configuration; may be changed at any time. */
struct scheduler_limits {
	unsigned	connections_total;
	unsigned	connections_per_site;	/* 0: as the data say */
	unsigned	messages_per_connection;	/* the same */
	unsigned	recipient_per_day;	/* S8: campaigns; 0: no limit */
	unsigned	similar_per_day;	/* 0: SCHEDULER_SIMILAR */
	int64_t		queue_lifetime_ms;
};

struct scheduler_params {
	struct store	*store;		/* borrowed, as all pointers here */
	struct outcome_log *log;
	struct figures	*figures;	/* where outcomes count; or NULL */
	const char	*outcomes;	/* its folder, to read who failed */
	const struct clock *clock;
	uint64_t	epoch;
	uint64_t	last_batch;	/* of batch_recover() */
	uint64_t	seed;		/* of jitter and shuffling */
	unsigned	peers;		/* deliver roles there will be */
	struct scheduler_limits limits;
	const struct source *sources;	/* source.h; copied */
	uint16_t	nsources;	/* 0: the system chooses */
	uint32_t	part_members;	/* a domain with more is sent to in
					 * parts; 0: SCHEDULER_PART */
	void		*arg;
	/* Send a frame to deliver role peer. */
	void	(*send)(void *arg, unsigned peer, uint16_t type,
	    const struct strbuf *payload);
	/* Pass a job to the writer of env. */
	void	(*commit)(void *arg, enum store_env env,
	    const struct job *job);
	/* As in batch.h. */
	int	(*effects)(struct txn *t, uint64_t batch, struct slice sealed,
	    struct slice mails, struct err *e);
	/* Call scheduler_run() soon. */
	void	(*wake)(void *arg);
	/* What is on disk is the only truth: end the process (P6). */
	void	(*fatal)(void *arg, const struct err *why);
};

/*
 * Read campaigns, deferrals and notices; nothing is handed out before a
 * deliver role is ready.  NULL with e: the store is damaged.
 */
struct scheduler *scheduler_new(const struct scheduler_params *p,
    struct err *e);
/* Every job must have been answered. */
void scheduler_free(struct scheduler *s);

/*
 * Do what can be done now, a bounded slice of it.  Returns after how many
 * milliseconds to call again if nothing else happens; -1: not by time.
 */
int64_t scheduler_run(struct scheduler *s);

/*
 * What receivers accept, and what follows from refusals; borrowed until the
 * next call.  shaping NULL: only the limits above hold; rules NULL: nothing
 * follows but that a site rests.
 */
void scheduler_set_shaping(struct scheduler *s, const struct shaping *shaping,
    const struct reply_rules *rules);

void scheduler_set_limits(struct scheduler *s,
    const struct scheduler_limits *limits);

/*
 * The relays that take all mail from now on (relay.h); none: by MX.  Names are
 * all different and no longer than those of struct ipc_host.  0 is no limit.
 */
struct scheduler_relay {
	char		name[256];	/* host:port, as deliver roles say it */
	char		host[256];	/* as the shaping data may know it */
	unsigned	preference, weight;	/* weight from 1 */
	unsigned	connections, messages_per_connection;
	uint32_t	messages_per_minute, connects_per_minute;
	uint32_t	messages_per_hour, messages_per_day;
	bool		implicit_tls;
};
void scheduler_set_relays(struct scheduler *s,
    const struct scheduler_relay *v, size_t n);

/* ---- deliver roles */

/* A fresh channel to deliver role peer: it is told the epoch. */
void scheduler_peer_up(struct scheduler *s, unsigned peer);
/*
 * It is gone, and the final dot of this delivery was on its way: the same as a
 * connection that is lost then.  Said before scheduler_peer_down(), with what
 * the ring says (lib/sys/ring.h); what it had not in hand is passed over.
 */
void scheduler_peer_past_dot(struct scheduler *s, unsigned peer,
    const struct ring_entry *entry);
/* It is gone; what it had is handed out again. */
void scheduler_peer_down(struct scheduler *s, unsigned peer);
/* A frame of it.  -1 with e: it makes no sense, close the channel. */
int scheduler_frame(struct scheduler *s, unsigned peer, uint16_t type,
    struct slice payload, struct err *e);

/* ---- what changes under it */

/* A campaign's row was committed in a new state. */
void scheduler_campaign_changed(struct scheduler *s, uint32_t campaign);
/*
 * What similar mail there was, were x (posts.h) released now; it counts from
 * now on.  scheduler_foresee() only looks.
 */
void scheduler_judge(struct scheduler *s, const struct post *x,
    uint64_t *similar_r, uint32_t *excess_r);
uint32_t scheduler_foresee(const struct scheduler *s, const struct post *x);
/* A person was erased: what the mailbox was mailed is forgotten. */
void scheduler_mailbox_erased(struct scheduler *s, const uint8_t *mailbox);
/*
 * Of a campaign that is over: no outcome of it comes any more, from now or
 * from before the start, so its progress may be forgotten.
 */
bool scheduler_is_told(const struct scheduler *s, uint32_t campaign);
/* A commit of S may have made notices. */
void scheduler_notices_changed(struct scheduler *s);
/* Lists or organizations were held or set free. */
void scheduler_holds_changed(struct scheduler *s);

/* How a recall ended. */
struct scheduler_recalled {
	unsigned	dropped;	/* no MAIL was written */
	unsigned	begun;		/* or not known in time */
};

/*
 * Take back what is out with deliver roles: of these subscribers, or all of a
 * campaign (n is 0).  done is called once, within SCHEDULER_RECALL_MS; at once
 * (before this returns) when nothing is out.
 */
void scheduler_recall(struct scheduler *s, uint32_t campaign,
    const uint64_t *subscribers, size_t n,
    void (*done)(void *arg, const struct scheduler_recalled *r), void *arg);
/* Likewise all that is out at sites named as scheduler_site_suspend() does. */
void scheduler_recall_site(struct scheduler *s, const char *name,
    void (*done)(void *arg, const struct scheduler_recalled *r), void *arg);

/*
 * Have a deliver role compile and lint a campaign.  done is called once; r is
 * NULL when no deliver role could do it.
 */
void scheduler_prepare(struct scheduler *s, uint32_t campaign,
    void (*done)(void *arg, const struct ipc_prepared *r), void *arg);

/* A TXT look-up; text[n] is borrowed.  done is called once. */
void scheduler_lookup_txt(struct scheduler *s, const char *name,
    void (*done)(void *arg, enum ipc_dns status, const struct slice *text,
    size_t n), void *arg);

/*
 * Is the public half of one of our DKIM keys for this domain in its DNS?  text
 * is for people and borrowed.  done is called once.
 */
void scheduler_prove(struct scheduler *s, const char *domain,
    void (*done)(void *arg, enum ipc_proof found, const char *text),
    void *arg);

/*
 * Send a campaign's content to one address, no member.  One attempt.  o is
 * NULL when it could not be tried; why says what happened then.
 */
struct scheduler_test {
	uint32_t	campaign, list;
	const char	*local, *domain;
	void	(*done)(void *arg, const struct ipc_outcome *o,
	    const char *why);
	void		*arg;
};
void scheduler_test(struct scheduler *s, const struct scheduler_test *t);

/* Hand out nothing, campaign or notice, until this is said otherwise. */
void scheduler_set_held(struct scheduler *s, bool held);
/* Hand out nothing more; what is out ends. */
void scheduler_drain(struct scheduler *s);
/* True when nothing is out and everything is durable. */
bool scheduler_drained(const struct scheduler *s);

/* True while that deliver role holds sessions, and so perhaps deliveries. */
bool scheduler_peer_busy(const struct scheduler *s, unsigned peer);

/* ---- figures */

struct scheduler_summary {
	unsigned	campaigns;	/* runs in memory */
	unsigned	sites, sites_paused;
	unsigned	sessions, sessions_up;
	unsigned	peers_ready;
	size_t		open;		/* out, or their outcome not durable */
	size_t		waiting;	/* in memory, to be handed out */
	size_t		domains_waiting;	/* fresh, not begun */
	size_t		domains_deferred;
	size_t		lookups;
	uint64_t	deferred;	/* recipients that wait for a retry */
	uint64_t	handed_out, outcomes;	/* since the start */
	uint64_t	begun;		/* recalls that came too late */
	uint64_t	looks;		/* at what mailboxes were mailed */
	uint64_t	duplicates;	/* outcomes reported twice, dropped */
	uint64_t	no_consent;	/* copies refused: no entry bears the
					 * membership out (S42) */
	bool		holding;	/* the store is full or behind */
	int64_t		oldest_ms;	/* UTC: first attempt of the oldest
					 * deferral at the last walk; or 0 */
};
void scheduler_summary(const struct scheduler *s,
    struct scheduler_summary *r_r);

struct scheduler_site {
	uint8_t		key[16];
	uint8_t		hosts_key[16];	/* of the same hosts, whatever TLS */
	const char	*host;		/* the best one */
	const char	*reason;	/* of its last trouble or suspension */
	const char	*provider;	/* of the shaping data; or "" */
	uint32_t	provider_key;	/* shaping_key(); 0: none */
	unsigned	hosts, window, sessions, up, out;
	size_t		domains, waiting, retries, notices;
	unsigned	troubles;	/* in a row */
	int64_t		until_ms;	/* UTC, when it is tried again; or 0 */
	bool		by_hand;
};
/* Walk the sites; *at starts at 0.  False past the last. */
bool scheduler_site_next(const struct scheduler *s, size_t *at,
    struct scheduler_site *r_r);
/*
 * Suspend or resume a site by its key (32 hex digits), or all with a best host
 * of that name.  False: none is known by it.  The change is durable with the
 * next batch, see scheduler_when_durable().  What is out there stays out until
 * scheduler_recall_site().
 */
bool scheduler_site_suspend(struct scheduler *s, const char *name,
    const char *reason);
bool scheduler_site_resume(struct scheduler *s, const char *name);

/*
 * done is called once, and may be before this returns: ok when all that was
 * changed until now is durable; not ok when that has to wait for room in the
 * store, or the scheduler ends.
 */
void scheduler_when_durable(struct scheduler *s,
    void (*done)(void *arg, bool ok), void *arg);

/*
 * What follows from refusals and holds now (lib/reactions.h), in no order: *at
 * starts at 0.  False past the last.  scheduler_site_resume() ends those that
 * bear on the site.
 */
struct reaction_action;
bool scheduler_action_next(const struct scheduler *s, size_t *at,
    const struct reaction_action **a_r);
/* End one before its time; false: it does not hold. */
bool scheduler_action_cancel(struct scheduler *s, uint64_t id);

/* What holds mail back: a word of listctl(1), and who says so. */
struct scheduler_bind {
	const char	*what;
	char		why[512];
};

/* What one source address may do at a site, and what says so. */
#define SCHEDULER_VALUES	7
struct scheduler_path {
	const char	*source;	/* "": the system's choice */
	unsigned	window, sessions, up, out;
	int64_t		closed_ms;	/* UTC: nothing goes out until; or 0 */
	const char	*waits_for;	/* "connection", "message" or "" */
	int64_t		sent_today, may_today;	/* of its warm-up; -1: any */
	const char	*relay;		/* NULL: by MX */
	uint64_t	relay_sent[2], relay_may[2];	/* in this hour, today;
							 * 0: any number */
	struct {
		const char	*name;
		uint32_t	value;	/* 0: no such limit */
		char		why[512];
	}		value[SCHEDULER_VALUES];
	struct scheduler_bind bind;
};
/* Walk the paths of a site by its key: *at starts at 0. */
bool scheduler_path_next(struct scheduler *s, const uint8_t key[static 16],
    size_t *at, struct scheduler_path *r_r);

/* What is known of one campaign in memory. */
struct scheduler_progress {
	bool		running, paused, held, expiring, listed;
	bool		held_similar;	/* some wait: SCHEDULER_SIMILAR */
	const char	*why;		/* no copy can be made: why; or "" */
	size_t		domains_left;	/* of those listed so far */
	size_t		out, waiting;
	uint64_t	per_minute;	/* recipients done with, lately */
};
bool scheduler_progress(const struct scheduler *s, uint32_t campaign,
    struct scheduler_progress *r_r);

/*
 * Up to max sites of a campaign in memory, those with most members left first;
 * host is "" for all that are not told apart.  Returns how many.
 */
struct scheduler_share {
	char		host[256];
	uint64_t	left;		/* of the domains begun there */
	uint64_t	delivered, deferred, failed;	/* attempts */
	uint64_t	per_minute;
};
size_t scheduler_shares(const struct scheduler *s, uint32_t campaign,
    struct scheduler_share *rows, size_t max);

/*
 * Which site takes the mail of a domain.  done is called once, and may be
 * before this returns; v is NULL when none is known, and why says why: for now
 * when status is IPC_DNS_TEMPORARY.  The site can be named by its key until
 * done returns.
 */
void scheduler_lookup_site(struct scheduler *s, const char *domain,
    void (*done)(void *arg, const struct scheduler_site *v,
    enum ipc_dns status, const char *why), void *arg);

/* What is known of one domain; texts are good until the next turn. */
struct scheduler_domain {
	bool		known;		/* somebody has an address there */
	unsigned	windows;	/* campaigns that are sending to it */
	size_t		waiting, out;	/* copies in memory */
	int64_t		lookup_ms;	/* UTC: its DNS is asked again; or 0 */
	int64_t		retry_ms;	/* UTC: its next deferral; or 0 */
	bool		has_site;	/* else the DNS tells none */
	struct scheduler_site site;
	struct scheduler_bind bind;
};
/*
 * What its mail waits for.  done is called once, and may be before this
 * returns; r is NULL with e when the store cannot be read now.
 */
void scheduler_explain(struct scheduler *s, const char *domain,
    void (*done)(void *arg, const struct scheduler_domain *r,
    const struct err *e), void *arg);

#endif
