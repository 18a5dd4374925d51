/**
 * A BIRD whose every word about a route is read: what it holds for each of its sessions, and its log line for each removal.
 *
 * A session of it is called a seat: one router that one announcer talks to.
 */
import { birdCommand, Daemon, freePort, loopbackAddress } from '@dnstap-bgp/testkit'
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Removal {
  readonly seat: string
  readonly prefix: string
  readonly atMs: number
}

export interface Neighbour {
  readonly seat: string
  readonly address: string
}

export class WatchedBird {
  readonly daemon: Daemon
  readonly address: string
  readonly port: number
  readonly seats: readonly string[]
  #readUpTo = 0
  #rest = ''

  private constructor(daemon: Daemon, address: string, port: number, seats: readonly string[]) {
    this.daemon = daemon
    this.address = address
    this.port = port
    this.seats = seats
  }

  /** `neighbours`: who announces to it. Seats must differ over all BIRDs of a run. */
  static async start(name: string, neighbours: readonly Neighbour[]): Promise<WatchedBird> {
    const address = loopbackAddress()
    const port = await freePort(address)
    const daemon = await Daemon.start({
      name,
      startTimeoutMs: 60_000,
      prepare(folder) {
        writeFileSync(join(folder, 'conf'), configuration(folder, address, port, neighbours))
        return { command: 'bird', args: ['-f', '-c', join(folder, 'conf'), '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')] }
      },
      ready: (one) =>
        birdCommand(one.folder, 'show status').then(
          (text) => text.includes('up and running'),
          () => false,
        ),
    })
    return new WatchedBird(
      daemon,
      address,
      port,
      neighbours.map((one) => one.seat),
    )
  }

  async established(seat: string): Promise<boolean> {
    if (!this.daemon.running) return false
    const text = await birdCommand(this.daemon.folder, `show protocols ${seat}`).catch(() => '')
    return text.includes('Established')
  }

  /** The prefixes that the seat holds. */
  async routes(seat: string): Promise<Set<string>> {
    const text = await birdCommand(this.daemon.folder, `show route protocol ${seat}`)
    const prefixes = new Set<string>()
    for (const line of text.split('\n')) {
      const prefix = /^([0-9a-f.:]+\/\d+)\s/.exec(line)?.[1]
      if (prefix !== undefined) prefixes.add(prefix)
    }
    return prefixes
  }

  /** The removals that its log tells of since the last call. */
  removals(): Removal[] {
    const found: Removal[] = []
    for (const line of this.#newLines()) {
      const match = /^(\S+) (\S+)\.(\d{6}) <TRACE> (\S+)\.ipv[46] > removed (?:\[[^\]]*\] )?(\S+\/\d+)/.exec(line)
      if (match === null) continue
      const atMs = new Date(`${match[1]}T${match[2]}`).getTime() + Number(match[3]) / 1000
      found.push({ seat: match[4], prefix: match[5], atMs })
    }
    return found
  }

  remove(): Promise<void> {
    return this.daemon.remove()
  }

  #newLines(): string[] {
    let file: number
    try {
      file = openSync(join(this.daemon.folder, 'routes.log'), 'r')
    } catch {
      return []
    }
    try {
      const chunk = Buffer.alloc(fstatSync(file).size - this.#readUpTo)
      const length = readSync(file, chunk, 0, chunk.length, this.#readUpTo)
      this.#readUpTo += length
      const lines = (this.#rest + chunk.toString('latin1', 0, length)).split('\n')
      this.#rest = lines.pop() ?? ''
      return lines
    } finally {
      closeSync(file)
    }
  }
}

function configuration(folder: string, address: string, port: number, neighbours: readonly Neighbour[]): string {
  const sessions = neighbours.map(
    (neighbour) => `protocol bgp ${neighbour.seat} {
  debug { routes };
  local ${address} port ${port} as 64512;
  neighbor ${neighbour.address} as 64512;
  strict bind yes; multihop 8; passive yes; graceful restart aware;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}`,
  )
  return `log "${folder}/routes.log" { trace };
timeformat log iso long us;
router id ${address};
protocol device { }
${sessions.join('\n')}
`
}
