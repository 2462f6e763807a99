"""What lies in a workspace came with documents of other people: it can forbid, and keep nothing allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .gated import ALL, Gated, call

FORBIDDEN = ALL + '@id("no") forbid(principal, action == Action::"function.call", resource);\n'
SOUND = '@id("mine") forbid(principal, action == Action::"shell.run", resource);\n'
BROKEN = "forbid (nobody);"


def workspace(gated: Gated, text: str) -> None:
    file = gated.folder / "policies" / "x.cedar"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    gated.clock.wait(1_100)


async def error(gated: Gated, node) -> str | None:
    view = await gated.run(node, f"{{a: {call('gated')}}}")
    return view.error["code"] if view.error else None


@pytest.mark.parametrize("restarted", [False, True])
def test_a_broken_file_of_a_workspace_keeps_no_policies_that_the_tenant_gave_up(gated, go, restarted):
    gated.policy(ALL)
    workspace(gated, SOUND)

    async def body():
        async with gated.node() as node:
            assert await error(gated, node) is None
            if not restarted:
                workspace(gated, BROKEN)
                assert await error(gated, node) is None
                gated.policy(FORBIDDEN)
                assert await error(gated, node) == "policy-denied"
        if restarted:
            workspace(gated, BROKEN)
            gated.policy(FORBIDDEN)
        async with gated.node() as node:
            assert await error(gated, node) == "policy-denied"
            assert len(gated.performed) == 2 - restarted

    go(body)


def test_what_a_workspace_forbade_before_its_file_broke_stays_forbidden(gated, go):
    gated.policy(ALL)
    workspace(gated, SOUND.replace("shell.run", "function.call"))

    async def body():
        async with gated.node() as node:
            assert await error(gated, node) == "policy-denied"
            workspace(gated, BROKEN)
            gated.policy(ALL + "// with other words\n")
            assert await error(gated, node) == "policy-denied"
            workspace(gated, SOUND)
            assert await error(gated, node) is None

    go(body)


def test_a_workspace_that_was_never_sound_denies_what_lies_in_it(gated, go):
    gated.policy(ALL)
    workspace(gated, BROKEN)

    async def body():
        async with gated.node() as node:
            assert await error(gated, node) == "policy-denied"
            assert gated.performed == []

    go(body)


def test_a_file_that_an_editor_is_just_replacing_leaves_its_policies_in_force(gated, go):
    """There is a moment in which it does not exist, and the built-in policy allows this."""
    del gated.environment["REACH_POLICY_FILE"]
    file = gated.folder / "home" / "policies" / "local.cedar"
    file.parent.mkdir(parents=True)
    file.write_text(FORBIDDEN)

    async def body():
        async with gated.node() as node:
            assert await error(gated, node) == "policy-denied"
            gated.clock.wait(1_100)
            file.unlink()
            assert await error(gated, node) == "policy-denied"
            file.write_text(FORBIDDEN)
            gated.clock.wait(1_100)
            assert await error(gated, node) == "policy-denied"
            file.unlink()
            gated.clock.wait(5_000)
            await node.policies()
            gated.clock.wait(5_000)
            assert await error(gated, node) is None  # who has none has the built-in one

    go(body)


def test_a_file_that_is_named_and_is_not_there_is_no_permission(gated, go):
    gated.policy(FORBIDDEN)
    file = Path(gated.environment["REACH_POLICY_FILE"])

    async def body():
        async with gated.node("other") as node:
            assert await error(gated, node) == "policy-denied"
            file.unlink()
            gated.clock.wait(5_000)
            assert await error(gated, node) == "policy-denied"
        async with gated.node() as node:  # which has never seen it
            view = await gated.run(node, f"{{a: {call('gated')}}}")
            assert "the setting policy.file names does not exist" in view.error["detail"]

    go(body)
