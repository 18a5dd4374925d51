export type ProbedKind = 'unbound' | 'bind' | 'knot-resolver' | 'pdns-recursor' | 'dnsdist'
