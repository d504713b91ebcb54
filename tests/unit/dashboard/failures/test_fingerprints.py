from orchestra.dashboard.failures.fingerprints import MESSAGE_MAX, Failure, alike, grouped


def a_failure(id_: str, message: str, at_ms: int = 0, **more: str) -> Failure:
    step, code = more.get("step", "pay"), more.get("code", "agent.error")
    return Failure("execution", id_, ("wfl_1", "orders"), step, code, message, at_ms)


def test_what_differs_from_one_time_to_the_next_is_left_out() -> None:
    one = alike("order 1234 of 'Ann O' (exe_01a20817-dace-7462) took 3.5 s, at 10:20:30")
    other = alike('order 9 of "Bob"   (exe_ffffffff-0000-1111) took 12 s, at 11:00:00')
    assert one == other == "order # of … (…) took # s, at #"
    assert alike("deadbeefcafe is gone") == alike("0123456789ab is gone")
    assert alike("a face is gone") == "a face is gone"
    assert len(alike("x " * 5_000)) <= MESSAGE_MAX
    assert alike("'" * 100_001)


def test_failures_of_one_cause_are_one_group_with_its_trend() -> None:
    failures = [
        a_failure("exe_1", "order 1 is gone", 10),
        a_failure("exe_2", "order 2 is gone", 1_190),
        a_failure("exe_3", "order 3 is gone", 600, step="ship"),
        a_failure("exe_4", "order 4 is gone", -5),
    ]
    first, second = grouped(failures, 0, 1_200)

    assert [one.id for one in first.members] == ["exe_2", "exe_1", "exe_4"]
    assert (first.trend[0], first.trend[-1], sum(first.trend)) == (2, 1, 3)
    assert (first.newest.id, first.message) == ("exe_2", "order # is gone")
    assert [one.id for one in second.members] == ["exe_3"]
    assert grouped([], 5, 5) == []


def test_marks_that_nobody_closes_are_read_once() -> None:
    assert alike("“" * 1_200)
    assert alike("«" * 1_200)
    assert alike("“one” «two» “three") == "… … “three"
