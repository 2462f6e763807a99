"""The Merkle tree over a list of records (RFC 6962, section 2.1; proofs verified as RFC 9162, section 2.1).

A tree is never kept whole. Appending needs only its `Frontier`: the roots of the perfect subtrees
that it consists of, largest first, one for each bit of its size that is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256().digest()


def leaf_hash(record: bytes) -> bytes:
    """The hash of a record: SHA-256 of 0x00 and the record, so that no record passes for an inner node."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and the hashes of its two children."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The least that is needed to append to a tree and to tell its root: O(log n) hashes."""

    __slots__ = ("_peaks", "_size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self._size = size
        self._peaks = list(peaks)
        if size < 0 or len(self._peaks) != size.bit_count() or any(len(peak) != HASH_SIZE for peak in self._peaks):
            raise ValueError(f"a tree of {size} records has {max(size, 0).bit_count()} peaks of {HASH_SIZE} bytes")

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """The frontier that `to_bytes` wrote for a tree of `size` records; ValueError if it can't be one."""
        return cls(size, (data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE)))

    def to_bytes(self) -> bytes:
        """The peaks one after the other, largest subtree first. The size is kept beside them."""
        return b"".join(self._peaks)

    @property
    def size(self) -> int:
        """How many records the tree holds."""
        return self._size

    def copy(self) -> Frontier:
        """Another frontier of the same tree, to go back to."""
        return Frontier(self._size, self._peaks)

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next record."""
        if len(leaf) != HASH_SIZE:
            raise ValueError(f"a leaf has {HASH_SIZE} bytes")
        self.join(1, leaf)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of the next records: the same as appending each, in half the time."""
        for width, root in subtrees(self._size, leaves):
            self.join(width, root)

    def join(self, width: int, root: bytes) -> None:
        """Add `width` records, a power of two that divides the size, by the root of their tree."""
        full = self._size // width
        if full * width != self._size or width & (width - 1):
            raise ValueError(f"a tree of {width} records is no subtree after {self._size}")
        while full & 1:
            root = node_hash(self._peaks.pop(), root)
            full >>= 1
        self._peaks.append(root)
        self._size += width

    def root(self) -> bytes:
        """The tree head of what was appended so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """The tree head over hashes of records."""
    frontier = Frontier()
    frontier.extend(list(leaves))
    return frontier.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from the leaf at `index` (from 0) to the root, lowest first (RFC 6962, 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"a tree of {len(leaves)} records has none at {index}")
    start, end, path = 0, len(leaves), []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(tree_root(leaves[middle:end]))
            end = middle
        else:
            path.append(tree_root(leaves[start:middle]))
            start = middle
    return tuple(reversed(path))


def inclusion_proofs(leaves: Sequence[bytes], indices: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
    """The inclusion proofs of several leaves; each leaf is hashed once, however many there are."""
    wanted = sorted(set(indices))
    if wanted and not 0 <= wanted[0] <= wanted[-1] < len(leaves):
        raise ValueError(f"a tree of {len(leaves)} records has none at {wanted[0]} to {wanted[-1]}")
    paths: dict[int, list[bytes]] = {index: [] for index in wanted}

    def climb(start: int, end: int, here: Sequence[int]) -> bytes:
        if not here:
            return tree_root(leaves[start:end])
        if end - start == 1:
            return leaves[start]
        middle = start + _split(end - start)
        early = [index for index in here if index < middle]
        late = here[len(early) :]
        left, right = climb(start, middle, early), climb(middle, end, late)
        for index in early:
            paths[index].append(right)
        for index in late:
            paths[index].append(left)
        return node_hash(left, right)

    if wanted:
        climb(0, len(leaves), wanted)
    return {index: tuple(path) for index, path in paths.items()}


def consistency_proof(leaves: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    """The hashes that show that the first `old` leaves are a prefix of all of them (RFC 6962, 2.1.2)."""
    if not 0 < old <= len(leaves):
        raise ValueError(f"a tree of {len(leaves)} records has no earlier one of {old}")
    start, end, whole, path = 0, len(leaves), True, []
    while old != end - start:
        size = _split(end - start)
        if old <= size:
            path.append(tree_root(leaves[start + size : end]))
            end = start + size
        else:
            path.append(tree_root(leaves[start : start + size]))
            start, old, whole = start + size, old - size, False
    if not whole:
        path.append(tree_root(leaves[start:end]))
    return tuple(reversed(path))


def includes(root: bytes, size: int, leaf: bytes, index: int, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows `leaf` at `index` (from 0) of the tree of `size` records (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            computed = node_hash(sibling, computed)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and computed == root


def extends(old_root: bytes, old: int, new_root: bytes, new: int, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `new` records begins with that of `old` ones (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def subtrees(start: int, leaves: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """The widths and roots of the largest perfect subtrees that leaves from index `start` on make, in their order."""
    found: list[tuple[int, bytes]] = []
    done = 0
    while done < len(leaves):
        place = start + done
        width = 1 << ((len(leaves) - done).bit_length() - 1)
        if place:
            width = min(width, place & -place)
        found.append((width, _perfect_root(leaves[done : done + width])))
        done += width
    return found


def _perfect_root(leaves: Sequence[bytes]) -> bytes:
    """The root over a power of two of leaves, level by level."""
    level = leaves
    while len(level) > 1:
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def _split(size: int) -> int:
    """The largest power of two below `size`: where a tree divides."""
    return 1 << ((size - 1).bit_length() - 1)
