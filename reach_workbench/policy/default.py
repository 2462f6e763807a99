"""The policy of a tenant that has written none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reach_workbench.policy.shipped import PROGRAMS


def _unless(kind: str) -> str:
    """The exception for the samples that run such commands."""
    samples: Mapping[str, str] = PROGRAMS.get(kind, {})
    if not samples:
        return ""
    lines = "\n".join(f'    "{digest}", // {file}' for file, digest in samples.items())
    return f'\nunless {{\n  context.run.origin == "sample" && [\n{lines}\n  ].contains(context.run.program)\n}}'


DEFAULT: Final = f"""\
// What workflows may do on this node. Written in Cedar (https://www.cedarpolicy.com);
// docs/policy.md tells what policies can read and what their annotations mean.
//
// A command is allowed when a permit fits it and no forbid does. A forbid with @gate is not the
// last word: the command waits until somebody approves it.

// Whatever no forbid below is against.
@id("everything")
@reason("Nothing speaks against it.")
permit (principal, action, resource);

// Commands that run programs can do on this machine whatever you can, so each waits until
// somebody has looked at it. You may approve your own; after a day the gate is closed.
// The samples that come with Reach run at once where they came, as long as not a word of them is changed.

@id("hold-shell")
@reason("A shell command can do on this machine whatever you can.")
@gate("approval")
@self("allowed")
@expires("24h")
forbid (principal, action == Action::"shell.run", resource){_unless("shell.run")};

@id("hold-script")
@reason("A script can do on this machine whatever you can.")
@gate("approval")
@self("allowed")
@expires("24h")
forbid (principal, action == Action::"script.run", resource){_unless("script.run")};

@id("hold-container")
@reason("A container can use this machine's network, and the folders that it is given.")
@gate("approval")
@self("allowed")
@expires("24h")
forbid (principal, action == Action::"container.run", resource){_unless("container.run")};
"""
"""The text, as `reach policy init` writes it to be changed."""

FILE: Final = "default.cedar"
"""The name it goes by in diagnostics and digests."""
