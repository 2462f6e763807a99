"""dsl-reference.md, Authentication: basic, bearer, digest, OAuth2 and OpenID Connect, in place, named and from secrets."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from .harness import STANDARD, Bench, Result
from .service import Answer, Asked, Service


def guarded(asked: Asked) -> Answer:
    return Answer({"authorization": asked.headers.get("authorization")})


def ask(service: Service, authentication: str, use: str = "") -> str:
    return f"""
{use}
do:
  - ask:
      call: http
      with:
        method: get
        endpoint:
          uri: {service.url}/guarded
          authentication: {authentication}
      export: {{ as: '${{ $authorization }}' }}
  - look: {{ set: {{ authorization: '${{ $context }}' }} }}
"""


def sent(service: Service) -> str | None:
    return service.asked[-1].headers.get("authorization")


@pytest.fixture(autouse=True)
def guard(service: Service) -> None:
    service.answers["/guarded"] = lambda asked: Answer({"ok": True})


BASIC = "Basic " + base64.b64encode(b"admin:pass word").decode()


# ---------------------------------------------------------------- basic and bearer


def test_basic_with_expressions(bench: Bench, service: Service) -> None:
    """The scenario of call.feature."""
    result = bench.run(
        ask(service, "{ basic: { username: '${ .u }', password: '${ .p }' } }"), input={"u": "admin", "p": "pass word"}
    )
    assert (result.status, sent(service)) == ("completed", BASIC)
    assert result.output["authorization"] == {"scheme": "Basic", "parameter": BASIC.removeprefix("Basic ")}


def test_bearer(bench: Bench, service: Service) -> None:
    result = bench.run(ask(service, "{ bearer: { token: '${ .user.token }' } }"), input={"user": {"token": "t0ken"}})
    assert sent(service) == "Bearer t0ken"
    assert result.output["authorization"] == {"scheme": "Bearer", "parameter": "t0ken"}


def test_a_policy_can_be_named_and_reused(bench: Bench, service: Service) -> None:
    use = "use: { authentications: { mine: { basic: { username: admin, password: pass word } } } }"
    bench.run(ask(service, "{ use: mine }", use))
    assert sent(service) == BASIC
    assert any("unknown-authentication" in each for each in bench.diagnostics(ask(service, "{ use: nobody }")))


@pytest.mark.parametrize(
    ("scheme", "secret", "wanted"),
    [
        ("basic", {"username": "admin", "password": "pass word"}, BASIC),
        ("bearer", {"token": "t0ken"}, "Bearer t0ken"),
    ],
)
def test_a_policy_may_be_a_secret(
    bench: Bench, service: Service, scheme: str, secret: dict[str, str], wanted: str
) -> None:
    use = f"use: {{ secrets: [ key ], authentications: {{ mine: {{ {scheme}: {{ use: key }} }} }} }}"
    result = bench.run(ask(service, "{ use: mine }", use), secrets={"key": secret})
    assert (result.status, sent(service)) == ("completed", wanted)
    hides(result, *secret.values())
    assert result.output["authorization"]["scheme"] == scheme.capitalize()


def test_parts_of_a_policy_may_be_secrets(bench: Bench, service: Service) -> None:
    use = "use: { secrets: [ key ] }"
    result = bench.run(
        ask(service, "{ basic: { username: admin, password: '${ $secrets.key }' } }", use), secrets={"key": "pass word"}
    )
    assert sent(service) == BASIC
    hides(result, "pass word", BASIC.removeprefix("Basic "))


def hides(result: Result, *texts: str) -> None:
    recorded = json.dumps([event.as_dict() for event in result.events])
    assert not [text for text in texts if text in recorded]


# ---------------------------------------------------------------- digest


def test_digest_answers_the_challenge(bench: Bench, service: Service) -> None:
    def challenge(asked: Asked) -> Answer:
        given = asked.headers.get("authorization", "")
        if not given.startswith("Digest "):
            return Answer({}, 401, {"www-authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'})
        parts = {
            name.strip(): value.strip('"')
            for name, _, value in (part.partition("=") for part in given.removeprefix("Digest ").split(","))
        }

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        wanted = md5(f"{md5('admin:r:secret')}:n:{parts['nc']}:{parts['cnonce']}:auth:{md5('GET:' + parts['uri'])}")
        return Answer({"ok": True}) if parts["response"] == wanted else Answer({}, 403)

    service.answers["/guarded"] = challenge
    result = bench.run(ask(service, "{ digest: { username: admin, password: secret } }"))
    assert result.status == "completed", result.error
    assert result.output["authorization"]["scheme"] == "Digest"


# ---------------------------------------------------------------- OAuth2 and OpenID Connect


def authority(service: Service, path: str = "/oauth2/token", **more: Any) -> list[Asked]:
    """Let the service hand out tokens; the requests for them."""
    asked: list[Asked] = []

    def token(request: Asked) -> Answer:
        asked.append(request)
        return Answer({"access_token": f"token-{len(asked)}", "token_type": "Bearer", "expires_in": 3600, **more})

    service.answers[path] = token
    return asked


def test_client_credentials(bench: Bench, service: Service) -> None:
    asked = authority(service)
    result = bench.run(
        ask(
            service,
            f"{{ oauth2: {{ authority: '{service.url}', grant: client_credentials, client: {{ id: me, secret: s }}, scopes: [ api, more ], audiences: [ runtime ] }} }}",
        )
    )
    assert result.status == "completed", result.error
    assert sent(service) == "Bearer token-1"
    assert asked[0].form == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "s",
        "scope": "api more",
        "audience": "runtime",
    }
    assert result.output["authorization"]["scheme"] == "Bearer"
    hides(result, "token-1")


def test_a_token_is_fetched_once_while_it_is_valid(bench: Bench, service: Service) -> None:
    asked = authority(service)
    policy = (
        f"{{ oauth2: {{ authority: '{service.url}', grant: client_credentials, client: {{ id: twice, secret: s }} }} }}"
    )
    bench.run(ask(service, policy))
    bench.run(ask(service, policy))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("client_secret_post", {"client_id": "me", "client_secret": "s"}),
        ("client_secret_basic", {}),
        ("none", {"client_id": "me"}),
    ],
)
def test_the_client_authenticates_as_it_is_told(
    bench: Bench, service: Service, method: str, wanted: dict[str, str]
) -> None:
    asked = authority(service)
    bench.run(
        ask(
            service,
            f"{{ oauth2: {{ authority: '{service.url}', grant: client_credentials, client: {{ id: me, secret: s, authentication: {method} }} }} }}",
        )
    )
    assert {name: value for name, value in asked[0].form.items() if name.startswith("client")} == wanted
    expected = "Basic " + base64.b64encode(b"me:s").decode() if method == "client_secret_basic" else None
    assert asked[0].headers.get("authorization") == expected


def test_the_password_grant_and_an_endpoint_of_ones_own(bench: Bench, service: Service) -> None:
    asked = authority(service, "/realms/x/get-token")
    result = bench.run(
        ask(
            service,
            f"{{ oauth2: {{ authority: '{service.url}/realms/x', endpoints: {{ token: /get-token }}, grant: password, username: '${{ .u }}', password: p, client: {{ id: me }} }} }}",
        ),
        input={"u": "ann"},
    )
    assert result.status == "completed", result.error
    assert (asked[0].form["grant_type"], asked[0].form["username"], asked[0].form["password"]) == (
        "password",
        "ann",
        "p",
    )


def test_token_exchange_and_json_encoding(bench: Bench, service: Service) -> None:
    asked = authority(service)
    result = bench.run(
        ask(
            service,
            f"""
            oauth2:
              authority: '{service.url}'
              grant: urn:ietf:params:oauth:grant-type:token-exchange
              client: {{ id: me, secret: s }}
              request: {{ encoding: application/json }}
              subject: {{ token: subject-token, type: 'urn:ietf:params:oauth:token-type:access_token' }}
              actor: {{ token: actor-token, type: 'urn:ietf:params:oauth:token-type:access_token' }}
            """.replace("\n            ", "\n            "),
        )
    )
    assert result.status == "completed", result.error
    body = asked[0].json()
    assert (body["subject_token"], body["actor_token"]) == ("subject-token", "actor-token")


def test_openid_connect_finds_its_token_endpoint(bench: Bench, service: Service) -> None:
    asked = authority(service, "/elsewhere/token")
    service.answers["/realms/x/.well-known/openid-configuration"] = lambda _: Answer(
        {"issuer": f"{service.url}/realms/x", "token_endpoint": f"{service.url}/elsewhere/token"}
    )
    for written in (f"{service.url}/realms/x", f"{service.url}/realms/x/.well-known/openid-configuration"):
        result = bench.run(
            ask(
                service,
                f"{{ oidc: {{ authority: '{written}', grant: client_credentials, client: {{ id: me, secret: s }} }} }}",
            )
        )
        assert result.status == "completed", result.error
    assert len(asked) == 2
    assert sent(service) == "Bearer token-2"


def test_a_policy_of_oauth2_may_be_a_secret(bench: Bench, service: Service) -> None:
    asked = authority(service)
    use = "use: { secrets: [ key ], authentications: { mine: { oauth2: { use: key } } } }"
    secret = {"authority": service.url, "grant": "client_credentials", "client": {"id": "me", "secret": "very-secret"}}
    result = bench.run(ask(service, "{ use: mine }", use), secrets={"key": secret})
    assert result.status == "completed", result.error
    assert asked[0].form["client_secret"] == "very-secret"
    hides(result, "very-secret")


def test_an_authority_that_refuses_is_an_authentication_error(bench: Bench, service: Service) -> None:
    service.answers["/oauth2/token"] = Answer({"error": "invalid_client", "error_description": "no"}, 401)
    result = bench.run(
        ask(
            service,
            f"{{ oauth2: {{ authority: '{service.url}', grant: client_credentials, client: {{ id: x, secret: y }} }} }}",
        )
    )
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "authentication", 401)
    assert "invalid_client" in result.error["detail"]


# ---------------------------------------------------------------- in general


def test_credentials_that_a_service_refuses_are_its_answer(bench: Bench, service: Service) -> None:
    service.answers["/guarded"] = Answer({"message": "no"}, 401)
    result = bench.run(ask(service, "{ bearer: { token: wrong } }"))
    assert result.error is not None
    assert (result.error["type"], result.error["status"]) == (STANDARD + "communication", 401)


def test_a_policy_at_top_level_refers_to_no_other(bench: Bench, service: Service) -> None:
    use = "use: { authentications: { one: { use: two }, two: { bearer: { token: t } } } }"
    assert bench.diagnostics(ask(service, "{ use: one }", use))


def test_without_authentication_there_is_no_descriptor(bench: Bench, service: Service) -> None:
    result = bench.run(
        f"do: [ {{ a: {{ call: http, with: {{ method: get, endpoint: '{service.url}/guarded' }}, output: {{ as: '${{ {{ a: $authorization }} }}' }} }} }} ]"
    )
    assert result.output == {"a": None}
