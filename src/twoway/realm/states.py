"""Lifecycles as transition tables: what a client, a binding, a certificate and a gateway node may become.

This file is pure. A state that is derived from the clock (a certificate that has expired) is not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from twoway.errors import IllegalTransition


class ClientState(StrEnum):
    """What a client is: only an active one is let in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class BindingKind(StrEnum):
    """How a binding knows its client."""

    ISSUED = "issued"
    PINNED = "pinned"
    PARTNER_CA = "partner-ca"


class BindingState(StrEnum):
    """What a binding is: only an active one lets its client in."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


# Reasons of a revocation (RFC 5280, 5.3.1) for which everything of the same key has to go, also a partner's CA.
COMPROMISES = frozenset({"keyCompromise", "cACompromise", "aACompromise"})


class CertificateState(StrEnum):
    """What a certificate of ours is; that it has expired is derived from its not_after."""

    ACTIVE = "active"
    REVOKED = "revoked"


class NodeState(StrEnum):
    """Whether a gateway is at the other end of the control plane's stream.

    One that is away may be running, and let in whom it knew; one that was stopped lets nobody in.
    """

    CONNECTED = "connected"
    AWAY = "away"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The states of one noun and the moves between them.

    Args:
        noun: the word that errors use.
        starts: the states that a new one may have.
        moves: for every state the states that may follow it.
    """

    noun: str
    starts: frozenset[str]
    moves: Mapping[str, frozenset[str]]

    def check(self, name: str, state: str, target: str) -> None:
        """Return if the move is in the table.

        Raises:
            IllegalTransition: it is not.
        """
        if target not in self.moves.get(state, frozenset()):
            raise IllegalTransition(noun=self.noun, name=name, state=str(state), target=str(target))


CLIENT = Lifecycle(
    "client",
    frozenset({ClientState.ACTIVE}),
    {
        ClientState.ACTIVE: frozenset({ClientState.SUSPENDED, ClientState.REMOVED}),
        ClientState.SUSPENDED: frozenset({ClientState.ACTIVE, ClientState.REMOVED}),
        ClientState.REMOVED: frozenset(),
    },
)

BINDING = Lifecycle(
    "binding",
    frozenset({BindingState.PROPOSED, BindingState.ACTIVE}),
    {
        BindingState.PROPOSED: frozenset({BindingState.ACTIVE, BindingState.WITHDRAWN}),
        BindingState.ACTIVE: frozenset({BindingState.RETIRED, BindingState.REVOKED}),
        # A key that is found to be stolen after its rotation still has to be revoked.
        BindingState.RETIRED: frozenset({BindingState.REVOKED}),
        BindingState.WITHDRAWN: frozenset(),
        BindingState.REVOKED: frozenset(),
    },
)

CERTIFICATE = Lifecycle(
    "certificate",
    frozenset({CertificateState.ACTIVE}),
    {
        CertificateState.ACTIVE: frozenset({CertificateState.REVOKED}),
        CertificateState.REVOKED: frozenset(),
    },
)

NODE = Lifecycle(
    "gateway",
    frozenset({NodeState.CONNECTED}),
    {
        NodeState.CONNECTED: frozenset({NodeState.AWAY, NodeState.STOPPED}),
        NodeState.AWAY: frozenset({NodeState.CONNECTED, NodeState.STOPPED}),
        NodeState.STOPPED: frozenset({NodeState.CONNECTED}),
    },
)

LIFECYCLES = (CLIENT, BINDING, CERTIFICATE, NODE)
