/**
 * Pods of a rendered manifest on the loopback address, without a cluster: their own commands, ConfigMaps, Secrets, volumes and readiness
 * probes. What differs: paths lie below a temporary folder, and a server listens on the pod's address and not on every one.
 *
 * As in a cluster, a pod has a new address after each start, and its name is known while it lives. Names come from a hosts file that
 * every process sees in the place of /etc/hosts, in a mount namespace of its own. So this needs root.
 */
import { Daemon, loopbackAddress } from '@dnstap-bgp/testkit'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Probe {
  readonly exec?: { readonly command: readonly string[] }
  readonly tcpSocket?: { readonly port: string }
}

interface Container {
  readonly command: readonly string[]
  readonly args?: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly readinessProbe: Probe
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly secret?: { readonly secretName: string }
}

export interface StatefulSet {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly serviceName: string
    readonly replicas: number
    readonly template: { readonly spec: { readonly containers: readonly Container[]; readonly volumes: readonly Volume[] } }
  }
}

export interface ConfigMap {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data: Readonly<Record<string, string>>
}

export interface Pod {
  /** None while it does not run. */
  readonly address: string | undefined
  log(): string
  kill(): Promise<unknown>
  /** Resolves when it is ready. */
  restart(): Promise<void>
  /** What a lost volume leaves: nothing. */
  emptyVolume(): void
}

const NAMESPACE = [
  '--mount',
  'sh',
  '-euc',
  'mount --bind "$0" /etc/hosts; mount --bind "$1" /etc/nsswitch.conf; shift; exec "$@"',
]
const EVERY_ADDRESS = /0\.0\.0\.0|127\.0\.0\.1|\* -::\*/g
const START_TIMEOUT_MS = 60_000

/** Is this process allowed to make a mount namespace? */
export function mayMount(): boolean {
  return spawnSync('unshare', ['--mount', 'sh', '-c', 'mount --bind /etc/hosts /etc/hosts']).status === 0
}

export class LoopbackPods {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-pods-'))
  readonly #configMaps: readonly ConfigMap[]
  readonly #secrets: string
  readonly #addresses = new Map<string, string>()
  readonly #daemons: Daemon[] = []

  /** `secrets` is a folder with one for each Secret, as `dnstap-bgp credentials` makes it. */
  constructor(configMaps: readonly ConfigMap[], secrets: string) {
    this.#configMaps = configMaps
    this.#secrets = secrets
    this.#tellNames()
    // No name server is asked: a name that is not in the file is unknown at once, as in a cluster.
    writeFileSync(join(this.#folder, 'nsswitch.conf'), 'hosts: files\n')
  }

  /** All pods of the set at once; resolves when they are ready. */
  start(set: StatefulSet): Promise<Pod[]> {
    return Promise.all(Array.from({ length: set.spec.replicas }, (_, ordinal) => this.#startPod(set, ordinal)))
  }

  /** Runs a command where pods' names are known; resolves with what it prints. */
  run(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { env: { ...process.env, ...env }, timeout: 20_000 }
      execFile('unshare', this.#inNamespace(command), options, (error, stdout) => {
        if (error === null) resolve(stdout)
        else reject(error)
      })
    })
  }

  async remove(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.remove()))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #startPod({ metadata, spec }: StatefulSet, ordinal: number): Promise<Pod> {
    const name = `${metadata.name}-${ordinal}`
    const host = `${name}.${spec.serviceName}`
    const [container] = spec.template.spec.containers
    const { volumes } = spec.template.spec
    const env = { POD_NAME: name }
    const addresses = this.#addresses
    const address = () => addresses.get(host) ?? ''
    const root = join(this.#folder, name)
    const translate = (text: string) => translated(text, container, root, address())
    const daemon = await Daemon.start({
      name,
      startTimeoutMs: START_TIMEOUT_MS,
      prepare: () => {
        this.#addresses.set(host, loopbackAddress())
        this.#tellNames()
        for (const { name: volume, mountPath } of container.volumeMounts)
          this.#mount(
            volumes.find((one) => one.name === volume),
            join(root, mountPath),
            translate,
          )
        const words = [...container.command, ...(container.args ?? [])].map((word) => word.replaceAll('$(POD_NAME)', name))
        const [command, ...args] = this.#inNamespace(words.map(translate))
        return { command: 'unshare', args: [command, ...args], env }
      },
      ready: () => {
        const { exec, tcpSocket } = container.readinessProbe
        if (exec !== undefined)
          return this.run(exec.command.map(translate), env).then(
            () => true,
            () => false,
          )
        const port = container.ports.find((one) => one.name === tcpSocket?.port)?.containerPort
        return port !== undefined && isOpen(address(), port)
      },
    })
    this.#daemons.push(daemon)
    return {
      get address() {
        return addresses.get(host)
      },
      log: () => daemon.log(),
      kill: async () => {
        this.#addresses.delete(host)
        this.#tellNames()
        await daemon.kill()
      },
      restart: () => daemon.restart(),
      emptyVolume: () => rmSync(join(root, 'data'), { recursive: true, force: true }),
    }
  }

  /** A ConfigMap or a Secret is laid out anew at each start; everything else is a claim and stays. */
  #mount(volume: Volume | undefined, folder: string, translate: (text: string) => string): void {
    mkdirSync(folder, { recursive: true })
    if (volume?.secret !== undefined)
      cpSync(join(this.#secrets, volume.secret.secretName.replace(/^dnstap-bgp-/, '')), folder, { recursive: true })
    const data = this.#configMaps.find(({ metadata }) => metadata.name === volume?.configMap?.name)?.data ?? {}
    for (const [file, text] of Object.entries(data)) writeFileSync(join(folder, file), translate(text))
  }

  /** In the same file, which the namespaces are bound to. */
  #tellNames(): void {
    const lines = [...this.#addresses].map(([host, address]) => `${address} ${host}\n`)
    writeFileSync(join(this.#folder, 'hosts'), `127.0.0.1 localhost\n${lines.join('')}`)
  }

  #inNamespace(command: readonly string[]): string[] {
    return [...NAMESPACE, join(this.#folder, 'hosts'), join(this.#folder, 'nsswitch.conf'), ...command]
  }
}

/** Paths of mounts below the pod's folder; its address for all of them. */
function translated(text: string, { volumeMounts }: Container, root: string, address: string): string {
  const paths = volumeMounts.map(({ mountPath }) => mountPath).join('|')
  const path = new RegExp(`(?<![\\w./-])(?:${paths})(?![\\w-])`, 'g')
  return text.replace(path, (found) => join(root, found)).replace(EVERY_ADDRESS, address)
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
