"""The samples that run programs: file to the program's digest, by kind of command. By `make docs`."""

from __future__ import annotations

from typing import Final

PROGRAMS: Final[dict[str, dict[str, str]]] = {
    "script.run": {
        "workflows/call-with-retries.yaml": "3dc08c07fba00d6e0fadab58a1300ed3e8661b4ad2a7548595c98fdaf063b31e",
    },
    "shell.run": {
        "workflows/release-notes.yaml": "4e2c312f3298e9d01cc3d058ec35d3a574879d776538d5892d1285ccac883e16",
        "workflows/triage-tickets.yaml": "dac6ea68bcc5f6d6f2e8f7987970bf42ac52c4c4f50087f3d8600daa1eef888e",
    },
}
