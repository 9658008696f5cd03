"""``svcadm enable -r``: what has to be enabled so that an instance can come up.

Reads dependencies as the manager knows them (from the running snapshots); changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from roost.cli.replies import DependencyView, InstanceView
from roost.errors import InvalidState

MASTER_RESTARTER = "svc:/system/svc/restarter:default"


@dataclass(slots=True)
class Plan:
    """Instances to enable, each after what it needs; and what a person has to settle."""

    order: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    """Lines for standard output: groups of which one has to be chosen."""
    warnings: list[str] = field(default_factory=list)


def plan_for(
    fmri: str,
    instances: Mapping[str, InstanceView],
    dependencies_of: Callable[[str], list[DependencyView]],
    plan: Plan,
) -> None:
    """Add to ``plan`` all that ``fmri`` needs, then itself: depth first, its restarter first.

    `InvalidState` names the cycle if its dependencies lead back to themselves; the plan is
    then as it was.
    """
    draft = Plan()
    done = set(plan.order)
    path: dict[str, None] = {fmri: None}
    pending = [_needs_of(fmri, instances, dependencies_of, draft)]
    while pending:
        needed = next(pending[-1], None)
        if needed is None:
            pending.pop()
            finished, _ = path.popitem()
            done.add(finished)
            draft.order.append(finished)
        elif needed in path:
            cycle = [*list(path)[list(path).index(needed) :], needed]
            raise InvalidState(
                f"enable {fmri} with its dependencies",
                f"they form a cycle: {' -> '.join(cycle)}",
                f"svcs -l {needed}",
            )
        elif needed not in done:
            path[needed] = None
            pending.append(_needs_of(needed, instances, dependencies_of, draft))
    plan.order += [name for name in draft.order if name not in plan.order]
    plan.questions += draft.questions
    plan.warnings += draft.warnings


def _needs_of(
    fmri: str,
    instances: Mapping[str, InstanceView],
    dependencies_of: Callable[[str], list[DependencyView]],
    plan: Plan,
) -> Iterator[str]:
    """The instances that this one needs directly."""
    view = instances.get(fmri)
    if view is not None and view.restarter in instances and view.restarter != MASTER_RESTARTER:
        yield view.restarter
    for group in dependencies_of(fmri):
        if group.type == "path":
            continue
        if group.grouping == "require_all":
            yield from _targets_of(fmri, group, plan)
        elif group.grouping == "require_any":
            yield from _only_choice(fmri, group, plan)


def _targets_of(fmri: str, group: DependencyView, plan: Plan) -> Iterator[str]:
    for target in group.targets:
        if target.kind == "path":
            continue
        if len(target.instances) == 1:
            yield target.instances[0]
        elif target.instances:
            plan.warnings.append(f"{target.fmri}, which {fmri} needs, has multiple instances")
        else:
            plan.warnings.append(f"{target.fmri}, which {fmri} needs, does not exist")


def _only_choice(fmri: str, group: DependencyView, plan: Plan) -> Iterator[str]:
    candidates = list(dict.fromkeys(name for target in group.targets for name in target.instances))
    if len(candidates) == 1:
        yield candidates[0]
    elif candidates:
        plan.questions.append(f"{fmri} requires one of:")
        plan.questions += [f"  {name}" for name in candidates]
