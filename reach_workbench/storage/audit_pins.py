"""Which checkpoints of the file can be held against the audit log, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reach_workbench.protocol.audit import AuditProblem
from reach_workbench.storage.checkpoint_file import Pin, is_signed_by, origin_of
from reach_workbench.storage.rotations import Due


class Witness(NamedTuple):
    """A checkpoint that can be believed: its number, and the root at a size."""

    number: int
    size: int
    root: bytes


class Confirmed(NamedTuple):
    """What the database knows of the checkpoints: how many there are, and the size at the last one."""

    pins: int = 0
    size: int = 0


def believe(
    pins: Sequence[Pin] | None, confirmed: Confirmed, later: Confirmed, size: int, keys: Sequence[Due], file: Path
) -> tuple[list[Witness], AuditProblem | None]:
    """The checkpoints to believe, and the first thing that is wrong with the file or with what is known of it.

    `confirmed` is what the database knew before the file was read, `later` what after it, `size` how many records its
    tree has: the node may go on meanwhile. `keys` are the node's, the newest first; without any a checkpoint is
    believed unsigned.
    """
    if pins is None:
        if confirmed == Confirmed():
            return [], None
        return [], _missing(1, confirmed.pins, f"missing with the file {file}")
    witnesses: list[Witness] = []
    problems: list[AuditProblem] = []
    number = 0
    for pin in pins:
        expected = number + 1
        if pin.signed is None:
            wrong = pin.wrong
            if pin.torn and confirmed.pins < expected:
                if _begins(pin.note, keys):
                    break  # a crash tore it before it counted: the next one will take its place
                wrong = "what stands there is not the beginning of one"
            problems.append(_damaged("checkpoint-damaged", expected, f"is damaged: {wrong}"))
            number = expected
            continue
        if keys and not is_signed_by(pin.signed, _due(keys, pin.signed.checkpoint.size)):
            said = "was changed or forged: it is not signed by the key that this node had then"
            if len(keys) == 1:
                said = "was changed or forged: it is not signed by this node's key"
            problems.append(_damaged("checkpoint-forged", expected, said))
            number = expected
            continue
        checkpoint = pin.signed.checkpoint
        if pin.number <= number or (witnesses and checkpoint.size <= witnesses[-1].size):
            problems.append(_damaged("checkpoint-forged", pin.number, f"was put behind number {number}"))
            continue
        if pin.number > expected:
            problems.append(_missing(expected, pin.number - 1, f"missing before number {pin.number}"))
        number = pin.number
        witnesses.append(Witness(number, checkpoint.size, checkpoint.root))
    problem = problems[0] if problems else _unlike(witnesses, number, confirmed, later, size, file)
    return witnesses, problem


def _begins(torn: str, keys: Sequence[Due]) -> bool:
    """Whether a crash may have left this: the first part of a note of one of the keys, or blocks never written."""
    if not torn.strip("\0") or not keys:
        return True
    heads = [f"{origin_of(key.public)}\n" for key in keys]
    return any(torn.startswith(head) or head.startswith(torn.rstrip("\0")) for head in heads)


def _due(keys: Sequence[Due], size: int) -> bytes:
    return next((key.public for key in keys if key.size <= size), keys[-1].public)


def _unlike(
    witnesses: Sequence[Witness], last: int, confirmed: Confirmed, later: Confirmed, size: int, file: Path
) -> AuditProblem | None:
    """Where a file that is sound in itself is not the one that the database knows.

    It may have one more, when the node was ended in between, and many more when the database is an older copy.
    """
    sizes = {each.number: each.size for each in witnesses}
    if confirmed.pins > last and sizes.get(last, 0) != confirmed.size:
        return _missing(last + 1, confirmed.pins, f"missing from the end of {file}")
    behind = later.pins + 1 < last and size >= witnesses[-1].size
    if behind or confirmed.pins > last or sizes.get(confirmed.pins, 0) != confirmed.size:
        said = f"{confirmed.pins} checkpoints, the last at {confirmed.size:,} records"
        return AuditProblem("tree-changed", f"the row of the tree was changed: it knows of {said}, the file of {last}")
    return None


def _damaged(code: str, number: int, said: str) -> AuditProblem:
    return AuditProblem(code, f"checkpoint {number} {said}", checkpoint=number)  # type: ignore[arg-type]


def _missing(first: int, last: int, said: str) -> AuditProblem:
    which = f"checkpoint {first} is" if first >= last else f"checkpoints {first} to {last} are"
    return AuditProblem("checkpoint-missing", f"{which} {said}", checkpoint=first)
