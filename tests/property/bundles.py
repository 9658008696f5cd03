"""Hypothesis strategies for bundles that a document can express."""

from __future__ import annotations

from hypothesis import strategies as st

from roost.model.bundle import Bundle, BundleType, Dependent, InstanceBundle, ServiceBundle
from roost.model.bundle_json import GROUPINGS, KINDS, RESTART_ON
from roost.model.properties import Property, PropertyGroup, PropertyType, make_group

T = PropertyType

# Few names, so that those with a meaning meet each other in all combinations.
IDENTIFIERS = st.sampled_from(["a", "b-1", "com.example,c", "x" * 119]) | st.from_regex(
    r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True
)
PROPERTY_NAMES = IDENTIFIERS | st.sampled_from(
    [
        *("type", "exec", "timeout_seconds", "user", "group", "use_profile", "profile", "project"),
        *("environment", "grouping", "restart_on", "entities", "external", "stability", "name"),
        *("restarter", "single_instance", "entity_stability", "enabled", "complete", "C", "en_GB"),
        *("title", "section", "manpath", "uri", "required", "target", "pg_pattern", "event"),
        *("smtp,to", "smtp,active", "cardinality_min", "cardinality_max", "values_value"),
        *("common_name_C", "constraints_range", "choices_include", "values_value0_description_C"),
    ]
)
GROUP_NAMES = IDENTIFIERS | st.sampled_from(
    [
        *("general", "method_context", "start", "stop", "dependents", "tm_common_name"),
        *("tm_description", "tm_man_x", "tm_doc_x", "tm_pgpat_x", "tm_proppat_x", "periodic"),
    ]
)
GROUP_TYPES = IDENTIFIERS | st.sampled_from(
    [
        *("framework", "application", "method", "dependency", "notify_params", "schedule"),
        *("template", "template_pg_pattern", "template_prop_pattern"),
    ]
)
# What XML 1.0 can hold.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=["\ufffe", "\uffff"]).filter(
        lambda char: char in "\t\n\r" or char >= " "
    ),
    max_size=12,
) | st.sampled_from(["", " x ", "A=b", "method", "service", "require_all", "none", "Stable", "C"])
SERVICES = st.sampled_from(["svc:/x", "svc:/x/y:z", "svc:/m:default", "plain/name"])
COUNTS = st.integers(0, 2**64 - 1).map(str)

VALUES: dict[PropertyType, st.SearchStrategy[str]] = {
    T.BOOLEAN: st.sampled_from(["true", "false"]),
    T.COUNT: COUNTS,
    T.INTEGER: st.integers(-(2**63), 2**63 - 1).map(str),
    T.TIME: st.tuples(st.integers(-5, 5), st.integers(0, 10**9 - 1)).map("{0[0]}.{0[1]:09}".format),
    T.OPAQUE: st.binary(max_size=5).map(bytes.hex),
    T.ASTRING: TEXTS,
    T.USTRING: TEXTS,
    T.URI: st.sampled_from(["http://x/", "file:/y", ""]),
    T.FMRI: SERVICES | st.just("file://localhost/etc/x"),
    T.HOST: st.sampled_from(["h.example", "10.0.0.1", "::1"]),
    T.HOSTNAME: st.sampled_from(["h", "h.example."]),
    T.NET_ADDRESS: st.sampled_from(["10.0.0.1/8", "fe80::1/64"]),
    T.NET_ADDRESS_V4: st.just("10.0.0.1"),
    T.NET_ADDRESS_V6: st.just("::1/128"),
}


@st.composite
def properties(draw: st.DrawFn) -> Property:
    kind = draw(st.sampled_from(PropertyType))
    return Property(draw(PROPERTY_NAMES), kind, tuple(draw(st.lists(VALUES[kind], max_size=3))))


def astring(name: str, *values: str) -> Property:
    return Property(name, T.ASTRING, values)


@st.composite
def methods(draw: st.DrawFn, extra: list[Property]) -> PropertyGroup:
    """A group with the shape of a method, and whatever else."""
    own = [
        astring("type", "method"),
        astring("exec", draw(TEXTS)),
        Property("timeout_seconds", T.COUNT, (draw(COUNTS),)),
    ]
    if draw(st.booleans()):
        own += [astring("user", "root"), Property("use_profile", T.BOOLEAN, ("false",))]
    if draw(st.booleans()):
        own.append(astring("environment", *draw(st.lists(st.just("A=b c"), max_size=2))))
    return make_group(draw(GROUP_NAMES), "method", [*extra, *own])


@st.composite
def dependencies(draw: st.DrawFn, extra: list[Property]) -> PropertyGroup:
    """A group with the shape of a dependency, and whatever else."""
    own = [
        astring("type", draw(st.sampled_from(["service", "path", "foo"]))),
        astring("grouping", draw(st.sampled_from(GROUPINGS))),
        astring("restart_on", draw(st.sampled_from(RESTART_ON))),
        Property("entities", T.FMRI, tuple(draw(st.lists(VALUES[T.FMRI], max_size=3)))),
    ]
    return make_group(draw(GROUP_NAMES), "dependency", [*extra, *own])


@st.composite
def groups(draw: st.DrawFn) -> PropertyGroup:
    extra = draw(st.lists(properties(), max_size=4, unique_by=lambda prop: prop.name))
    shape = draw(st.sampled_from(["any", "method", "dependency"]))
    if shape == "method":
        return draw(methods(extra))
    if shape == "dependency":
        return draw(dependencies(extra))
    return make_group(draw(GROUP_NAMES), draw(GROUP_TYPES), extra)


@st.composite
def dependents(draw: st.DrawFn) -> Dependent:
    taken = {"type", "grouping", "restart_on", "entities", "external"}
    free = properties().filter(lambda prop: prop.name not in taken)
    return Dependent(
        draw(IDENTIFIERS),
        draw(st.sampled_from(GROUPINGS)),
        draw(st.sampled_from(RESTART_ON)),
        draw(SERVICES),
        draw(st.booleans()),
        draw(st.booleans()),
        tuple(draw(st.lists(free, max_size=2, unique_by=lambda prop: prop.name))),
    )


@st.composite
def instances(draw: st.DrawFn, *, is_open: bool) -> InstanceBundle:
    enabled = st.booleans() | st.none() if is_open else st.booleans()
    parts = draw(entity_parts(is_instance=True))
    return InstanceBundle(draw(IDENTIFIERS | st.just("default")), draw(enabled), *parts)


Parts = tuple[
    tuple[PropertyGroup, ...],
    tuple[Dependent, ...],
    tuple[str, ...],
    frozenset[tuple[str, str]],
]


@st.composite
def entity_parts(draw: st.DrawFn, *, is_instance: bool) -> Parts:
    found = draw(st.lists(groups(), max_size=4, unique_by=lambda group: group.name))
    names = {group.name for group in found}
    dependent_ones = draw(st.lists(dependents(), max_size=2, unique_by=lambda one: one.name))
    kept = tuple(one for one in dependent_ones if one.name not in names)
    names |= {one.name for one in kept}
    deleted = draw(st.lists(IDENTIFIERS, max_size=2, unique=True))
    pairs = [
        (group.name, name)
        for group in found
        for name in group.properties
        if not (is_instance and (group.name, name) == ("general", "enabled"))
    ]
    overrides = draw(st.sets(st.sampled_from(pairs), max_size=2)) if pairs else set()
    return tuple(found), kept, tuple(n for n in deleted if n not in names), frozenset(overrides)


@st.composite
def services(draw: st.DrawFn, *, is_open: bool) -> ServiceBundle:
    found, dependent_ones, deleted, overrides = draw(entity_parts(is_instance=False))
    inner = draw(st.lists(instances(is_open=is_open), max_size=2, unique_by=lambda one: one.name))
    name = draw(st.sampled_from(["site/a", "b", "c/d,e/f"]))
    version, kind = draw(st.integers(0, 99)), draw(st.sampled_from(KINDS))
    return ServiceBundle(
        name, version, kind, found, dependent_ones, tuple(inner), deleted, overrides
    )


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    kind = draw(st.sampled_from(BundleType))
    one = services(is_open=kind is BundleType.PROFILE)
    found = draw(st.lists(one, max_size=2, unique_by=lambda service: service.name))
    return Bundle(kind, draw(IDENTIFIERS), tuple(found))
