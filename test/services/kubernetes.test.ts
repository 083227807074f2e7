// node only: starts processes as kubelet does
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runCli } from '../../packages/cli/test/cli/run-cli.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { createSignerFile, openSignerFile } from '../../src/signers/file/signer-file.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { type FileVault, openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { createKeyFile } from '../../src/vault/stores/file/key.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { root } from '../setup/entries.ts'
import { programsOf } from '../setup/programs.ts'
import { bundleProcura, bundleProgram } from '../support/bundle-program.ts'
import { freePort } from '../support/free-port.ts'
import { mountSecret } from '../support/mounted-secret.ts'
import { makeRole } from '../support/postgres-role.ts'
import { service as compose } from './compose.service.ts'
import { service as validator } from './kubernetes.service.ts'

/** The parts of a manifest that kubelet follows here. */
interface Pod {
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number }
  readonly containers: readonly [Container]
  readonly volumes: readonly [
    { readonly secret: { readonly defaultMode: number; readonly items?: readonly { readonly key: string }[] } },
  ]
}

interface Container {
  readonly workingDir: string
  readonly command: readonly string[]
  readonly args?: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly readinessProbe?: { readonly httpGet: { readonly path: string } }
  readonly volumeMounts: readonly [{ readonly mountPath: string }]
}

const page = readFileSync(`${root}spec/guides/kubernetes.md`, 'utf8')
const [manifests = '', composeFile = ''] = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text)
const address = process.env['PROCURA_POSTGRES'] ?? ''
const [name, role] = ['kubernetes_of_the_guide', 'mail_service']
const database = address.replace(/\/[^/]*$/, `/${name}`)
const files = ['service.key', 'vault', 'vault.key', 'store.key'] as const
const folder = mkdtempSync(join(tmpdir(), 'procura-kubernetes-'))
const place = (...names: string[]): string => join(folder, ...names)
const running: ChildProcess[] = []
const volumes: string[] = []
let received: string[] = []
let pods: Readonly<Record<string, Pod>>
let owner: Pool
let api: Listening
let vault: FileVault

beforeAll(async () => {
  chmodSync(folder, 0o755)
  for (const one of ['made', 'app', 'app/bin']) mkdirSync(place(one))
  api = await listen(
    createServer((request, response) => {
      received.push(String(request.headers.authorization))
      request.resume().once('end', () => response.writeHead(202).end())
    }),
  )
  const first = new Pool({ connectionString: address, max: 1 })
  await makeRole(first, role)
  await first.query(`CREATE DATABASE ${name}`)
  await first.end()
  owner = new Pool({ connectionString: database, max: 2 })
  owner.on('error', () => undefined)
  await owner.query(`CREATE TABLE tenants (did text PRIMARY KEY, credential text NOT NULL)`)
  await owner.query(`GRANT SELECT ON tenants TO ${role}`)
  const asOwner = { PROCURA_STORE_URL: database, PROCURA_HOME: place('none') }
  await createSignerFile({ path: place('made', 'service.key') })
  for (const key of ['vault.key', 'store.key']) await createKeyFile(place('made', key))
  // The first preparation; the Job of the page is for those that follow.
  const once = ['store', 'prepare', '--postgres', '--secret-file', place('made', 'store.key'), '--new-service']
  expect(await runCli([...once, '--role', role], '', asOwner)).toMatchObject({ code: 0 })
  vault = await openFileVault({
    path: place('made', 'vault'),
    key: { keyFile: place('made', 'vault.key') },
    create: true,
  })
  const rules = { origins: [`http://127.0.0.1:${api.port}`], methods: ['POST'], processor: bearer() }
  await vault.put('acme', { secret: 'canary-one', ...rules })

  const [program] = programsOf('processes', readFileSync(`${root}spec/guides/processes.md`, 'utf8'))
  writeFileSync(place('app', 'program.ts'), program?.text ?? '')
  await bundleProcura(place('app'))
  await bundleProgram(place('app', 'program.ts'), place('app', 'program.mjs'), ['pg'])
  writeFileSync(
    place('app', 'bin', 'procura'),
    `#!/bin/sh\nexec "${process.execPath}" "${place('app', 'procura.mjs')}" "$@"\n`,
  )
  chmodSync(place('app', 'bin', 'procura'), 0o755)
  symlinkSync(process.execPath, place('app', 'bin', 'node'))

  // Kubernetes reads YAML 1.1, in which 0400 is octal.
  const script =
    'import sys, json, yaml; print(json.dumps({d["kind"]: d["spec"]["template"]["spec"] for d in yaml.safe_load_all(sys.stdin) if "template" in d["spec"]}))'
  const python = join(dirname(validator.find() ?? ''), 'python3')
  pods = JSON.parse(execFileSync(python, ['-c', script], { input: manifests, encoding: 'utf8' }))
}, 120_000)

afterAll(async () => {
  for (const one of running) if (one.exitCode === null) one.kill('SIGKILL')
  for (const volume of volumes) execFileSync('umount', ['-l', volume])
  await owner?.end()
  await api?.close()
  rmSync(folder, { recursive: true, force: true })
})

const podOf = (kind: string): Pod => {
  const pod = pods[kind]
  if (pod === undefined) throw new Error(`the page has no ${kind}`)
  return pod
}

/** Writes the present files into a volume of a pod. */
function fill(volume: string, { volumes: [{ secret }], securityContext }: Pod): void {
  const names = secret.items?.map(({ key }) => key) ?? files
  const contents = Object.fromEntries(names.map((file) => [file, readFileSync(place('made', file))]))
  mountSecret(volume, contents, { mode: secret.defaultMode, group: securityContext.fsGroup })
}

/** Makes a volume of a secret in memory. */
function volumeOf(pod: Pod): string {
  const volume = mkdtempSync(place('volume-'))
  const options = `mode=3777,gid=${pod.securityContext.fsGroup}`
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', volume])
  volumes.push(volume)
  fill(volume, pod)
  return volume
}

/** Starts the container of a pod: its user and groups, its mounts, a root that cannot be written, no capability. */
function startPod(pod: Pod, volume: string, more: Readonly<Record<string, string>> = {}): ChildProcess {
  const [{ command, args = [], workingDir, volumeMounts, env }] = pod.containers
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext
  const inImage = (text: string): string => text.replace(/^\/app\b/, place('app')).replace(/\.mts$/, '.mjs')
  const [{ mountPath }] = volumeMounts
  const script = `
    mount -t tmpfs tmpfs /run
    mkdir -p "${mountPath}"
    mount --bind -o ro "${volume}" "${mountPath}"
    mount -o remount,bind,ro /
    cd "${inImage(workingDir)}"
    exec setpriv --reuid ${runAsUser} --regid ${runAsGroup} --groups ${fsGroup} --no-new-privs --bounding-set -all -- "$@"`
  const words = [...command, ...args].map(inImage)
  const url = pod === podOf('Job') ? database : database.replace('postgres@', `${role}@`)
  const given = env.map(({ name, value, valueFrom }) => [name, valueFrom === undefined ? value : url])
  const started = spawn('unshare', ['--mount', '--', 'sh', '-ec', script, 'sh', ...words], {
    env: { PATH: `${place('app', 'bin')}:${process.env['PATH']}`, ...Object.fromEntries(given), ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(started)
  return started
}

/** What a process prints until it ends. */
async function outputOf(started: ChildProcess): Promise<{ readonly code: number | null; readonly text: string }> {
  let text = ''
  for (const stream of [started.stdout, started.stderr]) stream?.on('data', (part) => (text += String(part)))
  const [code] = await once(started, 'close')
  return { code, text }
}

describe('the manifests of the guide', () => {
  it('are valid', () => {
    const file = place('manifests.yaml')
    const validate = (text: string): number | null => {
      writeFileSync(file, text)
      return spawnSync(validator.find() ?? '', ['--strict', '--quiet', file]).status
    }
    expect(validate(manifests)).toBe(0)
    expect(validate(manifests.replace('fsGroup', 'fsGroups'))).toBe(1)
    expect(Object.keys(pods)).toEqual(['Job', 'Deployment'])
    const check = (text: string): number | null => {
      writeFileSync(place('compose.yaml'), text)
      return spawnSync(compose.find() ?? '', ['-f', place('compose.yaml'), 'config', '--quiet']).status
    }
    expect(check(composeFile)).toBe(0)
    expect(check(composeFile.replace('read_only', 'readonly'))).toBe(1)
  })

  it('run the service from mounted secrets, which are replaced meanwhile [VLT-55] [VLT-56] [HTP-45]', async () => {
    const [job, deployment] = [podOf('Job'), podOf('Deployment')]
    const prepared = await outputOf(startPod(job, volumeOf(job)))
    expect(prepared).toMatchObject({ code: 0, text: expect.stringMatching(/prepared the stores.*prepared the log/s) })

    const volume = volumeOf(deployment)
    const ports = await Promise.all([freePort(), freePort(), freePort()])
    const replicas = ports.map((port) =>
      startPod(deployment, volume, { PORT: String(port), MAIL_API: `http://127.0.0.1:${api.port}` }),
    )
    const outputs = replicas.map(outputOf)
    const health = async (port: number): Promise<number | undefined> => {
      const path = deployment.containers[0].readinessProbe?.httpGet.path
      return (await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined))?.status
    }
    const all = (status: number) => async () => (await Promise.all(ports.map(health))).every((one) => one === status)
    await vi.waitUntil(all(200), { timeout: 60_000, interval: 200 })

    const [tenant, agent] = [await generateSigner(), await generateSigner()]
    await owner.query('INSERT INTO tenants VALUES ($1, $2)', [tenant.did, 'acme'])
    const grant = await delegate({ issuer: tenant, audience: agent.did, subject: tenant.did, command: '/mail' })
    const { did: audience } = await openSignerFile({ path: place('made', 'service.key') })
    const call = async (port: number): Promise<unknown> => {
      const options = { issuer: agent, audience, command: '/mail/send', args: { to: 'bob@example.com' } }
      const container = encodeContainer([await invoke({ ...options, proofs: [grant] }), grant])
      const headers = { 'x-ucan-container': container, connection: 'close' }
      const response = await fetch(`http://127.0.0.1:${port}/mail`, { method: 'POST', headers })
      const { code, status } = (await response.json()) as { readonly code?: string; readonly status?: number }
      return code ?? status
    }
    expect(await Promise.all(ports.map(call))).toEqual([202, 202, 202])
    expect(new Set(received)).toEqual(new Set(['Bearer canary-one']))
    received = []
    await vault.rotate('acme', 'canary-two')
    fill(volume, deployment)
    expect(await Promise.all(ports.map(call))).toEqual([202, 202, 202])
    expect(new Set(received)).toEqual(new Set(['Bearer canary-two']))

    // The database refuses the service: no replica is ready, and each is alive.
    await owner.query(`ALTER ROLE ${role} NOLOGIN`)
    await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
    expect(await call(ports[0] as number)).toMatch(/_(?:unavailable|unknown)$/)
    await vi.waitUntil(all(503), { timeout: 30_000, interval: 200 })
    for (const port of ports) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.destroy()
    }
    await owner.query(`ALTER ROLE ${role} LOGIN`)
    await vi.waitUntil(all(200), { timeout: 30_000, interval: 200 })

    for (const one of replicas) one.kill('SIGTERM')
    for (const { code, text } of await Promise.all(outputs)) {
      expect(code).toBe(0)
      expect(text).not.toContain('canary')
    }
  })

  it('have the mistakes of the page [VLT-56]', async () => {
    const deployment = podOf('Deployment')
    const [{ secret }] = deployment.volumes
    const changed = {
      open: { ...deployment, volumes: [{ secret: { ...secret, defaultMode: 0o644 } }] },
      ungrouped: { ...deployment, securityContext: { ...deployment.securityContext, fsGroup: 0 } },
    } as const
    expect(await outputOf(startPod(deployment, volumeOf(changed.open as unknown as Pod)))).toMatchObject({
      code: 1,
      text: expect.stringContaining('other users have access to it'),
    })
    expect(await outputOf(startPod(deployment, volumeOf(changed.ungrouped)))).toMatchObject({
      code: 1,
      text: expect.stringContaining('permission denied'),
    })
  })
})
