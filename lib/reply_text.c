/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_text.c - what the words of a refusal say.
 *
 * Only asked when the codes are vague.  The phrases are those that the RFCs
 * use to describe each code, and those that recur in bounces we hold samples
 * of.  They are few on purpose: a phrase that is not here makes the category
 * "unknown", which is a soft verdict and hurts nobody, while a phrase too many
 * may call somebody dead.
 *
 * The order is the safeguard: whatever speaks about us comes first, so that
 * "user unknown, or you are blocked" counts against nobody.
 */
#include "config.h"

#include <string.h>

#include "lib/reply_class_private.h"

#define GAP_MAX	60	/* octets that a '*' may stand for */

#define NEVER	FIND_NEVER
#define US	FIND_US
#define MESSAGE	FIND_MESSAGE
#define DEAD	FIND_DEAD
#define WEAK	FIND_WEAK

/*
 * Phrases are in lower case and match from the start of a word.  '*' stands
 * for at most GAP_MAX octets.  The first row that is found counts.
 */
static const struct text_rule {
	const char	*phrase;
	struct finding	 find;
} text_rules[] = {
	/* Too much, too fast */
	{ "receiving mail at a rate", { REPLY_CAT_RATE, NEVER } },
	{ "receiving mail too", { REPLY_CAT_RATE, NEVER } },
	{ "too many recipients", { REPLY_CAT_RATE, NEVER } },
	{ "too many connections", { REPLY_CAT_RATE, NEVER | US } },
	{ "too many concurrent", { REPLY_CAT_RATE, NEVER | US } },
	{ "too many messages", { REPLY_CAT_RATE, NEVER | US } },
	{ "connection rate", { REPLY_CAT_RATE, NEVER | US } },
	{ "rate limit", { REPLY_CAT_RATE, NEVER | US } },
	{ "unusual rate", { REPLY_CAT_RATE, NEVER | US } },
	{ "unexpected volume", { REPLY_CAT_RATE, NEVER | US } },
	{ "mail flood", { REPLY_CAT_RATE, NEVER | US } },
	{ "throttl", { REPLY_CAT_RATE, NEVER | US } },
	{ "greylist", { REPLY_CAT_GREYLISTED, NEVER } },
	{ "graylist", { REPLY_CAT_GREYLISTED, NEVER } },

	/* Who we are, RFC 7372 and RFC 9989 */
	{ "dmarc", { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ "dkim", { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ "spf", { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ "sender policy framework", { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ "authentication check", { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ "authentication information", { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ "reverse dns", { REPLY_CAT_AUTH, NEVER | US } },
	{ "ptr record", { REPLY_CAT_AUTH, NEVER | US } },
	{ "unverif*ip", { REPLY_CAT_AUTH, NEVER | US } },
	{ "unauthenticated", { REPLY_CAT_AUTH, NEVER | US } },
	{ "authentication required", { REPLY_CAT_AUTH, NEVER | US } },
	{ "authentication failed", { REPLY_CAT_AUTH, NEVER | US } },

	/* What a list of names says of a link is not said of our host. */
	{ "url*listed", { REPLY_CAT_CONTENT, NEVER } },
	{ "link*listed", { REPLY_CAT_CONTENT, NEVER } },
	{ "message contain", { REPLY_CAT_CONTENT, NEVER } },

	/*
	 * Our host on somebody's list, RFC 5782.  Before content: one of those
	 * lists has "spam" in its name, and the reason often has.
	 */
	{ "blocked using", { REPLY_CAT_POLICY, NEVER | US } },
	{ "client host*blocked", { REPLY_CAT_POLICY, NEVER | US } },
	{ "client host rejected", { REPLY_CAT_POLICY, NEVER | US } },
	{ "your ip*blocked", { REPLY_CAT_POLICY, NEVER | US } },
	{ "ip*listed", { REPLY_CAT_POLICY, NEVER | US } },
	{ "listed by", { REPLY_CAT_POLICY, NEVER | US } },
	{ "dnsbl", { REPLY_CAT_POLICY, NEVER | US } },
	{ "rbl", { REPLY_CAT_POLICY, NEVER | US } },
	{ "zen.spamhaus", { REPLY_CAT_POLICY, NEVER | US } },
	{ "sbl.spamhaus", { REPLY_CAT_POLICY, NEVER | US } },
	{ "xbl.spamhaus", { REPLY_CAT_POLICY, NEVER | US } },
	{ "pbl.spamhaus", { REPLY_CAT_POLICY, NEVER | US } },
	{ "bl.spamcop", { REPLY_CAT_POLICY, NEVER | US } },

	/* What we send, RFC 3463 section 3.7 */
	{ "spam", { REPLY_CAT_CONTENT, NEVER } },
	{ "virus", { REPLY_CAT_CONTENT, NEVER } },
	{ "malware", { REPLY_CAT_CONTENT, NEVER } },
	{ "phishing", { REPLY_CAT_CONTENT, NEVER } },
	{ "its content", { REPLY_CAT_CONTENT, NEVER } },
	{ "message content", { REPLY_CAT_CONTENT, NEVER } },
	{ "content reject", { REPLY_CAT_CONTENT, NEVER } },
	{ "attachment", { REPLY_CAT_CONTENT, NEVER } },
	{ "multiple*addresses*from:", { REPLY_CAT_CONTENT, NEVER } },
	{ "message size", { REPLY_CAT_SIZE, NEVER } },
	{ "message*too large", { REPLY_CAT_SIZE, NEVER } },
	{ "message*too big", { REPLY_CAT_SIZE, NEVER } },
	{ "size limit", { REPLY_CAT_SIZE, NEVER } },

	/* Whom we send as, and from where */
	{ "sender*not exist", { REPLY_CAT_POLICY, NEVER | MESSAGE } },
	{ "sender*not verified", { REPLY_CAT_POLICY, NEVER | MESSAGE } },
	{ "sender*rejected", { REPLY_CAT_POLICY, NEVER } },
	{ "sender*denied", { REPLY_CAT_POLICY, NEVER } },
	{ "from:*domain is invalid", { REPLY_CAT_POLICY, NEVER | MESSAGE } },
	{ "address is not verified", { REPLY_CAT_POLICY, NEVER | MESSAGE } },
	{ "mail from*rejected", { REPLY_CAT_POLICY, NEVER } },
	{ "banned", { REPLY_CAT_POLICY, NEVER | US } },
	{ "blacklist", { REPLY_CAT_POLICY, NEVER | US } },
	{ "black list", { REPLY_CAT_POLICY, NEVER | US } },
	{ "blocklist", { REPLY_CAT_POLICY, NEVER | US } },
	{ "block list", { REPLY_CAT_POLICY, NEVER | US } },
	{ "blocked", { REPLY_CAT_POLICY, NEVER | US } },
	{ "reputation", { REPLY_CAT_POLICY, NEVER | US } },
	{ "user complaints", { REPLY_CAT_POLICY, NEVER | US } },
	{ "temporarily deferred", { REPLY_CAT_POLICY, NEVER | US } },

	/* Full, RFC 3463 X.2.2 and RFC 5321 section 4.2.3 */
	{ "mailbox full", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "mailbox is full", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "mailbox for*is full", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "over quota", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "overquota", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "quota exceeded", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "exceed*quota", { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ "exceeded storage allocation", { REPLY_CAT_MAILBOX_FULL, 0 } },

	/* Shut, RFC 3463 X.2.1 */
	{ "mailbox*disabled", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "account*disabled", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "recipient*disabled", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "disabled recipient", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "account*suspended", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "mailbox*inactive", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "account*inactive", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "user*locked", { REPLY_CAT_MAILBOX_DISABLED, 0 } },
	{ "account*locked", { REPLY_CAT_MAILBOX_DISABLED, 0 } },

	/* The domain is not there, before users, who cannot be either */
	{ "host not found, try again", { REPLY_CAT_NETWORK, 0 } },
	{ "domain*not exist", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "no such domain", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "domain not found", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "domain name not found", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "nxdomain", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "host not found", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "host unknown", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "unknown host", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "couldn't find any host", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "couldn't find a mail exchanger", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "host does not accept mail", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "domain does not accept mail", { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ "indicated no smtp service", { REPLY_CAT_HOST_UNKNOWN, DEAD } },

	/* The user is not there, RFC 3463 X.1.1 and X.1.6, RFC 5321 550, 551 */
	{ "user unknown", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "unknown user", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "unknown recipient", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "recipient unknown", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "unknown mailbox", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "unknown or illegal", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "no such user", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "no such mailbox", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "no such recipient", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "no such address", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "no mailbox", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "user not found", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "mailbox not found", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "recipient not found", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "address not found", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "user*not exist", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "user*doesn't exist", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "mailbox*not exist", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "account*does not exist", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "recipient*not exist", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "invalid recipient", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "invalid mailbox", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "not our user", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "not our customer", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "user doesn't have*account", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "not a registered", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ "mailbox has moved", { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },

	/* The way there, RFC 3463 section 3.5 */
	{ "timed out", { REPLY_CAT_NETWORK, 0 } },
	{ "connection refused", { REPLY_CAT_NETWORK, 0 } },
	{ "connection reset", { REPLY_CAT_NETWORK, 0 } },
	{ "lost connection", { REPLY_CAT_NETWORK, 0 } },
	{ "no route to host", { REPLY_CAT_NETWORK, 0 } },
	{ "unreachable", { REPLY_CAT_NETWORK, 0 } },
	{ "not*able to establish*connection", { REPLY_CAT_NETWORK, 0 } },
	{ "did not accept*connect", { REPLY_CAT_NETWORK, 0 } },
	{ "host name lookup", { REPLY_CAT_NETWORK, 0 } },
	{ "name service error", { REPLY_CAT_NETWORK, 0 } },
	{ "does not support tls", { REPLY_CAT_NETWORK, 0 } },
	{ "service not available", { REPLY_CAT_NETWORK, US } },

	/* Time, only when no cause is given */
	{ "message expired", { REPLY_CAT_EXPIRED, 0 } },
	{ "envelope expired", { REPLY_CAT_EXPIRED, 0 } },
	{ "queue too long", { REPLY_CAT_EXPIRED, 0 } },
	{ "could not deliver for", { REPLY_CAT_EXPIRED, 0 } },
	{ "retry time*exceeded", { REPLY_CAT_EXPIRED, 0 } },
	{ "retry timeout exceeded", { REPLY_CAT_EXPIRED, 0 } },

	/* No reason but a refusal */
	{ "access denied", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "access*rejected", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "relay", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "policy", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "policies", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "not authorized", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "not permitted", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "protocol violation", { REPLY_CAT_POLICY, NEVER | WEAK } },
	{ "rejected", { REPLY_CAT_POLICY, NEVER | WEAK } },
};

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    (c & 0x80) != 0;
}

/*
 * Lower case, one blank between words, and without what may hold any word at
 * all: web addresses go, and a mail address becomes "@".
 */
static size_t
normalize(const char *text, size_t len, char out[REPLY_TEXT_MAX + 1])
{
	size_t n = 0, word = 0;
	bool at = false;

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? text[i] : ' ';

		if ((unsigned char)c > ' ') {
			at = at || c == '@';
			out[n++] = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
			continue;
		}
		if (n > word) {
			out[n] = '\0';
			if (strstr(out + word, "://") != NULL)
				n = word;
			else if (at) {
				out[word] = '@';
				n = word + 1;
			}
			at = false;
			if (n > word && i < len)
				out[n++] = ' ';
			word = n;
		}
	}
	out[n] = '\0';
	return n;
}

/* Does text go on with phrase?  '*' skips up to GAP_MAX octets. */
static bool
goes_on(const char *text, const char *phrase)
{
	const char *star = strchr(phrase, '*');
	size_t n = star != NULL ? (size_t)(star - phrase) : strlen(phrase);

	if (strncmp(text, phrase, n) != 0)
		return false;
	if (star == NULL)
		return true;
	text += n;
	for (size_t gap = 0; gap <= GAP_MAX; gap++) {
		if (goes_on(text + gap, star + 1))
			return true;
		if (text[gap] == '\0')
			break;
	}
	return false;
}

/*
 * Where words begin, by their first octet, so that a long text costs no phrase
 * more than the words it may begin with.  Positions are counted from 1.
 */
struct words {
	uint16_t	first[256];
	uint16_t	next[REPLY_TEXT_MAX + 1];
};

static void
words_index(struct words *w, const char *text, size_t len)
{
	memset(w->first, 0, sizeof(w->first));
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!is_word(text[i]) || (i > 0 && is_word(text[i - 1])))
			continue;
		w->next[i] = w->first[c];
		w->first[c] = (uint16_t)(i + 1);
	}
}

static bool
holds(const char *text, const struct words *w, const char *phrase)
{
	uint16_t at = w->first[(unsigned char)phrase[0]];

	for (; at != 0; at = w->next[at - 1])
		/* Most fail at the second octet, which is never a '*'. */
		if (text[at] == phrase[1] && goes_on(text + at - 1, phrase))
			return true;
	return false;
}

struct finding
reply_text_find(const char *text, size_t len)
{
	char plain[REPLY_TEXT_MAX + 1];
	const struct finding none = { REPLY_CAT_NONE, 0 };
	struct words words;

	if (len > REPLY_TEXT_MAX)
		len = REPLY_TEXT_MAX;
	if ((len = normalize(text, len, plain)) == 0)
		return none;
	words_index(&words, plain, len);
	for (size_t i = 0; i < sizeof(text_rules) / sizeof(text_rules[0]); i++)
		if (holds(plain, &words, text_rules[i].phrase))
			return text_rules[i].find;
	return none;
}
