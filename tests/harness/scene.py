# SPDX-License-Identifier: Apache-2.0
"""A host that is ready to send: the doubles, DKIM keys, a daemon, lists.

The host is lists.example.org and its organization owns example.org; every
domain that mail goes to has an MX of its own at the sink, unless the zone
says otherwise.
"""

import csv
import io
import json
import os
import re
import time

from .core import Failed, wait_until
from .dkim import Keys
from .http import http

HOST = "lists.example.org"
DOMAIN = "example.org"
FROM = "news@example.org"
OWNER = "owner@people.example"
SELECTOR = "s1"
FORM_SECONDS = 3        # a form that is posted sooner is no person's

_ended = ("finished", "cancelled", "refused")
_figures = ("delivered", "failed", "expired", "suppressed", "left")


def letter(subject="News for {{name}}",
           text="Dear {{name}},\r\n\r\nthis is the news.\r\n",
           html=None, sender="Example News <%s>" % FROM, extra=""):
    """An author's message as bytes."""
    head = "From: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\n%s" % (
        sender, subject, extra)
    plain = "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text
    if html is None:
        return (head + plain).encode()
    return (head + "Content-Type: multipart/alternative; boundary=cut\r\n\r\n"
            "--cut\r\n" + plain + "\r\n--cut\r\n"
            "Content-Type: text/html; charset=utf-8\r\n\r\n" + html +
            "\r\n--cut--\r\n").encode()


# A shaping_overlay for what is to show how fast or how often, and not what
# receivers accept: a thousand new connections are ten minutes else.
UNSHAPED = """\
[provider default]
messages_per_minute = 10000000
connects_per_minute = 1000000
"""


def unshaped(t):
    return t.write("unshaped.conf", UNSHAPED)


class Scene:
    """sites names the domains that mail goes to: a list, or a dictionary
    {domain: address of the sink}.  zone is added to the DNS.  What else is
    given goes to the daemon."""

    def __init__(self, t, sites=(), zone="", clock=False, rules=None,
                 sink=None, start=True, **settings):
        self.t = t
        self.sites = dict(sites) if isinstance(sites, dict) else {
            domain: "127.0.0.1" for domain in sites}
        self.sites.setdefault(OWNER.partition("@")[2], "127.0.0.1")
        self.sink = sink or t.sink(
            addresses=sorted(set(self.sites.values())), rules=rules)
        self.clock = t.clock() if clock is True else clock or None
        self.keys = Keys()
        self.dns = t.dns()
        self.daemon = self.make_daemon(
            t, sink=self.sink, dns=self.dns, clock=self.clock,
            **dict({
                # The zone is not signed, and the root's key would say so.
                "dnssec_anchor": t.write("no-anchor", ""),
                "smtp_mta_sts": False}, **settings))
        self.dkim_dir = os.path.join(self.daemon.folder, "dkim")
        os.mkdir(self.dkim_dir, 0o750)
        self.daemon.configure(dkim_dir=self.dkim_dir)
        self.records = ["%s A 127.0.0.1" % HOST, "%s MX 10 %s" % (HOST, HOST)]
        for domain, address in self.sites.items():
            self.records += ["%s MX 10 mx.%s" % (domain, domain),
                             "mx.%s A %s" % (domain, address)]
        if zone:
            self.records.append(zone)
        for domain in (HOST, DOMAIN):
            self.make_key(domain)
        self.dns.zone("\n".join(self.records))
        if start:
            self.daemon.start()
            # Whoever asks for a proof before that learns that none can look.
            wait_until(lambda: self.one("queue", "summary")["deliver_roles"],
                       30, "a deliver role to be ready for work", step=0.05)

    def make_daemon(self, t, **settings):
        return t.daemon(**settings)

    def make_key(self, domain, selector=SELECTOR):
        """A DKIM key and its record."""
        row = self.daemon.listctl("dkim", "keygen", domain, selector,
                                  json=True)
        name = "%s._domainkey.%s" % (selector, domain)
        self.keys.records[name] = row["txt"]
        self.publish('%s TXT "%s"' % (name, row["txt"]))

    def publish(self, lines):
        """Add to the DNS; "IN" of a zone file is passed over."""
        self.records.append(lines.replace(" IN ", " "))
        self.dns.zone("\n".join(self.records))

    # ---- listctl

    def ctl(self, *args, status=0, seconds=60):
        """The values that listctl printed, a list."""
        r = self.daemon.listctl(*args, json=True, status=None,
                                seconds=seconds)
        if status is not None and r.status != status:
            raise Failed("wanted status %d: %r" % (status, r))
        return [json.loads(line) for line in r.out.splitlines()]

    def one(self, *args, status=0):
        """The only value that it printed."""
        rows = self.ctl(*args, status=status)
        if len(rows) != 1:
            raise Failed("%s printed %d values: %r" % (
                " ".join(map(str, args)), len(rows), rows))
        return rows[0]

    # ---- lists and members

    def make_list(self, name="news", **options):
        """A list whose owner confirmed and whose domain is proven."""
        options.setdefault("from", FROM)
        options.setdefault("owner", OWNER)
        options.setdefault("postal_address", "Example, 1 Road, Town")
        words = []
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), value]
        before = len(self.mail_to(options["owner"]))
        self.ctl("list", "create", name, *words)
        self.confirm(self.wait_mail(options["owner"], before + 1))
        # Its domain is proven by a look at the DNS, which may take longer.
        shown = {}

        def may_send():
            shown.update(self.one("list", "show", name))
            return shown["may_send"]
        try:
            wait_until(may_send, 30, "list %s" % name, step=0.1)
        except Failed as e:
            raise Failed("%s: %r" % (e, shown["missing"])) from None
        return shown

    def import_members(self, name, rows, columns=("email", "name"),
                       confirmed=True):
        """Rows are tuples of the columns; returns the counts."""
        text = io.StringIO()
        out = csv.writer(text)
        out.writerow(columns)
        out.writerows(rows)
        path = self.t.write(os.path.basename(self.t.fresh("members")) +
                            ".csv", text.getvalue())
        return self.ctl("subscriber", "import", name, path, "--source",
                        "the form on paper", *(
                            ["--evidence", "confirmed"] if confirmed
                            else []))[-1]["counts"]

    def members(self, name):
        """{address: what `subscriber export` says of it}"""
        return {row["address"]: row
                for row in self.ctl("subscriber", "export", name)}

    def suppressions(self, address):
        """{(scope, reason), ...}"""
        return {(s["scope"], s["reason"]) for s in
                self.one("subscriber", "show", address)["suppressions"]}

    # ---- campaigns

    def send(self, name, message=None, *options, status=0):
        """Send to a list; returns the campaign's id."""
        row = self.send_row(name, message, *options, status=status)
        return row["id"]

    def send_row(self, name, message=None, *options, status=0):
        path = self.t.write(os.path.basename(self.t.fresh("letter")) +
                            ".eml", letter() if message is None
                            else message)
        return self.ctl("campaign", "send", name, path, *options,
                        status=status)[-1]

    def show(self, campaign):
        return self.one("campaign", "show", campaign)

    def wait_state(self, campaign, *states, seconds=120):
        def there():
            row = self.show(campaign)
            if row["state"] in states:
                return row
            if row["state"] in _ended:
                raise Failed("campaign %s is %r" % (campaign, row))
            return None
        try:
            return wait_until(there, seconds, "campaign %s to be %s" % (
                campaign, " or ".join(states)), step=0.1)
        except Failed as e:
            raise Failed("%s; it is %r, the queue %r" % (
                e, self.show(campaign), self.ctl("queue", "summary",
                                                 status=None))) from None

    def wait_finished(self, campaign, seconds=120):
        """Until it is; its figures must sum to its count then (P2)."""
        row = self.wait_state(campaign, "finished", seconds=seconds)
        self.check_sum(row)
        return row

    def resting(self):
        """True when nothing goes on that time alone will not begin: no copy
        is out, no name is asked for, no connection is being made."""
        one, two = (self.one("queue", "summary") for _ in range(2))
        return (one["handed_out"], one["outcomes"]) == (
            two["handed_out"], two["outcomes"]) and not any(
            row["open"] or row["lookups"] or
            row["sessions"] != row["sessions_up"] or
            (row["waiting"] and not row["sites_paused"])
            for row in (one, two))

    def jump_until(self, done, step, seconds=120, jumps=100):
        """Move the clock by step seconds, whenever all rests, until done()
        is true.  A clock that moves while something goes on would make it
        time out."""
        for _ in range(jumps):
            wait_until(lambda: done() or self.resting(), seconds,
                       "an end or a rest", step=0.05)
            if done():
                return
            self.clock.jump(step)
            self.wait_turn(seconds)
        raise Failed("it did not come in %d jumps of %g s; the queue: %r" % (
            jumps, step, self.ctl("queue", "summary", status=None)))

    def wait_turn(self, seconds):
        """Until queue has looked at the clock and done what was due."""
        time.sleep(0.25)        # timers of a test look ten times a second
        self.ctl("queue", "summary", seconds=seconds)

    def check_sum(self, row):
        if sum(row[k] for k in _figures) != row["count"]:
            raise Failed("the figures do not sum to the count: %r" % row)

    def outcomes(self, campaign, *options):
        return self.ctl("campaign", "outcomes", campaign, *options)

    # ---- mail in the sink

    def mail_to(self, address):
        return [m for m in self.sink.messages() if address in m.rcpts]

    def wait_mail(self, address, count=1, seconds=30):
        """Until the sink has that many for the address; the last one."""
        def there():
            found = self.mail_to(address)
            return len(found) >= count and found[-1]
        return wait_until(there, seconds, "mail %d to %s" % (count, address))

    # ---- the web

    def http(self, method, target, *args, **kwargs):
        return http(self.daemon.http_port, method, target, *args, **kwargs)

    def confirm(self, message):
        """Press the button of the page that the mail's link leads to."""
        path = link(message, "/c/")
        page = self.http("GET", path)
        if page.status != 200 or b"<form" not in page.body:
            raise Failed("GET %s: %r" % (path, page))
        shown = re.findall(r'name="shown" value="([0-9a-f]+)"', page.text())
        from .http import urlencoded
        content_type, body = urlencoded({"shown": "".join(shown)})
        done = self.http("POST", path, body=body, content_type=content_type)
        if done.status != 200:
            raise Failed("POST %s: %r" % (path, done))
        return done

    def join(self, name, address, wait=True, **kwargs):
        """Fill in the form of a list and post it, as a person would."""
        token = form_token(self.http("GET", "/join/" + name, **kwargs))
        if wait:
            self.clock.jump(FORM_SECONDS)
        return self.post_join(name, address, token, **kwargs)

    def post_join(self, name, address, token, **kwargs):
        from .http import urlencoded
        content_type, body = urlencoded({"form": token, "address": address})
        return self.http("POST", "/join/" + name, body=body,
                         content_type=content_type, **kwargs)


def text_of(message):
    """The decoded text/plain part of a sink's message."""
    text = message.parsed().get_body(("plain",)).get_content()
    return text.replace("\r\n", "\n")


def link(message, prefix):
    """The path of the link in the text that begins with prefix."""
    found = re.findall(r"https?://[^\s/]+(%s[a-z0-9]+)" % re.escape(prefix),
                       text_of(message))
    if len(set(found)) != 1:
        raise Failed("links to %s: %r in %r" % (prefix, found,
                                                text_of(message)))
    return found[0]


def form_token(page):
    found = re.findall(r'name="form" value="([a-z0-9]+)"', page.text())
    if page.status != 200 or len(found) != 1:
        raise Failed("no form: %r" % page)
    return found[0]


def unsubscribe_urls(message):
    """(path of the HTTPS link, mailto address) of List-Unsubscribe."""
    value = re.sub(r"\s+", "", message.parsed()["List-Unsubscribe"])
    found = re.fullmatch(r"<https://[^/>]+(/[^>]*)>,<mailto:([^>?]+)[^>]*>",
                         value)
    if not found:
        raise Failed("List-Unsubscribe: %r" % value)
    return found.groups()
