"""Calls to partners, with an identity from the vault.

``tls`` makes contexts, ``handshakes`` sees what a handshake did, ``boundary`` keeps calls within their endpoint, and
``failures`` says what went wrong. Only ``client``, ``transport``, ``boundary``, ``failures`` and ``authentication``
import httpx2.
"""
