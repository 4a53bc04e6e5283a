# SPDX-License-Identifier: Apache-2.0
"""The control socket of a double, and its journal's fields."""

import json
import re
import socket

from .core import Failed

SECONDS = 30

_escape = re.compile(r"\\x([0-9a-f]{2})")


class Control:
    def __init__(self, path, who):
        self.who = who
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SECONDS)
        self._socket.connect(path)
        self._rest = b""

    def ask(self, line):
        """Send one line; returns the JSON value of the answer."""
        self._socket.sendall(line.encode() + b"\n")
        while b"\n" not in self._rest:
            data = self._socket.recv(65536)
            if not data:
                raise Failed("%s closed its control socket" % self.who)
            self._rest += data
        answer, _, self._rest = self._rest.partition(b"\n")
        value = json.loads(answer)
        if isinstance(value, dict) and "error" in value:
            raise Failed("%s: %s: %s" % (self.who, line, value["error"]))
        return value

    def close(self):
        self._socket.close()


def field(text):
    """A journal's field as it was: "-" is the empty one."""
    if text == "-":
        return ""
    return _escape.sub(lambda m: chr(int(m.group(1), 16)), text)


def address_of(process, seconds=10):
    """The (address, port) pairs that a double printed before "ready"."""
    from .core import wait_until

    def ready():
        if not process.alive():
            raise Failed("%s: %s" % (process.argv[0], process.err()))
        return "ready\n" in process.out()

    wait_until(ready, seconds, "%s to be ready" % process.argv[0])
    return [(words[1], int(words[2])) for words in
            (line.split() for line in process.out().splitlines())
            if words[0] == "listen"]
