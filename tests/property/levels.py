"""An obvious model of what readers see of one entity: dictionaries, and the upgrade table."""

from __future__ import annotations

from hypothesis import strategies as st

from roost.model.properties import Property, PropertyGroup, PropertyType, make_group
from roost.repository.port import Change, ChangeOp

Value = tuple[PropertyType, tuple[str, ...]]
Props = dict[str, Value]
Level = dict[str, Props]


TYPES = (PropertyType.ASTRING, PropertyType.COUNT)

group_names = st.sampled_from(["g", "h"])
prop_names = st.sampled_from(["a", "b", "c"])
all_values: st.SearchStrategy[Value] = st.tuples(
    st.sampled_from(TYPES), st.lists(st.sampled_from(["1", "2"]), max_size=2).map(tuple)
)
levels: st.SearchStrategy[Level] = st.dictionaries(
    group_names, st.dictionaries(prop_names, all_values, max_size=3), max_size=2
)
changes = st.lists(
    st.builds(
        lambda op, name, value, typed: Change(op, name, value[0] if typed else None, value[1]),
        st.sampled_from(ChangeOp),
        prop_names,
        all_values,
        st.integers(0, 5).map(bool),
    ),
    max_size=3,
)


def applied(props: Props, wanted: list[Change]) -> Props | None:
    """The properties after a commit; None if an entry breaks a rule."""
    if len({change.name for change in wanted}) != len(wanted):
        return None
    result = dict(props)
    for change in wanted:
        present = props.get(change.name)
        kind = change.type
        if change.op is ChangeOp.SET and kind is None and present is not None:
            kind = present[0]
        match change.op:
            case ChangeOp.NEW:
                legal = present is None
            case ChangeOp.SET:
                legal = present is None or present[0] is kind
            case ChangeOp.CHANGE:
                legal = present is not None and present[0] is kind
            case ChangeOp.CHANGE_TYPE | ChangeOp.DELETE:
                legal = present is not None
        if not legal or (kind is None and change.op is not ChangeOp.DELETE):
            return None
        if change.op is ChangeOp.DELETE:
            del result[change.name]
        elif kind is not None:
            result[change.name] = (kind, change.values)
    return result


def merged(old: Level, new: Level, cur: Level) -> Level:
    """The upgrade table, without overrides."""
    result: Level = {}
    for name in old.keys() | new.keys() | cur.keys():
        if name in old and name not in cur:
            continue  # an administrator deleted the group
        said, says, holds = old.get(name, {}), new.get(name, {}), cur.get(name, {})
        props: Props = {}
        for prop in said.keys() | says.keys() | holds.keys():
            follows = said.get(prop) == holds.get(prop)
            value = says.get(prop) if follows else holds.get(prop)
            if value is not None:
                props[prop] = value
        if props or name in new or (name in cur and name not in old):
            result[name] = props
    return result


def groups_of(level: Level) -> tuple[PropertyGroup, ...]:
    """The groups of a bundle."""
    return tuple(
        make_group(name, "application", [Property(prop, *value) for prop, value in props.items()])
        for name, props in level.items()
    )


def plain(groups: dict[str, PropertyGroup]) -> Level:
    """Groups of the repository as the model has them."""
    return {
        name: {prop.name: (prop.type, prop.values) for prop in group.properties.values()}
        for name, group in groups.items()
    }
