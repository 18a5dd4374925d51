/** The timers that every peer's configuration must name. */
export const TIMES = { holdTimeSeconds: 90, connectRetrySeconds: 30 }
