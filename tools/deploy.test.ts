/** What deploy/, docker-compose.yml, Dockerfile and k8s/ say, held against the programs they start; containers.mjs tries it for real. */
import { loadConfig, PROGRAM_NEEDS, type Part } from '@dnstap-bgp/config'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const read = (name: string) => readFileSync(path(name), 'utf8')

const NEEDS: Record<string, readonly Part[]> = PROGRAM_NEEDS
const apps = Object.keys(NEEDS)

test.each(apps)('%s is a program that asks for its own needs', (app) => {
  const [, name, needs] = /name: '(.*?)', needs: PROGRAM_NEEDS(?:\.|\[')([\w-]+)/.exec(read(`apps/${app}/src/main.ts`)) ?? []
  expect([name, needs]).toEqual([app, app])
})

test.each(apps)('deploy/examples/%s.toml is all that the program needs, without a warning', (app) => {
  expect(loadConfig(path(`deploy/examples/${app}.toml`), {}, { needs: NEEDS[app] }).warnings).toEqual([])
})

test("the package's configuration, deploy/examples/all-in-one.toml, hears resolvers by its socket alone", () => {
  const { dnstap } = loadConfig(path('deploy/examples/all-in-one.toml'), {})
  expect(dnstap?.listen.map(({ kind }) => kind)).toEqual(['unix'])
})

test("the package's configuration, deploy/examples/all-in-one.toml, listens on no address that a machine may lack", () => {
  const { dnstap, bgp, syncer, admin } = loadConfig(path('deploy/examples/all-in-one.toml'), {})
  const listens = [...(dnstap?.listen ?? []), bgp?.listen, syncer?.listen, admin.listen]
  expect(
    listens.flatMap((listen) => (listen?.kind === 'tcp' ? [listen.host] : [])).filter((host) => host !== '127.0.0.1'),
  ).toEqual([])
})

test.each(apps)('apps/%s/README.md names the port that its example gives to the admin server', (app) => {
  const { listen } = loadConfig(path(`deploy/examples/${app}.toml`), {}).admin
  expect(read(`apps/${app}/README.md`)).toContain(`127.0.0.1:${listen?.kind === 'tcp' ? listen.port : '?'}`)
})

describe('the Dockerfile', () => {
  const text = read('Dockerfile')

  test('lays out every program that the compose file builds', () => {
    expect(/for app in (.*?);/.exec(text)?.[1].split(' ')).toEqual(apps)
  })

  test('ends as an ordinary user, told by number', () => {
    expect(text.match(/^USER .*/gm)).toEqual(['USER 1000:1000'])
  })

  test('asks no registry for a syntax of its own', () => {
    expect(text).not.toMatch(/^#\s*syntax=/m)
  })
})

interface ComposeService {
  image: string
  profiles?: string[]
  network_mode: string
  read_only: boolean
  cap_drop: string[]
  security_opt: string[]
  restart: string
  healthcheck?: { test: string[] }
  build?: { args: { APP: string } }
  environment?: Record<string, string>
  volumes: (string | { source: string; target: string; read_only?: boolean })[]
  tmpfs?: string[]
  user?: string
  command?: string[]
  cap_add?: string[]
  depends_on?: Record<string, { condition: string }>
}

/** Secrets are files of volumes; here their text stands in. */
const SECRET = 'no secret of anybody'
function withSecrets(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) =>
      /(PASSWORD|TOKEN)FILE$/.test(name) ? [name.replace(/FILE$/, ''), SECRET] : [name, value],
    ),
  )
}

describe('docker-compose.yml', () => {
  const file = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, ComposeService>
    volumes: Record<string, unknown>
  }
  const { credentials, ...running } = file.services
  const services = Object.entries(running)
  const ours = services.filter(([, service]) => service.build !== undefined)
  const apart = ours.filter(([name]) => name !== 'all-in-one')
  const mountOf = (service: ComposeService, target: string) =>
    service.volumes.filter((volume) => typeof volume === 'string').find((volume) => volume.split(':')[1] === target)

  test('makes passwords before anything starts that needs them, with no network and one right of root', () => {
    expect(credentials).toMatchObject({ network_mode: 'none', read_only: true, cap_drop: ['ALL'], cap_add: ['CHOWN'] })
    for (const name of ['nats', 'redis', ...apart.map(([app]) => app)])
      expect(running[name].depends_on, name).toMatchObject({ credentials: { condition: 'service_completed_successfully' } })
  })

  test.each(apart)('%s has a NATS user of its own, and sees no credentials but its own', (name, service) => {
    expect(service.environment).toMatchObject({
      DNSTAP_BGP_BUS_USER: name,
      DNSTAP_BGP_BUS_PASSWORDFILE: '/run/secrets/dnstap-bgp/nats-password',
    })
    expect(mountOf(service, '/run/secrets/dnstap-bgp')).toBe(`credentials-${name}:/run/secrets/dnstap-bgp:ro`)
    expect(JSON.stringify(service.volumes).match(/credentials-/g)).toHaveLength(1)
  })

  test('NATS and Redis listen on loopback and let in only who has credentials; NATS has no monitor port', () => {
    const conf = read('deploy/docker/nats.conf')
    expect(conf).toMatch(/^listen: "127\.0\.0\.1:4222"$/m)
    expect(conf).toMatch(/^include credentials\/authorization\.conf$/m)
    expect(conf).not.toMatch(/^\s*(http|https|http_port|https_port|monitor_port)\b/m)
    expect(running['nats'].command).toEqual(['--config', '/etc/nats/nats.conf'])
    expect(mountOf(running['nats'], '/etc/nats/credentials')).toBe('credentials-nats:/etc/nats/credentials:ro')
    expect(running['redis'].command).toEqual(
      expect.arrayContaining(['127.0.0.1', '--aclfile', '/run/secrets/dnstap-bgp/users.acl']),
    )
    expect(mountOf(running['redis'], '/run/secrets/dnstap-bgp')).toBe('credentials-redis:/run/secrets/dnstap-bgp:ro')
  })

  test('the dnstap socket is for a group, not for every user of the machine', () => {
    for (const file of ['deploy/docker/dnstap-bgp.toml', 'k8s/base/dnstap-bgp.toml', 'deploy/examples/all-in-one.toml'])
      expect(/^perm = "(\d+)"/m.exec(read(file))?.[1], file).toBe('0660')
    for (const [name, { user }] of ours) expect(user, name).toBe('1000:${DNSTAP_BGP_GID:-1000}')
  })

  test('has every program once, and NATS and Redis', () => {
    expect(services.map(([name]) => name).sort()).toEqual([...apps, 'nats', 'redis'].sort())
    for (const [name, service] of ours) expect(service.build?.args.APP).toBe(name)
  })

  test('starts the four services by default, and the all-in-one only when it is asked for', () => {
    expect(services.filter(([, service]) => service.profiles !== undefined).map(([name]) => name)).toEqual(['all-in-one'])
  })

  test.each(services)('%s is confined, comes back after a fall, and is asked whether it is well', (_name, service) => {
    expect(service).toMatchObject({
      network_mode: 'host',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
    })
    // Ours have it in the image.
    expect(service.build !== undefined || service.healthcheck !== undefined).toBe(true)
  })

  test.each(ours)('%s starts with the shipped configuration and its environment, without a warning', (name, service) => {
    const config = loadConfig(path('deploy/docker/dnstap-bgp.toml'), withSecrets(service.environment ?? {}), {
      needs: NEEDS[name],
    })
    expect(config.warnings).toEqual([])
    expect(service.volumes).toContainEqual(expect.objectContaining({ target: '/etc/dnstap-bgp', read_only: true }))
  })

  test.each(ours)(
    '%s has a /tmp of its own for the socket of the admin server, and where a look at lists from URLs puts what it fetches',
    (_name, { tmpfs, environment }) => {
      expect((tmpfs ?? []).map((mount) => mount.split(':')[0])).toEqual(['/tmp'])
      // Not beside the dnstap socket: the resolvers' group may use that folder.
      expect(environment?.['DNSTAP_BGP_ADMIN_SOCKET']).toBe('/tmp/admin.sock')
    },
  )

  test('on one network every admin server has an address of its own, on loopback', () => {
    const listens = ours.map(([, service]) => service.environment?.['DNSTAP_BGP_ADMIN_LISTEN'] ?? '')
    for (const listen of listens) expect(listen).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(new Set(listens).size).toBe(ours.length)
  })

  test('every named volume is declared', () => {
    const named = [credentials, ...Object.values(running)].flatMap(({ volumes }) =>
      volumes.filter((volume) => typeof volume === 'string').map((volume) => volume.split(':')[0]),
    )
    const volumes = new Set(named.filter((name) => !name.startsWith('.')))
    expect([...volumes].sort()).toEqual(Object.keys(file.volumes).sort())
  })
})

describe('docker-compose.ha.yml', () => {
  const base = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, ComposeService> }
  const { services, volumes } = parse(read('docker-compose.ha.yml'), { merge: true }) as {
    services: Record<string, Partial<ComposeService> & { extends?: { file: string; service: string } }>
    volumes: Record<string, unknown>
  }

  test('has three NATS servers that know each other, a replica of Redis, and three Sentinels', () => {
    const added = Object.keys(services).filter((name) => base.services[name] === undefined)
    expect(added.sort()).toEqual(['nats-2', 'nats-3', 'redis-replica', 'sentinel-1', 'sentinel-2', 'sentinel-3'])
    for (const name of added) expect(services[name].extends?.file).toBe('docker-compose.yml')
    const routes = (services['credentials'].command ?? []).filter((word) => word.startsWith('--nats-route='))
    const listens = [1, 2, 3].map((n) => /cluster \{[^}]*listen: "([^"]+)"/.exec(read(`deploy/docker/ha/nats-${n}.conf`))?.[1])
    expect(routes).toEqual(listens.map((listen) => `--nats-route=${listen}`))
  })

  test.each(['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway'])('%s knows all servers', (name) => {
    const environment = { ...base.services[name].environment, ...services[name].environment }
    const written = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]))
    const config = loadConfig(path('deploy/docker/dnstap-bgp.toml'), withSecrets(written), { needs: NEEDS[name] })
    expect(config.warnings).toEqual([])
    expect(config.bus).toMatchObject({ replicas: 3 })
    expect(config.bus.kind === 'nats' ? config.bus.servers : []).toHaveLength(3)
  })

  test('every named volume is declared', () => {
    const named = Object.values(services).flatMap((service) =>
      (service.volumes ?? []).filter((volume) => typeof volume === 'string').map((volume) => volume.split(':')[0]),
    )
    expect(named.filter((name) => !name.startsWith('.')).sort()).toEqual(Object.keys(volumes).sort())
  })
})

interface Container {
  name: string
  image: string
  env: { name: string; value?: string }[]
  volumeMounts: { mountPath: string }[]
}

describe('k8s/base', () => {
  test.each(apps.filter((app) => app !== 'all-in-one'))(
    '%s starts with the shared configuration and its environment, without a warning',
    (app) => {
      const objects = parseAllDocuments(read(`k8s/base/${app}.yaml`), { version: '1.1' }).map(
        (document) => document.toJS() as unknown,
      )
      const workload = objects[0] as { spec: { template: { spec: { containers: Container[] } } } }
      const [container] = workload.spec.template.spec.containers
      expect(container.image).toBe(`dnstap-bgp/${app}`)
      const environment: Record<string, string> = {}
      for (const { name, value } of container.env) {
        if (!name.startsWith('DNSTAP_BGP_') || value === undefined) continue
        environment[name] = value.replace('$(HOST_IP)', '192.0.2.1')
      }
      const config = loadConfig(path('k8s/base/dnstap-bgp.toml'), withSecrets(environment), { needs: NEEDS[app] })
      expect(config.warnings).toEqual([])
      expect(config.admin.token?.reveal()).toBe(SECRET)
      const folders = container.volumeMounts.map(({ mountPath }) => mountPath)
      expect(folders).toContain('/etc/dnstap-bgp')
      if (NEEDS[app].includes('lists')) {
        expect(folders).toContain('/tmp') // where a look at lists from URLs puts what it fetches
        const [list] = config.lists
        expect(folders.some((folder) => `${list.source.kind === 'path' ? list.source.path : ''}`.startsWith(`${folder}/`))).toBe(
          true,
        )
      }
    },
  )
})

describe('k8s/overlays/highly-available', () => {
  const overlay = 'k8s/overlays/highly-available'
  type Workload = { spec: { replicas?: number; template: { spec: { containers: Container[] } } } }
  const environmentOf = (file: string) => {
    const [workload] = parseAllDocuments(read(file), { version: '1.1' }).map((document) => document.toJS() as Workload)
    const { env } = workload.spec.template.spec.containers[0]
    return Object.fromEntries(env.map(({ name, value = '' }) => [name, value.replace('$(HOST_IP)', '192.0.2.1')]))
  }
  const podsOf = (name: string, file: string, port: number) => {
    const sets = parseAllDocuments(read(file), { version: '1.1' }).map((document) => document.toJS() as Workload)
    const replicas = Math.max(...sets.map(({ spec }) => spec.replicas ?? 0))
    return Array.from({ length: replicas }, (_, n) => `${name}-${n}.${name}:${port}`)
  }
  const nats = (port: number) => podsOf('nats', `${overlay}/patches/nats.yaml`, port)

  test.each(['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway'])('%s knows all servers', (app) => {
    const both = { ...environmentOf(`k8s/base/${app}.yaml`), ...environmentOf(`${overlay}/patches/${app}.yaml`) }
    const environment = Object.fromEntries(Object.entries(both).filter(([name]) => name.startsWith('DNSTAP_BGP_')))
    expect(environment['DNSTAP_BGP_BUS_SERVERS']).toBe(
      nats(4222)
        .map((host) => `nats://${host}`)
        .join(),
    )
    const config = loadConfig(path('k8s/base/dnstap-bgp.toml'), withSecrets(environment), { needs: NEEDS[app] })
    expect(config.warnings).toEqual([])
    expect(config.bus).toMatchObject({ kind: 'nats', replicas: 3 })
    if (app === 'cache')
      expect(environment['DNSTAP_BGP_STORE_REDIS']).toBe(podsOf('sentinel', `${overlay}/sentinel.yaml`, 26379).join())
  })

  test('the routes that k8s/README.md has made are those between its pods', () => {
    const routes = [...read('k8s/README.md').matchAll(/--nats-route (\S+)/g)].map(([, route]) => route)
    expect(routes).toEqual(nats(6222))
  })
})
