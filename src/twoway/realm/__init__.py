"""The realm: one installation's state in one database, its lifecycles, its sealed secrets and its audit.

Nothing is imported here, so that a command pays only for what it uses.
"""
