"""Grammar of what tasks and workflows have in common: data flow, durations, endpoints, authentication, errors.

Sections named below are those of the specification's dsl-reference.md.
"""

from __future__ import annotations

from typing import Final

from reach_workbench.engine import grammar_formats as formats
from reach_workbench.engine.grammar_shapes import (
    Anything,
    Either,
    Instead,
    Needs,
    OneOf,
    OnlyWith,
    Record,
    Series,
    Shape,
    Table,
    Text,
    Truth,
    Whole,
)

ANY: Final = Anything()
TEXT: Final = Text()
NAME: Final = Text(test=formats.filled)
VARIABLE: Final = Text("the name of a variable", test=formats.variable)
EXPRESSION: Final = Text("an expression", expression=True)
CONDITION: Final = Text("an expression", test=formats.filled)
"""An expression by nature, with or without `${ }`."""
TRUTH: Final = Truth()
OBJECT: Final = Table(ANY)
TEXTS: Final = Series(TEXT)
URI: Final = Text("a URI", test=formats.uri, computed=True)

_UNITS: Final = ("days", "hours", "minutes", "seconds", "milliseconds")

DURATION: Final = Either(
    "a duration",
    (
        Text("a duration", test=formats.duration, computed=True),
        Record("a duration", dict.fromkeys(_UNITS, Whole(0, 10**12)), rules=(OneOf(_UNITS, most=None),)),
    ),
)

TIMEOUT: Final = Record("a timeout", {"after": DURATION}, required=("after",))
TIMEOUT_OR_NAME: Final = Either("a timeout or the name of one", (NAME, TIMEOUT))

# Authentication

_CREDENTIALS: Final = {"username": TEXT, "password": TEXT, "use": NAME}

_TOKEN: Final = Record("an OAuth2 token", {"token": TEXT, "type": TEXT}, required=("token", "type"))

_CLIENT: Final = Record(
    "an OAuth2 client",
    {
        "id": TEXT,
        "secret": TEXT,
        "assertion": TEXT,
        "authentication": Text(
            choices=("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")
        ),
    },
    rules=(Needs("authentication", "assertion", value="private_key_jwt"),),
)

_OIDC: Final[dict[str, Shape]] = {
    "use": NAME,
    "authority": URI,
    "grant": Text(
        choices=(
            "authorization_code",
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        )
    ),
    "client": _CLIENT,
    "request": Record(
        "a token request",
        {"encoding": Text(choices=("application/x-www-form-urlencoded", "application/json"))},
    ),
    "issuers": TEXTS,
    "scopes": TEXTS,
    "audiences": TEXTS,
    "username": TEXT,
    "password": TEXT,
    "subject": _TOKEN,
    "actor": _TOKEN,
}
_ENDPOINTS: Final = Record("OAuth2 endpoints", {"token": URI, "revocation": URI, "introspection": URI})
_GRANTED: Final = (Instead("use", ("authority", "grant")),)
_KNOWN: Final = (Instead("use", ("username", "password")),)

SCHEMES: Final[dict[str, Shape]] = {
    "basic": Record("basic authentication", _CREDENTIALS, rules=_KNOWN),
    "bearer": Record("bearer authentication", {"token": TEXT, "use": NAME}, rules=(Instead("use", ("token",)),)),
    "digest": Record("digest authentication", _CREDENTIALS, rules=_KNOWN),
    "oauth2": Record("OAuth2 authentication", {**_OIDC, "endpoints": _ENDPOINTS}, rules=_GRANTED),
    "oidc": Record("OpenID Connect authentication", _OIDC, rules=_GRANTED),
}

AUTHENTICATION: Final = Record("an authentication policy", SCHEMES, rules=(OneOf(tuple(SCHEMES)),))
"""As defined under `use.authentications`, where it can't refer to another one."""

AUTHENTICATION_OR_USE: Final = Either(
    "an authentication policy or the name of one",
    (
        NAME,
        Record("an authentication policy", {"use": NAME, **SCHEMES}, rules=(OneOf(("use", *SCHEMES)),)),
    ),
)

ENDPOINT: Final = Either(
    "a URI or an endpoint",
    (URI, Record("an endpoint", {"uri": URI, "authentication": AUTHENTICATION_OR_USE}, required=("uri",))),
)

RESOURCE: Final = Record("an external resource", {"name": TEXT, "endpoint": ENDPOINT}, required=("endpoint",))

CATALOG: Final = Record("a catalog", {"endpoint": ENDPOINT}, required=("endpoint",))

# Input, Output, Export, Schema

SCHEMA: Final = Record(
    "a schema",
    {"format": Text("a schema format", test=formats.schema_format), "document": ANY, "resource": RESOURCE},
    rules=(OneOf(("document", "resource")),),
)
_MAPPED: Final = Either("an expression or an object", (CONDITION, OBJECT))
INPUT: Final = Record("input", {"schema": SCHEMA, "from": _MAPPED})
OUTPUT: Final = Record("output", {"schema": SCHEMA, "as": _MAPPED})
EXPORT: Final = Record("export", {"schema": SCHEMA, "as": _MAPPED})

# Error, Retry

ERROR: Final = Record(
    "an error",
    {
        "type": URI,
        "status": Whole(),
        "instance": Text("a JSON pointer", test=formats.pointer, computed=True),
        "title": TEXT,
        "detail": TEXT,
    },
    required=("type", "status"),
)

ERROR_FILTER: Final = Record(
    "an error filter",
    {"type": TEXT, "status": Whole(), "instance": TEXT, "title": TEXT, "detail": TEXT},
    rules=(OneOf(("type", "status", "instance", "title", "detail"), most=None),),
    others="warn",
)

RETRY: Final = Record(
    "a retry policy",
    {
        "when": CONDITION,
        "exceptWhen": CONDITION,
        "delay": DURATION,
        "backoff": Record(
            "a backoff",
            {"constant": OBJECT, "exponential": OBJECT, "linear": OBJECT},
            rules=(OneOf(("constant", "exponential", "linear")),),
        ),
        "limit": Record(
            "a retry limit",
            {
                "attempt": Record("an attempt limit", {"count": Whole(0), "duration": DURATION}),
                "duration": DURATION,
            },
        ),
        "jitter": Record("a jitter", {"from": DURATION, "to": DURATION}, required=("from", "to")),
    },
)

# Container Lifetime

LIFETIME: Final = Record(
    "a container lifetime",
    {"cleanup": Text(choices=("always", "never", "eventually")), "after": DURATION},
    required=("cleanup",),
    rules=(Needs("cleanup", "after", value="eventually"), OnlyWith("after", "cleanup", "eventually")),
)
