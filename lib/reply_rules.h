/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_rules.h - what refusals mean and what follows from them, as data.
 *
 * lib/reply_class.h has the codes of the RFCs and is the floor.  The shipped
 * file (listd/replies.conf; listd.replies(5) describes it) and the
 * administrator's overlay refine it by what single providers are known to
 * say.  They hold two kinds of sections:
 *
 *	class		which replies; their category, and the verdicts for
 *			the recipient, the scheduler and the site
 *	reaction	when replies of some classes come too often: what is
 *			done, and for how long (lib/reactions.h counts)
 *
 * Of the classes the first that fits counts, the overlay's before the shipped
 * ones.  A name that the overlay describes too is not read from the shipped
 * file.
 *
 * Whatever a file says, two promises of the floor hold:
 *
 *	A refusal about us never counts against the subscriber (R132).  The
 *	verdict may become milder; harder only from soft to hard, by a 5yz at
 *	RCPT or in a report, and only of an unknown mailbox or host.
 *
 *	The basic code alone decides whether there is another attempt (R103).
 *	A class chooses between "retry-recipient" and "site" for 4yz, and
 *	between "fail-recipient" and "stop-campaign" for 5yz.  Nothing before
 *	MAIL, where nobody was named, ends a delivery, and at MAIL only what
 *	says "fail-recipient" alone: all else refuses the site.
 *
 * The number of a class or reaction is datafile_key() of its name, so that it
 * may travel between processes that read different versions, and be stored.
 *
 * In the daemon each reply is judged once, by the deliver role that hears it
 * (listd/smtp_refusal.c), and the verdict goes with the outcome; queue reads
 * the files, hands their text on (IPC_RULES), counts what was found, and does
 * what the reactions say (listd/scheduler_reaction.c).
 */
#ifndef LIB_REPLY_RULES_H
#define LIB_REPLY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/datafile.h"
#include "lib/reply_class.h"

struct reply_rules;
struct shaping;
struct strbuf;

#define REPLY_RULES_MAX		2048	/* classes, and reactions, each */
#define REPLY_RULES_LIST_MAX	16	/* values of one list */
#define REACTION_DOES_MAX	4	/* actions of one reaction */
#define REACTION_THRESHOLD_MAX	256	/* replies that are counted */

/*
 * Read the shipped file and, unless NULL, the overlay.
 *
 * known	if not NULL, providers must be some of these
 * mistakes	appended to: one line each, of both files, at most
 *		DATAFILE_MISTAKES_MAX
 *
 * Returns NULL when there were mistakes.  In the overlay format, version and
 * sources may be missing.
 */
struct reply_rules *reply_rules_parse(const struct datafile_text *text,
    const struct datafile_text *overlay, const struct shaping *known,
    struct strbuf *mistakes);
void reply_rules_free(struct reply_rules *r);	/* NULL is fine */
const char *reply_rules_version(const struct reply_rules *r);

/* ---- classes */

struct reply_verdict {
	struct reply_class	class;
	uint32_t		rule;	/* the class that fitted; 0: none */
};

/*
 * Classify a reply.
 *
 * r		NULL: by the floor alone
 * provider	shaping_key() of the site's; 0 when it is not known
 *
 * A reply of 2yz or 3yz is looked at no further than its code.
 */
void reply_rules_classify(const struct reply_rules *r, uint32_t provider,
    enum reply_stage stage, const struct smtp_reply *reply,
    struct reply_verdict *verdict_r);
/* The same from its parts, see reply_classify_text(). */
void reply_rules_classify_text(const struct reply_rules *r, uint32_t provider,
    enum reply_stage stage, int code, const struct enhanced *enhanced,
    const char *text, size_t len, struct reply_verdict *verdict_r);

/*
 * Refine what a report was found to say.  Whoever judged it knows more than
 * the reply that it quotes (lib/dsn.h), so a class may spare the recipient, or
 * make them hard where codes and judge both say soft, and nothing else.
 */
void reply_rules_report(const struct reply_rules *r, int code,
    const struct enhanced *enhanced, const char *text, size_t len,
    struct reply_class *class);

/* Where a class or reaction stands and who says so. */
struct reply_rule_origin {
	const char	*name;
	const char	*file;
	unsigned	 line;
	const char	*date;		/* "" when none was given */
	const char	*source;
};

/* A class by its number; false: there is none. */
bool reply_rules_class(const struct reply_rules *r, uint32_t rule,
    struct reply_rule_origin *origin_r);
/* Walk the classes in order; false past the end. */
bool reply_rules_class_at(const struct reply_rules *r, size_t i,
    uint32_t *rule_r, struct reply_rule_origin *origin_r);

/* ---- reactions */

/*
 * What is done.  Suspending closes the scope for all sources, for to go on
 * from another address would be to dodge; the others bear on the source that
 * was refused.
 */
enum reaction_kind {
	REACTION_SUSPEND,
	REACTION_STOP_SOURCE,		/* suspend it for this source alone */
	REACTION_STOP_CAMPAIGN,		/* everywhere, until a person acts */
	REACTION_CONNECTIONS,		/* at most value at once */
	REACTION_MESSAGES_PER_MINUTE,	/* at most value */
	REACTION_CONNECTS_PER_MINUTE,	/* at most value */
	REACTION_MESSAGES_PER_CONNECTION, /* at most value */
	REACTION_KINDS
};

/* Where replies are counted together, and where the action holds. */
enum reaction_scope {
	REACTION_SITE,
	REACTION_PROVIDER	/* all its sites; the site, if it has none */
};

struct reaction_does {
	enum reaction_kind	kind;
	uint32_t		value;	/* see above, else 0 */
};

struct reaction {
	uint32_t		id;
	struct reply_rule_origin origin;
	/* All must fit; an empty list fits everything. */
	uint32_t		providers[REPLY_RULES_LIST_MAX];
	uint32_t		classes[REPLY_RULES_LIST_MAX];
	uint32_t		categories;	/* bits; 0: any */
	uint8_t			nproviders, nclasses, ndoes;
	enum reaction_scope	scope;
	uint32_t		threshold;	/* so many replies */
	uint32_t		window_s;	/* within this time */
	uint32_t		duration_s;	/* 0: until it is cancelled */
	/*
	 * After a suspension: begin with restart connections and allow grow
	 * more each time one comes up.  restart 0: nothing is said.
	 */
	uint32_t		restart, grow;
	struct reaction_does	does[REACTION_DOES_MAX];
};

/* All of them, in order; lives as long as r. */
const struct reaction *reply_rules_reactions(const struct reply_rules *r,
    size_t *n_r);
/* By its number, or NULL. */
const struct reaction *reply_rules_reaction(const struct reply_rules *r,
    uint32_t id);
/* Does it count a reply of this class and category from this provider? */
bool reaction_counts(const struct reaction *a, uint32_t provider,
    uint32_t rule, enum reply_category category);
/* "suspend", ... as in the file; "-" for an unknown number. */
const char *reaction_kind_name(enum reaction_kind kind);

#endif
