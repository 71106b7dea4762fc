// The states an instance can be in.

/// In the order in which the totals show them.
export const STATES = ["RUNNING", "STARTING", "BACKOFF", "FATAL", "EXITED", "STOPPING", "STOPPED"];

/// What needs a person comes first.
const WORST_FIRST = ["FATAL", "BACKOFF", "EXITED", "STOPPING", "STARTING", "STOPPED", "RUNNING"];

/// 0 is worst.
export const severity = new Map(WORST_FIRST.map((state, rank) => [state, rank]));
