# SPDX-License-Identifier: BSD-2-Clause
"""The order in which tests run beside each other, so that no worker is left alone with a long one."""

# Seconds of tests that take long, on a machine with two CPUs; all others take about one.
SECONDS = {
    "test_programs": 10, "test_ended_at_any_time": 10, "test_killed_at_any_time": 10,
    "test_stopped_by_a_signal_meanwhile": 10, "test_of_a_busy_target": 8, "test_many_leave_no_trace": 8,
    "test_busy_target": 8, "test_many_attaches_leave_no_trace": 8, "test_many_in_a_row": 8,
    "test_busy_many_times": 5, "test_interrupted_anywhere": 5, "test_stopped_at_once": 5,
    "test_another_waits_where_that_process_is_killed": 5, "test_no_wrong_type": 5, "test_a_ceiling": 5,
    "test_as_at_a_collection": 5, "test_under_seccomp": 5, "test_memory_put_to_another_use": 5,
    "test_while_the_collector_marks": 5, "test_a_runtime_with_more_fields": 5,
    "test_a_heap_with_more_fields": 5, "test_an_unpacked_program": 5, "test_two_libraries": 5,
    "test_a_snapshot_larger_than_memory": 10, "test_memory_while_copying": 5,
    "test_c_in_a_go_program": 5, "test_a_plugin": 5, "test_a_library_in_a_c_program": 5,
}


def seconds(name):
    """Of a test such as `test_left_out[1.26-stop-named]`."""
    return SECONDS.get(name.partition("[")[0], 1)


def deal(tests, workers, name=lambda test: test.name):
    """The tests in an order that begins with `workers` first shares. pytest-xdist hands a quarter of all
    out at once, in equal numbers, and the rest bit by bit: each first share has the same part of the
    long tests, the longest first, and what is left is short."""
    by_length = sorted(tests, key=lambda test: -seconds(name(test)))
    long = [test for test in by_length if seconds(name(test)) > 1]
    short = by_length[len(long):]
    size = max(len(tests) // workers // 4, 2)
    shares = []
    for worker in range(workers):
        share = long[worker::workers][:size]
        missing = size - len(share)
        shares += [*share, *short[:missing]]
        short = short[missing:]
    return shares + long[size * workers:] + short
