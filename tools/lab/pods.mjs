// Starts the containers of k8s/ as their manifests say, one node's worth, without Kubernetes: same users, commands, environment, mounts and
// limits, on one network; then waits until each program says that it is ready. What a cluster adds (scheduling, fsGroup, Services) is not
// tried. containers.mjs runs this in the network that the containers call the host's.
//
//   node tools/lab/pods.mjs FOLDER      FOLDER: for what is mounted; removed by the caller
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { root } from '../setup.mjs'

const [folder] = process.argv.slice(2)
const rendered = run('kubectl', 'kustomize', `${root}k8s/overlays/announcer-per-node`)
const objects = parseAllDocuments(rendered, { version: '1.1' }).map((document) => document.toJS())
const workloads = objects.filter(({ spec }) => spec?.template !== undefined)
const started = []

try {
  makeCredentials()
  const token = readFileSync(join(folder, 'secrets/cache/admin-token'), 'utf8')
  for (const { kind, metadata, data } of objects) if (kind === 'ConfigMap') place(`configMap-${metadata.name}`, data)
  mkdirSync(join(folder, 'node'), { recursive: true })
  for (const workload of workloads) start(workload)
  for (const { metadata, spec } of workloads) {
    const port = spec.template.spec.containers[0].ports.find(({ name }) => name === 'admin')?.containerPort
    if (port === undefined) continue
    await until(`${metadata.name} to be ready`, async () => (await status(port, '/readyz')) === 200)
    const bearer = { authorization: `Bearer ${token}` }
    const asked = [await status(port, '/api/status'), await status(port, '/api/status', bearer)]
    if (asked.join() !== '401,200')
      throw new Error(`${metadata.name} answers /api/status with ${asked.join(' and, with a token, ')}`)
    const name = `dnstap-bgp-lab-${metadata.name}-${spec.template.spec.containers[0].name}`
    run('docker', 'exec', name, 'dnstap-bgp', 'status')
    console.log(`   ${metadata.name} is ready, and the command in it has its token`)
  }
} catch (error) {
  for (const name of started) spawnSync('docker', ['logs', '--tail', '10', name], { stdio: 'inherit' })
  throw error
} finally {
  for (const name of started) spawnSync('docker', ['rm', '--force', '--volumes', name], { stdio: 'ignore' })
}

/** A folder for each Secret, as README says; the groups are those of the pods. */
function makeCredentials() {
  const image = ['--entrypoint', 'dnstap-bgp', 'dnstap-bgp/cache']
  const mount = ['--volume', `${join(folder, 'secrets')}:/credentials`]
  const groups = ['--group', '1000', '--group', 'redis=999']
  run('docker', 'run', '--rm', '--user', '0:0', ...mount, ...image, 'credentials', '/credentials', ...groups)
}

/** A ConfigMap as a folder of files. */
function place(name, files) {
  mkdirSync(join(folder, name), { recursive: true })
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(folder, name, file), text)
    chmodSync(join(folder, name, file), 0o444)
  }
}

function start({ metadata, spec }) {
  const pod = spec.template.spec
  const volumes = new Map((pod.volumes ?? []).map((volume) => [volume.name, volume]))
  const init = pod.initContainers ?? []
  for (const container of [...init, ...pod.containers]) {
    const { securityContext, resources } = container
    const user = `${securityContext.runAsUser ?? pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`
    const name = `dnstap-bgp-lab-${metadata.name}-${container.name}`
    const flags = [
      '--name',
      name,
      '--network',
      'host',
      '--add-host',
      'nats:127.0.0.1',
      '--add-host',
      'redis:127.0.0.1',
      '--user',
      user,
    ]
    flags.push('--memory', resources.limits.memory.replace('Mi', 'm'), '--security-opt', 'no-new-privileges')
    if (securityContext.readOnlyRootFilesystem) flags.push('--read-only')
    for (const capability of securityContext.capabilities.drop) flags.push('--cap-drop', capability)
    for (const capability of securityContext.capabilities.add ?? []) flags.push('--cap-add', capability)
    for (const { name: key, value } of container.env ?? [])
      if (value !== undefined) flags.push('--env', `${key}=${value.replace('$(HOST_IP)', '127.0.0.1')}`)
    for (const mount of container.volumeMounts ?? []) flags.push(...mounted(mount, volumes.get(mount.name), user))
    if (!init.includes(container)) flags.push('--detach')
    const [entrypoint, ...command] = container.command ?? []
    if (entrypoint !== undefined) flags.push('--entrypoint', entrypoint)
    started.push(name)
    run('docker', 'run', ...flags, container.image, ...command, ...(container.args ?? []))
  }
}

/** A volume of a claim is a folder in memory; fsGroup, which gives it to the pod's user, is played by its owner. */
function mounted({ mountPath, readOnly }, volume, user) {
  const [uid, gid] = user.split(':')
  const bind = (source) => ['--volume', `${join(folder, source)}:${mountPath}${readOnly ? ':ro' : ''}`]
  if (volume?.configMap !== undefined) return bind(`configMap-${volume.configMap.name}`)
  if (volume?.secret !== undefined) return bind(`secrets/${volume.secret.secretName.replace('dnstap-bgp-', '')}`)
  if (volume?.hostPath !== undefined) return bind('node')
  return [
    '--mount',
    `type=volume,destination=${mountPath},volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=uid=${uid},gid=${gid},mode=0700"`,
  ]
}

async function status(port, path, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers }).catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.status
}

async function until(what, condition) {
  const deadline = Date.now() + 60_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function run(command, ...args) {
  const { status: code, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}
