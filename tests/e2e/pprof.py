# SPDX-License-Identifier: BSD-2-Clause
"""Reads pprof profiles (github.com/google/pprof, proto/profile.proto) without a protobuf library."""

import gzip
from collections import defaultdict


class ProfileError(Exception):
    """The bytes are no profile."""


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data):
            raise ProfileError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        shift += 7
        if shift > 63:
            raise ProfileError("a number is too long")


def fields(data):
    """Yields (field number, value) of a message; the value is an int or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ProfileError("a field is cut off")
            value, at = data[at : at + length], at + length
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
            value, at = int.from_bytes(data[at : at + length], "little"), at + length
        else:
            raise ProfileError(f"field {number} is of kind {kind}")
        yield number, value


def _numbers(value):
    """A repeated number, packed or not."""
    if isinstance(value, int):
        return [value]
    at, numbers = 0, []
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


class Profile:
    """A heap profile: `chains` maps chains, root first, to (objects, bytes). `labels` has a sample's
    labels, at the place that the sample has in `samples`."""

    def __init__(self, data):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        self.strings = []
        self.samples = []
        self.labels = []
        self.comments = []
        self.time_nanos = 0
        self.mappings = []
        sample_types, samples, locations, functions, comments = [], [], [], [], []
        for number, value in fields(data):
            if number == 1:
                sample_types.append(value)
            elif number == 2:
                samples.append(value)
            elif number == 3:
                self.mappings.append(dict(fields(value)))
            elif number == 4:
                locations.append(value)
            elif number == 5:
                functions.append(value)
            elif number == 6:
                self.strings.append(value.decode())
            elif number == 9:
                self.time_nanos = _signed(value)
            elif number == 13:
                comments += _numbers(value)
        if not self.strings or self.strings[0]:
            raise ProfileError("the first string is not empty")
        self.sample_types = [self._value_type(value) for value in sample_types]
        self.comments = [self.strings[index] for index in comments]
        # Paths and build ids of programs.
        self.programs = [
            (self.strings[one.get(5, 0)], self.strings[one.get(6, 0)]) for one in self.mappings
        ]
        self._functions = dict(self._function(value) for value in functions)
        self._locations = dict(self._location(value) for value in locations)
        if 0 in self._functions or 0 in self._locations:
            raise ProfileError("an id is 0")
        self.chains = defaultdict(lambda: (0, 0))
        for value in samples:
            self._add_sample(value)
        self.chains = dict(self.chains)

    def _value_type(self, data):
        parts = dict(fields(data))
        return self.strings[parts.get(1, 0)], self.strings[parts.get(2, 0)]

    def _function(self, data):
        parts = dict(fields(data))
        return parts.get(1, 0), self.strings[parts.get(2, 0)]

    def _location(self, data):
        names, identity = [], 0
        for number, value in fields(data):
            if number == 1:
                identity = value
            elif number == 4:
                names.append(self._functions[dict(fields(value)).get(1, 0)])
        return identity, names

    def _add_sample(self, data):
        locations, values, labels = [], [], {}
        for number, value in fields(data):
            if number == 1:
                locations += _numbers(value)
            elif number == 2:
                values += [_signed(one) for one in _numbers(value)]
            elif number == 3:
                parts = dict(fields(value))
                labels[self.strings[parts[1]]] = self.strings[parts[2]]
        if len(values) != len(self.sample_types):
            raise ProfileError(f"a sample has {len(values)} values")
        # Leaf first, and in a location the innermost inlined function first.
        chain = [name for location in locations for name in self._locations[location]]
        chain.reverse()
        values = dict(zip((name for name, _ in self.sample_types), values))
        self.samples.append((tuple(chain), values))
        self.labels.append(labels)
        objects, size = self.chains[tuple(chain)]
        self.chains[tuple(chain)] = (
            objects + values.get("inuse_objects", 0),
            size + values.get("inuse_space", 0),
        )

    def totals(self):
        """(objects, bytes) of everything."""
        return tuple(sum(value[i] for value in self.chains.values()) for i in (0, 1))

    def untyped(self):
        """(objects, bytes) at and below $sub_objects$."""
        below = [value for chain, value in self.chains.items() if "$sub_objects$" in chain]
        return tuple(sum(value[i] for value in below) for i in (0, 1))


def read(path):
    with open(path, "rb") as file:
        return Profile(file.read())
