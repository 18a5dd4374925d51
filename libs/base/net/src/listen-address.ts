/** The address that a server listens on. */
export type ListenAddress = { readonly kind: 'unix'; readonly path: string } | TcpListenAddress

export interface TcpListenAddress {
  readonly kind: 'tcp'
  /** Undefined: every address of this machine. */
  readonly host: string | undefined
  /** 0: any free port. */
  readonly port: number
}

/** The path, or `host:port` with brackets around an IPv6 address. */
export function describeListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path
  const host = address.host ?? ''
  return `${host.includes(':') ? `[${host}]` : host}:${address.port}`
}
