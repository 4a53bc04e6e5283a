/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsrpt.h - tell a domain how TLS to its mail hosts went (RFC 8460).
 *
 * A domain asks for it with a TXT record at _smtp._tls.DOMAIN.  Sessions are
 * counted by UTC day, policy domain and policy; those that failed also by mail
 * host and kind of failure.  Once a day is over it becomes one JSON report per
 * domain, mailed or posted to who asked.  Handshakes are counted, so neither
 * resumed sessions nor reused connections.
 */
#ifndef LIB_TLSRPT_H
#define LIB_TLSRPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;
struct unpack;

#define TLSRPT_RUA_MAX		8	/* URIs of one record; more are left out */
#define TLSRPT_URI_MAX		511	/* octets of one */
#define TLSRPT_NAME_MAX		255	/* octets of a domain or host */
#define TLSRPT_POLICY_MAX	1500	/* octets of a policy's text */
#define TLSRPT_IP_MAX		63	/* octets of an address in text */
#define TLSRPT_ID_MAX		63	/* octets of a report's id */
#define TLSRPT_REASON_MAX	127	/* octets of a failure's own words */
#define TLSRPT_REPORT_MAX	(4u << 20)	/* octets of one JSON report */

/* ---- the record (section 3) */

struct tlsrpt_rua {
	unsigned	n;
	char		uri[TLSRPT_RUA_MAX][TLSRPT_URI_MAX + 1];
};

/*
 * The addresses of the one record among n TXT records: those that begin
 * otherwise than v=TLSRPTv1 are none; of the others there must be one.  Only
 * mailto: and https: URIs are kept.  False when nothing is asked for.
 */
bool tlsrpt_record(const char *const *text, size_t n,
    struct tlsrpt_rua *rua_r);

/*
 * The mailbox of a mailto: URI, percent-decoded, without its header fields.
 * -1 with e (ERR_INPUT) when it is none, or no address.
 */
int tlsrpt_mailto(const char *uri, char address_r[static TLSRPT_NAME_MAX + 1],
    struct err *e);

/* ---- counting */

enum tlsrpt_policy_type { TLSRPT_NO_POLICY, TLSRPT_STS, TLSRPT_TLSA };

/* How a session ended; the failures of section 4.3 in its order. */
enum tlsrpt_result {
	TLSRPT_SUCCESS,
	TLSRPT_STARTTLS_NOT_SUPPORTED,
	TLSRPT_HOST_MISMATCH,
	TLSRPT_EXPIRED,
	TLSRPT_NOT_TRUSTED,
	TLSRPT_VALIDATION,		/* any other failure of TLS */
	TLSRPT_TLSA_INVALID,
	TLSRPT_DNSSEC_INVALID,
	TLSRPT_DANE_REQUIRED,
	TLSRPT_STS_FETCH,
	TLSRPT_STS_INVALID,
	TLSRPT_STS_WEBPKI,
	TLSRPT_RESULTS
};

const char *tlsrpt_policy_name(enum tlsrpt_policy_type type);
const char *tlsrpt_result_name(enum tlsrpt_result result);

struct tlsrpt_event {
	int64_t		when_ms;	/* UTC */
	const char	*domain;	/* the policy domain, A-labels */
	enum tlsrpt_policy_type type;
	/* Its lines, ended by LF (of TLSA: the host's records); "" or NULL. */
	const char	*policy;
	const char	*mx;		/* the host; "" or NULL before there was one */
	const char	*ip;		/* the host's address; the same */
	enum tlsrpt_result result;
	const char	*reason;	/* more about a failure; "" or NULL */
	uint32_t	count;		/* sessions */
};

struct tlsrpt;

/* At most max rows (> 0) are held, of all days together. */
struct tlsrpt *tlsrpt_new(size_t max);
void tlsrpt_free(struct tlsrpt *t);

/*
 * Count it.  Rows are one per (day, domain, policy, host, result); address and
 * reason are those of the first.  False when there is no room for another row
 * or the event has a field that is too long: it is counted in tlsrpt_lost().
 */
bool tlsrpt_count(struct tlsrpt *t, const struct tlsrpt_event *ev);
uint64_t tlsrpt_lost(const struct tlsrpt *t);
size_t tlsrpt_rows(const struct tlsrpt *t);

/* The UTC day of a moment, counted from 1970-01-01. */
int64_t tlsrpt_day(int64_t utc_ms);

/*
 * A domain with rows of a day, *day_r, before `before`: the one that was
 * counted first.  NULL when there is none.  Borrowed until the next call.
 */
const char *tlsrpt_due(const struct tlsrpt *t, int64_t before,
    int64_t *day_r);
/* Forget what was counted of a domain on a day. */
void tlsrpt_forget(struct tlsrpt *t, const char *domain, int64_t day);
/* Tell each row as one event of its day, in the order of being made. */
void tlsrpt_each(const struct tlsrpt *t,
    void (*fn)(void *arg, const struct tlsrpt_event *ev), void *arg);
/* Forget all of it. */
void tlsrpt_clear(struct tlsrpt *t);

/* ---- an event in frames and in the store */

/* ev's texts are the arrays behind it: not to be copied. */
struct tlsrpt_told {
	struct tlsrpt_event ev;
	char		domain[TLSRPT_NAME_MAX + 1];
	char		mx[TLSRPT_NAME_MAX + 1];
	char		ip[TLSRPT_IP_MAX + 1];
	char		reason[TLSRPT_REASON_MAX + 1];
	char		policy[TLSRPT_POLICY_MAX + 1];
};

void tlsrpt_pack(struct strbuf *b, const struct tlsrpt_event *ev);
/* u turns bad at what cannot have been packed. */
void tlsrpt_unpack(struct unpack *u, struct tlsrpt_told *told_r);

/* ---- the report (section 4.4) */

struct tlsrpt_sender {
	const char	*organization;	/* "organization-name" */
	const char	*contact;	/* "contact-info", an address */
	const char	*submitter;	/* our domain, in file and header fields */
	const char	*ip;		/* of the sending host; NULL: not said */
};

/*
 * Append the report of a domain's day to out as JSON.  id is its report-id;
 * the same one goes into the mail.  -1 with e: ERR_NOTFOUND when nothing was
 * counted, ERR_LIMIT when out is full.
 */
int tlsrpt_report(const struct tlsrpt *t, const struct tlsrpt_sender *who,
    const char *domain, int64_t day, const char *id, struct strbuf *out,
    struct err *e);

/* Append text compressed (RFC 1952).  -1 with e: ERR_LIMIT. */
int tlsrpt_gzip(const void *data, size_t len, struct strbuf *out,
    struct err *e);

/*
 * Append the name of the file: "SUBMITTER!DOMAIN!BEGIN!END!ID.json.gz"
 * (section 5.1).
 */
void tlsrpt_file_name(struct strbuf *out, const struct tlsrpt_sender *who,
    const char *domain, int64_t day, const char *id);

/* What a report is about. */
struct tlsrpt_about {
	char		domain[TLSRPT_NAME_MAX + 1];
	char		id[TLSRPT_ID_MAX + 1];	/* letters and digits */
	int64_t		day;
};

/* A report waits to be mailed behind a line that says what it is about. */
void tlsrpt_about_put(struct strbuf *out, const struct tlsrpt_about *a);
/* *json_r: where the report begins.  -1 with e: ERR_INPUT. */
int tlsrpt_about_get(const char *text, size_t len,
    struct tlsrpt_about *about_r, size_t *json_r, struct err *e);

#define TLSRPT_BOUNDARY	"=_tlsrpt_0"	/* base64 has no '_' */
#define TLSRPT_MEDIA_TYPE \
    "multipart/report; report-type=\"tlsrpt\"; boundary=\"" \
    TLSRPT_BOUNDARY "\""

/*
 * Append the report as the body of a mail of TLSRPT_MEDIA_TYPE, in CRLF
 * (sections 5.3 and 5.6).  Its header, with the fields Subject,
 * TLS-Report-Domain and TLS-Report-Submitter, is the sender's business.  json
 * is what tlsrpt_report() wrote.  -1 with e: ERR_LIMIT, or ERR_INPUT when a
 * name could not stand in a header field.
 */
int tlsrpt_body(const struct tlsrpt_sender *who,
    const struct tlsrpt_about *about, const void *json, size_t len,
    struct strbuf *out, struct err *e);

#endif
