"""What follows from deleting a row of an entity: restrict, cascade or null, Ref by Ref, down to the last."""

from __future__ import annotations

from kingpost.model.manifest import Entity, Manifest
from kingpost.query.stages import Consequence


def consequences(entity: Entity, manifest: Manifest, above: tuple[str, ...] = ()) -> tuple[Consequence, ...]:
    """What each Ref to `entity` demands when its rows are deleted; those that would keep them come first, as in SQL.

    Args:
        entity: whose rows are deleted.
        manifest: of the app.
        above: the entities whose deletion led here.
    """
    path = (*above, entity.name)
    refs = [
        (child, relation)
        for child in manifest.entities.values()
        for relation in child.relations.values()
        if not relation.many and relation.target == entity.name
    ]
    return tuple(
        Consequence(
            relation=relation,
            rule=relation.on_delete,
            entity=child,
            then=_then(child, manifest, path) if relation.on_delete == "cascade" else (),
        )
        for child, relation in sorted(refs, key=lambda ref: ref[1].on_delete != "restrict")
    )


def _then(child: Entity, manifest: Manifest, path: tuple[str, ...]) -> tuple[Consequence, ...] | None:
    return None if child.name in path else consequences(child, manifest, path)
