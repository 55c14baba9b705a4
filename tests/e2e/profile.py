# SPDX-License-Identifier: BSD-2-Clause
"""Reads pprof profiles: just the fields that a reference profile has."""

import gzip


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """Yields (number, value) for each field of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value = data[at : at + size]
            assert len(value) == size, "truncated message"
            at += size
        else:
            raise ValueError(f"unexpected wire type {key & 7}")
        yield key >> 3, value


def packed(value):
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        numbers.append(number)
    return numbers


class Profile:
    """chains: {(root, ..., last element): (objects, bytes)}."""

    def __init__(self, path):
        with gzip.open(path) as file:
            data = file.read()
        strings, functions, locations, samples, types, comments = [], {}, {}, [], [], []
        for number, value in fields(data):
            if number == 6:
                strings.append(value.decode())
            elif number == 5:
                message = dict(fields(value))
                functions[message[1]] = message[2]
            elif number == 4:
                message = dict(fields(value))
                locations[message[1]] = dict(fields(message[4]))[1]
            elif number == 2:
                samples.append(list(fields(value)))
            elif number == 1:
                types.append(dict(fields(value)))
            elif number == 13:
                comments += packed(value)
        self.sample_count = len(samples)
        self.types = [(strings[t[1]], strings[t[2]]) for t in types]
        self.comments = [strings[c] for c in comments]
        self.chains = {}
        for sample in samples:
            ids, values = [], []
            for number, value in sample:
                if number == 1:
                    ids += packed(value)
                elif number == 2:
                    values += packed(value)
            chain = tuple(strings[functions[locations[i]]] for i in reversed(ids))
            assert chain not in self.chains, f"two samples for {chain}"
            self.chains[chain] = tuple(values)

    def at(self, chain):
        return self.chains.get(tuple(chain), (0, 0))

    def under(self, chain):
        """Objects and bytes at a chain and below it."""
        chain = tuple(chain)
        found = [v for c, v in self.chains.items() if c[: len(chain)] == chain]
        return sum(v[0] for v in found), sum(v[1] for v in found)

    def total(self):
        return self.under(())

    def untyped(self):
        found = [v for c, v in self.chains.items() if "$sub_objects$" in c]
        return sum(v[0] for v in found), sum(v[1] for v in found)
