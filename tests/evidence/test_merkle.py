"""The tree agrees with the definition of RFC 6962 written down naively, and its proofs prove nothing else."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach_workbench.evidence import merkle

# The eight inputs and the roots that RFC 6962's reference implementation tests itself with.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + naive(leaves[:half]) + naive(leaves[half:])).digest()


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


def flipped(data: bytes, at: int) -> bytes:
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def test_the_known_roots_come_out() -> None:
    frontier = merkle.Frontier()
    for entry, root in zip(INPUTS, ROOTS, strict=True):
        frontier.append(merkle.leaf_hash(bytes.fromhex(entry)))
        assert frontier.root().hex() == root
    assert merkle.Frontier().root() == sha256().digest()


def test_a_frontier_kept_as_bytes_goes_on_where_it_was() -> None:
    frontier = merkle.Frontier()
    for size, leaf in enumerate(leaves_of(130)):
        assert frontier.root() == naive(leaves_of(size))
        frontier = merkle.Frontier.from_bytes(frontier.size, frontier.to_bytes())
        frontier.append(leaf)


def test_a_copy_is_untouched_by_what_is_appended_later() -> None:
    frontier = merkle.Frontier()
    frontier.append(leaves_of(1)[0])
    before = frontier.copy()
    frontier.append(leaves_of(1)[0])
    assert (before.size, before.root()) == (1, leaves_of(1)[0])


@pytest.mark.parametrize(("size", "data"), [(1, b""), (0, b"x" * 32), (3, b"x" * 63), (-1, b"x" * 32)])
def test_bytes_that_are_no_frontier_are_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="peaks"):
        merkle.Frontier.from_bytes(size, data)


def test_every_inclusion_and_every_prefix_of_small_trees_is_proved() -> None:
    for size in range(1, 34):
        leaves = leaves_of(size)
        root = naive(leaves)
        for index in range(size):
            assert merkle.includes(root, size, leaves[index], index, merkle.inclusion_proof(leaves, index))
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(leaves, old)
            assert merkle.extends(naive(leaves[:old]), old, root, size, proof)


@given(st.data())
def test_a_proof_of_one_leaf_proves_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    index, bit = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 255))
    leaves = leaves_of(size)
    root, proof = naive(leaves), merkle.inclusion_proof(leaves, index)
    step = data.draw(st.integers(0, len(proof) - 1))
    assert not merkle.includes(root, size, flipped(leaves[index], bit), index, proof)
    assert not merkle.includes(flipped(root, bit), size, leaves[index], index, proof)
    assert not merkle.includes(root, size, leaves[index], (index + 1) % size, proof)
    assert not merkle.includes(root, size, leaves[index], size, proof)
    assert not merkle.includes(root, size, leaves[index], index, proof[:-1])
    assert not merkle.includes(root, size, leaves[index], index, (*proof, root))
    changed = (*proof[:step], flipped(proof[step], bit), *proof[step + 1 :])
    assert not merkle.includes(root, size, leaves[index], index, changed)


@given(st.data())
def test_a_proof_of_one_prefix_proves_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    old, bit = data.draw(st.integers(1, size - 1)), data.draw(st.integers(0, 255))
    leaves = leaves_of(size)
    before, after, proof = naive(leaves[:old]), naive(leaves), merkle.consistency_proof(leaves, old)
    step = data.draw(st.integers(0, len(proof) - 1))
    assert not merkle.extends(flipped(before, bit), old, after, size, proof)
    assert not merkle.extends(before, old, flipped(after, bit), size, proof)
    assert not merkle.extends(before, old, after, size, proof[:-1])
    assert not merkle.extends(before, old, after, size, (*proof, after))
    assert not merkle.extends(before, old, after, size, ())
    assert not merkle.extends(before, size, after, size, ())
    changed = (*proof[:step], flipped(proof[step], bit), *proof[step + 1 :])
    assert not merkle.extends(before, old, after, size, changed)


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="none at 3"):
        merkle.inclusion_proof(leaves_of(3), 3)
    with pytest.raises(ValueError, match="no earlier one of 4"):
        merkle.consistency_proof(leaves_of(3), 4)
