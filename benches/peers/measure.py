"""One contender at work: started, watched, stopped. All times are in seconds, memory in KiB."""

import fcntl
import os
import select
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import kernel

REPORT = struct.Struct("=QQ")
F_SETPIPE_SZ = 1031
PATIENCE = 60
IDLE = 20
SETTLE = 2


class Reports:
    """The FIFO that children report to: when each of them ran its first instructions, and its pid."""

    def __init__(self, path):
        os.mkfifo(path)
        self.fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self.fifo, F_SETPIPE_SZ, 1 << 20)

    def take(self):
        try:
            return list(REPORT.iter_unpack(os.read(self.fifo, (1 << 16) // REPORT.size * REPORT.size)))
        except BlockingIOError:
            return []

    def await_some(self, count, patience=PATIENCE, look_every=0.01):
        """The next `count` reports; fewer if they do not come in time."""
        end, reports = time.monotonic() + patience, []
        while len(reports) < count and time.monotonic() < end:
            new = self.take()
            reports += new
            if not new:
                time.sleep(look_every)
        return reports

    def await_one(self, patience):
        """The next report, at once."""
        poll = select.poll()
        poll.register(self.fifo, select.POLLIN)
        return self.take() if poll.poll(patience * 1000) else []


class Running:
    """A contender with so many children, from its launch to its end."""

    def __init__(self, tool, count, child, pipes, reports):
        self.tool, self.count, self.reports = tool, count, reports
        self.directory = Path(tempfile.mkdtemp(prefix="peers-"))
        (self.directory / "log").mkdir()
        command = tool.prepare(self.directory, count, child, pipes)
        self.environment = os.environ | tool.environment(self.directory)
        reports.take()
        self.pids = []
        self.begin = time.monotonic_ns()
        self.process = subprocess.Popen(
            command, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=open(self.directory / "said", "wb"), stderr=subprocess.STDOUT, start_new_session=True,
        )
        (self.directory / "pid").write_text(str(self.process.pid))

    def await_children(self):
        """Until the last child has run its first instructions; None if not all of them do."""
        came = self.reports.await_some(self.count)
        self.pids = [pid for _, pid in came]
        if len(came) < self.count:
            return None
        return (max(when for when, _ in came) - self.begin) / 1e9

    def own_pids(self):
        """Everything on the supervisor's side."""
        return kernel.descendants(self.tool.pid(self.directory, self.process), frozenset(self.pids))

    def run(self, command):
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=PATIENCE,
        )

    def status(self, rounds=3):
        """How long its status command takes in the median; None if there is none, or it fails."""
        command = self.tool.status(self.directory, self.count)
        if not command:
            return None
        times = []
        for _ in range(rounds):
            begin = time.monotonic()
            if self.run(command).returncode != 0:
                return None
            times.append(time.monotonic() - begin)
        return statistics.median(times)

    def idle(self):
        """CPU and context switches of the supervisor's side while nothing happens."""
        time.sleep(SETTLE)
        own = self.own_pids()
        cpu, switches = kernel.cpu_seconds(own), kernel.switches(own)
        time.sleep(IDLE)
        return kernel.cpu_seconds(own) - cpu, kernel.switches(own) - switches

    def respawns(self, samples, again):
        """From SIGKILL until the next child of that place runs. `again`: those are killed as soon as they run."""
        latencies = []
        for sample in range(samples):
            victim = self.pids.pop(sample % len(self.pids))
            for is_again in (False, True):
                self.reports.take()
                begin = time.monotonic_ns()
                os.kill(victim, signal.SIGKILL)
                came = self.reports.await_one(15)
                if not came:
                    return latencies
                when, victim = came[0]
                if is_again == again:
                    latencies.append((when - begin) / 1e9)
                if not again:
                    break
            self.pids.append(victim)
            time.sleep(0.05)
        return latencies

    def stop(self):
        """Until it has ended, and every child; None if that does not come to be."""
        own = self.own_pids()
        begin = time.monotonic()
        command = self.tool.stop(self.directory)
        if command:
            self.run(command)
        else:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - begin if kernel.await_gone(own + self.pids, PATIENCE) else None

    def clean_up(self):
        """Ends whatever is left and removes its directory."""
        try:
            root = self.tool.pid(self.directory, self.process)
        except (OSError, ValueError):
            root = self.process.pid
        for pid in kernel.descendants(root) + self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.kill()
        self.process.wait()
        kernel.await_gone(self.pids, 10)
        shutil.rmtree(self.directory, ignore_errors=True)


def life(tool, count, child, pipes, reports, with_idle):
    """One round: start, memory, status, idleness, stop."""
    running = Running(tool, count, child, pipes, reports)
    try:
        start = running.await_children()
        if start is None:
            return {"failed": f"{len(running.pids)} of {count} ran after {PATIENCE} s"}
        own = running.own_pids()
        figures = {"start": start, "start_cpu": kernel.cpu_seconds(own), "processes": len(own)}
        time.sleep(0.3)
        own = running.own_pids()
        figures["pss"], figures["private"] = kernel.memory_kib(own)
        figures["status"] = running.status()
        if with_idle:
            figures["idle_cpu"], figures["idle_switches"] = running.idle()
        figures["stop"] = running.stop()
        return figures
    finally:
        running.clean_up()


def respawn(tool, count, child, reports, samples=12):
    """Latencies of restarts, of children that have run for a while and of such that are killed again at once."""
    figures = {}
    for name, again in (("respawn", False), ("respawn_again", True)):
        running = Running(tool, count, child, 2, reports)
        try:
            if running.await_children() is None:
                return figures
            time.sleep(1.5)
            latencies = running.respawns(samples if not again else samples // 2, again)
            figures[name] = statistics.median(latencies) if latencies else None
            figures[name + "_worst"] = max(latencies, default=None)
        finally:
            running.clean_up()
    return figures


def arrived(directory):
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def copy(tool, count, child, go, reports, expected):
    """From the go until so many bytes are in the log files, and the CPU time of the supervisor's side."""
    running = Running(tool, count, child, 2, reports)
    try:
        if running.await_children() is None:
            return {"failed": "not all children ran"}
        time.sleep(0.5)
        own = running.own_pids()
        return _until_arrived(running.tool.log_directory(running.directory), own, go, expected)
    finally:
        running.clean_up()


def copy_alone(command, producer, directory, go, reports, expected):
    """The same for what copies its standard input."""
    log = directory / "log"
    reader, writer = os.pipe()
    copier = subprocess.Popen(command, cwd=directory, stdin=reader, stdout=open(log / "out", "wb"))
    maker = subprocess.Popen(producer, stdout=writer)
    try:
        reports.await_some(1)
        time.sleep(0.2)
        return _until_arrived(log, [copier.pid], go, expected)
    finally:
        for process in (maker, copier):
            process.kill()
            process.wait()
        os.close(reader)
        os.close(writer)
        shutil.rmtree(directory, ignore_errors=True)


def _until_arrived(log, own, go, expected):
    cpu, begin = kernel.cpu_seconds(own), time.monotonic()
    gate = os.open(go, os.O_WRONLY)
    os.close(gate)
    size, moved = 0, begin
    while size < expected and time.monotonic() - moved < 5:
        time.sleep(0.01)
        now = arrived(log)
        if now != size:
            size, moved = now, time.monotonic()
    lost = max(expected - size, 0)
    return {"seconds": moved - begin, "cpu": kernel.cpu_seconds(own) - cpu, "lost": lost / expected, "bytes": expected}
