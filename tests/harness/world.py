# SPDX-License-Identifier: Apache-2.0
"""A host that runs listd, the organization it sends for, and everybody it
writes to: what the demonstration, the measurements and long tests share.

Domains d001.example, d002.example, ... have their mail exchangers at some
sites mx01.sink.example, ...; all of them are one sink on addresses of the
loopback.  Everything a world does is done as people would do it: by listctl,
by the web, by mail.
"""

import html
import json
import os
import re
import ssl
import subprocess
import time

from .core import Failed, wait_until
from .http import http, multipart, urlencoded
from .scene import unshaped
from .smtp import Smtp

SENDING = "mill.example"
HOST = "lists." + SENDING
LIST = "news"
FROM = "news@" + SENDING
OWNER = "office@desk.example"
POSTAL = "The Mill, 1 Water Lane, Millbrook"
SELECTOR = "s1"
FORM_SECONDS = 2.2      # a form that is posted sooner was not read
MAIL_SECONDS = 60       # for a mail to come


def destination(i):
    """The name of the i-th destination domain, from 0."""
    return "d%03d.example" % (i + 1)


class World:
    """domains destination domains at sites sites.  tls: everything that can
    speak TLS does.  store: the sink keeps the messages (needed for all that
    reads mail).  Further keywords are settings of listd.conf(5)."""

    def __init__(self, t, domains=500, sites=20, tls=True, store=True,
                 journal=False, sink_options=(), **settings):
        self.t = t
        self.domains = domains
        self.sites = min(sites, domains)
        self.records = []       # of the zone, beyond the destinations
        self.keys = {}          # {"s1._domainkey.mill.example": "v=DKIM1..."}
        self._seen = 0          # messages of the sink that were looked at
        self._unclaimed = []    # of those, what nobody asked for yet
        self.authority = t.authority("Demonstration authority")
        self.web_pem = self.authority.issue("localhost", HOST)
        mx_pem = self.authority.issue(*("mx%02d.sink.example" % (i + 1)
                                        for i in range(self.sites)))
        self.sink = t.sink(
            addresses=["127.0.0.%d" % (i + 2) for i in range(self.sites)],
            tls=mx_pem if tls else None, store=store, journal=journal,
            options=sink_options)
        self.dns = t.dns(self.zone())
        self.https_port = t.free_port()
        stem = self.web_pem[:-len(".pem")]
        self.daemon = t.daemon(sink=self.sink, dns=self.dns, **dict({
            # What a machine can do is measured, not what a receiver takes.
            "shaping_overlay": unshaped(t),
            "hostname": HOST,
            "url_base": "https://localhost:%d" % self.https_port,
            "https_listen": "127.0.0.1:%d" % self.https_port,
            "web_tls_cert": stem + ".cert",
            "web_tls_key": stem + ".key",
            "smtp_tls_cert": stem + ".cert",
            "smtp_tls_key": stem + ".key",
            "ca_file": self.authority.ca_file,
            # The zone is not signed, and the root's key would say so.
            "dnssec_anchor": t.write("no-anchor", ""),
            "dkim_dir": os.path.join(self.t.folder, "dkim"),
            "deliver_roles": 2,
            "map_size": "1g",
            "map_size_queue": "256m",
            "log_level": "info",
        }, **settings))

    # ---- DNS

    def zone(self):
        lines = []
        for i in range(self.sites):
            lines += ["mx%02d.sink.example A 127.0.0.%d" % (i + 1, i + 2)]
        for i in range(self.domains):
            lines.append("%s MX 10 mx%02d.sink.example" % (
                destination(i), i % self.sites + 1))
        lines += [
            "desk.example MX 10 mx01.sink.example",
            "%s A 127.0.0.1" % HOST,
            "%s MX 10 %s" % (HOST, HOST),
            "%s TXT \"v=spf1 ip4:127.0.0.0/8 -all\"" % HOST,
            "%s TXT \"v=spf1 ip4:127.0.0.0/8 -all\"" % SENDING,
            "_dmarc.%s TXT \"v=DMARC1; p=reject\"" % SENDING,
        ]
        return "\n".join(lines + self.records)

    def publish(self, record):
        self.records.append(record)
        self.dns.zone(self.zone())

    # ---- listctl

    def ctl(self, *args, status=0, seconds=60):
        """The last JSON value that listctl prints for these arguments."""
        r = self.daemon.listctl("--json", *args, status=status,
                                seconds=seconds)
        lines = r.out.splitlines()
        if not lines:
            raise Failed("nothing came of %r" % r)
        return json.loads(lines[-1])

    # ---- the way to a list that may send

    def make_key(self):
        """A DKIM key in the daemon's folder; the record to publish."""
        key = self.ctl("dkim", "keygen", SENDING, SELECTOR)
        self.keys["%s._domainkey.%s" % (SELECTOR, SENDING)] = key["txt"]
        return "%s._domainkey.%s TXT \"%s\"" % (SELECTOR, SENDING,
                                                key["txt"])

    def prove_domain(self):
        """Claim the sending domain and publish what that asks for; returns
        (name, text) of the record."""
        claim = self.ctl("org", "set", "default", "--domain", SENDING,
                         status=1)
        m = re.match(r"(\S+?)\.? IN TXT \"(.*)\"$", claim["record"])
        if m is None:
            raise Failed("no record to publish in %r" % claim)
        self.publish("%s TXT \"%s\"" % m.groups())

        def proven():
            r = self.daemon.listctl("--json", "org", "set", "default",
                                    "--domain", SENDING, status=None)
            return r.status == 0
        # The name may be in the resolver's cache as one without a record.
        wait_until(proven, 30, "the domain to be proven", step=0.5)
        return m.groups()

    def make_list(self):
        self.ctl("list", "create", LIST, "--from", FROM, "--title",
                 "Mill News", "--postal-address", POSTAL, "--owner", OWNER)

    def confirm_owner(self):
        """The owner presses the button that the mail leads to."""
        link = self.link_in(self.mail_to(OWNER))
        self.press(link)

    def ready_list(self):
        """All of the above."""
        record = self.make_key()
        self.daemon.start()
        self.prove_domain()
        self.publish(record)
        self.make_list()
        self.confirm_owner()
        shown = self.ctl("list", "show", LIST)
        if not shown["may_send"]:
            raise Failed("the list may not send: %r" % shown["missing"])

    def import_members(self, csv, evidence=None, seconds=600):
        """csv: text with a head row.  What listctl says of the import."""
        path = self.t.write("members.csv", csv)
        args = ["subscriber", "import", LIST, path, "--source",
                "members of the mill's own web shop"]
        if evidence is not None:
            args += ["--evidence", "confirmed", "--evidence-file",
                     self.t.write("evidence.txt", evidence)]
        return self.ctl(*args, seconds=seconds)

    # ---- mail that came

    def mail_to(self, address, seconds=MAIL_SECONDS):
        """The first message to this address that was not given out yet."""
        def find():
            came = self.sink.messages(start=self._seen)
            self._seen += len(came)
            self._unclaimed += came
            for i, m in enumerate(self._unclaimed):
                if address in m.rcpts:
                    return self._unclaimed.pop(i)
            return None
        return wait_until(find, seconds, "a mail to " + address, step=0.1)

    def skip_mail(self):
        """Whatever came so far is not waited for; returns how many."""
        self._seen = self.sink.summary()["accepted"]
        self._unclaimed = []
        return self._seen

    def link_in(self, message):
        """The confirmation link in a mail's text."""
        text = message.parsed().get_content()
        m = re.search(r"https://\S+/c/[a-z2-7]{26}\b", text)
        if m is None:
            raise Failed("no link in %r" % text)
        return m.group(0)

    # ---- the web, with certificates verified

    def http(self, method, target, **kwargs):
        if "://" not in target:
            target = "https://localhost:%d%s" % (self.https_port, target)
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        return http(self.https_port, method, target, context=context,
                        server_hostname="localhost", **kwargs)

    def press(self, link):
        """Look at the page of a link, then press its button."""
        page = self.http("GET", link)
        if page.status != 200 or "<form" not in page.text():
            raise Failed("no page with a button at %s: %r" % (link, page))
        content_type, body = urlencoded({})
        done = self.http("POST", link, content_type=content_type, body=body)
        if done.status != 200:
            raise Failed("the button at %s: %r" % (link, done))
        return done

    def join_by_form(self, address):
        """Fill in the form; the confirmation mail follows."""
        target = "/join/" + LIST
        page = self.http("GET", target)
        m = re.search(r'name="form" value="([^"]+)"', page.text())
        if page.status != 200 or m is None:
            raise Failed("no form at %s: %r" % (target, page))
        time.sleep(FORM_SECONDS)
        content_type, body = urlencoded(
            {"address": address, "form": html.unescape(m.group(1))})
        done = self.http("POST", target, content_type=content_type,
                         body=body)
        if done.status != 200:
            raise Failed("the form was not taken: %r" % done)

    def one_click(self, url):
        """As a mail provider posts it: RFC 8058 section 3.1, no cookie, no
        Referer, no redirect followed."""
        content_type, body = multipart(
            [("List-Unsubscribe", "One-Click")])
        return self.http("POST", url, content_type=content_type, body=body)

    # ---- mail to the daemon

    def send_mail(self, sender, to, subject, text, extra=()):
        lines = ["From: <%s>" % sender, "To: <%s>" % to,
                 "Subject: " + subject,
                 "Date: " + time.strftime("%a, %d %b %Y %H:%M:%S +0000",
                                          time.gmtime()),
                 "Message-ID: <%d@%s>" % (time.monotonic_ns(),
                                          sender.split("@")[1]),
                 *extra, "", text, ""]
        with Smtp(self.daemon.smtp_port) as c:
            c.ehlo("mx01.sink.example")
            reply = c.mail(sender, to, "\r\n".join(lines).encode())
            if reply.code != 250:
                raise Failed("mail to %s: %r" % (to, reply))

    # ---- campaigns

    def send(self, path, seconds=120):
        """Send a message to the list; the campaign's id."""
        return self.ctl("campaign", "send", LIST, path, seconds=seconds)["id"]

    def campaign(self, number):
        return self.ctl("campaign", "show", number)

    def wait_finished(self, number, seconds=600, watch=None):
        """Until the campaign has finished; what is shown of it then."""
        def finished():
            now = self.campaign(number)
            if watch is not None:
                watch(now)
            if now["state"] in ("refused", "cancelled"):
                raise Failed("campaign %s: %r" % (number, now))
            return now["state"] == "finished" and now
        return wait_until(finished, seconds,
                          "campaign %s to finish" % number, step=0.5)

    # ---- judging

    def keys_file(self):
        return self.t.write("keys", "".join(
            "%s %s\n" % pair for pair in self.keys.items()))

    def verify_archive(self, seconds=300):
        """libopendkim's verdict on all the sink has: the figures, and the
        first complaints."""
        self.sink.flush()
        p = subprocess.run(
            [self.t.program("tests/verify_copies"), self.keys_file(),
             self.sink.store], stdout=subprocess.PIPE, timeout=seconds)
        *bad, figures = p.stdout.decode().splitlines() or ["no output"]
        words = figures.split()
        return dict(zip(words[::2], map(int, words[1::2]))), bad
