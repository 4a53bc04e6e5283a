# SPDX-License-Identifier: Apache-2.0
"""A monitor and a witness of a tiled transparency log.

Written from the specifications alone (RFC 8032, RFC 9162 section 2.1, and
c2sp.org: signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles), so that
what agrees here agrees with other people's programs.
"""

import base64
import hashlib
import struct

from .core import Failed

# ---- Ed25519, RFC 8032 section 5.1, in extended coordinates

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0])
    f = (a[1] + a[0]) * (b[1] + b[0])
    g, h = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, h, f, g = f - e, f + e, h - g, h + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(n, a):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = _add(out, a)
        a = _add(a, a)
        n >>= 1
    return out


def _x(y, sign):
    if y >= P:
        raise ValueError("y")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("x")
    return P - x if x & 1 != sign else x


def _point(octets):
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = _x(y, sign)
    return (x, y, 1, x * y % P)


def _octets(a):
    z = pow(a[2], P - 2, P)
    x, y = a[0] * z % P, a[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = _point(BASE_Y.to_bytes(32, "little"))


def _number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
    return a, h[32:]


def public(seed):
    return _octets(_times(_expand(seed)[0], BASE))


def sign(seed, message):
    a, prefix = _expand(seed)
    r = _number(prefix, message) % L
    big_r = _octets(_times(r, BASE))
    k = _number(big_r, public(seed), message) % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


def verify(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    k = _number(signature[:32], key, message) % L
    return _octets(_times(s, BASE)) == _octets(
        _add(_point(signature[:32]), _times(k, _point(key))))


# ---- the tree, RFC 9162 section 2.1.1

def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def tree_hash(leaves):
    """Of leaf hashes; the definition, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + tree_hash(leaves[:k]) +
                          tree_hash(leaves[k:])).digest()


# ---- notes

ED25519, COSIGNATURE = 1, 4


def key_id(name, kind, key):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) +
                          key).digest()[:4]


def vkey(name, kind, key):
    return "%s+%s+%s" % (name, key_id(name, kind, key).hex(),
                         base64.b64encode(bytes([kind]) + key).decode())


def read_vkey(text):
    name, number, rest = text.split("+", 2)
    rest = base64.b64decode(rest, validate=True)
    kind, key = rest[0], rest[1:]
    if bytes.fromhex(number) != key_id(name, kind, key):
        raise Failed("%s: not its id" % text)
    return name, kind, key


class Checkpoint:
    """What a note says, whoever signed it."""

    def __init__(self, note):
        self.note = note
        self.body, self.signatures = note.rsplit("\n\n", 1)
        self.body += "\n"
        self.lines = self.signatures.splitlines()
        self.origin, size, root = self.body.splitlines()[:3]
        self.size = int(size)
        self.root = base64.b64decode(root, validate=True)

    def signed_by(self, text):
        """True, or the time of a cosignature; False when it is not."""
        name, kind, key = read_vkey(text)
        for line in self.lines:
            dash, who, what = line.split(" ")
            what = base64.b64decode(what, validate=True)
            if (dash, who, what[:4]) != ("\u2014", name,
                                         key_id(name, kind, key)):
                continue
            what, message, time = what[4:], self.body, True
            if kind == COSIGNATURE:
                time, what = struct.unpack(">Q", what[:8])[0], what[8:]
                message = "cosignature/v1\ntime %d\n%s" % (time, self.body)
            return verify(key, message.encode(), what) and time
        return False


class Witness:
    def __init__(self, name, seed):
        self.name, self.seed = name, hashlib.sha256(seed).digest()
        self.key = public(self.seed)
        self.vkey = vkey(name, COSIGNATURE, self.key)

    def cosign(self, checkpoint, time):
        """The note with our line behind it."""
        message = "cosignature/v1\ntime %d\n%s" % (time, checkpoint.body)
        what = key_id(self.name, COSIGNATURE, self.key) + struct.pack(
            ">Q", time) + sign(self.seed, message.encode())
        return checkpoint.note + "\u2014 %s %s\n" % (
            self.name, base64.b64encode(what).decode())


# ---- tiles

def tile_path(level, n, width):
    """level is a number or "entries"."""
    groups = ["%03d" % (n % 1000)]
    while n >= 1000:
        n //= 1000
        groups.insert(0, "x%03d" % (n % 1000))
    return "tile/%s/%s%s" % (level, "/".join(groups),
                             ".p/%d" % width if width < 256 else "")


class Log:
    """fetch(path) returns octets or raises."""

    def __init__(self, fetch, vkeys):
        self.fetch, self.vkeys = fetch, vkeys
        self.entries = []

    def checkpoint(self):
        c = Checkpoint(self.fetch("checkpoint").decode())
        if not any(c.origin == read_vkey(v)[0] and c.signed_by(v)
                   for v in self.vkeys):
            raise Failed("not signed by the log: %r" % c.note)
        return c

    def _tiles(self, level, size):
        """(number, width, octets) of all tiles of a level."""
        for n in range((size + 255) // 256):
            width = min(256, size - 256 * n)
            yield width, self.fetch(tile_path(level, n, width))

    def read(self, c):
        """All of its entries; every tile must be the tree's."""
        entries = []
        for width, data in self._tiles("entries", c.size):
            for _ in range(width):
                n = struct.unpack(">H", data[:2])[0]
                entries.append(data[2:2 + n])
                data = data[2 + n:]
            if data:
                raise Failed("octets behind the last entry")
        if entries[:len(self.entries)] != self.entries[:len(entries)]:
            raise Failed("entries that were read before have changed")
        self.entries = max(entries, self.entries, key=len)
        hashes = level = [leaf_hash(e) for e in entries]
        number = 0
        while level:
            for n, (width, data) in enumerate(self._tiles(number,
                                                          len(level))):
                if data != b"".join(level[256 * n:256 * n + width]):
                    raise Failed("tile %d of level %d" % (n, number))
            level = [tree_hash(level[i:i + 256])
                     for i in range(0, len(level) // 256 * 256, 256)]
            number += 1
        if tree_hash(hashes) != c.root:
            raise Failed("the entries do not make the root")
        return hashes
