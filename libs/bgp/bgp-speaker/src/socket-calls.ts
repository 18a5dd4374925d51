/**
 * Socket options that Node cannot set: TCP MD5 (RFC 2385), GTSM (RFC 5082), TTL, device; limits of unsent octets and of the time without
 * acknowledgement. Linux only.
 *
 * Node gives no descriptor before connect or listen, and then the first segment has left without a key. So the socket is created here with
 * libc's calls (through koffi) and gets its options; then net.Socket takes over the unconnected descriptor and connects it, or net.Server
 * listens on a bound one. libuv closes it in the end.
 *
 * Structures, in the order of this machine's octets unless said otherwise:
 *
 *   sockaddr_in    family u16 | port u16 (network order) | address 4 | zero 8
 *   sockaddr_in6   family u16 | port u16 (network order) | flow u32 | address 16 | scope u32
 *   tcp_md5sig     sockaddr, padded to 128 | flags u8 | prefix length u8 | key length u16 | ifindex i32 | key 80
 */
import { endianness } from 'node:os'
import { parseAddress } from '@dnstap-bgp/ip'

export type IpVersion = 4 | 6

export class SocketCalls {
  readonly #libc: Libc

  constructor(libc: Libc) {
    this.#libc = libc
  }

  /** A TCP socket, not connected and not bound. */
  open(version: IpVersion): number {
    return this.#checked(
      'socket',
      this.#libc.socket(version === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
    )
  }

  close(fd: number): void {
    this.#libc.close(fd)
  }

  bind(fd: number, address: string, port: number): void {
    const octets = socketAddress(address, port)
    this.#checked(`bind to ${address} port ${port}`, this.#libc.bind(fd, octets, octets.length))
  }

  reuseAddress(fd: number): void {
    this.#set(fd, SOL_SOCKET, SO_REUSEADDR, integer(1), 'SO_REUSEADDR')
  }

  ipv6Only(fd: number): void {
    this.#set(fd, IPPROTO_IPV6, IPV6_V6ONLY, integer(1), 'IPV6_V6ONLY')
  }

  /** The key for segments from and to an address, or a prefix; an empty key removes it. */
  setMd5Key(fd: number, address: string, key: string, prefixLength?: number): void {
    const octets = new Uint8Array(216)
    octets.set(socketAddress(address, 0))
    const bytes = new TextEncoder().encode(key)
    if (bytes.length > MAX_MD5_KEY_LENGTH) throw new Error(`a TCP MD5 key has at most ${MAX_MD5_KEY_LENGTH} octets`)
    const view = new DataView(octets.buffer)
    if (prefixLength !== undefined) {
      octets[128] = TCP_MD5SIG_FLAG_PREFIX
      octets[129] = prefixLength
    }
    view.setUint16(130, bytes.length, LITTLE_ENDIAN)
    octets.set(bytes, 136)
    this.#set(fd, IPPROTO_TCP, prefixLength === undefined ? TCP_MD5SIG : TCP_MD5SIG_EXT, octets, 'a TCP MD5 key')
  }

  setTtl(fd: number, version: IpVersion, ttl: number): void {
    if (version === 4) this.#set(fd, IPPROTO_IP, IP_TTL, integer(ttl), 'IP_TTL')
    else this.#set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, integer(ttl), 'IPV6_UNICAST_HOPS')
  }

  /** The kernel drops segments that arrive with a smaller TTL. */
  setMinimumTtl(fd: number, version: IpVersion, ttl: number): void {
    if (version === 4) this.#set(fd, IPPROTO_IP, IP_MINTTL, integer(ttl), 'IP_MINTTL')
    else this.#set(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, integer(ttl), 'IPV6_MINHOPCOUNT')
  }

  bindToDevice(fd: number, device: string): void {
    this.#set(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`), `SO_BINDTODEVICE ${device}`)
  }

  /** Bounds the octets that wait unsent in the kernel. */
  setUnsentBound(fd: number, bytes: number): void {
    this.#set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, integer(bytes), 'TCP_NOTSENT_LOWAT')
  }

  /** The connection ends with ETIMEDOUT if octets stay unacknowledged, or the peer's window stays shut, for this long. */
  setUserTimeout(fd: number, ms: number): void {
    this.#set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, integer(ms), 'TCP_USER_TIMEOUT')
  }

  /** Octets that the peer's TCP has not acknowledged. */
  unacknowledged(fd: number): number {
    const octets = new Uint8Array(4)
    this.#checked('SIOCOUTQ', this.#libc.ioctl(fd, SIOCOUTQ, octets))
    return new DataView(octets.buffer).getInt32(0, LITTLE_ENDIAN)
  }

  #set(fd: number, level: number, option: number, value: Uint8Array, what: string): void {
    this.#checked(what, this.#libc.setsockopt(fd, level, option, value, value.length))
  }

  #checked(what: string, result: number): number {
    if (result < 0) throw new SocketCallError(`${what}: ${this.#libc.errorText()}`, this.#libc.errorNumber())
    return result
  }
}

export class SocketCallError extends Error {
  override readonly name = 'SocketCallError'
  readonly errno: number
  constructor(message: string, errno: number) {
    super(message)
    this.errno = errno
  }
}

/** Does this system have no such addresses, because IPv6 is switched off? */
export function isNoSuchFamily(error: unknown): boolean {
  if (error instanceof SocketCallError) return error.errno === EAFNOSUPPORT
  return error instanceof Error && 'code' in error && error.code === 'EAFNOSUPPORT'
}

export const MAX_MD5_KEY_LENGTH = 80

interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  ioctl(fd: number, request: number, value: Uint8Array): number
  close(fd: number): number
  errorText(): string
  errorNumber(): number
}

type Koffi = (typeof import('koffi'))['default']

let loaded: SocketCalls | undefined

/** Loads libc; rejects with a sentence if that is not possible here. */
export async function loadSocketCalls(): Promise<SocketCalls> {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux') throw new Error(`socket options are known for Linux only, this is ${process.platform}`)
  let koffi: Koffi
  try {
    koffi = (await import('koffi')).default
  } catch (error) {
    throw new Error('the package koffi, which sets socket options, cannot be loaded', { cause: error })
  }
  const libc = koffi.load(null)
  const strerror = libc.func('const char *strerror(int)') as (code: number) => string
  loaded = new SocketCalls({
    socket: libc.func('int socket(int, int, int)') as Libc['socket'],
    bind: libc.func('int bind(int, const void *, uint32_t)') as Libc['bind'],
    setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)') as Libc['setsockopt'],
    ioctl: libc.func('int ioctl(int, unsigned long, _Out_ void *)') as Libc['ioctl'],
    close: libc.func('int close(int)') as Libc['close'],
    errorNumber: () => koffi.errno(),
    errorText: () => strerror(koffi.errno()),
  })
  return loaded
}

export function ipVersion(address: string): IpVersion {
  return address.includes(':') ? 6 : 4
}

function socketAddress(address: string, port: number): Uint8Array {
  const host = parseAddress(address)
  if (host === undefined) throw new Error(`no address: ${address}`)
  const octets = new Uint8Array(host.length === 4 ? 16 : 28)
  const view = new DataView(octets.buffer)
  view.setUint16(0, host.length === 4 ? AF_INET : AF_INET6, LITTLE_ENDIAN)
  view.setUint16(2, port)
  octets.set(host, host.length === 4 ? 4 : 8)
  return octets
}

function integer(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setInt32(0, value, LITTLE_ENDIAN)
  return octets
}

const LITTLE_ENDIAN = endianness() === 'LE'

// Numbers of Linux, the same on x86, arm and riscv.
const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_BINDTODEVICE = 25
const IPPROTO_IP = 0
const IP_TTL = 2
const IP_MINTTL = 21
const IPPROTO_TCP = 6
const TCP_MD5SIG = 14
const TCP_USER_TIMEOUT = 18
const TCP_NOTSENT_LOWAT = 25
const TCP_MD5SIG_EXT = 32
const TCP_MD5SIG_FLAG_PREFIX = 1
const IPPROTO_IPV6 = 41
const IPV6_UNICAST_HOPS = 16
const IPV6_V6ONLY = 26
const IPV6_MINHOPCOUNT = 73
const SIOCOUTQ = 0x5411
const EAFNOSUPPORT = 97
