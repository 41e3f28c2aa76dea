"""Why a gateway said no: each reason once, for the partner, the journal and the docs. Pure.

Three tables: what a decision says about a certificate, what a handshake that failed says, and what happened to the
gateway itself. The first are also answers; the others never reach anybody but the operator.
"""

from __future__ import annotations

from dataclasses import dataclass

from twoway.findings import Who


@dataclass(frozen=True, slots=True)
class Reason:
    """One way of being refused.

    Args:
        code: stable, kebab-case.
        status: the HTTP status of the answer.
        title: what is the case, one line.
        advice: what the partner can do.
        remedy: what the operator can do, one command or one edit.
        who: who has to act.
    """

    code: str
    status: int
    title: str
    advice: str
    remedy: str
    who: Who = Who.PARTNER


CERTIFICATE_MISSING = Reason(
    "certificate-missing",
    403,
    "no client certificate was presented",
    "present the certificate that was agreed for this service; if one is configured, it was not sent",
    "ask the partner to configure its certificate for this host: twoway journal shows what arrives",
)
CERTIFICATE_UNKNOWN = Reason(
    "certificate-unknown",
    403,
    "this certificate is nobody's here",
    "present the certificate that was agreed, with its intermediates, or have this one accepted first",
    "if it is a partner's: twoway client accept NAME --certificate FILE, or its CA with --authority, --san and --chain",
)
CERTIFICATE_UNREADABLE = Reason(
    "certificate-unreadable",
    403,
    "this certificate cannot be read",
    "present a certificate that is well formed",
    "ask the partner for another certificate",
)
CHAIN_TOO_LARGE = Reason(
    "chain-too-large",
    403,
    "too many or too large certificates were presented",
    "present the certificate and its intermediates only: at most 10, together 64 kB",
    "ask the partner to send its certificate and its intermediates only",
)
CERTIFICATE_EXPIRED = Reason(
    "certificate-expired",
    403,
    "this certificate has expired",
    "renew it",
    "twoway client issue NAME, or accept the partner's new certificate: twoway client accept NAME --certificate FILE",
)
CERTIFICATE_NOT_YET_VALID = Reason(
    "certificate-not-yet-valid",
    403,
    "this certificate is not valid yet",
    "wait until it is, or set the clock of the system that made it",
    "compare the clocks: the certificate begins after the gateway's present time",
)
CERTIFICATE_REVOKED = Reason(
    "certificate-revoked",
    403,
    "this certificate was revoked",
    "use the certificate that replaced it, or ask for a new one",
    "if it was revoked by mistake, issue a new one: twoway client issue NAME",
)
KEY_REVOKED = Reason(
    "key-revoked",
    403,
    "the key of this certificate was revoked with another certificate",
    "make a new key, and a certificate for that",
    "twoway client issue NAME, with a new key",
)
CERTIFICATE_RETIRED = Reason(
    "certificate-retired",
    403,
    "this certificate was replaced",
    "use the certificate that replaced it",
    "accept it again if it must go on: twoway client accept NAME --certificate FILE",
)
BINDING_PROPOSED = Reason(
    "binding-proposed",
    403,
    "this certificate is not confirmed yet",
    "wait until it is confirmed, or send the answer to the challenge",
    "twoway client confirm NAME BINDING",
    Who.US,
)
CLIENT_SUSPENDED = Reason(
    "client-suspended",
    403,
    "this client is suspended",
    "ask why",
    "twoway client resume NAME",
    Who.US,
)
CLIENT_REMOVED = Reason(
    "client-removed",
    403,
    "this client was removed",
    "ask why",
    "if it was removed by mistake: twoway client add NAME, and accept its certificate again",
    Who.US,
)
NOT_ALLOWED = Reason(
    "service-not-allowed",
    403,
    "this client may not call this service",
    "ask for access to this service",
    "twoway client allow NAME SERVICE",
    Who.US,
)
NOT_ISSUED = Reason(
    "certificate-not-issued",
    403,
    "this certificate claims to be issued here, and is not",
    "present the certificate exactly as it was issued",
    "somebody made a certificate with the name of your authority, or altered one: no action lets it in",
)
NAME_OUTSIDE_RULE = Reason(
    "name-outside-rule",
    403,
    "no name in this certificate is one that was agreed",
    "present a certificate with an agreed name",
    "if the name is right, accept the CA with a rule that fits: twoway client accept NAME --authority FILE --san RULE",
)
CLIENT_AMBIGUOUS = Reason(
    "client-ambiguous",
    403,
    "this certificate could be that of several clients",
    "present one that has no other client's names",
    "give the clients rules that fit different names, or pin it: twoway client accept NAME --certificate FILE",
    Who.US,
)
CHAIN_BROKEN = Reason(
    "chain-broken",
    403,
    "the chain of this certificate to an authority that was agreed does not hold",
    "send the certificate with all its intermediates, each of them valid",
    "compare the issuer with the accepted CA: twoway client show NAME",
)
CERTIFICATE_WEAK = Reason(
    "certificate-weak",
    403,
    "this certificate, or one above it, has a key or a signature that is too weak",
    "present one with an RSA 2048 or EC P-256 key, signed with SHA-256",
    "ask the partner for a stronger certificate",
)
PURPOSE_WRONG = Reason(
    "purpose-wrong",
    403,
    "this certificate is not for clients",
    "present a certificate whose extended key usage has clientAuth",
    "ask the partner for a certificate with clientAuth",
)
CANNOT_DECIDE = Reason(
    "cannot-decide",
    503,
    "the gateway cannot decide now",
    "this certificate is not known here yet and nobody can be asked; try again in a moment",
    "look at the control plane: twoway status",
    Who.US,
)

# What Envoy answers on its own.
WRONG_HOST = Reason(
    "misdirected",
    421,
    "this connection is for another host",
    "open a connection whose handshake names this host (SNI)",
    "if this host should be served: twoway service add NAME --host HOST",
)
AMBIGUOUS_PATH = Reason(
    "path-ambiguous",
    400,
    "this path can be read in more than one way",
    "send the path in its plain form: no ';', no doubly encoded characters, the service's letter case",
    "none is needed: a backend could have read this path as another service's",
)
UNDERSCORE = Reason(
    "header-underscore",
    400,
    "a header's name has an underscore",
    "write the names of headers with dashes",
    "none is needed: many backends read x_client_id as X-Client-Id",
)
HEADERS_TOO_LARGE = Reason(
    "headers-too-large",
    431,
    "the headers of this request are too many or too large",
    "send at most 100 headers, together 60 kB",
    "look at what the partner sends: cookies and tokens grow",
)
MALFORMED = Reason(
    "request-malformed",
    400,
    "this request is not written as HTTP must be, or can be read in more than one way",
    "look at the client's HTTP library: an ordinary one sends no such request",
    "none is needed: backends disagree on such requests, and that is how they are tricked",
)
REFUSED = Reason(
    "request-refused",
    400,
    "the gateway refused this request",
    "ask what the gateway said",
    "run twoway journal --json: its detail holds the gateway's own words",
    Who.EITHER,
)
NO_SERVICE = Reason(
    "no-service",
    404,
    "there is no service at this path",
    "check the path of the URL",
    "if there should be: twoway service add NAME --path PATH",
)
UPSTREAM_AWAY = Reason(
    "upstream-unreachable",
    503,
    "the service behind the gateway does not answer",
    "try again in a moment",
    "start the upstream, or correct its address: twoway service edit NAME --upstream URL",
    Who.US,
)

DECISIONS = (
    CERTIFICATE_MISSING,
    CERTIFICATE_UNKNOWN,
    CERTIFICATE_UNREADABLE,
    CHAIN_TOO_LARGE,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_REVOKED,
    KEY_REVOKED,
    CERTIFICATE_RETIRED,
    BINDING_PROPOSED,
    CLIENT_SUSPENDED,
    CLIENT_REMOVED,
    NOT_ALLOWED,
    NOT_ISSUED,
    NAME_OUTSIDE_RULE,
    CLIENT_AMBIGUOUS,
    CHAIN_BROKEN,
    CERTIFICATE_WEAK,
    PURPOSE_WRONG,
    CANNOT_DECIDE,
    WRONG_HOST,
    AMBIGUOUS_PATH,
    UNDERSCORE,
    HEADERS_TOO_LARGE,
    MALFORMED,
    REFUSED,
    NO_SERVICE,
    UPSTREAM_AWAY,
)


@dataclass(frozen=True, slots=True)
class HandshakeFailure:
    """What a word in Envoy's reason for a failed handshake means.

    Args:
        marker: the word, as BoringSSL writes it.
        code: stable, kebab-case.
        title: what happened, one line.
        remedy: one command or one edit.
        who: who has to act.
    """

    marker: str
    code: str
    title: str
    remedy: str
    who: Who = Who.PARTNER


# The first whose marker occurs in the reason is taken.
HANDSHAKE_FAILURES = (
    HandshakeFailure(
        "PEER_DID_NOT_RETURN_A_CERTIFICATE",
        "handshake-certificate-missing",
        "the caller presented no certificate, and this host ends the handshake then",
        "ask the partner to configure its certificate for this host",
    ),
    HandshakeFailure(
        "certificate has expired",
        "handshake-certificate-expired",
        "the caller's certificate, or one above it, has expired, and this host ends the handshake then",
        "ask the partner for its current certificate: twoway client accept NAME --certificate FILE",
    ),
    HandshakeFailure(
        "certificate is not yet valid",
        "handshake-certificate-not-yet-valid",
        "the caller's certificate, or one above it, is not valid yet, and this host ends the handshake then",
        "compare the clocks: the certificate begins after the gateway's present time",
    ),
    HandshakeFailure(
        "unsupported certificate purpose",
        "handshake-purpose-wrong",
        "the caller's certificate is not for clients, and this host ends the handshake then",
        "ask the partner for a certificate with clientAuth",
    ),
    *(
        HandshakeFailure(
            marker,
            "handshake-chain-broken",
            "the chain of the caller's certificate does not hold, and this host ends the handshake then",
            "run twoway journal --json: its detail holds what is wrong with which certificate",
        )
        for marker in (
            "unhandled critical extension",
            "path length constraint exceeded",
            "subtree violation",
            "invalid CA certificate",
        )
    ),
    HandshakeFailure(
        "verify cert failed",
        "handshake-certificate-unknown",
        "the caller's certificate is not known, and this host ends the handshake then",
        "if it is a partner's: twoway client accept NAME --certificate FILE",
    ),
    HandshakeFailure(
        "CERTIFICATE_VERIFY_FAILED",
        "handshake-certificate-unknown",
        "the caller's certificate is not known, and this host ends the handshake then",
        "if it is a partner's: twoway client accept NAME --certificate FILE",
    ),
    HandshakeFailure(
        "BAD_SIGNATURE",
        "handshake-key-unproven",
        "the caller does not have the key of the certificate that it presented",
        "the caller's key and certificate do not belong together, or it presents somebody else's certificate",
    ),
    HandshakeFailure(
        "KEY_USAGE_BIT_INCORRECT",
        "handshake-key-usage",
        "the key usage of the caller's certificate lacks digitalSignature",
        "ask the partner for a certificate whose key usage has digitalSignature",
    ),
    HandshakeFailure(
        "EXCESSIVE_MESSAGE_SIZE",
        "handshake-chain-too-large",
        "the caller sent a larger message than a handshake takes, as a chain of more than 100 kB is",
        "ask the partner to send its certificate and its intermediates only",
    ),
    HandshakeFailure(
        # BoringSSL has no better word for it, and says this of nothing else that a caller can do.
        "OPENSSL_internal:internal error",
        "handshake-chain-too-large",
        "the caller sent more than fits into the tickets of its session, as a chain of 32 to 62 kB is",
        "ask the partner to send its certificate and its intermediates only",
    ),
    HandshakeFailure(
        "HTTP_REQUEST",
        "handshake-plain-http",
        "the caller spoke plain HTTP to a TLS port",
        "ask the partner to use https:// in its URL",
    ),
    HandshakeFailure(
        "WRONG_VERSION_NUMBER",
        "handshake-not-tls",
        "the caller did not speak TLS",
        "ask the partner to use https:// in its URL, or look for a proxy between you",
    ),
    HandshakeFailure(
        "UNSUPPORTED_PROTOCOL",
        "handshake-tls-version",
        "the caller speaks only TLS versions older than 1.2",
        "ask the partner to enable TLS 1.2 or 1.3",
    ),
    HandshakeFailure(
        "NO_SHARED_CIPHER",
        "handshake-no-shared-cipher",
        "the caller and this host have no cipher in common",
        "ask the partner to enable ECDHE with AES-GCM or ChaCha20",
    ),
    HandshakeFailure(
        "NO_COMMON_SIGNATURE_ALGORITHMS",
        "handshake-no-signature-algorithm",
        "the caller and this host have no signature algorithm in common",
        "use an RSA or EC P-256 key on both sides",
    ),
    HandshakeFailure(
        "WRONG_SIGNATURE_TYPE",
        "handshake-no-signature-algorithm",
        "the caller's key cannot sign in a way that this host takes",
        "use an RSA or EC P-256 key",
    ),
    HandshakeFailure(
        "ALERT_UNKNOWN_CA",
        "handshake-server-untrusted",
        "the caller does not trust this host's certificate",
        "give the partner what it must trust: twoway authority certificate",
    ),
    HandshakeFailure(
        "ALERT_CERTIFICATE_UNKNOWN",
        "handshake-server-untrusted",
        "the caller refuses this host's certificate",
        "give the partner what it must trust: twoway authority certificate; check the name that it calls",
    ),
    HandshakeFailure(
        "ALERT_BAD_CERTIFICATE",
        "handshake-server-untrusted",
        "the caller refuses this host's certificate",
        "give the partner what it must trust: twoway authority certificate; check the name that it calls",
    ),
    HandshakeFailure(
        # What OpenSSL says in TLS 1.3 before it has keys to say it with cannot be decrypted.
        "BAD_PACKET_LENGTH",
        "handshake-server-untrusted",
        "the caller broke off when it saw this host's certificate, and could not say why",
        "give the partner what it must trust: twoway authority certificate; check the name that it calls",
    ),
    HandshakeFailure(
        "ALERT_CERTIFICATE_EXPIRED",
        "handshake-server-expired",
        "the caller says that this host's certificate has expired",
        "look at it: twoway expiring; and compare the clocks",
        Who.US,
    ),
)

HANDSHAKE_OTHER = HandshakeFailure(
    "",
    "handshake-failed",
    "the handshake failed",
    "run twoway journal --json: its detail holds the gateway's own words",
    Who.EITHER,
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about the gateway itself that the operator should know.

    Args:
        code: stable, kebab-case.
        title: what happened, one line.
        remedy: one command or one edit.
    """

    code: str
    title: str
    remedy: str


UPDATE_REFUSED = Alarm(
    "update-refused",
    "the gateway refused an update and goes on with what it had",
    "run twoway journal --json: its detail holds the gateway's own words, which name the value that it does not take",
)
GATEWAY_RESTARTED = Alarm(
    "gateway-restarted",
    "the gateway ended, and was started again",
    "run twoway journal --json: its detail names the log that says why",
)
AUTHORIZER_RESTARTED = Alarm(
    "authorizer-restarted",
    "the authorizer ended or hung, and was started again",
    "read what twoway serve wrote to its standard error",
)
REALM_UNREAD = Alarm(
    "realm-unread",
    "changes could not be read from the realm for a while",
    "run twoway audit verify",
)
CERTIFICATE_KEPT = Alarm(
    "server-certificate-kept",
    "a server certificate could not be replaced, and the old one stays",
    "mend the file that the detail names",
)

NAMES_FULL = Alarm(
    "ca-names-full",
    "a strict host's certificate request has no room for the names of more CAs, so that their clients are refused",
    "run twoway service edit NAME --handshake explain, or end bindings that nobody needs",
)

ALARMS = (UPDATE_REFUSED, GATEWAY_RESTARTED, AUTHORIZER_RESTARTED, REALM_UNREAD, CERTIFICATE_KEPT, NAMES_FULL)


def handshake_failure(reason: str) -> HandshakeFailure:
    """Return what Envoy's reason for a failed handshake means."""
    return next((known for known in HANDSHAKE_FAILURES if known.marker in reason), HANDSHAKE_OTHER)
