"""Pages of Git hosts stand for the file they show (dsl.md, Catalogs, File Structure)."""

from __future__ import annotations

import re
from typing import Final

_SHOWN: Final = re.compile(
    r"https://github\.com/(?P<repository>[^/?#]+/[^/?#]+)/(?:tree|blob)/(?P<at>[^/?#]+)/(?P<path>[^?#]+)"
)
_TAGGED: Final = re.compile(r"https://github\.com/(?P<repository>[^/?#]+/[^/?#@]+)/(?P<path>[^?#@]+)@(?P<at>[^/?#@]+)")
_PLAIN: Final = re.compile(r"https://github\.com/(?P<repository>[^/?#]+/[^/?#]+)/(?P<path>functions/[^?#@]+)")
_GITLAB: Final = re.compile(r"(?P<project>https://gitlab\.com/[^?#]+?)/-/(?:tree|blob)/(?P<rest>[^?#]+)")
_RAW: Final = "https://raw.githubusercontent.com"


def raw_uri(uri: str) -> str:
    """The URI of the raw file for a page of GitHub or GitLab; any other URI as it is.

    `…/tree/REF/PATH` and `…/blob/REF/PATH` name a file on a branch, `…/PATH@TAG` the folder of a
    function at a tag, and a catalog that is a bare repository is read at its default branch.
    """
    if found := _SHOWN.fullmatch(uri):
        return f"{_RAW}/{found['repository']}/refs/heads/{found['at']}/{found['path']}"
    if found := _TAGGED.fullmatch(uri):
        path = found["path"]
        file = path if path.endswith((".yaml", ".yml", ".json")) else f"{path}/function.yaml"
        return f"{_RAW}/{found['repository']}/{found['at']}/{file}"
    if found := _PLAIN.fullmatch(uri):
        return f"{_RAW}/{found['repository']}/HEAD/{found['path']}"
    if found := _GITLAB.fullmatch(uri):
        return f"{found['project']}/-/raw/{found['rest']}"
    return uri
