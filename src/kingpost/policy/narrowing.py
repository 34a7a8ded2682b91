"""Narrow the parts of a question to what its caller may see, hop by hop. Part of allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kingpost.errors import Forbidden
from kingpost.model.expressions import TRUE, Choose, Column, Expression, Quantified, Through, both
from kingpost.model.manifest import Entity
from kingpost.model.types import BOOL
from kingpost.policy.hops import Hop
from kingpost.policy.rules import Rules
from kingpost.query.stages import Buckets, Derived, Member, Nested, Output, Rows, Select, SortKey
from kingpost.query.within import formula, rewrite_within


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The rules as they stand for one caller, and the hops at which they are put in."""

    rules: Rules
    hops: Mapping[str, Hop]

    def select(self, select: Select, hop: str) -> Select:
        entity = select.source.entity
        counted = select.counted
        return replace(
            select,
            source=self.rows(select.source, hop),
            counted=None if counted is None else self.rows(counted, "count"),
            members=tuple(new for member in select.members if (new := self.member(member, entity)) is not None),
            sort=tuple(self.sort_key(key, entity) for key in select.sort),
        )

    def buckets(self, buckets: Buckets) -> Buckets:
        entity = buckets.source.entity
        return replace(
            buckets,
            source=self.rows(buckets.source, "aggregate"),
            keys=tuple(self.output(one, entity) for one in buckets.keys),
            aggregates=tuple(self.output(one, entity) for one in buckets.aggregates),
            having=self.inside(buckets.having, entity, "relation_filter"),
            sort=tuple(self.sort_key(key, entity) for key in buckets.sort),
        )

    def rows(self, rows: Rows, hop: str) -> Rows:
        """The rows asked for, by conditions that look through relations, narrowed for themselves."""
        where = self.inside(rows.where, rows.entity, "relation_filter")
        return Rows(rows.entity, self.narrow(where, rows.entity, hop))

    def narrow(self, where: Expression, entity: Entity, hop: str) -> Expression:
        for name in (hop, "tenant", "deleted"):
            where = self.hops[name](where, entity, self.rules)
        return where

    def member(self, member: Member, entity: Entity) -> Member | None:
        """The member as the caller may see it; None where it is hidden and was not asked for by name."""
        if isinstance(member, Nested):
            return self.nested(member, entity)
        try:
            return self.derived(member, entity) if isinstance(member, Derived) else self.output(member, entity)
        except Forbidden:
            if member.asked:
                raise
            return None

    def nested(self, nested: Nested, entity: Entity) -> Nested:
        relation, middle = nested.relation, nested.middle
        select = self.select(nested.select, "include")
        if middle is not None and relation.middle is not None:
            where = self.narrow(middle.where, middle.entity, "include")
            links = (self.seen(middle.entity, name) for name in (relation.middle.back, relation.middle.onward))
            return replace(nested, select=select, middle=Rows(middle.entity, both(where, *links)))
        if not relation.many:
            return replace(nested, select=select, visible=self.seen(entity, relation.local))
        source = Rows(select.source.entity, both(select.source.where, self.seen(select.source.entity, relation.remote)))
        return replace(nested, select=replace(select, source=source))

    def derived(self, derived: Derived, entity: Entity) -> Derived:
        visible = self.seen(entity, derived.name)
        needs = tuple(self.bare.output(need, entity) for need in derived.needs)
        if visible != TRUE:
            needs += (Output("?", visible, BOOL),)
        return replace(derived, needs=needs)

    def seen(self, entity: Entity, name: str) -> Expression:
        """In which rows the mask lets the field through.

        Raises:
            Forbidden: in none.
        """
        masked = self.hops["mask"](Column(entity.fields[name]), entity, self.rules)
        return masked.condition if isinstance(masked, Choose) else TRUE

    def output(self, output: Output, entity: Entity) -> Output:
        return replace(output, value=self.inside(output.value, entity, "relation_filter"))

    def sort_key(self, key: SortKey, entity: Entity) -> SortKey:
        value = self.inside(key.value, entity, "sort")
        return replace(key, value=value, nullable=key.nullable or isinstance(value, Choose))

    def inside(self, expression: Expression, entity: Entity, hop: str) -> Expression:
        """`expression`, asked of `entity`'s rows, with every field masked and every related row narrowed."""
        return rewrite_within(expression, entity, self.entities, lambda node, of: self._node(node, of, hop))

    def _node(self, node: Expression, entity: Entity, hop: str) -> Expression:
        match node:
            case Column():
                return self._column(node, entity, hop)
            case Through(relation, inner):
                target = self.entities[relation.target]
                through = Through(relation, inner, self.narrow(TRUE, target, hop))
                seen = self.seen(entity, relation.local)
                return through if seen == TRUE else Choose(seen, through)
            case Quantified(quantifier, relation, condition):
                target = self.entities[relation.target]
                where = both(self.narrow(TRUE, target, hop), self.seen(target, relation.remote))
                return Quantified(quantifier, relation, condition, where)
            case _:
                return node

    def _column(self, column: Column, entity: Entity, hop: str) -> Expression:
        masked = self.hops["mask"](column, entity, self.rules)
        if column.field.computed is None:
            return masked
        # A computed field with a rule of its own was granted as a whole, else its inputs' masks go for it.
        granted = column.field.name in entity.policy.fields
        value = (self.bare if granted else self).inside(formula(column, entity), entity, hop)
        return Choose(masked.condition, value) if isinstance(masked, Choose) else value

    @property
    def bare(self) -> Narrowing:
        """The same without masks: for the inputs of what was granted as a whole."""
        return replace(self, hops={**self.hops, "mask": unmasked})

    @property
    def entities(self) -> Mapping[str, Entity]:
        return self.rules.manifest.entities


def unmasked(value: Expression, _entity: Entity, _rules: Rules) -> Expression:
    return value
