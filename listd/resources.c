/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resources.c - what the parent opens so that the roles need no right to.
 */
#include "config.h"

#include <dirent.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "lib/sys/ring.h"
#include "listd/descriptors.h"
#include "listd/layout.h"
#include "listd/resources.h"
#include "listd/start.h"
#include "listd/steering.h"
#include "spool/secrets.h"

#define BACKLOG		1024
#define RESOLV_CONF	"/etc/resolv.conf"

/* ---- who may have what */

#define TO(kind)	(1u << (kind))
#define TO_ALL		(TO(ROLE_QUEUE) | TO(ROLE_DELIVER) | \
    TO(ROLE_INBOUND) | TO(ROLE_WEB))
#define TO_PUBLIC	(TO(ROLE_INBOUND) | TO(ROLE_WEB))

/* A name, or what names begin with.  What is not here goes to nobody. */
static const struct {
	const char	*name;
	unsigned	 roles;
} allowed[] = {
	{ FD_SMTP, TO(ROLE_INBOUND) },
	{ FD_LMTP, TO(ROLE_INBOUND) },
	{ FD_SMTP_CERT, TO(ROLE_INBOUND) },
	{ FD_SMTP_KEY, TO(ROLE_INBOUND) },
	{ FD_HTTP, TO(ROLE_WEB) },
	{ FD_HTTPS, TO(ROLE_WEB) },
	{ FD_WEB_CERT, TO(ROLE_WEB) },
	{ FD_WEB_KEY, TO(ROLE_WEB) },
	{ FD_CONTROL, TO(ROLE_QUEUE) },
	{ FD_LOCK, TO(ROLE_QUEUE) },
	{ FD_RING, TO(ROLE_QUEUE) | TO(ROLE_DELIVER) },
	{ FD_SHAPING, TO(ROLE_QUEUE) },
	{ FD_SHAPING_OVERLAY, TO(ROLE_QUEUE) },
	{ FD_REPLIES, TO(ROLE_QUEUE) },
	{ FD_REPLIES_OVERLAY, TO(ROLE_QUEUE) },
	{ FD_CA, TO(ROLE_DELIVER) },
	{ FD_RESOLV, TO(ROLE_DELIVER) },
	{ FD_ANCHOR, TO(ROLE_DELIVER) },
	{ FD_DKIM, TO(ROLE_DELIVER) },
	{ FD_SMARTHOST_AUTH, TO(ROLE_DELIVER) },
	{ DESCRIPTOR_CLOCK, TO_ALL },
	{ FD_SECRET "h8", TO(ROLE_QUEUE) | TO_PUBLIC },
	{ FD_SECRET "address", TO_ALL },
	{ FD_SECRET "verp", TO_ALL },
	{ FD_SECRET "url", TO_ALL },
	{ FD_SECRET "confirm", TO_ALL },
	{ FD_SECRET "ledger", TO(ROLE_QUEUE) },
	{ FD_SECRET "log", TO_ALL },
};

bool
resources_allowed(enum role_kind kind, const char *name)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		size_t len = strlen(allowed[i].name);
		char last = allowed[i].name[len - 1];

		if (last == '.' || last == '/' ?
		    strncmp(name, allowed[i].name, len) == 0 :
		    strcmp(name, allowed[i].name) == 0)
			return (allowed[i].roles & TO(kind)) != 0;
	}
	return false;
}

/* ---- listeners */

union address {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
	struct sockaddr_un	un;
};

static socklen_t
to_sockaddr(const struct conf_listen *l, union address *a)
{
	memset(a, 0, sizeof(*a));
	switch (l->family) {
	case 4:
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(l->port);
		memcpy(&a->in.sin_addr, l->ip, 4);
		return sizeof(a->in);
	case 6:
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(l->port);
		memcpy(&a->in6.sin6_addr, l->ip, 16);
		return sizeof(a->in6);
	default:
		a->un.sun_family = AF_UNIX;
		memcpy(a->un.sun_path, l->path, sizeof(l->path));
		return sizeof(a->un);
	}
}

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == CONF_UNIX_MAX,
    "a configured path fits");

/*
 * Remove the socket that an earlier daemon left; one that answers is somebody
 * else's, and what is no socket is not ours to remove.
 */
static int
clear_stale(const union address *a, socklen_t len, struct err *e)
{
	const char *path = a->un.sun_path;
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) == -1)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		err_set(e, ERR_REFUSED, "is there and is no socket");
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd == -1 ? -1 : connect(fd, &a->sa, len);
	if (fd != -1)
		close(fd);
	if (rc == 0 || errno == EAGAIN) {
		err_set(e, ERR_EXISTS, "another process listens there");
		return -1;
	}
	if (unlink(path) == -1) {
		err_sys(e, "unlink");
		return -1;
	}
	return 0;
}

static int
bind_socket(const struct conf_listen *l, mode_t mode, struct err *e)
{
	union address a;
	socklen_t len = to_sockaddr(l, &a);
	int fd, on = 1;

	if (l->family == 0 && clear_stale(&a, len, e) == -1)
		return -1;
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd == -1) {
		err_sys(e, "socket");
		return -1;
	}
	if (l->family != 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (l->family == 6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* Not for a moment wider than it shall be. */
	if (l->family == 0)
		umask(0177);
	if (bind(fd, &a.sa, len) == -1)
		err_sys(e, "bind");
	else if (listen(fd, BACKLOG) == -1)
		err_sys(e, "listen");
	umask(0027);
	if (e->code == ERR_NONE && l->family == 0 &&
	    chmod(l->path, mode) == -1)
		err_sys(e, "chmod");
	if (e->code != ERR_NONE) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The port may be one the system chose. */
static void
log_listener(int fd, const struct conf_listen *l, const char *name)
{
	struct strbuf text = STRBUF_INIT(256);
	struct conf_listen real = *l;
	socklen_t len = sizeof(union address);
	struct log_line line;
	union address a;

	if (l->family != 0 && getsockname(fd, &a.sa, &len) == 0)
		real.port = ntohs(l->family == 4 ? a.in.sin_port :
		    a.in6.sin6_port);
	conf_listen_format(&real, &text);
	log_begin(&line, LEVEL_NOTICE, "listen");
	log_str(&line, "name", name);
	log_str(&line, "address", text.s);
	log_end(&line);
	strbuf_free(&text);
}

static int
bind_one(const struct conf_listen *l, const char *setting, const char *name,
    mode_t mode, struct descriptors *d, struct err *e)
{
	struct strbuf text = STRBUF_INIT(256);
	struct err why = ERR_INIT;
	int fd = bind_socket(l, mode, &why);

	if (fd == -1) {
		conf_listen_format(l, &text);
		err_set(e, why.code, "%s %s: %s", setting, text.s, why.text);
		strbuf_free(&text);
		return -1;
	}
	log_listener(fd, l, name);
	descriptors_put(d, name, fd, false);
	return 0;
}

static int
bind_list(const struct conf_listens *list, const char *setting,
    const char *prefix, struct descriptors *d, struct err *e)
{
	char name[64];

	for (size_t i = 0; i < list->n; i++) {
		snprintf(name, sizeof(name), "%s%zu", prefix, i);
		if (bind_one(&list->v[i], setting, name, 0666, d, e) == -1)
			return -1;
	}
	return 0;
}

static int
bind_control(const struct conf *c, struct descriptors *d, struct err *e)
{
	struct conf_listen l = { .family = 0 };

	char dir[CONF_UNIX_MAX];

	/* /run is empty after a boot. */
	memcpy(dir, c->control_socket, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	if (dir[0] != '\0' && mkdir(dir, 0700) == 0 && chmod(dir, 0755) == -1) {
		err_sys(e, "control_socket: %s", dir);
		return -1;
	}
	memcpy(l.path, c->control_socket, sizeof(l.path));
	return bind_one(&l, "control_socket", FD_CONTROL, 0600, d, e);
}

static int
open_ring(const struct layout *l, struct descriptors *d, struct err *e)
{
	int fd = file_open(l->data_fd, "ring", O_RDWR | O_CREAT, 0600, e);
	bool fresh;

	if (fd == -1)
		return -1;
	if (ring_prepare(fd, &fresh, e) == -1) {
		close(fd);
		return -1;
	}
	if (fresh && !l->first_run)
		log_text(LEVEL_WARNING, "ring",
		    "no record of what was open at the end of the last run");
	descriptors_put(d, FD_RING, fd, false);
	return 0;
}

static int
open_clock(const struct conf *c, struct descriptors *d, struct err *e)
{
	int fd;

	if (c->test_clock[0] == '\0')
		return 0;
	if (geteuid() == 0) {
		err_set(e, ERR_REFUSED, "test_clock: refused to root");
		return -1;
	}
	if ((fd = file_open_config(c->test_clock, e)) == -1)
		return -1;
	descriptors_put(d, DESCRIPTOR_CLOCK, fd, false);
	return 0;
}

int
resources_bind(const struct conf *c, const struct layout *l,
    struct descriptors *d, struct err *e)
{
	int lock = fcntl(l->lock_fd, F_DUPFD_CLOEXEC, 3);

	if (lock == -1) {
		err_sys(e, "lock");
		return -1;
	}
	descriptors_put(d, FD_LOCK, lock, false);
	if (open_clock(c, d, e) == -1 || open_ring(l, d, e) == -1 ||
	    bind_list(&c->smtp_listen, "smtp_listen", FD_SMTP, d, e) == -1 ||
	    bind_list(&c->lmtp_listen, "lmtp_listen", FD_LMTP, d, e) == -1 ||
	    bind_list(&c->http_listen, "http_listen", FD_HTTP, d, e) == -1 ||
	    bind_list(&c->https_listen, "https_listen", FD_HTTPS, d, e) == -1)
		return -1;
	return bind_control(c, d, e);
}

void
resources_unbind(const struct conf *c)
{
	unlink(c->control_socket);
	for (size_t i = 0; i < c->lmtp_listen.n; i++)
		if (c->lmtp_listen.v[i].family == 0)
			unlink(c->lmtp_listen.v[i].path);
}

/* ---- files */

static int
open_file(const char *name, const char *setting, const char *path,
    mode_t forbidden, struct descriptors *d, struct err *e)
{
	struct err why = ERR_INIT;
	int fd;

	if (*path == '\0')
		return 0;
	fd = file_open_config(path, &why);
	if (fd != -1 && file_check_mode(fd, path, forbidden, &why) == -1) {
		close(fd);
		fd = -1;
	}
	if (fd == -1) {
		err_set(e, why.code, "%s: %s", setting, why.text);
		return -1;
	}
	descriptors_put(d, name, fd, true);
	return 0;
}

/* A file that is there on most machines, and does without on the others. */
static int
open_usual(const char *name, const char *setting, const char *path,
    const char *usual, const char *without, struct descriptors *d,
    struct err *e)
{
	if (strcmp(path, usual) != 0 || access(path, F_OK) == 0)
		return open_file(name, setting, path, 0, d, e);
	log_text(LEVEL_WARNING, "missing", "%s: %s", path, without);
	return 0;
}

static int
open_secrets(const struct conf *c, struct descriptors *d, struct err *e)
{
	char name[64];
	int fd;

	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		snprintf(name, sizeof(name), FD_SECRET "%s",
		    key_purpose_name(p));
		if ((fd = secrets_open(c->data_dir, p, e)) == -1)
			return -1;
		descriptors_put(d, name, fd, true);
	}
	return 0;
}

static bool
is_pem(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".pem") == 0;
}

/* The keys of one domain; *n counts those of all. */
static int
open_dkim_domain(int dkim_fd, const char *domain, size_t *n,
    struct descriptors *d, struct err *e)
{
	int dirfd = openat(dkim_fd, domain, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = dirfd != -1 ? fdopendir(dirfd) : NULL;
	char name[START_NAME_MAX];
	const struct dirent *de;
	int ret = -1;

	if (dir == NULL) {
		err_sys(e, "dkim_dir: %s", domain);
		if (dirfd != -1)
			close(dirfd);
		return -1;
	}
	while ((de = readdir(dir)) != NULL) {
		struct err why = ERR_INIT;
		int fd;

		if (!is_pem(de->d_name))
			continue;
		if (++*n > RESOURCES_DKIM_MAX || (size_t)snprintf(name,
		    sizeof(name), FD_DKIM "%s/%s", domain, de->d_name) >=
		    sizeof(name)) {
			err_set(e, ERR_LIMIT, "dkim_dir: more than %d keys, "
			    "or a name too long", RESOURCES_DKIM_MAX);
			goto out;
		}
		fd = file_open(dirfd, de->d_name, O_RDONLY, 0, &why);
		if (fd == -1 || file_check_mode(fd, de->d_name, 0077,
		    &why) == -1) {
			err_set(e, why.code, "dkim_dir: %s/%s", domain,
			    why.text);
			if (fd != -1)
				close(fd);
			goto out;
		}
		descriptors_put(d, name, fd, true);
	}
	ret = 0;
out:
	closedir(dir);
	return ret;
}

static int
open_dkim(const struct conf *c, struct descriptors *d, struct err *e)
{
	DIR *dir = opendir(c->dkim_dir);
	const struct dirent *de;
	size_t n = 0;
	int rc = 0;

	if (dir == NULL) {
		err_sys(e, "dkim_dir: %s", c->dkim_dir);
		return -1;
	}
	while (rc == 0 && (de = readdir(dir)) != NULL) {
		struct stat st;

		if (de->d_name[0] != '.' && fstatat(dirfd(dir), de->d_name,
		    &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			rc = open_dkim_domain(dirfd(dir), de->d_name, &n, d,
			    e);
	}
	closedir(dir);
	return rc;
}

static int
open_steering(const struct conf *c, struct descriptors *d, struct err *e)
{
	static const char *const names[STEERING_FILES] = {
		[STEERING_SHAPING] = FD_SHAPING,
		[STEERING_SHAPING_OVERLAY] = FD_SHAPING_OVERLAY,
		[STEERING_REPLIES] = FD_REPLIES,
		[STEERING_REPLIES_OVERLAY] = FD_REPLIES_OVERLAY,
	};

	for (enum steering_file i = 0; i < STEERING_FILES; i++)
		if (open_file(names[i], steering_setting(i),
		    steering_path(c, i), 0, d, e) == -1)
			return -1;
	return 0;
}

/* Mail cannot leave from an address that is not ours: say so at once. */
static int
check_sources(const struct conf *c, struct err *e)
{
	for (size_t i = 0; i < c->source_address.n; i++) {
		const struct conf_source *v = &c->source_address.v[i];
		struct conf_listen l = { .family = v->family };
		char ip[INET6_ADDRSTRLEN];
		union address a;
		socklen_t len;
		int fd, rc;

		memcpy(l.ip, v->ip, sizeof(l.ip));
		len = to_sockaddr(&l, &a);
		fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = fd == -1 ? -1 : bind(fd, &a.sa, len);
		if (fd != -1)
			close(fd);
		if (rc == 0)
			continue;
		inet_ntop(a.sa.sa_family, v->ip, ip, sizeof(ip));
		err_set(e, ERR_INPUT, "source_address: %s is not an address "
		    "of this host", ip);
		return -1;
	}
	return 0;
}

int
resources_open(const struct conf *c, struct descriptors *d, struct err *e)
{
	if (check_sources(c, e) == -1 || open_steering(c, d, e) == -1 ||
	    open_secrets(c, d, e) == -1 ||
	    open_file(FD_SMTP_CERT, "smtp_tls_cert", c->smtp_tls_cert, 0, d,
	    e) == -1 ||
	    open_file(FD_SMTP_KEY, "smtp_tls_key", c->smtp_tls_key, 0007, d,
	    e) == -1 ||
	    open_file(FD_WEB_CERT, "web_tls_cert", c->web_tls_cert, 0, d,
	    e) == -1 ||
	    open_file(FD_WEB_KEY, "web_tls_key", c->web_tls_key, 0007, d,
	    e) == -1 ||
	    open_file(FD_SMARTHOST_AUTH, "smarthost_auth", c->smarthost_auth,
	    0077, d, e) == -1 ||
	    open_usual(FD_CA, "ca_file", c->ca_file,
	    "/etc/ssl/certs/ca-certificates.crt",
	    "no certificate of a peer can be verified", d, e) == -1 ||
	    open_usual(FD_ANCHOR, "dnssec_anchor", c->dnssec_anchor,
	    "/usr/share/dns/root.key", "DANE cannot be used", d, e) == -1)
		return -1;
	if (c->resolver.family == 0 && open_usual(FD_RESOLV, "resolver",
	    RESOLV_CONF, RESOLV_CONF, "names are resolved from the root", d,
	    e) == -1)
		return -1;
	return open_dkim(c, d, e);
}
