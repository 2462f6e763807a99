"""Performs `resource.get`: the text of an external resource (dsl-reference.md, External Resource)."""

from __future__ import annotations

import re
from typing import Final

from reach_workbench.effects.arguments import endpoint, revealed
from reach_workbench.effects.deadline import deadline
from reach_workbench.effects.effect import Surroundings
from reach_workbench.effects.scrubber import Scrubber
from reach_workbench.effects.web import Web
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import Fault
from reach_workbench.engine.values import Json

_CATALOGED: Final = re.compile(r"catalog:default/(?P<name>[A-Za-z0-9][\w.-]*)/(?P<version>[A-Za-z0-9][\w.+-]*)")


class Resources:
    """Reads http, https, file and relative URIs, and `catalog:default/NAME/VERSION`.

    The last names `functions/NAME/VERSION/function.yaml` in the node's default catalog.
    """

    kinds: tuple[str, ...] = ("resource.get",)

    def __init__(self, web: Web) -> None:
        self._web = web

    async def perform(self, command: Command, surroundings: Surroundings) -> Json:
        """Returns {uri, text}: where the resource was found, and its UTF-8 text."""
        scrubber = Scrubber(surroundings.secrets)
        try:
            uri, policy = endpoint(revealed(command, surroundings))
            if uri.startswith("catalog:"):
                uri = _cataloged(uri, surroundings)
            async with deadline(surroundings.limits, f"fetching {uri}"):
                found = await self._web.fetch(uri, policy, surroundings, scrubber)
            return {"uri": scrubber.sent(found.uri), "text": scrubber.text(found.text())}
        except Fault as fault:
            raise scrubber.fault(fault) from None

    def idempotent(self, command: Command) -> bool:
        return True

    async def close(self) -> None:
        """Nothing of its own to close: the connections belong to `Web`."""


def _cataloged(uri: str, surroundings: Surroundings) -> str:
    found = _CATALOGED.fullmatch(uri)
    if found is None:
        raise Fault(
            "configuration", f"`{uri}` names no function of a catalog: catalog:default/NAME/VERSION", code="bad-uri"
        )
    if surroundings.catalog is None:
        raise Fault(
            "configuration",
            f"the function {found['name']}:{found['version']} is looked for in the default catalog, "
            "but this node has none",
            code="no-catalog",
        )
    file = surroundings.catalog / "functions" / found["name"] / found["version"] / "function.yaml"
    if not file.is_file():
        known = sorted(folder.name for folder in file.parents[1].glob("*") if (folder / "function.yaml").is_file())
        hint = f"; its versions there: {', '.join(known)}" if known else ""
        raise Fault(
            "configuration",
            f"the default catalog has no function {found['name']}:{found['version']} ({file}){hint}",
            code="resource-missing",
        )
    return file.absolute().as_uri()
