"""Authentication policies (dsl-reference.md, Authentication) turned into credentials."""

from __future__ import annotations

import base64

from reach_workbench.clock import Clock
from reach_workbench.effects.arguments import mapping, text
from reach_workbench.effects.effect import Limits
from reach_workbench.effects.exchange import Credentials, Exchange
from reach_workbench.effects.oauth import Tokens
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

SCHEMES = ("basic", "bearer", "digest", "oauth2", "oidc")


class Authenticator:
    """Credentials for a policy. One for a node, so that tokens are shared by its runs."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._tokens = Tokens(exchange, clock)

    async def credentials(
        self, policy: dict[str, Json] | None, secrets: dict[str, Json], limits: Limits
    ) -> Credentials:
        """What to send for `policy`, a policy with its secrets revealed; nothing for None.

        A scheme may be `{use: NAME}`: the secret of that name holds its properties.
        Raises Fault `configuration` for a policy that can't work, and what `Tokens` raises.
        """
        if not policy:
            return Credentials()
        named = [scheme for scheme in SCHEMES if policy.get(scheme) is not None]
        if not named:
            raise Fault(
                "configuration",
                f"an authentication policy must have one of {', '.join(SCHEMES)}; this one has: {', '.join(policy)}",
                code="bad-authentication",
            )
        scheme = named[0]
        settings = _settings(policy, scheme, secrets)
        where = f"authentication.{scheme}."
        if scheme == "basic":
            username, password = text(settings, "username", where), text(settings, "password", where)
            if ":" in username:
                raise Fault(
                    "configuration",
                    "the user name of a basic authentication can't hold a colon (RFC 7617)",
                    code="bad-authentication",
                )
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            return Credentials(authorization=f"Basic {pair}", hidden=(pair,))
        if scheme == "bearer":
            return Credentials(authorization=f"Bearer {text(settings, 'token', where)}")
        if scheme == "digest":
            return Credentials(digest=(text(settings, "username", where), text(settings, "password", where)))
        return await self._tokens.credentials(settings, limits, discover=scheme == "oidc")

    def forget(self, credentials: Credentials) -> bool:
        """Drops the cached token of `credentials` after a 401; whether asking again may give a better one."""
        if credentials.renewable is None:
            return False
        self._tokens.forget(credentials.renewable)
        return True


def _settings(policy: dict[str, Json], scheme: str, secrets: dict[str, Json]) -> dict[str, Json]:
    settings = mapping(policy, scheme, "authentication.")
    name = settings.get("use")
    if not isinstance(name, str):
        return settings
    if name not in secrets:
        raise Fault(
            "configuration", f"the secret {name!r} is used here but was not given to this run", code="secret-missing"
        )
    return mapping(secrets, name, "secret ")
