"""What the kernel says about processes, read from /proc."""

import os
import time
from pathlib import Path


def _parent_and_name(pid):
    text = Path(f"/proc/{pid}/stat").read_bytes()
    head, _, rest = text.rpartition(b")")
    return int(rest.split()[1]), head.partition(b"(")[2]


def descendants(root, but=frozenset()):
    """`root` and all that came from it, without those pids in `but`."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(_parent_and_name(int(entry))[0], []).append(int(entry))
            except (OSError, ValueError):
                continue
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        if pid not in but:
            found.append(pid)
            todo += children.get(pid, [])
    return found


def cpu_seconds(pids):
    """CPU time of all threads, to the nanosecond; of those that have ended meanwhile nothing."""
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def switches(pids):
    """Context switches, voluntary or not, of all threads."""
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                for line in Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines():
                    if "ctxt_switches" in line:
                        total += int(line.split()[1])
        except OSError:
            continue
    return total


def memory_kib(pids):
    """Proportional and private memory."""
    pss = private = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("Pss:"):
                pss += int(line.split()[1])
            elif line.startswith("Private_"):
                private += int(line.split()[1])
    return pss, private


def is_there(pid):
    """Whether it has not ended. Whose parent has ended, too, may wait for an init that is slow to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def await_gone(pids, patience):
    """Waits until none of them is there, or only as a zombie; whether that came to be."""
    end, left = time.monotonic() + patience, list(pids)
    while left:
        while left and not is_there(left[-1]):
            left.pop()
        if time.monotonic() > end:
            return False
        if left:
            time.sleep(0.001 if len(pids) <= 100 else 0.005)
    return True
