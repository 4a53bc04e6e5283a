/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_dkim.c - make signing keys and print the records that publish them.
 *
 * A key is dkim_dir/DOMAIN/SELECTOR.pem, 0600; the parent opens it at start
 * and reload and passes the descriptor to the deliver roles.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/address.h"
#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/listctl_local.h"
#include "listd/role.h"

#define SELECTOR_MAX	63	/* octets: one label */

static int
fail(const struct err *e, const char *what)
{
	fprintf(stderr, "listctl: %s: %s\n", what, e->text);
	return 1;
}

/* One label of letters, digits and inner hyphens (RFC 6376 section 3.1). */
static bool
selector_ok(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > SELECTOR_MAX || s[0] == '-' || s[len - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* The folder of a domain's keys, made when it is missing; -1 with e. */
static int
open_folder(const struct listctl *lc, const char *domain, bool make,
    struct err *e)
{
	struct strbuf path = STRBUF_INIT(2 * CONF_PATH_MAX);
	int fd = -1;

	strbuf_addf(&path, "%s", lc->conf.dkim_dir);
	if (make && mkdir(path.s, 0750) == -1 && errno != EEXIST) {
		err_sys(e, "%s", path.s);
		goto out;
	}
	strbuf_addf(&path, "/%s", domain);
	if (make && mkdir(path.s, 0750) == -1 && errno != EEXIST) {
		err_sys(e, "%s", path.s);
		goto out;
	}
	fd = open(path.s, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		err_sys(e, "%s", path.s);
out:
	strbuf_free(&path);
	return fd;
}

/* Durable before its record is printed: nobody publishes a lost key. */
static int
write_key(int dir, const char *file, const struct strbuf *pem, struct err *e)
{
	int fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);

	if (fd == -1) {
		err_sys(e, "%s", file);
		return -1;
	}
	if (write(fd, pem->s, pem->len) != (ssize_t)pem->len ||
	    fsync(fd) == -1 || fsync(dir) == -1) {
		err_sys(e, "%s", file);
		close(fd);
		return -1;
	}
	return close(fd);
}

static int
print_record(const struct dkim_key *key, const char *selector,
    const char *domain, bool json, struct err *e)
{
	struct strbuf line = STRBUF_INIT(4096), txt = STRBUF_INIT(4096);
	int ret;

	if (json) {
		if ((ret = dkim_key_txt(key, &txt, e)) == 0)
			printf("{\"domain\":\"%s\",\"selector\":\"%s\","
			    "\"bits\":%u,\"txt\":\"%s\"}\n", domain, selector,
			    dkim_key_bits(key), txt.s);
	} else if ((ret = dkim_key_zone(key, selector, domain, &line, e)) == 0)
		fputs(line.s, stdout);
	strbuf_free(&txt);
	strbuf_free(&line);
	return ret;
}

int
listctl_dkim_keygen(const struct listctl *lc)
{
	struct strbuf pem = STRBUF_INIT(DKIM_PEM_MAX);
	struct dkim_key *key = NULL;
	struct err e = ERR_INIT;
	const char *selector = lc->arg[1];
	const char *type = listctl_option(lc, "type");
	bool ed = type != NULL && strcmp(type, "ed25519") == 0;
	char domain[256], file[SELECTOR_MAX + 8];
	int dir = -1, status = 1;

	if (address_domain(lc->arg[0], strlen(lc->arg[0]), 0, domain, &e) == -1)
		return fail(&e, lc->arg[0]);
	if (!selector_ok(selector) ||
	    (type != NULL && !ed && strcmp(type, "rsa") != 0)) {
		fprintf(stderr, "listctl: a selector is one label of a-z, 0-9 "
		    "and hyphens; a type rsa or ed25519\n");
		return STATUS_USAGE;
	}
	snprintf(file, sizeof(file), "%s.pem", selector);
	key = dkim_key_generate(ed ? DKIM_KEY_ED25519 : DKIM_KEY_RSA, 0, &e);
	/* Room at once, so that no copy of the secret is left behind. */
	if (key == NULL || strbuf_reserve(&pem, DKIM_PEM_MAX) == NULL ||
	    dkim_key_write(key, &pem, &e) == -1 ||
	    (dir = open_folder(lc, domain, true, &e)) == -1 ||
	    write_key(dir, file, &pem, &e) == -1 ||
	    print_record(key, selector, domain, lc->json, &e) == -1)
		fail(&e, "dkim keygen");
	else
		status = 0;
	if (dir != -1)
		close(dir);
	OPENSSL_cleanse(pem.s, pem.len);
	strbuf_free(&pem);
	dkim_key_free(key);
	return status;
}

static struct dkim_key *
read_key(int dir, const char *file, struct err *e)
{
	uint8_t pem[DKIM_PEM_MAX];
	struct dkim_key *key = NULL;
	int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, pem, sizeof(pem));

	if (n == -1)
		err_sys(e, "%s", file);
	else
		key = dkim_key_parse(pem, (size_t)n, e);
	if (fd != -1)
		close(fd);
	OPENSSL_cleanse(pem, sizeof(pem));
	return key;
}

static int
is_key_file(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 4 &&
	    strcmp(d->d_name + len - 4, ".pem") == 0;
}

int
listctl_dkim_dns(const struct listctl *lc)
{
	struct dirent **files = NULL;
	struct err e = ERR_INIT;
	char domain[256], selector[256];
	int dir, n, status = 0;

	if (address_domain(lc->arg[0], strlen(lc->arg[0]), 0, domain, &e) == -1)
		return fail(&e, lc->arg[0]);
	if ((dir = open_folder(lc, domain, false, &e)) == -1)
		return fail(&e, "dkim dns");
	n = scandirat(dir, ".", &files, is_key_file, alphasort);
	for (int i = 0; i < n; i++) {
		struct dkim_key *key = read_key(dir, files[i]->d_name, &e);

		snprintf(selector, sizeof(selector), "%.*s",
		    (int)strlen(files[i]->d_name) - 4, files[i]->d_name);
		if (key == NULL || print_record(key, selector, domain,
		    lc->json, &e) == -1)
			status = fail(&e, files[i]->d_name);
		dkim_key_free(key);
		free(files[i]);
	}
	if (n <= 0) {
		fprintf(stderr, "listctl: %s has no keys\n", domain);
		status = 1;
	}
	free(files);
	close(dir);
	return status;
}
