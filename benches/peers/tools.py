"""How each contender is told to run N children, asked for its status, and stopped.

A contender gets what its manual offers for this work: the smallest delays that it allows, output captured where
it captures output, into as few files as it can; no dashboard, no rotation. What it cannot do is None."""

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Its directory of services is read by one runsvdir up to here; more are needed beyond.
RUNSVDIR_MAX = 1000


def find(program):
    """Where a program is. What pip installed is called itself: a shim before it would be measured, too."""
    scripts = Path(sysconfig.get_path("scripts")) / program
    return str(scripts) if scripts.exists() else shutil.which(program)


def version(command):
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (output.stdout + output.stderr).strip().splitlines()
    return lines[-1].strip() if lines else None


def debian_version(package):
    return version(["dpkg-query", "-W", "-f", "${Version}", package])


class Tool:
    """One contender. `directory` is its own, empty; `child` the words of the command line of a child."""

    name = ""
    needs = ()
    # Beyond this many children it refuses, or the limit of open files does.
    most = 10_000
    # Whether it copies output itself, so that the log benches apply.
    copies = True

    def is_present(self):
        return all(find(program) for program in self.needs)

    def version(self):
        return None

    def prepare(self, directory, count, child, pipes):
        """Writes the configuration; the command line that starts it."""
        raise NotImplementedError

    def environment(self, _directory):
        return {}

    def pid(self, _directory, process):
        """The process whose descendants, itself included, are the supervisor's side and the children."""
        return process.pid

    def stop(self, _directory):
        """The command line that stops it; None: TERM."""
        return None

    def status(self, _directory, _count):
        """The command line that shows the state of all children; None: it has none."""
        return None

    def log_directory(self, directory):
        return directory / "log"


class Floor(Tool):
    name = "floor"
    copies = False

    def __init__(self, build):
        self.build = build

    def prepare(self, directory, count, child, pipes):
        return [str(self.build / "floor"), str(count), str(pipes), *child]


class Taskmaster(Tool):
    name = "taskmaster"
    binary = Path(os.environ.get("TASKMASTER", ROOT / "target/release/taskmaster"))

    def is_present(self):
        return self.binary.exists()

    def version(self):
        commit = version(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"])
        return f"{version([str(self.binary), '--version'])} {commit}".replace("taskmaster ", "")

    def prepare(self, directory, count, child, pipes):
        stderr = "" if pipes == 2 else ", stderr: stdout"
        (directory / "config.yaml").write_text(
            f"programs:\n  c: {{cmd: {json.dumps(child)}, numprocs: {count}, starttime: 0, autorestart: always, "
            f"stdout: log/out, stdout_maxbytes: 0{stderr}}}\ntaskmaster: {{http: 'off'}}\n"
        )
        return [str(self.binary), "-c", "config.yaml"]

    def status(self, directory, count):
        return [str(self.binary), "status", "-c", "config.yaml"]


class Supervisord(Tool):
    name = "supervisord"
    needs = ("supervisord", "supervisorctl")
    # Two pipes and two files each, or one and one.
    most = 5_000

    def version(self):
        return version([find("supervisord"), "--version"])

    def prepare(self, directory, count, child, pipes):
        merged = "true" if pipes == 1 else "false"
        (directory / "s.conf").write_text(
            "[supervisord]\nnodaemon=true\nlogfile=s.log\nlogfile_maxbytes=0\npidfile=s.pid\nminfds=19000\nuser=root\n"
            "[unix_http_server]\nfile=s.sock\n[supervisorctl]\nserverurl=unix://s.sock\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[program:c]\ncommand={' '.join(child)}\nprocess_name=c%(process_num)s\nnumprocs={count}\nstartsecs=0\n"
            f"autorestart=true\nredirect_stderr={merged}\nstdout_logfile=log/out\nstdout_logfile_maxbytes=0\n"
            f"{'' if pipes == 1 else 'stderr_logfile=log/err'}\nstderr_logfile_maxbytes=0\n"
        )
        return [find("supervisord"), "-c", "s.conf"]

    def status(self, directory, count):
        return [find("supervisorctl"), "-c", "s.conf", "status"]


class Circus(Tool):
    name = "circus"
    needs = ("circusd", "circusctl")
    most = 5_000

    def version(self):
        return version([find("circusd"), "--version"])

    def prepare(self, directory, count, child, pipes):
        outputs = "stdout_stream.class = FileStream\nstdout_stream.filename = log/out\n"
        if pipes == 2:
            outputs += "stderr_stream.class = FileStream\nstderr_stream.filename = log/err\n"
        (directory / "c.ini").write_text(
            f"[circus]\nendpoint = ipc://{directory}/e\npubsub_endpoint = ipc://{directory}/p\ncheck_delay = 0.1\n"
            f"[watcher:c]\ncmd = {child[0]}\nargs = {' '.join(child[1:])}\nnumprocesses = {count}\nwarmup_delay = 0\n"
            f"copy_env = True\nmax_retry = -1\n{outputs}"
        )
        return [find("circusd"), "c.ini"]

    def status(self, directory, count):
        return [find("circusctl"), "--endpoint", f"ipc://{directory}/e", "list", "c"]


class Pm2(Tool):
    name = "pm2"
    needs = ("pm2",)
    most = 1_000

    def version(self):
        return version([find("pm2"), "--version"])

    def environment(self, directory):
        return {"PM2_HOME": str(directory / "home"), "PM2_KILL_SIGNAL": "SIGTERM"}

    def prepare(self, directory, count, child, pipes):
        app = {
            "name": "c", "script": child[0], "args": child[1:], "interpreter": "none", "exec_mode": "fork",
            "instances": count, "autorestart": True, "merge_logs": True, "min_uptime": 0, "max_restarts": 1_000_000,
            "out_file": str(directory / "log/out"), "error_file": str(directory / "log/err"),
        }
        (directory / "apps.json").write_text(json.dumps({"apps": [app]}))
        return [find("pm2"), "start", "apps.json"]

    def pid(self, directory, _process):
        return int((directory / "home/pm2.pid").read_text())

    def stop(self, _directory):
        return [find("pm2"), "kill"]

    def status(self, _directory, _count):
        return [find("pm2"), "list"]


class Services(Tool):
    """What reads a directory for each service, with a program `run` in it: here the child itself."""

    loggers = None

    def lay_out(self, scan, numbers, child):
        for number in numbers:
            service = scan / f"c{number}"
            service.mkdir(parents=True)
            os.symlink(child[0], service / "run")
            if self.loggers:
                (service / "log").mkdir()
                (service / "out").mkdir()
                run = service / "log/run"
                run.write_text(f"#!/bin/sh\nexec {self.loggers}\n")
                run.chmod(0o755)


class S6(Services):
    name = "s6"
    needs = ("s6-svscan", "s6-supervise", "s6-svstat")
    copies = False
    # A process more for each child: 20,000 come too near to what a machine allows by default (32,768).
    most = 5_000

    def version(self):
        return debian_version("s6")

    def prepare(self, directory, count, child, pipes):
        self.lay_out(directory / "scan", range(count), child)
        return [find("s6-svscan"), "-t", "0", "-c", str(max(2 * count, 4)), "scan"]

    def stop(self, _directory):
        return ["s6-svscanctl", "-t", "scan"]

    def status(self, directory, count):
        return ["sh", "-c", "for service in scan/c*; do s6-svstat $service; done"]


class S6WithLogs(S6):
    name = "s6 + s6-log"
    needs = (*S6.needs, "s6-log")
    loggers = "s6-log n3 s10000000 ../out"
    most = 1_000


class Runit(Services):
    name = "runit"
    needs = ("runsvdir", "runsv", "sv")
    copies = False
    most = 5_000

    def version(self):
        return debian_version("runit")

    def prepare(self, directory, count, child, pipes):
        groups = [range(first, min(first + RUNSVDIR_MAX, count)) for first in range(0, count, RUNSVDIR_MAX)]
        for group in groups:
            self.lay_out(directory / f"scan{group.start}", group, child)
        words = " ".join(f"runsvdir scan{group.start} & pids=\"$pids $!\";" for group in groups)
        if len(groups) == 1:
            return [find("runsvdir"), "scan0"]
        return ["bash", "-c", f"trap 'kill -HUP $pids' HUP; {words} wait; wait"]

    def stop(self, directory):
        return ["sh", "-c", f"kill -HUP $(cat {directory}/pid)"]

    def status(self, directory, count):
        return ["sh", "-c", "sv status ./scan*/*"]


class RunitWithLogs(Runit):
    name = "runit + svlogd"
    needs = (*Runit.needs, "svlogd")
    loggers = "svlogd ../out"
    most = 1_000


class Dinit(Tool):
    """Its children write their log files themselves: nothing is copied."""

    name = "dinit"
    needs = ("dinit", "dinitctl")
    copies = False

    def version(self):
        return version([find("dinit"), "--version"])

    def prepare(self, directory, count, child, pipes):
        services = directory / "services"
        (services / "boot.d").mkdir(parents=True)
        (services / "boot").write_text("type = internal\nwaits-for.d = boot.d\n")
        for number in range(count):
            (services / f"c{number}").write_text(
                f"type = process\ncommand = {' '.join(child)}\nlogfile = {directory}/log/out\nrestart = true\n"
                "restart-delay = 0\nrestart-limit-count = 0\nsmooth-recovery = true\n"
            )
            os.symlink(f"../c{number}", services / f"boot.d/c{number}")
        return [find("dinit"), "--user", "--quiet", "-d", "services", "-p", "socket"]

    def status(self, directory, count):
        return [find("dinitctl"), "-p", "socket", "list"]


class Horust(Tool):
    name = "horust"
    needs = ("horust",)
    most = 1_000
    # It used no CPU while its child wrote 256 MiB: the file is the child's own.
    copies = False

    def version(self):
        text = Path.home() / ".cargo/.crates.toml"
        lines = text.read_text().splitlines() if text.exists() else []
        return next((line.split()[1] for line in lines if line.startswith('"horust ')), None)

    def prepare(self, directory, count, child, pipes):
        services = directory / "services"
        services.mkdir()
        for number in range(count):
            (services / f"c{number}.toml").write_text(
                f'command = "{" ".join(child)}"\nstdout = "{directory}/log/out{number}"\n'
                f'stderr = "{directory}/log/err{number}"\n'
                '[restart]\nstrategy = "always"\nbackoff = "0s"\nattempts = 1000000\n'
                '[environment]\nkeep-env = true\n[termination]\nsignal = "TERM"\nwait = "10s"\n'
            )
        return [find("horust"), "--services-path", "services", "--uds-folder-path", str(directory)]


class ProcessCompose(Tool):
    name = "process-compose"
    needs = ("process-compose",)
    most = 5_000

    def version(self):
        return version([find("process-compose"), "version", "--short"])

    def prepare(self, directory, count, child, pipes):
        (directory / "p.yaml").write_text(
            "processes:\n  c:\n"
            f"    command: {json.dumps(' '.join(child))}\n    replicas: {count}\n    log_location: log/out\n"
            "    availability: {restart: always, backoff_seconds: 0}\n"
        )
        return [find("process-compose"), "-U", "-u", "sock", "-t=false", "-f", "p.yaml", "up"]

    def status(self, directory, count):
        return [find("process-compose"), "-U", "-u", "sock", "process", "list", "-o", "wide"]


def supervisors(build):
    return [
        Floor(build), Taskmaster(), Dinit(), Supervisord(), Circus(), Pm2(), S6(), S6WithLogs(), Runit(),
        RunitWithLogs(), Horust(), ProcessCompose(),
    ]
