//! The table of every state and every event, for a program with stoptime 10, starttime 1 and
//! startretries 1.
//!
//! A line reads: the event; the state and the goal that it leaves, with the wait until the deadline;
//! what else is done, in order, where `#1` is the first order that was given. `-` is no effect at all.
//! A dash after STOPPING's step: the leader is reaped, or there is none yet.

pub const EXPECTED: &str = "
STOPPED: Stopped/Down
  start          Starting(Queued)/Up
  stop           Stopped/Down                       #1 w:0: already stopped; #1 done
  restart        Starting(Queued)/Up
  signal HUP     Stopped/Down                       #1 ERROR w:0: not running; #1 failed
  spawned        -
  spawn failed   -
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     Stopped/Down                       #1 done; quit, 0 left
  1 signal       Stopped/Down                       quit, 0 left
  2 signals      Stopped/Down                       quit, 0 left

STARTING, queued: Starting(Queued)/Up
  start          -
  stop           Stopped/Down                       #1 w:0: stopped; #1 done
  restart        -
  signal HUP     Starting(Queued)/Up                #1 ERROR w:0: not running; #1 failed
  spawned        -
  spawn failed   -
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     Stopped/Down                       #1 done; quit, 0 left
  1 signal       Stopped/Down                       quit, 0 left
  2 signals      Stopped/Down                       quit, 0 left

STARTING, requested: Starting(Requested)/Up
  start          -
  stop           Stopping(Unborn)-/Down
  restart        -
  signal HUP     Starting(Requested)/Up             #1 ERROR w:0: not running; #1 failed
  spawned        Starting(Alive)/Up in 1s
  spawn failed   Backoff/Up in 1s
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     Stopping(Unborn)-/Down
  1 signal       Stopping(Unborn)-/Down
  2 signals      Stopping(Unborn)-/Down

STARTING, alive: Starting(Alive)/Up in 1s
  start          -
  stop           Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  restart        Stopping(Terminating)/Up in 10s    TERM to group; CONT to group
  signal HUP     Starting(Alive)/Up in 1s           HUP to leader; #1 w:0: signalled; #1 done
  spawned        -
  spawn failed   -
  exit code 0    Backoff/Up in 1s
  exit code 1    Backoff/Up in 1s
  death by SEGV  Backoff/Up in 1s
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       Running/Up
  order exit     Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  1 signal       Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  2 signals      Stopping(Killing)/Down in 5s       TERM to group; CONT to group; -> Stopping(Terminating); KILL to group

RUNNING: Running/Up
  start          Running/Up                         #1 w:0: already running; #1 done
  stop           Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  restart        Stopping(Terminating)/Up in 10s    TERM to group; CONT to group
  signal HUP     Running/Up                         HUP to leader; #1 w:0: signalled; #1 done
  spawned        -
  spawn failed   -
  exit code 0    Exited/Up
  exit code 1    Starting(Queued)/Up
  death by SEGV  Starting(Queued)/Up
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  1 signal       Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  2 signals      Stopping(Killing)/Down in 5s       TERM to group; CONT to group; -> Stopping(Terminating); KILL to group

BACKOFF: Backoff/Up in 1s
  start          Starting(Queued)/Up
  stop           Stopped/Down                       #1 w:0: stopped; #1 done
  restart        Starting(Queued)/Up
  signal HUP     Backoff/Up in 1s                   #1 ERROR w:0: not running; #1 failed
  spawned        -
  spawn failed   -
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       Starting(Queued)/Up
  order exit     Stopped/Down                       #1 done; quit, 0 left
  1 signal       Stopped/Down                       quit, 0 left
  2 signals      Stopped/Down                       quit, 0 left

STOPPING, unborn: Stopping(Unborn)-/Down
  start          Stopping(Unborn)-/Up
  stop           -
  restart        Stopping(Unborn)-/Up
  signal HUP     Stopping(Unborn)-/Down             #2 ERROR w:0: not running; #2 failed
  spawned        Stopping(Terminating)/Down in 10s  TERM to group; CONT to group
  spawn failed   Stopped/Down                       #1 w:0: stopped; #1 done
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     -
  1 signal       -
  2 signals      -

STOPPING, terminating: Stopping(Terminating)/Down in 10s
  start          Stopping(Terminating)/Up in 10s
  stop           -
  restart        Stopping(Terminating)/Up in 10s
  signal HUP     Stopping(Terminating)/Down in 10s  HUP to leader; #2 w:0: signalled; #2 done
  spawned        -
  spawn failed   -
  exit code 0    Stopping(Terminating)-/Down in 10s watch group
  exit code 1    Stopping(Terminating)-/Down in 10s watch group
  death by SEGV  Stopping(Terminating)-/Down in 10s watch group
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       Stopping(Killing)/Down in 5s       KILL to group
  order exit     -
  1 signal       -
  2 signals      Stopping(Killing)/Down in 5s       KILL to group

STOPPING, terminating, leader reaped: Stopping(Terminating)-/Down in 10s
  start          Stopping(Terminating)-/Up in 10s
  stop           -
  restart        Stopping(Terminating)-/Up in 10s
  signal HUP     Stopping(Terminating)-/Down in 10s #2 ERROR w:0: not running; #2 failed
  spawned        -
  spawn failed   -
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     Stopped/Down                       #1 w:0: stopped; #1 done
  stale reports  -
  1 ns early     -
  deadline       Stopping(Killing)-/Down in 5s      KILL to group
  order exit     -
  1 signal       -
  2 signals      Stopping(Killing)-/Down in 5s      KILL to group

STOPPING, killing: Stopping(Killing)/Down in 5s
  start          Stopping(Killing)/Up in 5s
  stop           -
  restart        Stopping(Killing)/Up in 5s
  signal HUP     Stopping(Killing)/Down in 5s       HUP to leader; #2 w:0: signalled; #2 done
  spawned        -
  spawn failed   -
  exit code 0    Stopping(Killing)-/Down in 5s      watch group
  exit code 1    Stopping(Killing)-/Down in 5s      watch group
  death by SEGV  Stopping(Killing)-/Down in 5s      watch group
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       Stopping(Stuck)/Down in 5s         KILL to group
  order exit     -
  1 signal       -
  2 signals      -

STOPPING, stuck: Stopping(Stuck)/Down in 5s
  start          Stopping(Stuck)/Up in 5s
  stop           -
  restart        Stopping(Stuck)/Up in 5s
  signal HUP     Stopping(Stuck)/Down in 5s         HUP to leader; #2 w:0: signalled; #2 done
  spawned        -
  spawn failed   -
  exit code 0    Stopping(Stuck)-/Down in 5s        watch group
  exit code 1    Stopping(Stuck)-/Down in 5s        watch group
  death by SEGV  Stopping(Stuck)-/Down in 5s        watch group
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       Stopping(Stuck)/Down in 5s         KILL to group
  order exit     -
  1 signal       -
  2 signals      -

EXITED: Exited/Up
  start          Starting(Queued)/Up
  stop           Exited/Down                        #1 w:0: not running (EXITED); #1 done
  restart        Starting(Queued)/Up
  signal HUP     Exited/Up                          #1 ERROR w:0: not running; #1 failed
  spawned        -
  spawn failed   -
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     Exited/Down                        #1 done; quit, 0 left
  1 signal       Exited/Down                        quit, 0 left
  2 signals      Exited/Down                        quit, 0 left

FATAL: Fatal/Up
  start          Starting(Queued)/Up
  stop           Fatal/Down                         #1 w:0: not running (FATAL); #1 done
  restart        Starting(Queued)/Up
  signal HUP     Fatal/Up                           #1 ERROR w:0: not running; #1 failed
  spawned        -
  spawn failed   -
  exit code 0    -
  exit code 1    -
  death by SEGV  -
  group gone     -
  stale reports  -
  1 ns early     -
  deadline       -
  order exit     Fatal/Down                         #1 done; quit, 0 left
  1 signal       Fatal/Down                         quit, 0 left
  2 signals      Fatal/Down                         quit, 0 left
";
