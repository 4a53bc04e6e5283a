# SPDX-License-Identifier: Apache-2.0
"""Judging DKIM signatures with python3-dkim, without DNS."""

import re

from .core import Failed, Skip


def _module():
    try:
        import dkim
    except ImportError:
        raise Skip("no python3-dkim") from None
    return dkim


class Keys:
    """Public keys by name: {"s1._domainkey.a.example": "v=DKIM1; ..."}."""

    def __init__(self, records=None):
        self.records = dict(records or {})

    def _lookup(self, name, timeout=5):
        del timeout
        if isinstance(name, bytes):
            name = name.decode()
        text = self.records.get(name.rstrip(".").lower())
        return text.encode() if text is not None else None

    def verify(self, message):
        """Claim that every signature of message (bytes) is good and that
        there is one; returns their tags, a dict each, top first."""
        dkim = _module()
        tags = signatures(message)
        if not tags:
            raise Failed("no DKIM-Signature")
        for i in range(len(tags)):
            try:
                good = dkim.DKIM(message).verify(idx=i, dnsfunc=self._lookup)
            except dkim.DKIMException as e:
                raise Failed("DKIM signature %d: %s" % (i, e)) from None
            if not good:
                raise Failed("DKIM signature %d of %s is bad" %
                             (i, tags[i].get("d")))
        return tags


def signatures(message):
    """The tags of every DKIM-Signature field, top first."""
    head = re.sub(rb"\r\n[ \t]+", b" ", message.partition(b"\r\n\r\n")[0])
    found = []
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() != b"dkim-signature":
            continue
        tags = {}
        for part in value.decode("latin-1").split(";"):
            key, eq, text = part.partition("=")
            if eq:
                tags[key.strip()] = re.sub(r"\s+", "", text)
        found.append(tags)
    return found


def covered(tags):
    """The names in h=, folded, as a list with repetitions."""
    return [name.lower() for name in tags.get("h", "").split(":")]
