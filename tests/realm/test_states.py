"""Lifecycles: every move that the tables allow, and no other."""

from __future__ import annotations

import itertools

import pytest

from twoway.errors import IllegalTransition
from twoway.realm.states import BINDING, LIFECYCLES


@pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda lifecycle: lifecycle.noun)
def test_tables_are_closed(lifecycle):
    """Every state that can be reached has a row."""
    reached = lifecycle.starts.union(*lifecycle.moves.values())
    assert reached == set(lifecycle.moves)


@pytest.mark.parametrize("lifecycle", LIFECYCLES, ids=lambda lifecycle: lifecycle.noun)
def test_only_the_moves_of_the_table_are_made(lifecycle):
    """Every other pair is refused."""
    for state, target in itertools.product(lifecycle.moves, repeat=2):
        if target in lifecycle.moves[state]:
            lifecycle.check("x", state, target)
        else:
            with pytest.raises(IllegalTransition):
                lifecycle.check("x", state, target)


def test_refusal_names_both_states():
    """And what it is about."""
    with pytest.raises(IllegalTransition, match="binding 7 of globex is revoked and cannot become active"):
        BINDING.check("7 of globex", "revoked", "active")


def test_bindings_move_as_they_should():
    """The table, written out."""
    moves = {(str(state), str(target)) for state, targets in BINDING.moves.items() for target in targets}
    assert {
        ("proposed", "active"),
        ("proposed", "withdrawn"),
        ("active", "retired"),
        ("active", "revoked"),
        ("retired", "revoked"),
    } == moves
