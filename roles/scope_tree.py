"""The scopes of a directory as the tree that they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from roles.models import Directory, Scope

SHOWN = 500  # scopes of one directory, on one page


@dataclass
class Node:
    """A scope and what is beneath it."""

    scope: Scope
    children: list[Node] = field(default_factory=list)


def tree_of(directory: Directory) -> Node:
    """The whole directory with its scopes beneath; of very many those nearest to the root. One query."""
    scopes = directory.scopes.order_by("lineage", "name")[:SHOWN]
    nodes = {scope.pk: Node(scope) for scope in scopes}
    root = None
    for node in nodes.values():
        if node.scope.parent_id is None:
            root = node
        elif node.scope.parent_id in nodes:
            nodes[node.scope.parent_id].children.append(node)
    return root or Node(directory.root_scope())
