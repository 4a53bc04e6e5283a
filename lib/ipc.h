/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc.h - the frames that roles exchange.
 *
 * Each frame is a type (u16) and a payload of fixed fields in the order
 * written here, encoded by lib/pack.h.  Frames travel on socketpairs through
 * lib/sys/channel.h, which adds the length and carries descriptors.  A payload
 * that does not decode to its last octet closes that peer with one warning.
 *
 * The structs below are plain values; strings in decoded ones are borrowed
 * from the frame and live as long as it does.  Bulk data never travels in a
 * frame: a role writes and syncs a file under incoming/ and passes its name,
 * length and hash (IPC_ADOPT).
 *
 * Directions: Q queue, D deliver, I inbound, W web, C control (listctl).
 */
#ifndef LIB_IPC_H
#define LIB_IPC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pack.h"

struct strbuf;

#define IPC_FRAME_MAX	(1u << 20)	/* octets of one payload */
#define IPC_TEXT_MAX	512		/* octets of a stored reply or reason */
#define IPC_HOSTS_MAX	20		/* hosts of a route */
#define IPC_RAW_MAX	16384		/* octets of a request as evidence */
#define IPC_SHOWN_MAX	8192		/* octets of the text of a form */

enum ipc_type {
	/* queue -> deliver */
	IPC_HELLO = 0x0100,	/* struct ipc_hello; first on every new pair */
	/*
	 * u32 request, u8 any_tls, str domain: its mail route; with any_tls
	 * whatever its policy about TLS says.
	 */
	IPC_RESOLVE,
	IPC_LOOKUP_TXT,		/* u32 request, str name */
	IPC_PREPARE,		/* u32 request, u32 campaign: compile, lint,
				 * verify */
	IPC_SESSION_OPEN,	/* struct ipc_session_open: one is granted */
	IPC_SESSION_CLOSE,	/* u32 session: finish what it has, then QUIT */
	IPC_DELIVER,		/* u32 session, u16 n, n struct ipc_delivery */
	IPC_RECALL,		/* u64 delivery */
	IPC_OUTCOME_ACK,	/* u64 seq: outcomes up to seq are durable */
	IPC_CAMPAIGN_FORGET,	/* u32 campaign: drop what is cached of it */
	IPC_PROVE,		/* u32 request, str domain: is our DKIM key
				 * published? */
	/*
	 * u8 0, bytes: the shipped file of lib/reply_rules.h; then u8 1, bytes:
	 * its overlay, and from here on refusals are judged by the two.
	 */
	IPC_RULES,
	IPC_PING,		/* nothing: are you there? */

	/* deliver -> queue */
	IPC_READY = 0x0200,	/* u64 epoch: old work is reported, give more */
	IPC_RESOLVED,		/* struct ipc_route */
	IPC_TXT,		/* u32 request, u8 dns status, u16 n, n x str */
	IPC_PREPARED,		/* struct ipc_prepared */
	IPC_SESSION_STATE,	/* struct ipc_session_state */
	IPC_RETURNED,		/* u32 session, u16 n, n x u64: not tried,
				 * give again */
	IPC_OUTCOME,		/* u64 seq of the last, u64 epoch, u16 n, n x
				 * struct ipc_outcome */
	IPC_RECALLED,		/* u64 delivery, u8 enum ipc_recall */
	IPC_PROVEN,		/* u32 request, u8 enum ipc_proof, str text */
	IPC_POLICY,		/* str domain, struct mta_sts_kept */
	IPC_TLS_EVENTS,		/* u16 n, n x tlsrpt_pack() (lib/tlsrpt.h) */
	IPC_PONG,		/* nothing: one for each ping */

	/* inbound, web -> queue: every one starts with u64 request */
	IPC_SUBSCRIBE = 0x0300,	/* struct ipc_subscribe */
	IPC_CONFIRM,		/* struct ipc_confirm */
	IPC_UNSUBSCRIBE,	/* struct ipc_unsubscribe */
	IPC_BOUNCE,		/* struct ipc_bounce */
	IPC_FORWARD,		/* struct ipc_forward */
	IPC_REQUEST_RESOLVED,	/* queue -> inbound: reserved, PTR look-ups */
	IPC_HELP,		/* struct ipc_subscribe: who asks for help */
	IPC_FIGURES,		/* web alone: the reply is for Prometheus */
	IPC_DATA,		/* struct ipc_data: a person and their data */
	IPC_COSIGN,		/* web alone: struct ipc_cosign */

	/* queue -> inbound, web */
	IPC_REPLY = 0x0380,	/* u64 request, u8 enum ipc_result, str text */

	/* listctl <-> queue, on the control socket */
	IPC_CALL = 0x0400,	/* bytes JSON {"verb":..., args}; descriptors
				 * ride along */
	IPC_OUTPUT,		/* bytes JSON: one result value, of many */
	IPC_PROGRESS,		/* str text */
	IPC_DONE,		/* u8 exit status, str error text */
};

struct ipc_hello {
	uint64_t	epoch;
	uint32_t	node;
};

/* How the DNS answered; STYLE: the field's verdicts are values. */
enum ipc_dns {
	IPC_DNS_OK,
	IPC_DNS_NODATA,
	IPC_DNS_NXDOMAIN,
	IPC_DNS_TEMPORARY,	/* SERVFAIL, timeout, bogus, CNAME loop */
	IPC_DNS_NULL_MX,	/* RFC 7505 */
	IPC_DNS_SELF,		/* usable hosts: this machine or forbidden */
};

/*
 * What was found of our keys for a domain: the record at
 * SELECTOR._domainkey.DOMAIN of one of them holds its public half.
 */
enum ipc_proof {
	IPC_PROOF_NONE,		/* there is no such key, or no such record */
	IPC_PROOF_FOUND,
	IPC_PROOF_UNSURE,	/* the DNS did not answer */
};

/*
 * How well a connection is protected, or has to be.  Each level is worth the
 * ones before it: DANE wins over MTA-STS (RFC 8461 section 2).
 */
enum ipc_tls {
	IPC_TLS_NONE,
	IPC_TLS_UNVERIFIED,	/* encrypted, whoever is at the other end */
	IPC_TLS_VERIFIED,	/* by ca_file, for the host's name */
	IPC_TLS_DANE,		/* as validated TLSA records say */
};

/*
 * The hosts to try for a domain, best first.  Of one preference each session
 * tries them in an order of its own.
 */
struct ipc_host {
	uint16_t	preference;
	char		name[256];	/* of a smarthost: host:port */
};

struct ipc_route {
	uint32_t	request;
	enum ipc_dns	status;
	uint32_t	ttl_s;
	bool		implicit;	/* no MX record: the domain itself */
	enum ipc_tls	tls;		/* what its policy asks of each host */
	/*
	 * DNSSEC vouches for who the hosts are; alias is then what the domain
	 * is an alias of, "" when it is none.
	 */
	bool		secure;
	char		alias[256];
	bool		any_tls;	/* as it was asked */
	uint16_t	n;
	struct ipc_host	host[IPC_HOSTS_MAX];
	char		text[IPC_TEXT_MAX + 1];
};

/* By which command content goes to a site. */
enum ipc_bdat {
	IPC_BDAT_AUTO,		/* BDAT where it is offered and pays */
	IPC_BDAT_NO,		/* DATA */
};

/* How a smarthost is spoken to. */
enum ipc_relay {
	IPC_RELAY_NONE,		/* the recipients' own hosts */
	IPC_RELAY_SMTP,
	IPC_RELAY_TLS,		/* TLS from the first octet, RFC 8314, 3.3 */
};

/*
 * A session is the right to hold one connection to a site.  Any delivery
 * whose domain has this site's route may be given to it.
 */
struct ipc_session_open {
	uint32_t	session;	/* by queue, unique in its epoch */
	uint16_t	depth;		/* deliveries it may hold at once */
	uint16_t	messages;	/* per connection, then reconnect */
	enum ipc_tls	tls;		/* no mail on a connection below it */
	enum ipc_bdat	bdat;
	uint32_t	idle_ms;	/* kept idle; 0: as configured */
	uint16_t	broken_tls_hours; /* that breaking TLS is remembered */
	uint32_t	provider;	/* shaping_key() of it; 0: none */
	uint8_t		source_family;	/* 4, 6; 0: the system's choice */
	uint8_t		source_ip[16];
	char		ehlo[256];	/* "": our hostname */
	bool		secure;		/* see struct ipc_route */
	char		domain[256];	/* the only one with mail; or "" */
	char		alias[256];	/* of that domain; or "" */
	enum ipc_relay	relay;		/* what its one host is, if any */
	/*
	 * For reports about TLS, which must arrive where TLS is what is broken
	 * (RFC 8460 section 3): neither MTA-STS nor DANE count.
	 */
	bool		any_tls;
	uint16_t	n;
	struct ipc_host	host[IPC_HOSTS_MAX];
};

/* At which command an attempt ended. */
enum ipc_stage {
	IPC_STAGE_GATE, IPC_STAGE_RENDER, IPC_STAGE_CONNECT, IPC_STAGE_BANNER,
	IPC_STAGE_EHLO, IPC_STAGE_TLS, IPC_STAGE_MAIL, IPC_STAGE_RCPT,
	IPC_STAGE_DATA, IPC_STAGE_DOT,
};

enum ipc_session_event {
	IPC_SESSION_UP = 1,	/* greeted, EHLO done, TLS if offered */
	IPC_SESSION_REFUSED,	/* connect, banner, EHLO, 421: site trouble */
	IPC_SESSION_CLOSED,	/* orderly end: idle, limit, or asked to */
};

struct ipc_session_state {
	uint32_t	session;
	enum ipc_session_event event;
	uint16_t	code;		/* SMTP code or 0 */
	uint8_t		connects;	/* since last told, past the first */
	char		host[256];
	char		text[IPC_TEXT_MAX + 1];
	/*
	 * A reply refused it, and no outcome tells of that one: then which
	 * command was refused, whose, and what that means.  Else zeros.
	 */
	bool		spoken;
	enum ipc_stage	stage;
	uint16_t	enhanced[3];
	uint32_t	campaign;	/* 0: nobody's, or not a campaign's */
	uint32_t	rule;		/* as in struct ipc_outcome */
	uint8_t		category;
	uint8_t		site;		/* enum reply_site; told or not */
};

enum ipc_kind {
	IPC_KIND_CAMPAIGN = 1,
	IPC_KIND_NOTICE,
	IPC_KIND_TEST,		/* campaign content to one address, no member */
};

/* One copy to send.  For a notice, campaign is 0 and notice says which. */
struct ipc_delivery {
	uint64_t	delivery;	/* unique in the epoch */
	enum ipc_kind	kind;
	uint32_t	campaign;
	uint64_t	notice;
	uint64_t	subscriber;
	uint32_t	list;
	uint32_t	domain_id;
	uint64_t	h8;
	uint16_t	attempt;	/* 1 on the first */
	int64_t		queued_ms;	/* UTC, when it became due */
	/*
	 * Not by BDAT, whatever the site takes: a flight that a server hangs up
	 * on without reading it looks as if it may have arrived.
	 */
	bool		by_data;
	char		local[256];	/* as to be sent */
	char		domain[256];
};

enum ipc_result_kind {
	IPC_DELIVERED = 1,	/* 2xx to the final dot */
	IPC_DEFERRED,
	IPC_FAILED,
	IPC_SKIPPED,		/* the gate closed before MAIL */
	IPC_DROPPED,		/* recalled before MAIL */
	IPC_UNANSWERED,		/* all content sent, no reply to its end */
	/*
	 * A reply to this one spoke of us: the site's trouble, which the state
	 * of its session tells, for that ends with it.
	 */
	IPC_REFUSED,
};

/*
 * What became of a delivery.  It names the recipient in full, because a new
 * queue role, which never handed it out, may be the one to record it.
 */
struct ipc_outcome {
	struct ipc_delivery what;
	enum ipc_result_kind result;
	enum ipc_stage	stage;
	uint8_t		gate;		/* enum gate_verdict when SKIPPED */
	uint16_t	code;		/* 0 when no reply was seen */
	uint16_t	enhanced[3];	/* class, subject, detail */
	/* What the reply means, judged by the deliver role alone. */
	uint8_t		recipient;	/* enum reply_recipient */
	uint8_t		category;	/* enum reply_category, for people */
	uint32_t	rule;		/* class of reply_rules.h; 0: none */
	uint8_t		tls;		/* enum ipc_tls of the connection */
	uint32_t	delay_ms[4];	/* wait, connect, transaction, body */
	int64_t		when_ms;	/* UTC */
	char		host[256];	/* remote host name [address] */
	char		text[IPC_TEXT_MAX + 1];	/* recipient replaced by
						 * <rcpt> */
	char		message_id[256];	/* notices: for the entry */
	/*
	 * A confirmation that was taken: the message as it was sent, its token
	 * masked (lib/token_mask.h) and cut at IPC_RAW_MAX, and the SHA-256 of
	 * all of it as it was sent.  Else empty and zeros.
	 */
	struct slice	mail;
	uint8_t		mail_hash[32];
};

enum ipc_recall {
	IPC_RECALL_DROPPED = 1,	/* no MAIL was written and none will be */
	IPC_RECALL_BEGUN,	/* MAIL was written before the recall came */
	IPC_RECALL_UNKNOWN,	/* not here: its outcome is on the way, or it
				 * never came */
};

struct ipc_prepared {
	uint32_t	request;
	uint32_t	campaign;
	bool		ok;
	uint32_t	copy_octets;	/* size of the sample copy */
	struct slice	findings;	/* JSON array of lint findings */
	struct slice	fingerprint;	/* similar_pack(); or empty */
	char		text[IPC_TEXT_MAX + 1];
};

/* Where a request came from; what consent entries record of it. */
struct ipc_evidence {
	int64_t		when_ms;
	uint8_t		ip[16];		/* IPv4 as ::ffff:a.b.c.d */
	uint16_t	port;
	uint8_t		proxy_ip[16];	/* zero when no proxy stood between */
	uint16_t	proxy_port;
	char		channel[16];	/* form, mail, one-click, page,
					 * mailto, control */
	char		agent[256];	/* User-Agent, or HELO name */
	char		form[65];	/* hash of the text shown, hex; or "" */
	struct slice	raw;		/* as received, cut at IPC_RAW_MAX */
};

struct ipc_subscribe {
	uint64_t	request;
	struct ipc_evidence evidence;
	char		list[64];	/* name */
	char		address[321];	/* as typed */
	struct slice	attributes;	/* JSON object or empty */
	/*
	 * The text whose hash is evidence.form, so that queue can keep it
	 * under content/ when it is not there yet; or empty.
	 */
	struct slice	shown;
	struct slice	automation;	/* the sign of it, or empty (R162) */
};

struct ipc_confirm {
	uint64_t	request;
	struct ipc_evidence evidence;
	char		token[64];
	struct slice	automation;	/* sign found in a reply; empty: none */
	struct slice	shown;		/* as in struct ipc_subscribe */
	/* Who opened the link before, as far as web knows; 0: nobody. */
	uint32_t	looks;
	int64_t		look_ms;	/* UTC, of the first */
	uint8_t		look_ip[16];
	char		look_agent[128];
};

enum ipc_leave {
	IPC_LEAVE_LIST = 1,	/* the list of the token */
	IPC_LEAVE_ORGANIZATION,	/* "all lists of this sender" */
};

struct ipc_unsubscribe {
	uint64_t	request;
	struct ipc_evidence evidence;
	uint32_t	list;
	uint8_t		hash[16];
	uint32_t	campaign;	/* 0: not known */
	enum ipc_leave	scope;
	char		address[321];	/* to write to if nothing is found */
};

/* What a person does with what is held of their address (spool/access.h). */
enum ipc_data_act {
	IPC_DATA_ASK = 1,	/* address: mail the link */
	IPC_DATA_OPEN,		/* token; all others too: its first use */
	IPC_DATA_LEAVE,		/* list */
	IPC_DATA_CORRECT,	/* list, name, value: an attribute */
	IPC_DATA_CHANGE,	/* address: mail is to go there */
	IPC_DATA_ERASE,
};

struct ipc_data {
	uint64_t	request;
	struct ipc_evidence evidence;
	enum ipc_data_act act;
	char		token[64];
	uint32_t	list;
	char		address[321];	/* as typed */
	struct slice	name, value;
};

/* A report that came back to a VERP address whose MAC was right. */
struct ipc_bounce {
	uint64_t	request;
	uint64_t	campaign;	/* bit 63: the rest is a notice id */
	uint64_t	subscriber;
	uint8_t		recipient;	/* enum reply_recipient */
	uint8_t		category;
	uint16_t	code;		/* that it quotes; 0: none */
	uint16_t	enhanced[3];
	uint8_t		action;		/* 1 failed, 2 delayed, 3 other, 4 not
					 * a report */
	int64_t		when_ms;
	char		text[IPC_TEXT_MAX + 1];
};

/* Mail to a role address, adopted from incoming/inbound. */
struct ipc_forward {
	uint64_t	request;
	struct ipc_evidence evidence;
	char		role[32];	/* postmaster, abuse, owner */
	char		list[64];	/* "" unless a list's own address */
	char		file[64];	/* name in incoming/inbound */
	uint64_t	length;
	uint8_t		hash[32];
};

/* A checkpoint of the ledger that a witness signed. */
struct ipc_cosign {
	uint64_t	request;
	struct slice	note;		/* lib/signed_note.h */
};

#define IPC_NOTICE_BIT	((uint64_t)1 << 63)	/* campaign field of a
						 * notice's VERP */

enum ipc_result {
	IPC_OK = 0,
	IPC_NO,			/* understood and refused; text says why */
	IPC_UNKNOWN,		/* no such list, token, ... */
	IPC_TRY_AGAIN,		/* not durable: 503, 451 */
};

/*
 * The text of a reply to IPC_CONFIRM, and to IPC_DATA but for ASK, is the name
 * of its enum optin_result.
 * These make a difference to the page: IPC_OK with the first, IPC_NO with
 * the second; IPC_NO with any other is a token past its time.  An erasure
 * after which something shared may still name the person says the third.
 */
#define IPC_TEXT_AGAIN	"again"
#define IPC_TEXT_VOID	"void"
#define IPC_TEXT_KEPT	"kept"

/*
 * One pair for each struct: ipc_put_X appends the fields to b; ipc_get_X
 * reads them from u, which turns bad on anything that does not fit (u->bad).
 */
void ipc_put_hello(struct strbuf *b, const struct ipc_hello *v);
void ipc_get_hello(struct unpack *u, struct ipc_hello *v_r);
void ipc_put_route(struct strbuf *b, const struct ipc_route *v);
void ipc_get_route(struct unpack *u, struct ipc_route *v_r);
void ipc_put_session_open(struct strbuf *b, const struct ipc_session_open *v);
void ipc_get_session_open(struct unpack *u, struct ipc_session_open *v_r);
void ipc_put_session_state(struct strbuf *b, const struct ipc_session_state *v);
void ipc_get_session_state(struct unpack *u, struct ipc_session_state *v_r);
void ipc_put_delivery(struct strbuf *b, const struct ipc_delivery *v);
void ipc_get_delivery(struct unpack *u, struct ipc_delivery *v_r);
void ipc_put_outcome(struct strbuf *b, const struct ipc_outcome *v);
void ipc_get_outcome(struct unpack *u, struct ipc_outcome *v_r);
void ipc_put_prepared(struct strbuf *b, const struct ipc_prepared *v);
void ipc_get_prepared(struct unpack *u, struct ipc_prepared *v_r);
void ipc_put_evidence(struct strbuf *b, const struct ipc_evidence *v);
void ipc_get_evidence(struct unpack *u, struct ipc_evidence *v_r);
void ipc_put_subscribe(struct strbuf *b, const struct ipc_subscribe *v);
void ipc_get_subscribe(struct unpack *u, struct ipc_subscribe *v_r);
void ipc_put_confirm(struct strbuf *b, const struct ipc_confirm *v);
void ipc_get_confirm(struct unpack *u, struct ipc_confirm *v_r);
void ipc_put_data(struct strbuf *b, const struct ipc_data *v);
void ipc_get_data(struct unpack *u, struct ipc_data *v_r);
void ipc_put_unsubscribe(struct strbuf *b, const struct ipc_unsubscribe *v);
void ipc_get_unsubscribe(struct unpack *u, struct ipc_unsubscribe *v_r);
void ipc_put_bounce(struct strbuf *b, const struct ipc_bounce *v);
void ipc_get_bounce(struct unpack *u, struct ipc_bounce *v_r);
void ipc_put_forward(struct strbuf *b, const struct ipc_forward *v);
void ipc_get_forward(struct unpack *u, struct ipc_forward *v_r);
void ipc_put_cosign(struct strbuf *b, const struct ipc_cosign *v);
void ipc_get_cosign(struct unpack *u, struct ipc_cosign *v_r);

#endif
