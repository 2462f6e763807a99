"""A policy file with errors never takes the place of a good one, and that is said wherever somebody looks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reach_workbench.node.local import LocalNode

WRITES = "do: [{write: {run: {shell: {command: 'echo done'}}}}]"
NEVER = '@id("all") permit(principal, action, resource);\n@id("never") forbid(principal, action == Action::"shell.run", resource);\n'  # fmt: skip  # noqa: E501
BROKEN = NEVER + 'permit(principal, action == Action::"shel.run", resource);\n'


async def _check(node: LocalNode) -> tuple[bool, str]:
    [found] = [check for check in await node.doctor() if check.name == "policy"]
    return found.ok, found.message


def test_a_broken_policy_file_is_said_by_the_doctor_in_the_denial_and_once_in_the_log(
    home, go, tmp_path: Path, caplog
) -> None:
    policy = tmp_path / "policy.cedar"
    home.environment["REACH_POLICY_FILE"] = str(policy)

    async def body() -> None:
        policy.write_text(NEVER)
        async with home.node() as node:
            assert await _check(node) == (True, f"2 policies in force, of {policy}")
            run = await home.run(node, WRITES)
            assert run.error is not None
            assert run.error["detail"] == "denied by policy never"
            policy.write_text(BROKEN)
            assert not (await _check(node))[0]
            caplog.clear()
            await asyncio.sleep(1.1)  # the files are looked at once a second
            for _ in range(2):
                run = await home.run(node, WRITES)
                assert run.error is not None
                assert run.error["detail"].startswith(
                    "denied by policy never; the newest policy file has errors and is not in force (" + str(policy)
                )
            said = [each for each in caplog.messages if str(policy) in each]
            assert len(said) == 1
            assert "the policies before stay in force" in said[0]

    go(body)


def test_a_policy_that_is_written_ahead_is_in_force_and_said_to_be_so_when_it_is_loaded(
    home, go, tmp_path: Path, caplog
) -> None:
    policy = tmp_path / "policy.cedar"
    home.environment["REACH_POLICY_FILE"] = str(policy)
    policy.write_text(NEVER + 'forbid(principal, action == Action::"model.call", resource == Model::"large");\n')

    async def body() -> None:
        async with home.node() as node:
            assert await _check(node) == (True, f"3 policies in force, of {policy}")
            assert [each for each in caplog.messages if "model.call" in each] == [
                f"{policy}:3: nothing that this version performs is a model.call: "
                "the policy is kept, and never asked about one"
            ]

    go(body)


def test_a_policy_file_that_was_never_good_denies_everything_and_says_where(home, go, tmp_path: Path) -> None:
    policy = tmp_path / "policy.cedar"
    home.environment["REACH_POLICY_FILE"] = str(policy)

    async def body() -> None:
        policy.write_text(BROKEN)
        async with home.node() as node:
            ok, message = await _check(node)
            assert not ok
            assert f"{policy}:3" in message
            assert "every action is denied" in message
            run = await home.run(node, WRITES)
            assert run.error is not None
            assert run.error["detail"].startswith("no policy can be read")
            assert f"{policy}:3" in run.error["detail"]

    go(body)
