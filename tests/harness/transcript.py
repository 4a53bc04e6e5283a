# SPDX-License-Identifier: Apache-2.0
"""Playing a dialogue from a file against a server.

A file of tests/data/smtp holds one or more dialogues, each on a connection of
its own:

    # comment
    --- name of the dialogue
    S: 220                      a whole reply with that code
    C: EHLO client.example      this line and CRLF
    S: 250 *PIPELINING*         one of the reply's lines matches this glob
    R: a\\nb\\x00                 exactly these octets (\\r \\n \\t \\\\ \\xNN)
    S: 521|550                  either code; 5?? and the like work too
    TLS                         shake hands
    QUIET 200                   nothing comes for that many ms
    CLOSED                      the server ends the connection
"""

import fnmatch
import re

from .core import Failed
from .smtp import Closed, Smtp, Timeout

QUIET_MS = 300

_escapes = {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}


def unescape(text):
    """The octets that an R: line stands for."""
    def one(m):
        s = m.group(1)
        if s[0] == "x":
            return chr(int(s[1:], 16))
        return _escapes.get(s, s)
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", one, text).encode("latin-1")


def read_transcript(path):
    """[(name, [(line number, verb, argument)])]"""
    dialogues = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            if line.startswith("--- "):
                dialogues.append((line[4:], []))
                continue
            if not dialogues:
                raise ValueError("%s:%d: no dialogue yet" % (path, number))
            verb, _, argument = line.partition(" ")
            if verb not in ("S:", "C:", "R:", "TLS", "QUIET", "CLOSED"):
                raise ValueError("%s:%d: %s?" % (path, number, verb))
            dialogues[-1][1].append((number, verb, argument))
    return dialogues


def _check_reply(client, wanted):
    codes, _, glob = wanted.partition(" ")
    reply = client.reply()
    if not any(fnmatch.fnmatchcase(str(reply.code), code)
               for code in codes.split("|")):
        raise Failed("got %r, wanted %s" % (reply, codes))
    if glob and not any(fnmatch.fnmatchcase(line, glob)
                        for line in reply.lines):
        raise Failed("got %r, wanted a line like %s" % (reply, glob))


def _step(client, verb, argument):
    if verb == "C:":
        client.send(argument)
    elif verb == "R:":
        client.send(unescape(argument))
    elif verb == "S:":
        _check_reply(client, argument)
    elif verb == "TLS":
        client.shake_hands()
    elif verb == "QUIET":
        data = client.rest(float(argument or QUIET_MS) / 1000)
        if data:
            raise Failed("not quiet: %r" % data)
    else:
        client.expect_close()


def play_transcript(host, port, path, only=None, path_socket=None):
    """Play every dialogue of the file (or the one named); Failed says where
    they part.  Returns how many were played."""
    played = 0
    for name, steps in read_transcript(path):
        if only is not None and name != only:
            continue
        with Smtp(port, host, greeting=False, path=path_socket) as client:
            for number, verb, argument in steps:
                try:
                    _step(client, verb, argument)
                except (Failed, Closed, Timeout, ValueError,
                        AssertionError) as e:
                    raise Failed("%s:%d (%s): %s %s: %s" % (
                        path, number, name, verb, argument, e)) from None
        played += 1
    if played == 0:
        raise Failed("%s: no dialogue to play" % path)
    return played
