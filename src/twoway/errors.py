'''Every error that twoway raises, in one tree; nothing else ever reaches a user.

    TwowayError                     has code, facts, remedy and an exit status
    ├── UsageError                  the call is wrong: exit status 2
    ├── MaterialError               keys, certificates and requests (x509)
    ├── KeystoreError               keystore bytes, their passwords and entries (keystores)
    ├── AuthorityError              what a certificate authority refuses to sign (authority)
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


# -- x509 ------------------------------------------------------------------------------------------------------------


class MaterialError(TwowayError):
    """A key, a certificate or a request is not what it should be."""


# -- keystores -------------------------------------------------------------------------------------------------------


class KeystoreError(TwowayError):
    """Keystore bytes, their passwords or their entries are not what they should be."""


# -- authority -------------------------------------------------------------------------------------------------------


class AuthorityError(TwowayError):
    """The authority refuses to sign."""


# -- realm -----------------------------------------------------------------------------------------------------------


class RealmError(TwowayError):
    """The realm's state does not allow it."""


# -- gateway ---------------------------------------------------------------------------------------------------------


class GatewayError(TwowayError):
    """Envoy or its control plane cannot do what was asked."""


# -- endpoints -------------------------------------------------------------------------------------------------------


class EndpointError(TwowayError):
    """A call to a partner failed."""
