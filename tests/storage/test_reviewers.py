"""A change of the reviewers and its record in the audit trail are one: both are there, or neither."""

from __future__ import annotations

import pytest

from reach_workbench.errors import NotFound, StoreError
from reach_workbench.settings import Settings
from reach_workbench.storage.records import LOCAL_TENANT, ReviewerRecord
from reach_workbench.storage.reviewers import add_reviewer, change_groups, revoke_reviewer
from reach_workbench.storage.store import Store

ADA = ReviewerRecord(LOCAL_TENANT, "0123456789abcdef", "ada", bytes(32), ("ops",), 7, None)


def changes(store: Store) -> list[str]:
    return [record.type for record in store.read.audit()]


def test_a_key_is_added_once(settings: Settings) -> None:
    with Store.open(settings, write=True) as store:
        for _ in range(2):
            unit = store.unit()
            add_reviewer(unit, ADA)
            if store.read.reviewers():
                with pytest.raises(StoreError):
                    store.commit_now(unit)
            else:
                store.commit_now(unit)
        assert store.read.reviewers() == (ADA,)
        assert changes(store) == ["reviewer.added"]


def test_a_revoked_key_is_changed_no_more(settings: Settings) -> None:
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        add_reviewer(unit, ADA)
        change_groups(unit, ADA, ("finance", "ops"), at=8)
        revoke_reviewer(unit, ADA, at=9)
        store.commit_now(unit)
        for change in (
            lambda unit: revoke_reviewer(unit, ADA, at=10),
            lambda unit: change_groups(unit, ADA, (), at=10),
        ):
            unit = store.unit()
            change(unit)
            with pytest.raises(NotFound, match="revoked meanwhile"):
                store.commit_now(unit)
        found = store.read.reviewer(ADA.key_id)
        assert found is not None
        assert (found.groups, found.revoked_at) == (("finance", "ops"), 9)
        assert changes(store) == ["reviewer.added", "reviewer.groups-changed", "reviewer.revoked"]


def test_the_key_of_another_tenant_is_another(settings: Settings) -> None:
    with Store.open(settings, write=True) as store:
        unit = store.unit()
        add_reviewer(unit, ADA)
        store.commit_now(unit)
        assert store.read.reviewer(ADA.key_id, tenant=2) is None
