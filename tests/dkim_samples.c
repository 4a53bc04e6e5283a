/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_samples.c - keys and messages for the tests of DKIM.
 *
 * The keys here are printed in RFC 8463 appendix A and sign nothing but tests.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_samples.h"

const char rfc8463_rsa_pem[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
    "KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
    "AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
    "6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
    "zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
    "6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
    "uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n"
    "WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
    "WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
    "licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
    "o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
    "uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
    "-----END RSA PRIVATE KEY-----\n";

const char rfc8463_rsa_txt[] = "v=DKIM1; k=rsa; p="
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3"
    "idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYL"
    "zBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

/* The RFC prints the bare seed, nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A= */
const char rfc8463_ed25519_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

const char rfc8463_ed25519_txt[] =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const char rfc8463_message[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n"
    "\r\n"
    "We lost the game.  Are you hungry yet?\r\n"
    "\r\n"
    "Joe.\r\n";

/* ---- a generator of lawful but odd messages */

struct gen {
	uint64_t	 x;
	struct strbuf	*out;
};

static uint32_t
pick(struct gen *g, uint32_t below)
{
	g->x = g->x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(g->x >> 33) % below;
}

static void
add_blanks(struct gen *g, unsigned most)
{
	for (unsigned n = pick(g, most + 1); n > 0; n--)
		strbuf_addc(g->out, pick(g, 3) == 0 ? '\t' : ' ');
}

/* White space between two words of a field: at times a fold, at times two. */
static void
add_gap(struct gen *g)
{
	static const char *const gaps[] = {
		" ", " ", " ", " ", "  ", "\t", " \t ", "\r\n ", "\r\n\t",
		"  \r\n  ", "\t\r\n\t\t", "\r\n \r\n ",
	};

	strbuf_adds(g->out, gaps[pick(g, sizeof(gaps) / sizeof(gaps[0]))]);
}

static void
add_word(struct gen *g)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "-_=;:,.<>@\"()\xc3\xa9!?/+*";

	for (unsigned n = 1 + pick(g, 12); n > 0; n--)
		strbuf_addc(g->out, letters[pick(g, sizeof(letters) - 1)]);
}

/* A name as it is, in capitals, in small letters or mixed. */
static void
add_name(struct gen *g, const char *name)
{
	unsigned how = pick(g, 6);

	for (; *name != '\0'; name++) {
		char c = *name;
		bool upper = how == 0 || (how == 2 && pick(g, 2) == 0);
		bool lower = how == 1 || how == 2;

		if (upper && c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!upper && lower && c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		strbuf_addc(g->out, c);
	}
	/* Obsolete, but lawful to read; libopendkim reads no tab here. */
	if (pick(g, 8) == 0)
		strbuf_adds(g->out, pick(g, 2) == 0 ? " " : "  ");
	strbuf_addc(g->out, ':');
}

static void
add_field(struct gen *g, const char *name, unsigned words)
{
	add_name(g, name);
	add_blanks(g, 2);
	for (unsigned i = 0; i < words; i++) {
		if (i > 0)
			add_gap(g);
		add_word(g);
	}
	if (pick(g, 4) == 0)
		add_blanks(g, 3);
	strbuf_adds(g->out, "\r\n");
}

/* An address that libopendkim can find in From. */
static void
add_from(struct gen *g)
{
	add_name(g, "From");
	add_gap(g);
	strbuf_addf(g->out, "News%u", pick(g, 100));
	add_gap(g);
	strbuf_adds(g->out, "<news@example.org>\r\n");
}

static void
add_long_to(struct gen *g)
{
	add_name(g, "To");
	strbuf_addc(g->out, ' ');
	for (unsigned n = 1 + pick(g, 40); n > 0; n--) {
		strbuf_addf(g->out, "person%u@host%u.example", pick(g, 9999),
		    pick(g, 99));
		if (n > 1) {
			strbuf_addc(g->out, ',');
			add_gap(g);
		}
	}
	strbuf_adds(g->out, "\r\n");
}

static const char *const some_names[] = {
	"Received", "Received", "Return-Path", "X-Mailer", "X-From", "Date",
	"Message-ID", "Subject", "Subject", "Reply-To", "Cc", "Cc", "Sender",
	"In-Reply-To", "References", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Content-Language", "List-Id",
	"List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Owner",
	"List-Post", "Feedback-ID", "CFBL-Address", "CFBL-Feedback-ID",
	"Auto-Submitted", "Listd-Witness", "Listd-Witness", "Precedence",
	"Authentication-Results", "Resent-From", "Listed", "To",
};

static void
add_header(struct gen *g)
{
	unsigned n = pick(g, 30), from = pick(g, n + 1), to = pick(g, n + 1);

	for (unsigned i = 0; i <= n; i++) {
		if (i == from)
			add_from(g);
		if (i == to)
			add_long_to(g);
		add_field(g, some_names[pick(g,
		    sizeof(some_names) / sizeof(some_names[0]))],
		    pick(g, 14));
	}
}

static void
add_body(struct gen *g)
{
	unsigned lines = pick(g, 5) == 0 ? 0 : pick(g, 40);

	for (unsigned i = 0; i < lines; i++) {
		unsigned words = pick(g, 4) == 0 ? 0 : pick(g, 10);

		add_blanks(g, pick(g, 3) == 0 ? 4 : 0);
		for (unsigned k = 0; k < words; k++) {
			add_word(g);
			strbuf_addc(g->out, ' ');
			add_blanks(g, pick(g, 5) == 0 ? 3 : 0);
		}
		strbuf_adds(g->out, "\r\n");
	}
	for (unsigned n = pick(g, 3) == 0 ? pick(g, 5) : 0; n > 0; n--)
		strbuf_adds(g->out, "\r\n");
}

void
sample_message(uint32_t seed, struct strbuf *out)
{
	struct gen g = { .x = seed * 2654435761u + 1u, .out = out };

	pick(&g, 2);
	add_header(&g);
	strbuf_adds(out, "\r\n");
	add_body(&g);
}

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", what, e->text);
	exit(1);
}

void
sample_split(const char *p, size_t len, struct sample *out)
{
	struct err e = ERR_INIT;

	if (dkim_message_split((struct slice){ (const uint8_t *)p, len },
	    out->field, SAMPLE_FIELDS_MAX, &out->n, &out->body, &e) == -1)
		die("sample", &e);
}

struct dkim_key *
sample_key(const char *pem)
{
	struct err e = ERR_INIT;
	struct dkim_key *key = dkim_key_parse((const uint8_t *)pem,
	    strlen(pem), &e);

	if (key == NULL)
		die("sample key", &e);
	return key;
}

struct dkim_key *
sample_rsa(unsigned bits)
{
	struct err e = ERR_INIT;
	struct dkim_key *key = dkim_key_generate(DKIM_KEY_RSA, bits, &e);

	if (key == NULL)
		die("sample key", &e);
	return key;
}
