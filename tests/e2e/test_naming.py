# SPDX-License-Identifier: BSD-2-Clause
"""What the elements of chains are called: by default as Go names fields, and with --names goref as goref
does. One program has each kind of element; with DWARF and without it they have the same names."""

import re
import shutil

import pprof
import pytest
from running import OK, USAGE, Target, grf
from toolchains import PROGRAMS

VERSIONS = ["1.17.13", "1.21.13", "1.24.9", "1.26", "1.27.0"]
STRIPPED = ("-ldflags=-s -w",)

# Elements of one kind each, with what leads there, and how many objects stand there.
NAMES = [
    (("main.Server.Base.First",), 1),
    (("main.Server.Plain", "main.Leaf.Next"), 1),
    (("main.Server.Anonymous.Inner.Deep",), 1),
    (("main.Server.Anonymous.List", "[] (*main.Leaf)"), 1),
    (("main.Server.Nameless", "[] (struct)", "main.Server.Nameless.Held"), 1),
    (("main.Server.Conn (*main.Leaf)",), 1),
    (("main.Server.Any (*main.Leaf)", "main.Leaf.Text"), 1),
    (("main.Server.Boxed (string)",), 2),
    (("main.Server.Handler (main.handlerOf.func1)",), 1),
    (("main.Server.Queue", "[] (*main.Leaf)"), 99),
    (("main.Server.Queue", "[<0] (*main.Leaf)"), 1),
    (("main.Server.ByName", "$mapkey (string)"), 1),
    (("main.Server.ByName", "$mapval (*main.Leaf)"), 1),
    (("main.Server.ByAny", "$mapkey (string)"), 2),
    (("main.Server.ByAny", "$mapval (*main.Leaf)"), 1),
    (("main.Server.Anys", "[] (*main.Leaf)"), 1),
    (("main.Server.Anys", "[] (string)"), 2),
    (("main.Server.Sessions", "$mapkey (string)"), 400),
    (("main.Server.Sessions", "$mapval (*main.Leaf)"), 200),
    (("main.Server.Registry.Map", "$mapkey (*main.Leaf)"), 1),
    (("main.Server.Registry.Map", "$mapval (*main.Leaf)"), 1),
    (("main.Server.Value (*main.Leaf)",), 1),
    (("main.Server.Later (timer main.laterOf.func1)",), 1),
    (("main.Server.Ticker (timer chan time.Time)",), 1),
    (("main.Server.Requests", "[] (*main.Leaf)"), 1),
    (("main.Server.Node", "example.com/programs/named/node.v3.Node.Next"), 1),
]
# A pool's items, which without DWARF may be reached by way of the list of all pools.
POOLED = (("$pooled (*main.Leaf)",), 3)
# Roots and captured variables, which have names with DWARF only.
WITH_DWARF = [
    (("main.waiter.held",), 1),
    (("main.Server.Handler (main.handlerOf.func1)", "main.handlerOf.func1.held"), 1),
    (("example.com/programs/named/node.v3.Kept",), 1),
    (("main.parts", "$mapval (*struct)", "main.parts.Part"), 1),
]
# A field of a struct without a name is not called after a function or a section.
WITHOUT_DWARF = [(("$mapval (*struct)", "struct.Part"), 1)]
GENERIC = [
    (("main.Box[*main.Leaf].Value",), 4),
    (("main.pairs", "$mapval (main.Pair[string,*main.Leaf])", "main.Pair[string,*main.Leaf].Key"), 1),
    (("main.List[main.Pair[int,*main.Leaf]].Items", "[] (main.Pair[int,*main.Leaf])",
      "main.Pair[int,*main.Leaf].Value"), 2),
]

# What no element may have in it: types as goref has them, indices, the insides of containers, escapes.
FOREIGN = re.compile(
    r"\. \(|\[\d+\+?\] \(|%2e|interface \{\}$|^sync\.(Map|Pool|poolLocal|poolChain|poolDequeue|readOnly|entry)\b"
    r"|^internal/(sync|concurrent)\.(HashTrieMap|indirect|entry)\["
)


def profiles(executable, folder):
    """The profile of one core in each naming."""
    with Target(executable) as target:
        core = target.core(folder / "core")
    found = {}
    for naming in ("go", "goref"):
        output = folder / naming
        grf("core", executable, core, "--names", naming, "-o", output).expect(OK)
        found[naming] = pprof.read(output).chains
    shutil.rmtree(folder)
    return found


def total(chains):
    return sum(objects for objects, _ in chains.values()), sum(size for _, size in chains.values())


def objects_at(chains, tail):
    """How many objects stand where a chain ends with these elements."""
    return sum(objects for chain, (objects, _) in chains.items() if chain[-len(tail):] == tail)


def missing(chains, names):
    found = [(tail, count, objects_at(chains, tail)) for tail, count in names]
    return [f"{' > '.join(tail)}: {at}, not {count}" for tail, count, at in found if at != count]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("flags", [(), STRIPPED], ids=["dwarf", "stripped"])
def test_names(version, flags, build, tmp_path):
    found = profiles(build("named", version=version, flags=flags), tmp_path)
    chains = found["go"]
    assert total(chains) == total(found["goref"])
    assert not missing(chains, [*NAMES, POOLED, *(WITHOUT_DWARF if flags else WITH_DWARF)])
    elements = {element for chain in chains for element in chain}
    assert not [element for element in elements if FOREIGN.search(element)]
    if not flags:
        assert ("main.server", "main.Server.Buffers", *POOLED[0]) in chains


@pytest.mark.parametrize("flags", [(), STRIPPED], ids=["dwarf", "stripped"])
@pytest.mark.parametrize("kind", sorted(path.parent.name for path in PROGRAMS.glob("*/expect.json")))
def test_totals(kind, flags, build, tmp_path):
    """No object is lost or found by a name."""
    found = profiles(build(kind, flags=flags), tmp_path)
    assert total(found["go"]) == total(found["goref"])


def test_goref(build, tmp_path):
    """The other naming is as it ever was."""
    chains = profiles(build("named"), tmp_path)["goref"]
    assert not missing(chains, [
        (("main.server", "Base. (main.Base)", "First. (*main.Leaf)"), 1),
        (("Anonymous. (struct { Inner struct { Deep *main.Leaf }; List []*main.Leaf })",
          "Inner. (struct { Deep *main.Leaf })", "Deep. (*main.Leaf)"), 1),
        (("Conn. (main.Conn)",), 1),
        (("Handler. (func() string)", "main.handlerOf.func1", "held. (*main.Leaf)"), 1),
        (("Queue. ([]*main.Leaf)", "[0]. (*main.Leaf)"), 1),
        (("Queue. ([]*main.Leaf)", "[10+]. (*main.Leaf)"), 89),
        (("Queue. ([]*main.Leaf)", "[<0]. (*main.Leaf)"), 1),
        (("ByName. (map[string]*main.Leaf)", "$mapval. (*main.Leaf)"), 1),
        (("example.com/programs/named/node%2ev3.Kept",), 1),
    ])


@pytest.mark.parametrize("version", ["1.21.13", "1.24.9"])
@pytest.mark.parametrize("flags", [(), STRIPPED], ids=["dwarf", "stripped"])
def test_generics(version, flags, build, tmp_path):
    found = profiles(build("generics", version=version, flags=flags), tmp_path)
    assert total(found["go"]) == total(found["goref"])
    if not flags:
        assert not missing(found["go"], GENERIC)
        roots = {chain[0] for chain in found["go"]}
        assert {"main.hold[*main.Leaf].held", "main.hold[string].held"} <= roots


def test_escapes_are_undone_everywhere(start, tmp_path):
    """The linker's %2e, in what people and programs read."""
    target = start("named")
    package = "example.com/programs/named/node.v3."
    for view, word in (("types", "Node"), ("goroutines", "Wait"), ("attach", "Wait.held")):
        files = [tmp_path / f"{view}.json", tmp_path / f"{view}.txt"]
        done = grf(view, target.pid, "-o", files[0], "-o", files[1]).expect(OK)
        said = [done.stdout, *(path.read_text() for path in files)]
        assert f'"{package}{word}"' in said[1]
        assert not [text for text in said if "%2e" in text], view


def test_unknown_naming():
    grf("core", "--names", "java", "exe", "core").expect(USAGE)
