# SPDX-License-Identifier: Apache-2.0
"""A strict reader of the text format of Prometheus, version 0.0.4.

It refuses what a lenient one passes over: a family without help or type, one
that is told in two places, a sample told twice, names and labels of the wrong
characters, wrong escapes, a counter without _total or one that is no whole
number, units that are no base units, and a histogram that does not add up.
"""

import math
import re

from .core import Failed

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_name = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_label = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
_number = re.compile(r"\+Inf|-?[0-9]+(\.[0-9]+)?")
_bad_units = re.compile(r"_(ms|us|milliseconds|microseconds|minutes|hours|"
                        r"kb|mb|kilobytes|megabytes|percent)(_|$)")
_types = ("counter", "gauge", "histogram")


class Exposition:
    """families: {name: (type, help)}; samples: {(name, labels): number},
    where labels is a sorted tuple of (name, value)."""

    def __init__(self, text):
        self.families = {}
        self.samples = {}
        self._current = None
        if not text.endswith("\n"):
            raise Failed("metrics: the last line has no end")
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                self._line(line)
            except ValueError as e:
                raise Failed("metrics: line %d: %s: %r" % (
                    number, e, line)) from None
        for name, (kind, _help) in self.families.items():
            if kind is None:
                raise Failed("metrics: %s has no type" % name)
            if kind == "histogram":
                self._check_histogram(name)

    def get(self, name, **labels):
        """A sample; a missing one fails."""
        key = (name, tuple(sorted(labels.items())))
        if key not in self.samples:
            raise Failed("metrics: no %s%r" % key)
        return self.samples[key]

    def sum(self, name, **labels):
        """Of all samples of that name that have these labels."""
        return sum(v for (n, ls), v in self.samples.items()
                   if n == name and set(labels.items()) <= set(ls))

    def label_values(self, name, label):
        return {dict(ls)[label] for n, ls in self.samples if n == name}

    # ---- one line

    def _line(self, line):
        if line.startswith("# HELP "):
            self._help(line[7:])
        elif line.startswith("# TYPE "):
            self._kind(line[7:])
        elif line.startswith("#") or not line:
            raise ValueError("a comment or an empty line")
        else:
            self._sample(line)

    def _help(self, rest):
        name, _, text = rest.partition(" ")
        if not _name.fullmatch(name) or not text.strip():
            raise ValueError("no name or no text")
        if name in self.families:
            raise ValueError("told in two places")
        if re.search(r"\\(?![\\n])", text):
            raise ValueError("a wrong escape")
        self.families[name] = (None, text)
        self._current = name

    def _kind(self, rest):
        name, _, kind = rest.partition(" ")
        if name != self._current or self.families[name][0] is not None:
            raise ValueError("a type that is not behind its help")
        if kind not in _types:
            raise ValueError("not a type")
        if (kind == "counter") != name.endswith("_total"):
            raise ValueError("counters, and they alone, end in _total")
        if _bad_units.search(name):
            raise ValueError("not a base unit")
        self.families[name] = (kind, self.families[name][1])

    def _family(self, name):
        for end in ("_bucket", "_sum", "_count"):
            stem = name[:-len(end)]
            if name.endswith(end) and self.families.get(
                    stem, ("",))[0] == "histogram":
                return stem
        return name

    def _sample(self, line):
        m = _name.match(line)
        if m is None:
            raise ValueError("not a name")
        name, rest = m.group(), line[m.end():]
        labels = []
        if rest.startswith("{"):
            rest = rest[1:]
            while not rest.startswith("}"):
                m = _label.match(rest)
                if m is None:
                    raise ValueError("not a label")
                labels.append(m.groups())
                rest = rest[m.end():]
                if rest.startswith(",") and not rest.startswith(",}"):
                    rest = rest[1:]
                elif not rest.startswith("}"):
                    raise ValueError("no comma")
            rest = rest[1:]
        if not rest.startswith(" ") or not _number.fullmatch(rest[1:]):
            raise ValueError("not one blank and a number")
        family = self._family(name)
        if family != self._current:
            raise ValueError("not below its family's head")
        kind = self.families[family][0]
        if kind is None or (kind == "histogram") == (name == family):
            raise ValueError("not a sample of its type")
        if len({n for n, _v in labels}) != len(labels):
            raise ValueError("a label twice")
        value = float(rest[1:])
        if kind == "counter" and (value < 0 or value != int(value)):
            raise ValueError("a counter that is no count")
        key = (name, tuple(sorted(labels)))
        if key in self.samples:
            raise ValueError("told twice")
        self.samples[key] = value

    # ---- a histogram

    def _check_histogram(self, name):
        buckets = [(float(dict(ls)["le"]), v)
                   for (n, ls), v in self.samples.items()
                   if n == name + "_bucket"]
        if [b for b, _v in buckets] != sorted({b for b, _v in buckets}):
            raise Failed("metrics: %s: buckets out of order" % name)
        if not buckets or buckets[-1][0] != math.inf:
            raise Failed("metrics: %s: no +Inf" % name)
        if [v for _b, v in buckets] != sorted(v for _b, v in buckets):
            raise Failed("metrics: %s: buckets do not add up" % name)
        if self.get(name + "_count") != buckets[-1][1]:
            raise Failed("metrics: %s: _count is not +Inf" % name)
        self.get(name + "_sum")
