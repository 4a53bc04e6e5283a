# SPDX-License-Identifier: Apache-2.0
"""Domains that promise TLS, each with its mail host, and a server for policies
(MTA-STS)."""

import http.server
import re
import ssl
import threading

from .core import Failed, wait_until
from .scene import Scene

PATIENCE = 60   # seconds of the daemon's clock for a reply or a handshake
LIMIT = 60      # seconds until something is there that should come at once
RECORD = '_mta-sts.%s TXT "v=STSv1; id=%s"'


class Policies:
    """Serves mta-sts.DOMAIN; answers is {domain: function(handler) or text of
    the file}, asked the names of hosts in the order of asking."""

    def __init__(self, t, pem):
        self.answers, self.asked = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers["Host"].partition(":")[0]
                outer.asked.append((host, self.path))
                what = outer.answers.get(host.partition(".")[2])
                if what is None:
                    self.send_error(404)
                elif callable(what):
                    what(self)
                else:
                    put(self, what.encode())

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args):
                pass            # who asked has hung up

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket,
                                                 server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        t.cleanups.append(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fetches(self, domain):
        return self.asked.count(("mta-sts." + domain,
                                 "/.well-known/mta-sts.txt"))


def put(handler, body, status=200, **headers):
    handler.send_response(status)
    headers.setdefault("Content_Type", "text/plain")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def policy(*hosts, mode="enforce", max_age=604800):
    return "version: STSv1\r\nmode: %s\r\n%smax_age: %d\r\n" % (
        mode, "".join("mx: %s\r\n" % h for h in hosts), max_age)


class World:
    """Each of the domains has its mail host mx.DOMAIN on an address of its
    own, from 127.0.0.2 on.  certificates {domain: a PEM file}; the others have
    a good one in common.  policies {domain: text of the file}."""

    def __init__(self, t, domains, certificates=(), policies=(), zone="",
                 rules="", unpublished=(), **settings):
        self.t = t
        self.domains = list(domains)
        self.authority = t.authority()
        certificates = dict(certificates)
        self.address = {d: "127.0.0.%d" % (i + 2)
                        for i, d in enumerate(self.domains)}
        self.pem = pem = self.authority.issue(
            *["mx." + d for d in self.domains])
        own = [self.address[d] for d in self.domains if d not in certificates]
        self.main = t.sink(addresses=["127.0.0.1"] + own, tls=pem)
        self.sinks = {d: self.main for d in self.domains}
        for d, other in certificates.items():
            self.sinks[d] = t.sink(addresses=[self.address[d]],
                                   tls=other(self), port=self.main.port)
        self.web = Policies(t, self.authority.issue(
            *["mta-sts." + d for d in self.domains]))
        self.web.answers.update(policies)
        for d in dict(policies):
            zone += "\nmta-sts.%s A 127.0.0.1" % d
            if d not in unpublished:
                zone += "\n" + RECORD % (d, "1")
        settings.setdefault("clock", True)
        self.scene = Scene(
            t, sites=self.address, sink=self.main, zone=zone,
            smtp_mta_sts=True, ca_file=self.authority.ca_file,
            mta_sts_port=self.web.port,
            timeout_command="%ds" % PATIENCE, **settings)
        self.scene.make_list()
        self.scene.import_members("news", [("x@" + d, "N")
                                           for d in self.domains])
        if rules:
            self.main.rules(rules)

    def got(self, domain):
        return len([e for e in self.sinks[domain].events("dot")
                    if e.rcpt == "x@" + domain])

    def mails(self, domain):
        """MAIL commands that its host heard."""
        return len([e for e in self.sinks[domain].events("mail")
                    if e.local == self.address[domain]])

    def connections(self, domain):
        return len([e for e in self.sinks[domain].events("connect")
                    if e.local == self.address[domain]])

    def wait_held(self, domain, why):
        """Until a site rests that was refused for this reason."""
        rows = []

        def there():
            rows[:] = self.scene.ctl("queue", "sites")
            return any("mx." + domain in r["host"] and
                       re.search(why, r.get("reason") or "") for r in rows)
        try:
            wait_until(there, LIMIT, "a fault", step=0.2)
        except Failed:
            self.t.fail("%s does not wait for %r but: %r" % (domain, why,
                                                            rows))
        self.t.equal((self.got(domain), self.mails(domain)), (0, 0),
                     "mail to " + domain)

    def tire_of(self, domain):
        """Once its host says nothing to a handshake, let that time out.
        Nothing else may be under way."""
        wait_until(lambda: any(e.local == self.address[domain] for e in
                               self.sinks[domain].events("starttls")),
                   LIMIT, "STARTTLS", step=0.05)
        self.scene.clock.jump(PATIENCE + 1)
        self.scene.wait_turn(LIMIT)

    def finish(self, campaign):
        self.scene.jump_until(
            lambda: self.scene.show(campaign)["state"] == "finished", 400)

    def levels(self, campaign):
        """{domain: level of TLS} of what was delivered, by the log."""
        self.scene.wait_finished(campaign)
        found = {}
        for line in self.scene.daemon.log().splitlines():
            m = re.search(r'campaign=%x .*mx="mx\.(\S+) .*status=delivered'
                          r'.* tls=(\S+)' % campaign, line)
            if m:
                found[m.group(1)] = m.group(2)
        return found
