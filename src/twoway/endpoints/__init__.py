"""Calls to partners, with an identity from the vault."""
