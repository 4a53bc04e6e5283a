# SPDX-License-Identifier: Apache-2.0
"""The test DNS server (tests/fake_dns.c, tests/fake_dns.h)."""

import base64
import collections
import subprocess

from .control import Control, address_of, field

Query = collections.namedtuple("Query",
                               "ms protocol name type code answers remark")


def zone_key(t, apex):
    """A key that signs a zone: (its line of the zone file, its line of
    dnssec_anchor)."""
    path = t.fresh("zone-key")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", path], check=True,
                   timeout=60, stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout",
                             "-outform", "DER"], check=True, timeout=60,
                            stdout=subprocess.PIPE).stdout[-64:]
    return ("%s SIGN %s" % (apex, path), "%s. IN DNSKEY 257 3 13 %s" % (
        apex, base64.b64encode(public).decode()))


class Dns:
    """zone is the text of a zone file."""

    def __init__(self, t, zone="", ttl=1, port=0):
        stem = t.fresh("dns")
        self._stem = stem
        self._text = zone
        self._write()
        self.process = t.spawn(
            [t.program("tests/fake_dns"), "-l", "127.0.0.1:%d" % port,
             "--ttl", str(ttl), "--log", stem + ".journal",
             "--control", stem + ".control", stem + ".zone"],
            "dns-process")
        self.address, self.port = address_of(self.process)[0]
        self.control = Control(stem + ".control", "fake_dns")
        t.cleanups.append(self.control.close)

    def _write(self):
        with open(self._stem + ".zone", "w") as f:
            f.write(self._text + "\n")

    @property
    def server(self):
        """As the setting `resolver` takes it."""
        return "%s@%d" % (self.address, self.port)

    def zone(self, text):
        """Replace the zone."""
        self._text = text
        self._write()
        self.control.ask("reload")

    def add(self, text):
        """Add lines to the zone."""
        self.zone(self._text + "\n" + text)

    def mute(self, on=True):
        """Answer nothing, as if the server were gone."""
        self.control.ask("mute " + ("on" if on else "off"))

    def queries(self, name=None):
        self.control.ask("flush")
        found = []
        with open(self._stem + ".journal") as f:
            for line in f:
                w = [field(x) for x in line.rstrip("\n").split("\t")]
                if name is None or w[2] == name:
                    found.append(Query(float(w[0]), w[1], w[2], w[3], w[4],
                                       int(w[5]), w[6]))
        return found
