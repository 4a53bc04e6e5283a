/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_replies.c - what it costs to classify a reply with all rules shipped,
 * and to find the provider of a site.
 *
 *	bench_replies SHAPING REPLIES
 *
 * Times are CPU time of the one thread, in microseconds a call.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/strbuf.h"

#define ROUNDS		100000
#define LONG_TEXT	4000	/* octets */

static char long_text[LONG_TEXT + 1];

static const struct {
	const char	*name, *provider;
	int		 code;
	const char	*enhanced, *text;	/* NULL: the long one */
	double		 goal_us;
} replies[] = {
	{ "reply_250_us", "google", 250, "2.0.0",
	    "OK  1732231111 d9443c01a7336-2124c1c1 - gsmtp", 2 },
	{ "reply_421_us", "google", 421, "4.7.28", "Our system has detected an "
	    "unusual rate of unsolicited mail originating from your IP "
	    "address.  To protect our users from spam, mail sent from your IP "
	    "address has been temporarily rate limited.", 20 },
	{ "reply_550_us", "office365", 550, "5.1.10", "RESOLVER.ADR."
	    "RecipientNotFound; Recipient a@b.example not found by SMTP "
	    "address lookup", 20 },
	{ "reply_vague_us", "gmx", 554, "", "Transaction failed for reasons "
	    "that we will not go into here, see the page of our postmaster",
	    20 },
	{ "reply_long_us", "yahoo", 451, "", NULL, 0 },
};

static const char *const hosts[] = {
	"alt4.gmail-smtp-in.l.google.com", "mx-eu.mail.am0.yahoodns.net",
	"example-com.mail.protection.outlook.com", "mail.example.org",
};

static double
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
read_file(const char *path, struct strbuf *out)
{
	FILE *f = fopen(path, "rb");
	char buf[4096];
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
}

static bool
bench_reply(const struct reply_rules *r, size_t i)
{
	const char *text = replies[i].text != NULL ? replies[i].text :
	    long_text;
	struct reply_verdict v;
	struct enhanced e;
	unsigned sum = 0;
	double us;

	(void)enhanced_parse(replies[i].enhanced, strlen(replies[i].enhanced),
	    &e);
	us = cpu_us();
	for (int n = 0; n < ROUNDS; n++) {
		reply_rules_classify_text(r,
		    datafile_key(replies[i].provider), REPLY_AT_RCPT,
		    replies[i].code, &e, text, strlen(text), &v);
		sum += v.class.category;
	}
	us = (cpu_us() - us) / ROUNDS;
	printf("bench %s %.3f us%s\n", replies[i].name, us,
	    sum == UINT32_MAX ? " " : "");
	return replies[i].goal_us == 0 || us < replies[i].goal_us;
}

static void
bench_site(const struct shaping *s)
{
	double us = cpu_us();
	unsigned sum = 0;

	for (int n = 0; n < ROUNDS; n++)
		sum += shaping_site(s, &hosts[n % 4], 1, "example.com");
	us = (cpu_us() - us) / ROUNDS;
	printf("bench shaping_site_us %.3f us%s\n", us,
	    sum == UINT32_MAX ? " " : "");
}

int
main(int argc, char **argv)
{
	struct strbuf shaping = STRBUF_INIT(DATAFILE_MAX);
	struct strbuf rules = STRBUF_INIT(DATAFILE_MAX);
	struct strbuf mistakes = STRBUF_INIT(65536);
	struct reply_rules *r;
	struct shaping *s;
	bool good = true;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_replies SHAPING REPLIES\n");
		return 1;
	}
	read_file(argv[1], &shaping);
	read_file(argv[2], &rules);
	s = shaping_parse(&(struct datafile_text){ argv[1], shaping.s,
	    shaping.len }, NULL, &mistakes);
	r = s == NULL ? NULL : reply_rules_parse(&(struct datafile_text){
	    argv[2], rules.s, rules.len }, NULL, s, &mistakes);
	if (r == NULL) {
		fputs(mistakes.s, stderr);
		return 1;
	}
	for (size_t i = 0; i < LONG_TEXT; i++)
		long_text[i] = "try again later "[i % 16];
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		good = bench_reply(r, i) && good;
	bench_site(s);
	reply_rules_free(r);
	shaping_free(s);
	strbuf_free(&shaping);
	strbuf_free(&rules);
	strbuf_free(&mistakes);
	return good ? 0 : 1;
}
