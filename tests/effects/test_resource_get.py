"""External resources: where they are found and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach_workbench.effects.adapters import Adapters
from reach_workbench.effects.effect import Limits
from reach_workbench.effects.hosting import raw_uri
from reach_workbench.engine.commands import Command
from reach_workbench.engine.faults import STANDARD_TYPES, Fault

from .conftest import Answer, Perform, Server

pytestmark = pytest.mark.anyio


async def test_a_relative_path_starts_at_the_workflows_folder(perform: Perform, tmp_path: Path) -> None:
    file = tmp_path / "a folder" / "schema.json"
    file.parent.mkdir()
    file.write_text("\ufeffgrün", "utf-8")
    for uri in ("a folder/schema.json", "./a%20folder/schema.json", file.as_uri(), str(file)):
        found = await perform("resource.get", {"endpoint": {"uri": uri}})
        assert found["text"] == "grün"
        assert Path(found["uri"].removeprefix("file://").replace("%20", " ")).samefile(file)


async def test_http_with_authentication(perform: Perform, server: Server) -> None:
    server.reply = lambda _: Answer("text: 1", headers={"Content-Type": "application/yaml"})
    endpoint = {"uri": server.url + "/f.yaml", "authentication": {"bearer": {"token": "⟦secret:t⟧"}}}
    found = await perform("resource.get", {"endpoint": endpoint}, secrets={"t": "s3cr3t"})
    assert found == {"uri": server.url + "/f.yaml", "text": "text: 1"}
    assert server.last.headers["authorization"] == "Bearer s3cr3t"


async def test_redirections_are_followed_but_credentials_stay_with_their_origin(
    perform: Perform, server: Server, other: Server
) -> None:
    moves = {"/a": "/b", "/b": other.url + "/c"}
    server.reply = lambda asked: Answer(b"", 302, {"Location": moves[asked.target]})
    other.reply = lambda _: Answer("found")
    endpoint = {"uri": server.url + "/a", "authentication": {"bearer": {"token": "abc"}}}
    found = await perform("resource.get", {"endpoint": endpoint})
    assert found == {"uri": other.url + "/c", "text": "found"}
    assert [asked.headers.get("authorization") for asked in server.asked] == ["Bearer abc", "Bearer abc"]
    assert "authorization" not in other.last.headers


async def test_redirections_in_a_circle_end(perform: Perform, server: Server) -> None:
    server.reply = lambda _: Answer(b"", 302, {"Location": "/again"})
    with pytest.raises(Fault, match="302"):
        await perform("resource.get", {"endpoint": server.url})
    assert len(server.asked) < 10


async def test_a_refusal_is_a_communication_error(perform: Perform, server: Server) -> None:
    server.reply = lambda _: Answer(b"", 403)
    with pytest.raises(Fault) as caught:
        await perform("resource.get", {"endpoint": server.url})
    assert (caught.value.type, caught.value.status) == (STANDARD_TYPES + "communication", 403)


@pytest.mark.parametrize("uri", ["none.txt", ".", "ftp://x/y", "file://elsewhere/x", "catalog:other/a/1", "a\0b"])
async def test_what_cannot_be_read_is_a_configuration_error(perform: Perform, uri: str) -> None:
    with pytest.raises(Fault) as caught:
        await perform("resource.get", {"endpoint": {"uri": uri}})
    assert caught.value.type == STANDARD_TYPES + "configuration"


async def test_what_is_not_text_is_a_validation_error(perform: Perform, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Fault, match="UTF-8"):
        await perform("resource.get", {"endpoint": "x"})


async def test_a_large_file_is_refused(perform: Perform, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 2000)
    with pytest.raises(Fault, match=r"limits\.output_bytes"):
        await perform("resource.get", {"endpoint": "x"}, limits=Limits(output_bytes=1000))


async def test_the_default_catalog(perform: Perform, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        file = tmp_path / "functions" / "log" / version / "function.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(f"set: {version}")
    found = await perform("resource.get", {"endpoint": "catalog:default/log/1.1.0"}, catalog=tmp_path)
    assert found["text"] == "set: 1.1.0"
    with pytest.raises(Fault, match=r"its versions there: 1\.0\.0, 1\.1\.0"):
        await perform("resource.get", {"endpoint": "catalog:default/log/2.0.0"}, catalog=tmp_path)
    with pytest.raises(Fault, match="this node has none"):
        await perform("resource.get", {"endpoint": "catalog:default/log/1.0.0"})


@pytest.mark.parametrize("name", ["../../etc", "..", "a/../b", "log/1.0.0/../..", "%2e%2e"])
async def test_a_name_cannot_leave_the_catalog(perform: Perform, tmp_path: Path, name: str) -> None:
    with pytest.raises(Fault) as caught:
        await perform("resource.get", {"endpoint": f"catalog:default/{name}/1.0.0"}, catalog=tmp_path)
    assert caught.value.code == "bad-uri"


def test_reading_may_be_repeated() -> None:
    command = Command(1, "r:1", "resource.get", "/do/0/x", 1, {"endpoint": "x"}, None)
    assert Adapters().idempotent(command) is True


@pytest.mark.parametrize(
    ("page", "raw"),
    [
        (
            "https://github.com/serverlessworkflow/catalog/tree/main/functions/log/1.0.0/function.yaml",
            "https://raw.githubusercontent.com/serverlessworkflow/catalog/refs/heads/main/functions/log/1.0.0/function.yaml",
        ),
        (
            "https://github.com/serverlessworkflow/catalog/functions/log/1.0.0/function.yaml",
            "https://raw.githubusercontent.com/serverlessworkflow/catalog/HEAD/functions/log/1.0.0/function.yaml",
        ),
        (
            "https://github.com/myorg/functions/validateEmailAddress@v1.0.0",
            "https://raw.githubusercontent.com/myorg/functions/v1.0.0/validateEmailAddress/function.yaml",
        ),
        ("https://gitlab.com/a/b/c/-/blob/main/x/y.yaml", "https://gitlab.com/a/b/c/-/raw/main/x/y.yaml"),
        ("https://example.org/a/tree/b", "https://example.org/a/tree/b"),
        ("https://github.com/a/b/releases/download/1/x.yaml", "https://github.com/a/b/releases/download/1/x.yaml"),
    ],
)
def test_pages_of_git_hosts_stand_for_the_raw_file(page: str, raw: str) -> None:
    assert raw_uri(page) == raw
