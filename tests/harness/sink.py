# SPDX-License-Identifier: Apache-2.0
"""The test SMTP server (tests/sink.c, tests/sink_rules.h)."""

import collections
import itertools
import json
import os

from .control import Control, address_of, field
from .core import Failed, wait_until

# ms is the machine's monotonic clock, as time.monotonic() * 1000.
Event = collections.namedtuple(
    "Event", "ms conn txn local port event sender rcpt reply octets detail")


def most_within(times, span):
    """The most of these times that lie within any span."""
    most, first = 0, 0
    times = sorted(times)
    for i, at in enumerate(times):
        while times[first] <= at - span:
            first += 1
        most = max(most, i - first + 1)
    return most


class Message:
    """One archived message; rcpts is a list, data the content as bytes."""

    def __init__(self, number, conn, txn, answered, sender, rcpts, data):
        self.number = number
        self.conn = conn
        self.txn = txn
        self.answered = answered
        self.sender = sender
        self.rcpts = rcpts
        self.data = data

    @property
    def rcpt(self):
        return self.rcpts[0]

    def parsed(self):
        import email
        import email.policy
        return email.message_from_bytes(self.data,
                                        policy=email.policy.default)

    def header_lines(self):
        """The raw header fields, folds kept, without the last CRLF."""
        head = self.data.partition(b"\r\n\r\n")[0]
        fields = []
        for line in head.split(b"\r\n"):
            if line[:1] in (b" ", b"\t") and fields:
                fields[-1] += b"\r\n" + line
            else:
                fields.append(line)
        return fields


class Sink:
    """addresses share one free port; tls is the path of a PEM file."""

    def __init__(self, t, addresses=("127.0.0.1",), tls=None, rules=None,
                 store=True, journal=True, options=(), port=0):
        self.t = t
        stem = t.fresh("sink")
        self._stem = stem
        argv = [t.program("tests/sink"), "--control", stem + ".control"]
        for address in addresses:
            host, *rest = address.split(",", 1)
            argv += ["-l", ",".join(["%s:%d" % (host, port)] + rest)]
        if tls:
            argv += ["--tls", tls]
        self.store = stem + ".store"
        if store:
            argv += ["--store", self.store]
        if journal:
            argv += ["--log", stem + ".journal"]
        if rules:
            argv += ["--rules", self._write_rules(rules)]
        self.process = t.spawn(argv + list(options), "sink-process")
        self.listeners = address_of(self.process)
        self.port = self.listeners[0][1]
        self.address = self.listeners[0][0]
        self.control = Control(stem + ".control", "sink")
        t.cleanups.append(self.control.close)

    def _write_rules(self, text):
        path = self._stem + ".rules"
        with open(path, "w") as f:
            f.write(text)
        return path

    def rules(self, text):
        """Take these rules from now on; None or "" for none."""
        self.control.ask("rules " + (self._write_rules(text) if text
                                     else "-"))

    def summary(self):
        return self.control.ask("summary")

    def flush(self):
        self.control.ask("flush")

    def reset(self):
        """Counters and recipients to zero; journal and archive go on."""
        self.control.ask("reset")

    def store_off(self):
        """Keep no more messages; those kept stay."""
        self.control.ask("store off")

    def disconnect(self):
        """A TCP reset for every open connection."""
        self.control.ask("disconnect")

    def refuse(self, on=True):
        """Stop listening, or start again; open connections stay."""
        self.control.ask("refuse " + ("on" if on else "off"))

    def wait_for(self, seconds=30, **minimum):
        """Until counters of the summary have reached these values."""
        def reached():
            now = self.summary()
            return all(now[k] >= v for k, v in minimum.items()) and now
        try:
            return wait_until(reached, seconds, "sink: %r" % minimum)
        except Failed as e:
            raise Failed("%s; it is at %r" % (e, {
                k: self.summary()[k] for k in minimum})) from None

    def events(self, *names):
        """The journal so far, all of it or the events of these names."""
        self.flush()
        found = []
        with open(self._stem + ".journal") as f:
            for line in f:
                w = line.rstrip("\n").split("\t")
                if not names or w[5] in names:
                    found.append(Event(
                        float(w[0]), int(w[1]), int(w[2]), w[3], int(w[4]),
                        w[5], field(w[6]), field(w[7]), field(w[8]),
                        int(w[9]), field(w[10])))
        return found

    def messages(self, start=0):
        """The archive so far, in order of arrival, without the first."""
        self.flush()
        found = []
        with open(os.path.join(self.store, "messages"), "rb") as texts, \
                open(os.path.join(self.store, "index")) as index:
            for line in itertools.islice(index, start, None):
                w = line.rstrip("\n").split("\t")
                texts.seek(int(w[1]))
                found.append(Message(
                    int(w[0]), int(w[3]), int(w[4]), w[5] == "1",
                    field(w[6]), [field(r) for r in w[7:]],
                    texts.read(int(w[2]))))
        return found

    def counts(self):
        """{recipient: (accepted, unanswered)}"""
        path = self._stem + ".counts"
        self.control.ask("counts " + path)
        found = {}
        with open(path) as f:
            for line in f:
                accepted, unanswered, name = line.rstrip("\n").split("\t")
                found[field(name)] = (int(accepted), int(unanswered))
        return found

    def anomalies(self):
        """What no correct client does, as the journal says it."""
        return ["%s %s" % (e.rcpt, e.detail) for e in self.events("anomaly")]

    def probes(self):
        """What asks about addresses and sends nothing (S11): VRFY, EXPN, and
        a RCPT that was accepted with no content behind it."""
        found = ["conn %d: %s" % (e.conn, e.detail)
                 for e in self.events("other")]
        sent = {(e.conn, e.txn) for e in self.events("data", "dot")}
        return found + ["conn %d: RCPT %s" % (e.conn, e.rcpt)
                        for e in self.events("rcpt")
                        if e.reply.startswith("2") and
                        (e.conn, e.txn) not in sent]

    def stop(self):
        """End it; returns its last summary."""
        self.control.ask("quit")
        if self.process.wait(10) is None:
            raise Failed("the sink does not end")
        return json.loads(self.process.out().splitlines()[-1])
