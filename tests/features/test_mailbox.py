"""Addresses fall into the group of whoever runs their mailbox, and what nobody knows into `other`."""

import pytest

from tactful.features.mailbox import MAILBOXES, mailbox_of


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("ann@gmail.com", "gmail"),
        ("ann@googlemail.com", "gmail"),
        ("ann@outlook.com", "outlook"),
        ("ann@hotmail.co.uk", "outlook"),
        ("ann@live.com.br", "outlook"),
        ("ann@yahoo.com.br", "yahoo"),
        ("ann@aol.com", "yahoo"),
        ("ann@me.com", "apple"),
        ("ANN@ICLOUD.COM.", "apple"),
        ("ann@gmail.com.example", "other"),
        ("ann@live.example.org", "other"),
        ("gmail.com@example.org", "other"),
        ("ann@notgmail.com", "other"),
        ("nonsense", "other"),
        ("", "other"),
    ],
)
def test_an_address_has_the_group_of_its_domain(address: str, group: str) -> None:
    assert MAILBOXES[mailbox_of(address)] == group


def test_who_has_no_address_is_other_and_other_is_zero() -> None:
    assert mailbox_of("") == MAILBOXES.index("other") == 0
