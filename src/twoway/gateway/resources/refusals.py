"""What the gateway itself answers to a caller that it refuses, without asking anyone. Pure.

A refusal has a code, the same in the answer, the journal and ``docs/findings.md``. The ticket is the request's
id, which the gateway makes, so that the operator finds in the journal what the partner was told.
"""

from __future__ import annotations

from typing import Any

from twoway.gateway.reasons import Reason

CONTENT_TYPE = "application/problem+json"

# Envoy puts the request's id here.
TICKET = "%REQ(X-REQUEST-ID)%"


def problem(reason: Reason, ticket: str | None = TICKET) -> dict[str, Any]:
    """Return the answer to a refused caller; without a ticket where the request was refused before it got one.

    Source: RFC 9457
    """
    answer = {
        "type": f"urn:twoway:{reason.code}",
        "title": reason.title,
        "status": reason.status,
        "detail": reason.advice,
        "code": reason.code,
    }
    return answer if ticket is None else {**answer, "ticket": ticket}
