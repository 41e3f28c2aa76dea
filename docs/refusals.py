"""Print docs/refusals.md: every way to try to get in without right that a test tries. Run by ``make docs``.

The rows stand here; what they are tried with is taken from the tests, and a row whose test is gone is an error.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

HEAD = """\
# Ways that do not lead in

Each row is tried against a real gateway by the test that it names. Where a request is refused the test also holds that
nothing of it reached the upstream, that the journal has the code, and that the same request with the right certificate
passes. Unless a row says otherwise it is tried over HTTP/1.1 and HTTP/2. What the codes mean is in
[findings.md](findings.md). No code stands where nothing is refused, where Envoy's own parser ends an HTTP/2 stream
(there is no request yet that the journal could name), and where a server of another kind says no.

While there is no authorizer the answer alone has the code: there is nobody who could write it down. Envoy's counter
`http.inbound.ext_authz.error` has the number of such refusals.

This page is made from the tests by `make docs`.

{ways} ways.
"""


class Row(NamedTuple):
    """One kind of way.

    Args:
        tried: what somebody without right does.
        gets: what becomes of it.
        codes: the reasons, in the answer and in the journal; empty where the page says why.
        test: the function that shows it.
        cases: names of what it is tried with.
        literal: whether the cases are to be read letter by letter.
    """

    tried: str
    gets: str
    codes: tuple[str, ...]
    test: str
    cases: tuple[str, ...] = ()
    literal: bool = False


class Section(NamedTuple):
    """The rows of one file of tests."""

    title: str
    module: ModuleType
    rows: tuple[Row, ...]


def tests(name: str) -> ModuleType:
    """The file of tests of this name."""
    return importlib.import_module(f"tests.gateway.test_{name}")


def certificates() -> Section:
    """What is presented gives no right; each way is a function that says what it is."""
    module = tests("refusals")
    ways = [
        Row(described(way), "403", (code_of(way),), "test_certificate_gives_no_right") for way in module.WAYS
    ]
    outside = Row(
        "The partner's CA issued it, and its name is outside the rule",
        "403",
        ("name-outside-rule",),
        "test_name_outside_the_rule_gives_no_right",
        tuple(module.OUTSIDE),
    )
    common = outside._replace(
        tried="Only its common name is within the rule",
        test="test_common_name_alone_gives_no_right",
        cases=(),
    )
    return Section("Certificates", module, (*ways, outside, common))


def handshakes() -> Section:
    """What a strict host ends, and what no host takes."""
    module = tests("refusals_handshakes")
    strict = [
        Row(
            f"At a strict host: {described(way)}",
            f"alert `{alert}`",
            (code,),
            "test_strict_host_ends_the_handshake",
        )
        for way, (alert, code) in module.ENDED.items()
    ]
    return Section(
        "Handshakes, in TLS 1.2 and 1.3",
        module,
        (
            *strict,
            Row(
                "At a strict host: no certificate",
                "alert `certificate_required`, `handshake_failure` in 1.2",
                ("handshake-certificate-missing",),
                "test_strict_host_requires_a_certificate",
            ),
            Row(
                "At a strict host: a certificate that chains to what it trusts",
                "403",
                ("service-not-allowed", "certificate-revoked", "name-outside-rule", "certificate-unknown"),
                "test_strict_handshake_is_no_right",
                ("of another service", "revoked", "outside the rule", "below a pinned authority"),
            ),
            Row(
                "Somebody else's certificate, without its key",
                "alert `decrypt_error`",
                ("handshake-key-unproven",),
                "test_stolen_certificate_without_its_key_does_not_pass",
                ("a host that explains", "a strict one"),
            ),
            Row(
                "Another certificate within a connection (renegotiation)",
                "the end of the connection",
                (),
                "test_certificate_cannot_be_changed_within_a_connection",
            ),
            Row(
                "A key that may not sign",
                "the end of the connection",
                ("handshake-key-usage",),
                "test_key_that_may_not_sign_fails_the_handshake",
            ),
            Row(
                "A chain that no handshake takes",
                "the end of the connection",
                ("handshake-chain-too-large",),
                "test_chain_that_no_handshake_takes_fails_it",
                tuple(f"{size // 1000} kB" for size in module.TOO_LARGE),
            ),
            Row(
                "What is no handshake",
                "the end of the connection",
                tuple(dict.fromkeys(code for _, code in module.PLAIN.values())),
                "test_what_is_no_handshake_gets_no_answer",
                tuple(module.PLAIN),
            ),
            Row("TLS 1.1", "an alert", ("handshake-tls-version",), "test_old_tls_is_refused"),
            Row(
                "A CA that a certificate request names, and that is not accepted",
                "403",
                ("certificate-unknown",),
                "test_configured_name_gives_no_right",
            ),
        ),
    )


def connections() -> Section:
    """Rights that end, and sessions."""
    module = tests("refusals_connections")
    kinds = ("issued", "pinned", "of a partner CA")
    return Section(
        "Open connections and resumed sessions",
        module,
        (
            *(
                Row(
                    f"On an open connection: {words}",
                    "403",
                    (module.ENDINGS[ending],),
                    "test_right_that_ends_is_over_on_an_open_connection",
                    kinds,
                )
                for ending, words in (
                    (module.revoke, "revoked"),
                    (module.retire, "retired"),
                    (module.suspend, "its client is suspended"),
                    (module.deny, "its client may no longer call the service"),
                )
            ),
            Row(
                "Revoked, on a resumed session (TLS 1.2 and 1.3), with the certificate at hand and without",
                "403",
                ("certificate-revoked",),
                "test_revoked_certificate_does_not_come_back_with_its_session",
                kinds,
            ),
            Row(
                "A session that was begun for another service (TLS 1.2 and 1.3)",
                "403",
                ("service-not-allowed",),
                "test_session_of_one_service_gives_no_right_to_another",
            ),
            Row(
                "On an open connection: expired",
                "403",
                ("certificate-expired",),
                "test_certificate_that_expires_is_refused_on_an_open_connection",
                ("pinned", "of a partner CA"),
            ),
            Row(
                "On an open connection: expired while the control plane stands still",
                "403",
                ("certificate-expired",),
                "test_certificate_expires_while_nobody_takes_it_out",
            ),
            Row(
                "A revoked client's WebSocket goes on",
                "its end, within `--max-stream`",
                ("certificate-revoked",),
                "test_websocket_of_a_revoked_client_ends_within_its_bound",
            ),
            Row(
                "Headers that lengthen a stream",
                "its end, within `--max-stream`",
                (),
                "test_caller_cannot_lengthen_a_stream",
                ("grpc-timeout", "x-envoy-upstream-stream-duration-ms", "x-envoy-upstream-rq-timeout-ms"),
                literal=True,
            ),
            Row(
                "A WebSocket at a service that the client may not call",
                "403",
                ("service-not-allowed",),
                "test_upgrade_is_a_request_like_any_other",
            ),
            Row(
                "A learned certificate, after its CA's rule was changed",
                "403",
                ("certificate-retired",),
                "test_learned_certificate_is_forgotten_with_the_rule_that_let_it_in",
            ),
        ),
    )


def hosts() -> Section:
    """Names in the handshake, and names in the request."""
    module = tests("refusals_hosts")
    return Section(
        "Hosts",
        module,
        (
            Row(
                "A request for a host that the handshake did not name",
                "421",
                ("misdirected",),
                "test_request_for_another_host_is_misdirected",
                tuple(module.MISDIRECTED),
            ),
            Row(
                "Another spelling of a host",
                "403",
                ("service-not-allowed",),
                "test_spelling_of_a_host_changes_no_right",
                ("a port", "a dot", "capitals"),
            ),
            Row(
                "A request that names two hosts, HTTP/1.1",
                "400, 421, or the one that was decided on",
                (),
                "test_request_of_two_hosts_never_reaches_the_other",
                tuple(module.TWO_HOSTS),
            ),
            Row(
                "A request that names two hosts, HTTP/2",
                "400, 404, 421, or the one that was decided on",
                (),
                "test_http2_request_of_two_hosts_never_reaches_the_other",
                tuple(module.AUTHORITIES),
            ),
            Row(
                "A session resumed at another host (TLS 1.2 and 1.3)",
                "a new session, and 403",
                ("service-not-allowed", "certificate-missing"),
                "test_session_of_another_host_gives_no_right",
                ("with the certificate", "without"),
            ),
            Row(
                "A session resumed at a strict host, without a certificate (TLS 1.2 and 1.3)",
                "an alert",
                ("handshake-certificate-missing",),
                "test_session_does_not_open_a_strict_host",
            ),
        ),
    )


def paths() -> Section:
    """Paths that look like another service's."""
    module = tests("refusals_paths")
    return Section(
        "Paths",
        module,
        (
            Row(
                "Another service's path, spelled differently, with rights to all others",
                "403",
                ("service-not-allowed",),
                "test_path_of_admin_needs_the_right_to_admin",
                module.READ_AS_ADMIN,
                literal=True,
            ),
            Row(
                "The same without a certificate, by way of a service that asks for none",
                "403",
                ("certificate-missing",),
                "test_path_of_admin_needs_a_certificate",
            ),
            Row(
                "A path that two servers read differently",
                "400",
                ("path-ambiguous",),
                "test_ambiguous_path_goes_nowhere",
                module.AMBIGUOUS,
                literal=True,
            ),
            Row(
                "A path that the gateway does not read",
                "400",
                ("path-ambiguous",),
                "test_path_that_the_gateway_does_not_read_goes_nowhere",
                module.UNREADABLE,
                literal=True,
            ),
            Row(
                "What is no path",
                "400, 403, 404 or the end of the connection",
                (),
                "test_what_is_no_path_goes_nowhere",
                tuple(path for path in module.NO_PATH if path),
                literal=True,
            ),
            Row(
                "A header that some backends take for the path",
                "it is taken off",
                (),
                "test_header_that_is_taken_for_the_path_never_reaches_the_upstream",
                ("x-original-url", "x-rewrite-url"),
                literal=True,
            ),
        ),
    )


def headers() -> Section:
    """What callers say of themselves, on required, optional and off services."""
    module = tests("refusals_headers")
    identity = module.IDENTITY_HEADERS
    return Section(
        "Headers, on required, optional and off services",
        module,
        (
            Row(
                f"An identity header of one's own ({', '.join(f'`{name}`' for name in identity)})",
                "it is replaced or taken off",
                (),
                "test_identity_header_of_a_caller_is_replaced_or_gone",
                tuple(module.SPELLINGS),
            ),
            Row(
                "An identity header with an underscore",
                "400; the end of the stream in HTTP/2",
                ("header-underscore",),
                "test_identity_header_with_an_underscore_is_refused",
            ),
            Row(
                "An identity header in trailers, HTTP/1.1",
                "it is taken off",
                (),
                "test_identity_header_in_trailers_never_reaches_the_upstream",
                identity,
                literal=True,
            ),
            Row(
                "An identity header in trailers, HTTP/2",
                "it is taken off",
                (),
                "test_identity_header_in_http2_trailers_never_reaches_the_upstream",
                identity,
                literal=True,
            ),
            Row(
                "`Connection` names an identity header, so that the upstream takes it off",
                "only `upgrade` goes on",
                (),
                "test_identity_header_cannot_be_named_as_one_to_take_off",
                identity,
                literal=True,
            ),
            Row(
                "A stranger's certificate at a service that asks for none",
                "200, and the upstream is told of nobody",
                (),
                "test_strangers_certificate_adds_no_header_on_an_open_service",
            ),
            Row(
                "A certificate without right at a service where one may be anonymous",
                "403",
                (
                    "certificate-unknown",
                    "certificate-expired",
                    "certificate-revoked",
                    "client-suspended",
                    "service-not-allowed",
                ),
                "test_optional_is_no_way_in_for_a_certificate_without_right",
                ("unknown", "expired", "revoked", "suspended", "of another service"),
            ),
            Row(
                "A subject that looks like a further field or header",
                "it stays in its field",
                (),
                "test_subject_of_a_partners_making_stays_in_its_field",
            ),
            Row(
                "`x-request-id`, to choose the ticket",
                "403, with a ticket of our own",
                ("certificate-unknown",),
                "test_request_id_of_a_caller_is_not_the_ticket",
            ),
            Row(
                "Headers that steer Envoy",
                "they are taken off",
                (),
                "test_header_that_steers_the_gateway_is_nobodys",
            ),
        ),
    )


def messages() -> Section:
    """Requests within requests."""
    module = tests("refusals_messages")
    others = {name: code for name, (_, code) in module.REFUSED.items() if name not in module.MALFORMED}
    return Section(
        "Messages that two servers read differently",
        module,
        (
            Row(
                "HTTP/1.1: refused as a whole",
                "400, 403, 404, 426, 431 or 501",
                ("request-malformed",),
                "test_message_that_can_be_read_in_two_ways_is_refused",
                tuple(module.MALFORMED),
            ),
            Row(
                "HTTP/1.1: likewise",
                "400, 404 or 431",
                tuple(dict.fromkeys(others.values())),
                "test_message_that_can_be_read_in_two_ways_is_refused",
                tuple(others),
            ),
            Row(
                "HTTP/1.1: read in one way, and what is behind it decided on by itself",
                "200, and 403 for what is behind",
                (),
                "test_message_is_read_once",
                tuple(module.READ),
            ),
            Row(
                "HTTP/1.1: a body that ends in nonsense",
                "400",
                ("request-malformed",),
                "test_body_that_can_be_read_in_two_ways_ends_the_connection",
                tuple(module.BROKEN_BODIES),
            ),
            Row(
                "HTTP/1.1: a request behind an upgrade that the upstream does not agree to",
                "the answer of the upstream",
                (),
                "test_upgrade_that_the_upstream_refuses_is_no_tunnel",
                tuple(module.UPGRADES),
            ),
            Row(
                "HTTP/2: what is no request in HTTP/1.1",
                "400, 404, or the end of the stream",
                (),
                "test_http2_request_that_is_none_in_http1_goes_nowhere",
                tuple(module.HTTP2_REFUSED),
            ),
            Row(
                "HTTP/2: a body of another length than it says",
                "the end of the stream",
                (),
                "test_http2_body_of_another_length_never_arrives",
            ),
        ),
    )


def asking() -> Section:
    """The question about those who are not known."""
    module = tests("refusals_asking")
    return Section(
        "Before the authorizer's answer, and in its place",
        module,
        (
            Row(
                "What a stranger sends at once, HTTP/1.1",
                "403",
                ("certificate-unknown",),
                "test_nothing_goes_upstream_before_the_answer",
                tuple(module.EARLY),
            ),
            Row(
                "Headers, data and trailers at once, HTTP/2",
                "403",
                ("certificate-unknown",),
                "test_nothing_of_http2_goes_upstream_before_the_answer",
            ),
            Row(
                "Streams beside one that may, on one connection",
                "each its own",
                (),
                "test_streams_of_one_connection_are_decided_on_one_by_one",
            ),
            Row(
                "The authorizer hangs",
                "503, within a second",
                ("cannot-decide",),
                "test_hung_authorizer_lets_nobody_in",
                ("a required service", "an optional one"),
            ),
            Row(
                "The authorizer's answer is none",
                "503",
                (),
                "test_answer_that_is_no_yes_lets_nobody_in",
                tuple(module.NO_YES),
            ),
            Row(
                "The authorizer's no has the status 200",
                "that status, and nothing goes upstream",
                (),
                "test_no_is_a_no_whatever_its_status",
            ),
        ),
    )


def doors() -> Section:
    """The gateway's own sockets, and updates that it refuses."""
    module = tests("refusals_control")
    return Section(
        "The gateway's own doors",
        module,
        (
            Row(
                "Another user of the machine opens a socket",
                "permission denied",
                (),
                "test_other_user_cannot_open_a_socket",
                ("the control plane's", "the authorizer's", "the questions'", "Envoy's administration"),
            ),
            Row(
                "Another user puts a socket of his own there",
                "permission denied",
                (),
                "test_other_user_cannot_put_a_socket_of_his_own",
            ),
            Row(
                "A folder for sockets that others may enter, or that is another user's, or a link",
                "`twoway serve` ends with `runtime-folder-unsafe`",
                (),
                "test_folder_that_others_may_enter_is_not_used",
            ),
            Row(
                "A question to the authorizer without a certificate",
                "no",
                (),
                "test_question_without_a_certificate_is_answered_with_no",
            ),
            Row(
                "A client named like a word of the gateway's map",
                "`name-refused`",
                (),
                "test_name_that_means_something_else_is_no_clients",
                ("deny", "none", "-", "others"),
                literal=True,
            ),
            *(
                Row(
                    f"{words}, in one change with what the gateway refuses to take over",
                    "403, and an alarm",
                    (module.ENDINGS[ending],),
                    "test_right_ends_beside_an_update_that_is_refused",
                    tuple(module.BAD),
                )
                for ending, words in (
                    (module.revoke, "Revoked"),
                    (module.retire, "Retired"),
                    (module.suspend, "Suspended"),
                    (module.deny, "Denied the service"),
                )
            ),
        ),
    )


def outages() -> Iterator[Section]:
    """Parts that are away."""
    yield Section(
        "The control plane is killed",
        tests("faults_control"),
        (
            Row(
                "A stranger meanwhile",
                "503",
                ("cannot-decide",),
                "test_unknown_are_told_that_nobody_can_decide",
            ),
            Row(
                "A client that was added meanwhile",
                "503",
                (),
                "test_client_that_was_added_meanwhile_is_known",
            ),
            Row(
                "A client that was revoked meanwhile, from its return on",
                "403",
                ("certificate-revoked",),
                "test_client_that_was_revoked_meanwhile_is_refused_at_once",
            ),
        ),
    )
    yield Section(
        "The lease and certificates end by themselves",
        tests("faults_lease"),
        (
            Row(
                "A known client when the lease is over",
                "503",
                ("cannot-decide",),
                "test_lease_ends_without_a_control_plane",
            ),
            Row(
                "A certificate that ends while there is no control plane, on its open connection",
                "503",
                ("cannot-decide",),
                "test_certificate_that_ends_is_refused_from_that_second_on",
                ("issued", "pinned", "of a partner CA"),
            ),
        ),
    )
    yield Section(
        "The database is away",
        tests("faults_database"),
        (
            Row(
                "A stranger while it is gone",
                "503",
                ("cannot-decide",),
                "test_database_that_is_gone_and_comes_back",
            ),
            Row("Another one in its place", "503", (), "test_rubbish_in_place_of_the_database"),
            Row(
                "Revoked in a database that was brought back",
                "403",
                (),
                "test_revocation_in_a_database_that_was_brought_back",
            ),
            Row(
                "A stranger while it is locked",
                "403",
                (),
                "test_unknown_are_decided_on_while_the_database_is_locked",
            ),
        ),
    )
    yield Section(
        "A flood",
        tests("flood"),
        (
            Row(
                "A stranger on 32 connections",
                "403, and 503 above 200 a second",
                ("certificate-unknown", "cannot-decide"),
                "test_journal_counts_the_flood",
            ),
        ),
    )


def sections() -> tuple[Section, ...]:
    """Everything, in the order of the page."""
    return (
        certificates(),
        connections(),
        handshakes(),
        hosts(),
        paths(),
        headers(),
        messages(),
        asking(),
        doors(),
        *outages(),
    )


def described(way: Callable[..., object]) -> str:
    """A way's name and what its docstring says, in words."""
    said = " ".join((way.__doc__ or "").split()).removesuffix(".")
    return f"*{way.__name__.replace('_', ' ')}*. {said}"


def code_of(way: Callable[..., object]) -> str:
    """The code that a way says it is refused with: the second argument of its ``Caller``."""
    for node in ast.walk(ast.parse(inspect.getsource(way))):
        match node:
            case ast.Call(func=ast.Name(id="Caller"), args=[_, ast.Constant(value=str(code)), *_]):
                return code
    raise LookupError(way.__name__)


def lines(section: Section) -> Iterator[str]:
    """The section in Markdown."""
    yield f"\n## {section.title}\n"
    file = Path(str(section.module.__file__)).relative_to(ROOT)
    yield f"[`{file.name}`](../{file})\n"
    yield "| what is tried | what becomes of it | code | with | test |"
    yield "| --- | --- | --- | --- | --- |"
    for row in section.rows:
        getattr(section.module, row.test)
        cells = (
            row.tried,
            row.gets,
            ", ".join(f"`{code}`" for code in row.codes),
            "; ".join(quoted(case) if row.literal else case for case in row.cases),
            f"`{row.test}`",
        )
        yield f"| {' | '.join(cells)} |"


def quoted(text: str) -> str:
    """The text as code."""
    return f"`{text}`"


def ways(made: Iterable[Section]) -> int:
    """How many ways there are, each case counted."""
    return sum(max(1, len(row.cases)) for section in made for row in section.rows)


def main() -> None:
    """Print the page."""
    sys.path.insert(0, str(ROOT))
    made = sections()
    text = [HEAD.format(ways=ways(made)), *(line for section in made for line in lines(section))]
    sys.stdout.write("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
