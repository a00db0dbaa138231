"""Who runs in the sandbox: numeric, and never root unless the config insists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_sandbox.spec.identity import IMAGE_UID, Owner, owner_for, owner_of_new_folder, parse_user

ids = st.integers(min_value=0, max_value=2**31 - 1)
owners = st.builds(Owner, uid=ids, gid=ids)


@pytest.mark.parametrize(
    ("text", "uid", "gid"),
    [
        ("1000:1001", 1000, 1001),
        ("1000", 1000, 1000),
        ("0", 0, 0),
        ("007:8", 7, 8),
        ("2147483647", 2**31 - 1, 2**31 - 1),
    ],
)
def test_numbers_are_read(text: str, uid: int, gid: int) -> None:
    assert parse_user(text) == Owner(uid=uid, gid=gid)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "node",
            "root",
            "1000:",
            ":1000",
            "1000:1000:1000",
            "-1",
            "1e3",
            " 1000",
            "1000\n",
            "1000:wheel",
        ),
        *("2147483648", "1:2147483648", "99999999999", "\uff11\uff10\uff10\uff10", "²"),
    ],
)
def test_everything_else_is_a_name_or_nothing(text: str) -> None:
    assert parse_user(text) is None


@given(owners)
def test_text_and_back(owner: Owner) -> None:
    assert parse_user(owner.text()) == owner


@given(owners)
def test_nobody_becomes_root_by_owning_a_folder(folder: Owner) -> None:
    found = owner_for(folder)
    assert (found is None) is (folder.uid == 0)
    assert found is None or (found.uid == folder.uid and found.gid != 0)


@given(owners)
def test_a_new_folder_is_never_roots(operator: Owner) -> None:
    found = owner_of_new_folder(operator)
    assert found.uid != 0
    assert found.gid != 0
    assert found.uid == (operator.uid or IMAGE_UID)
