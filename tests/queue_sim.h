/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_sim.h - a scheduler with all that surrounds it: a clock that jumps, a
 * store that survives, deliver roles that do as they are told, and an audience
 * in memory.
 *
 * Nothing here waits or has threads: a commit happens when sim_commit() is
 * called, so that a crash can fall before it, after it, and between it and its
 * answer.
 */
#ifndef TESTS_QUEUE_SIM_H
#define TESTS_QUEUE_SIM_H

#include "lib/clock.h"
#include "lib/ipc.h"
#include "listd/scheduler.h"
#include "spool/campaign.h"
#include "tests/fake_audience.h"
#include "tests/spool_world.h"

#define SIM_PEERS	2
#define SIM_OUT		2048	/* deliveries of one peer */
#define SIM_SESSIONS	256
#define SIM_JOBS	64
#define SIM_ASKED	1024

enum sim_dns {	/* what a domain's look-up says */
	SIM_DNS_SITE,		/* its site takes mail */
	SIM_DNS_SWAPPED,	/* the same, with the other host first */
	SIM_DNS_OWN,		/* the same, with another of its own */
	SIM_DNS_TEMPORARY, SIM_DNS_NXDOMAIN, SIM_DNS_NULL_MX,
};

struct sim_out {
	struct ipc_delivery d;
	uint32_t	session;
	bool		begun;		/* MAIL was written */
};

struct sim_session {
	uint32_t	id;
	unsigned	site;
	uint8_t		source;
	uint32_t	provider;
	bool		up, closing;
	bool		swapped;	/* its hosts' order */
	unsigned	sent;
};

struct sim_asked {
	uint32_t	request;
	char		name[256];
};

struct sim_peer {
	uint64_t	epoch;		/* of the work in hand */
	struct sim_session session[SIM_SESSIONS];
	size_t		sessions;
	struct sim_out	out[SIM_OUT];
	size_t		n;
	struct sim_asked asked[SIM_ASKED];
	uint16_t	question;	/* the last of TXT, PROVE; 0: none */
	struct sim_asked what;
	size_t		nasked;
	/* Outcomes not yet acknowledged, in order. */
	struct ipc_outcome *kept;
	uint64_t	*kept_epoch;
	size_t		nkept, cap;
	uint64_t	seq;		/* of the last kept */
	uint64_t	hello;		/* epoch to become ready for */
	uint64_t	recall[SIM_OUT];
	size_t		nrecalls;
};

struct sim {
	struct world	*w;
	struct clock	clock;
	int64_t		mono_ms, utc_ms;
	struct outcome_log *log;
	struct scheduler *s;
	struct scheduler_limits limits;
	struct sim_peer	*peer;		/* [SIM_PEERS] */
	unsigned	peers;
	unsigned	sites;
	unsigned	domain_site[FAKE_DOMAINS];
	enum sim_dns	dns[FAKE_DOMAINS];
	enum ipc_tls	domain_tls[FAKE_DOMAINS];	/* its policy */
	bool		site_down[FAKE_DOMAINS];
	const char	*refusal;	/* what a site that is down says */
	uint32_t	blamed;		/* to whose mail; 0: before any */
	uint8_t		source_down;	/* last octet: it gets no answer */
	bool		enough;		/* 421 on each connection, ... */
	unsigned	enough_after;	/* ... after so many messages */
	uint8_t		connects;	/* of a session, past the first */
	struct {
		enum store_env	env;
		struct job	job;
	}		jobs[SIM_JOBS];
	size_t		njobs;
	bool		auto_commit;	/* commit at once */
	int64_t		wait_ms;	/* what the last turn asked for */
	bool		woken;
	uint64_t	epoch;
	uint64_t	seed;

	/* What happened. */
	unsigned	delivered[FAKE_MEMBERS + 1];	/* by subscriber */
	unsigned	allowed[FAKE_MEMBERS + 1];	/* open at a crash */
	unsigned	notices_sent[FAKE_NOTICES + 1];
	unsigned	most_sessions, most_at_site;
	unsigned	session_opens;
	unsigned	attempts;	/* deliveries given to peers */
	struct ipc_session_open last_open;
	/* Every delivery and every connection: when, where, by which source. */
	struct sim_event {
		int64_t		at_ms;
		unsigned	site;
		uint8_t		source;		/* its last octet */
		bool		connect;
		uint64_t	who;
		uint32_t	campaign;
		enum ipc_kind	kind;
	}		*events;
	size_t		nevents, events_cap;
	struct shaping	*shaping;
	struct reply_rules *rules;
	const struct scheduler_relay *relays;	/* as told at each start */
	size_t		nrelays;
	const struct source *sources;
	uint16_t	nsources;
	uint32_t	part_members;	/* of the next start; 0: as shipped */
	uint32_t	list;		/* of sim_release(); 0: list 1 */
	const char	*text;		/* of its message; NULL: not known */
	unsigned	lookups;
	uint64_t	effects_batch;		/* S: last batch applied */
	unsigned	effects;
	bool		ignore_recalls;
	bool		no_answers;	/* what is out stays out */
	const char	*unmade;	/* deferrals: no copy could be made */
	/* "451 4.3.2" for this subscriber, everybody, or each notice. */
	uint64_t	refused;
	uint8_t		source_refused;	/* last octet: the same for all of it */
};
#define SIM_EVERYBODY	UINT64_MAX
#define SIM_NOTICES	(UINT64_MAX - 1)

uint64_t sim_chance(struct sim *sim);
struct sim *sim_new(struct world *w, uint64_t seed);
void sim_free(struct sim *sim);
/*
 * What receivers accept (an overlay of lib/shaping.h), and what follows from
 * refusals (of lib/reply_rules.h, or NULL).  Also for later starts.
 */
void sim_shape(struct sim *sim, const char *overlay, const char *replies);
/* Most deliveries, or connections, at a site in any span of ms. */
unsigned sim_most(const struct sim *sim, unsigned site, bool connect,
    int64_t ms);
/* Start the scheduler on what is on disk, peers connected. */
void sim_start(struct sim *sim);
/*
 * The queue role dies: jobs that wait are lost, or, if commit is set, become
 * durable without an answer.
 */
void sim_crash(struct sim *sim, bool commit);
/* The deliver role dies with all it has. */
void sim_kill_peer(struct sim *sim, unsigned peer);

/* A turn of the scheduler. */
void sim_turn(struct sim *sim);
/* Commit one waiting job and answer it; false when none waits. */
bool sim_commit(struct sim *sim);
/* One thing that a deliver role does; false when it has nothing to do. */
bool sim_peer_step(struct sim *sim, unsigned peer);
/* Answer the i-th delivery of a peer with result. */
void sim_answer(struct sim *sim, unsigned peer, size_t i,
    enum ipc_result_kind result);
/* Turns, commits and peers until nothing moves within 50 ms. */
void sim_settle(struct sim *sim);
/* Move the clock to what the scheduler asked for (at most max_ms). */
void sim_wait(struct sim *sim, int64_t max_ms);
void sim_pass(struct sim *sim, int64_t ms);
/* sim_settle() and sim_wait() until the campaign's state; or fail. */
void sim_until(struct sim *sim, uint32_t campaign, enum campaign_state state);

/* Release a campaign to everybody in sim->list. */
uint32_t sim_release(struct sim *sim, int64_t send_by_ms);
/* A campaign over those who failed in another. */
uint32_t sim_resend(struct sim *sim, uint32_t failed_of);
void sim_set_state(struct sim *sim, uint32_t id, enum campaign_state s);
void sim_set_after(struct sim *sim, uint32_t id, enum campaign_after after);
struct tally sim_tally(struct sim *sim, uint32_t id, struct campaign *c_r);
/* What holds back mail to a domain now; peers answer where it goes. */
struct scheduler_domain sim_explain(struct sim *sim, const char *domain);
/* Deliveries out with all peers. */
size_t sim_out(const struct sim *sim);
/* Sessions open at a site, over all peers. */
unsigned sim_sessions_at(const struct sim *sim, unsigned site);

#endif
