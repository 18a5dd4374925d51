// Checks k8s/ strictly, without a cluster: each overlay is rendered by `kubectl kustomize`, and each object is compared with the Kubernetes
// types of the npm package kubernetes-models by the TypeScript compiler, which tells unknown fields, wrong types and missing ones.
// Beside that, what types cannot say: names that refer to nothing.
//
//   node tools/k8s-check.mjs [--models FOLDER]     FOLDER: a node_modules that has kubernetes-models; default: ours
//
// Exits with 0 when all is well, 1 when not, 3 when kubectl or kubernetes-models is missing.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseAllDocuments } from 'yaml'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { models: { type: 'string' } } })
const models = resolve(values.models ?? join(root, 'node_modules'))

if (!existsSync(join(models, 'kubernetes-models'))) missing('the npm package kubernetes-models is not installed')
if (spawnSync('kubectl', ['kustomize', '--help']).status !== 0) missing('kubectl is not installed')

/** One for each folder that `dnstap-bgp credentials` makes. */
const SECRETS = ['nats', 'redis', 'dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway'].map((name) => `dnstap-bgp-${name}`)
const overlays = readdirSync(join(root, 'k8s/overlays')).sort()
const mistakes = []
const sources = []
for (const overlay of overlays) {
  const objects = render(overlay)
  mistakes.push(...danglingNames(objects).map((text) => `${overlay}: ${text}`))
  sources.push([overlay, objects])
}
mistakes.push(...typeMistakes(sources))
for (const mistake of mistakes) console.error(mistake)
const count = sources.reduce((sum, [, objects]) => sum + objects.length, 0)
console.log(`k8s: ${count} objects of ${overlays.length} overlays, ${mistakes.length} mistakes`)
process.exit(mistakes.length > 0 ? 1 : 0)

function missing(text) {
  console.error(`k8s: not checked: ${text}`)
  process.exit(3)
}

function render(overlay) {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', join(root, 'k8s/overlays', overlay)], {
    encoding: 'utf8',
  })
  if (status !== 0) {
    console.error(stderr)
    process.exit(1)
  }
  return parseAllDocuments(stdout, { version: '1.1' }).map((document) => document.toJS())
}

/** One TypeScript file per overlay: each object as a literal that must satisfy the interface of its kind. */
function typeMistakes(all) {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-k8s-'))
  try {
    symlinkSync(models, join(folder, 'node_modules'))
    mkdirSync(join(folder, 'src'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const names = new Map() // file:line of a literal's first line -> object
    for (const [overlay, objects] of all) {
      const lines = []
      const imports = new Map()
      for (const object of objects) {
        const name = `I${object.kind}`
        imports.set(name, `import type { ${name} } from 'kubernetes-models/${object.apiVersion}'`)
      }
      lines.push(...imports.values())
      for (const object of objects) {
        const text = JSON.stringify(object, null, 1).split('\n')
        lines.push('export const _ = ' + text[0])
        text.slice(1, -1).forEach((line) => lines.push(line))
        lines.push(`} satisfies I${object.kind}`)
        const end = lines.length
        for (let line = end - text.length + 1; line <= end; line++) names.set(`${overlay}:${line}`, object)
        // A block of its own for each, so that the names do not meet.
        lines[end - text.length] = lines[end - text.length].replace('_', `object${end}`)
      }
      writeFileSync(join(folder, 'src', `${overlay}.ts`), `${lines.join('\n')}\n`)
    }
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', target: 'es2023', types: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [tsc, '--project', folder, '--pretty', 'false'], {
      encoding: 'utf8',
      cwd: folder,
    })
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const at = /([\w-]+)\.ts\((\d+),\d+\): (.*)/.exec(line)
        const object = at === null ? undefined : names.get(`${at[1]}:${at[2]}`)
        return object === undefined ? line : `${at[1]}: ${object.kind} ${object.metadata.name}: ${at[3]}`
      })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** ConfigMaps, volumes, ports and labels that are named but not there. Secrets are the operator's: only their name is ours. */
function danglingNames(objects) {
  const found = []
  const configMaps = new Set(objects.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name))
  const workloads = objects.filter(({ spec }) => spec?.template !== undefined)
  const matches = (selector) => (workload) =>
    Object.entries(selector).every(([key, value]) => workload.spec.template.metadata.labels[key] === value)
  for (const { kind, metadata, spec } of workloads) {
    const say = (text) => found.push(`${kind} ${metadata.name}: ${text}`)
    const pod = spec.template.spec
    if (!matches(spec.selector.matchLabels)({ spec })) say('its selector does not match its own pods')
    const volumes = new Set(
      [...(pod.volumes ?? []), ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map(({ name }) => name),
    )
    for (const { configMap, secret } of pod.volumes ?? []) {
      if (configMap !== undefined && !configMaps.has(configMap.name)) say(`there is no ConfigMap ${configMap.name}`)
      if (secret !== undefined && !SECRETS.includes(secret.secretName))
        say(`there is no Secret ${secret.secretName}; there are ${SECRETS.join(', ')}`)
    }
    const containers = [...(pod.initContainers ?? []), ...pod.containers]
    for (const container of containers) {
      for (const { name } of container.volumeMounts ?? []) if (!volumes.has(name)) say(`there is no volume ${name}`)
      const ports = new Set((container.ports ?? []).map(({ name }) => name))
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        const port = (probe?.httpGet ?? probe?.tcpSocket)?.port
        if (typeof port === 'string' && !ports.has(port)) say(`there is no port ${port} for the probe`)
      }
      const context = container.securityContext ?? {}
      if (
        context.readOnlyRootFilesystem !== true ||
        context.allowPrivilegeEscalation !== false ||
        !context.capabilities?.drop?.includes('ALL')
      )
        say(`${container.name} is not confined`)
      if (container.resources?.limits?.memory === undefined) say(`${container.name} has no memory limit`)
    }
    if (pod.securityContext?.runAsNonRoot !== true) say('runs as root')
  }
  for (const { kind, metadata, spec } of objects) {
    const selector =
      kind === 'Service'
        ? spec.selector
        : kind === 'PodDisruptionBudget'
          ? spec.selector.matchLabels
          : kind === 'NetworkPolicy'
            ? spec.podSelector.matchLabels
            : undefined
    if (selector === undefined) continue
    const selected = workloads.filter(matches(selector))
    if (selected.length === 0) found.push(`${kind} ${metadata.name}: selects nothing`)
    if (kind === 'NetworkPolicy')
      for (const { from = [], ports } of spec.ingress) {
        for (const { podSelector } of from)
          if (podSelector !== undefined && !workloads.some(matches(podSelector.matchLabels)))
            found.push(`NetworkPolicy ${metadata.name}: lets in pods that there are not`)
        for (const { port } of ports)
          if (!portsOf(selected).has(port)) found.push(`NetworkPolicy ${metadata.name}: there is no port ${port}`)
      }
    if (kind !== 'Service') continue
    const named = portsOf(selected)
    for (const { targetPort } of spec.ports)
      if (!named.has(targetPort)) found.push(`Service ${metadata.name}: there is no port ${targetPort}`)
  }
  return found
}

/** Names of the ports of workloads' containers. */
function portsOf(workloads) {
  return new Set(
    workloads.flatMap(({ spec: { template } }) =>
      template.spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
    ),
  )
}
