/**
 * Services of a compose file without Docker: their own commands, files, volumes and health checks, all in one network namespace, as
 * services on the host's network share one. What differs: paths lie below a temporary folder. It needs root.
 */
import { Daemon } from '@dnstap-bgp/testkit'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

export interface ComposeService {
  readonly command: readonly string[]
  /** `SOURCE:TARGET` or `SOURCE:TARGET:ro`; a source that is no path is a volume. */
  readonly volumes: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}

export interface RunningService {
  log(): string
  kill(): Promise<unknown>
  /** Resolves when it is healthy. */
  restart(): Promise<void>
  /** What a lost volume leaves: nothing. */
  emptyVolume(): void
}

const START_TIMEOUT_MS = 60_000

export function mayMakeNetwork(): boolean {
  return spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).status === 0
}

export class LoopbackCompose {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-compose-'))
  readonly #source: string
  readonly #volumes: Readonly<Record<string, string>>
  readonly #network: Daemon
  readonly #daemons: Daemon[] = []

  private constructor(source: string, volumes: Readonly<Record<string, string>>, network: Daemon) {
    this.#source = source
    this.#volumes = volumes
    this.#network = network
  }

  /** `source`: the folder of the compose file. `volumes`: folders with the contents of volumes that are read only. */
  static async create(source: string, volumes: Readonly<Record<string, string>>): Promise<LoopbackCompose> {
    const network = await Daemon.start({
      name: 'network',
      prepare: () => ({ command: 'unshare', args: ['--net', 'sh', '-c', 'ip link set lo up; echo up; exec sleep infinity'] }),
      ready: (daemon) => daemon.log().includes('up'),
    })
    return new LoopbackCompose(source, volumes, network)
  }

  /** Resolves when it is healthy. */
  async start(name: string, service: ComposeService): Promise<RunningService> {
    const root = join(this.#folder, name)
    const mounts = service.volumes.map((mount) => mount.split(':'))
    const targets = mounts.map(([, target]) => (target.includes('.') ? dirname(target) : target))
    const paths = new RegExp(`(?<![\\w./-])(?:${[...new Set(targets)].join('|')})(?![\\w-])`, 'g')
    const translate = (text: string) => text.replace(paths, (found) => join(root, found))
    const daemon = await Daemon.start({
      name,
      startTimeoutMs: START_TIMEOUT_MS,
      prepare: () => {
        for (const [from, target] of mounts) this.#mount(from, join(root, target), translate)
        const [command, ...args] = this.#inNetwork(service.command.map((word) => translate(word.replaceAll('$$', '$'))))
        return { command, args }
      },
      ready: () =>
        this.run(['sh', '-c', service.healthcheck.test[1].replaceAll('$$', '$')]).then(
          () => true,
          () => false,
        ),
    })
    this.#daemons.push(daemon)
    return {
      log: () => daemon.log(),
      kill: () => daemon.kill(),
      restart: () => daemon.restart(),
      emptyVolume: () => rmSync(join(root, 'data'), { recursive: true, force: true }),
    }
  }

  /** Runs a command in the services' network; resolves with what it prints. */
  run(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const [program, ...args] = this.#inNetwork(command)
    return new Promise((resolve, reject) => {
      execFile(program, args, { env: { ...process.env, ...env }, timeout: 20_000 }, (error, stdout) => {
        if (error === null) resolve(stdout)
        else reject(error)
      })
    })
  }

  async remove(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.remove()))
    await this.#network.remove()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Files of the compose file's folder are laid out anew at each start, as are volumes that we were given; other volumes stay. */
  #mount(from: string, to: string, translate: (text: string) => string): void {
    if (from in this.#volumes) {
      cpSync(this.#volumes[from], to, { recursive: true })
      return
    }
    if (!from.startsWith('.')) {
      mkdirSync(to, { recursive: true })
      return
    }
    const source = join(this.#source, from)
    if (!statSync(source).isFile()) throw new Error(`${basename(source)} is not a file`)
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, translate(readFileSync(source, 'utf8')))
  }

  #inNetwork(command: readonly string[]): string[] {
    return ['nsenter', '--target', String(this.#network.pid), '--net', ...command]
  }
}
