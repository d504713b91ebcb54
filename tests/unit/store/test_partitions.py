"""Partitions: tags spread over all slots, ids carry their home, positions sort."""

import random
import uuid

import pytest

from orchestra.store import partitions as homes

BORN_MS = 1_795_000_000_000


def test_every_range_of_slots_has_its_tag() -> None:
    assert all(homes.slot(homes.prefix(i)) // 64 == i for i in range(homes.TAGS_MAX))


def test_tags_never_change() -> None:
    assert [homes.tags()[i] for i in homes.partitions(8)] == [
        "2b7", "201", "2b6", "200", "16", "c0", "17", "c1",
    ]  # fmt: skip


def test_sixteen_partitions_spread_over_three_primaries() -> None:
    shares = [
        sum(low <= homes.slot(homes.prefix(i)) < high for i in homes.partitions(16))
        for low, high in ((0, 5_461), (5_461, 10_923), (10_923, homes.SLOTS))
    ]

    assert sorted(shares) == [5, 5, 6]


def test_growing_moves_nothing() -> None:
    assert {*homes.partitions(16)} < {*homes.partitions(32)}


def test_an_execution_id_says_where_it_lives() -> None:
    made = homes.execution_id(BORN_MS, 0x30, random.Random(1).getrandbits)

    assert homes.tag_number_of(made) == 0x30
    assert uuid.UUID(made.removeprefix("exe_")).version == 7


def test_a_child_is_the_same_for_one_logical_try() -> None:
    parent = homes.execution_id(BORN_MS, 0x30, random.Random(1).getrandbits)

    first = homes.child_id(parent, "s", 0, 16)

    assert first == homes.child_id(parent, "s", 0, 16) != homes.child_id(parent, "s", 1, 16)
    assert homes.tag_number_of(first) in homes.partitions(16)


def test_event_ids_sort_like_positions_and_give_them_back() -> None:
    points = [
        (ms, seq)
        for ms in (BORN_MS, BORN_MS + 1)
        for seq in (0, 1, 1_048_575, 1_048_576, 4_000_000_000)
    ]

    events = [homes.event_id(1, 0xF0, f"{ms}-{seq}") for ms, seq in points]

    assert events == sorted(events)
    assert [homes.event_position(event) for event in events] == [
        (1, 0xF0, f"{ms}-{seq}") for ms, seq in points
    ]


def test_what_is_no_id_lives_nowhere() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        homes.tag_number_of("exe_nonsense")


def test_a_slot_is_that_of_the_cluster_specification() -> None:
    assert homes.slot("123456789") == 12_739
    assert homes.slot("{user1000}.following") == homes.slot("user1000")
    assert homes.slot("foo{}{bar}") == homes.slot("foo{}{bar}")
