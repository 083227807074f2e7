import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Authorizer } from '../../src/core/authorization/authorize.ts'
import type { Denial } from '../../src/core/authorization/denial.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import type { CryptoBackend, PreparedKey } from '../../src/core/principal/backend/backend.ts'
import { root } from '../setup/entries.ts'
import { actor } from '../support/actors.ts'
import { invocationPayload, sealRaw } from '../support/raw-token.ts'
import { containerOf, createDecider } from '../vectors/decider.ts'
import { readVectors } from '../vectors/read.ts'

type Library = typeof import('procura') & typeof import('procura/policy') & typeof import('procura/store/memory')

const program = `
  export * from './dist/index.js'
  export { lte, every } from './dist/policy.js'
  export * from './dist/store/memory.js'
`

const folder = mkdtempSync(join(tmpdir(), 'procura-web-'))
let web: Library
let node: Library

/**
 * Bundles the built package as an application would that does not run on Node, with the code that is loaded on demand
 * beside it.
 *
 * @returns the path of the entry.
 */
async function bundle(name: string, options: Pick<BuildOptions, 'conditions' | 'minify'> = {}): Promise<string> {
  const outdir = join(folder, name)
  await build({
    absWorkingDir: root,
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    outdir,
    outExtension: { '.js': '.mjs' },
    logLevel: 'silent',
    tsconfigRaw: '{}',
    ...options,
  })
  return join(outdir, 'stdin.mjs')
}

const load = (path: string): Promise<Library> => import(pathToFileURL(path).href) as Promise<Library>

beforeAll(async () => {
  web = await load(await bundle('web'))
  node = {
    ...(await import('procura')),
    ...(await import('procura/policy')),
    ...(await import('procura/store/memory')),
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A back end that answers at once, as a program may bring along where the platform has none. */
const synchronous = {
  name: 'synchronous',
  sha256: (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  prepareKey: ({ bytes }: { readonly bytes: Uint8Array }) => {
    const x = Buffer.from(bytes).toString('base64url')
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }) as unknown as PreparedKey
  },
  verify: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
    verify(null, message, key as unknown as ReturnType<typeof createPublicKey>, signature),
} satisfies CryptoBackend

/** A call whose arguments have a policy, and the deciders of both platforms. The policy refuses the default arguments. */
async function calling(library: Library, args: IpldMap = { items: [{ cents: 10 }, { cents: 9900 }] }) {
  const [owner, agent] = [await library.generateSigner(), await library.generateSigner()]
  const policy = [library.every('.items', library.lte('.cents', 5000))]
  const proofs = [await library.delegate({ issuer: owner, audience: agent.did, command: '/pay', policy })]
  const audience = 'did:web:shop.example'
  const call = await library.invoke({ issuer: agent, audience, command: '/pay', args, proofs })
  const serviceOf = (where: Library, backend?: CryptoBackend) =>
    where.createAuthorizer({
      audience,
      subjects: where.anySubject,
      commands: where.uncheckedCommands,
      ...where.memoryStores(),
      ...(backend !== undefined && { backend }),
    })
  return { container: library.encodeContainer([call, ...proofs]), serviceOf }
}

/** The denial of a decision that does not wait, without the parts that contain objects of one platform. */
function deniedAtOnce(service: Authorizer, container: string | Uint8Array): Partial<Denial> | undefined {
  const decision = service.authorizeSync(container)
  return decision.allowed ? undefined : (JSON.parse(JSON.stringify(decision.denial)) as Partial<Denial>)
}

async function offCurve(): Promise<{ readonly bytes: Uint8Array }> {
  // y = 2 has no x.
  const issuer = 'did:key:z6Mkeb4rtEhc8DUtvt5ehaVjdx3TLbQPpnTArkXhqfb1Mq75'
  const payload = { ...invocationPayload(issuer), aud: 'did:web:shop.example', exp: Math.floor(Date.now() / 1000) + 60 }
  return { bytes: await sealRaw(await actor('mallory'), { tag: 'ucan/inv@1.0.0', payload }) }
}

describe('elsewhere than on Node', () => {
  it('PRF-11 a refused policy is explained as on Node', async () => {
    const { container, serviceOf } = await calling(web)
    const there = await serviceOf(web).authorize(container)
    const here = await serviceOf(node).authorize(container)
    expect(there.allowed || { ...there.denial, call: undefined }).toEqual(
      here.allowed || { ...here.denial, call: undefined },
    )
    expect(there.allowed || there.denial.message).toBe(
      'delegation 1 of 1: policy statement 1.2 (inside statement 1): `.cents` must be a number <= 5000, found 9900',
    )
  })

  it('every denial has the sentence and the details that it has on Node', async () => {
    const [there, here] = [createDecider(web), createDecider(node)]
    const codes = new Set<string>()
    for (const { name, context, container } of [...readVectors('hostile.json'), ...readVectors('valid.json')]) {
      if (context.formats !== undefined) continue
      const asked = containerOf(container)
      const decisions = [await there.serviceOf(context), await here.serviceOf(context)].map((one) =>
        one.authorize(asked),
      )
      const [found, expected] = (await Promise.all(decisions)).map((decision) => decision.allowed || decision.denial)
      expect(JSON.stringify(found), name).toBe(JSON.stringify(expected))
      codes.add(typeof expected === 'object' ? expected.code : 'allowed')
    }
    expect(codes.size).toBeGreaterThan(22)
  })

  it('every denial of a decision that cannot wait has them too', async () => {
    const [there, here] = [createDecider(web), createDecider(node)]
    let denied = 0
    for (const { name, context, container } of readVectors('hostile.json')) {
      if (context.formats !== undefined) continue
      const asked = containerOf(container)
      // Inflating is asynchronous.
      if ('MOPDEF'.includes(typeof asked === 'string' ? asked.charAt(0) : String.fromCharCode(asked[0]!))) continue
      const [found, expected] = await Promise.all(
        [there, here].map(async (one) => deniedAtOnce(await one.serviceOf(context, { backend: synchronous }), asked)),
      )
      expect(found, name).toEqual(expected)
      if (found !== undefined) denied++
    }
    expect(denied).toBeGreaterThan(100)
  })

  it('all conditions of bundlers lead to the same files', async () => {
    const paths = await Promise.all(
      [['browser'], ['worker', 'browser'], ['workerd', 'worker'], ['edge-light']].map((conditions) =>
        bundle(conditions.join('-'), { conditions }),
      ),
    )
    const files = new Set(paths.map((path) => readFileSync(path, 'utf8')))
    expect(files.size).toBe(1)
  })

  it('a minified authorization is frozen, as is its class', async () => {
    const minified = await load(await bundle('minified', { minify: true }))
    const { container, serviceOf } = await calling(minified, { items: [{ cents: 10 }] })
    const decision = await serviceOf(minified).authorize(container)
    expect(Object.isFrozen(decision.allowed && decision.authorization)).toBe(true)
    expect(decision.allowed).toBe(true)
    expect(Object.isFrozen(minified.Authorization)).toBe(true)
    expect(Object.isFrozen(minified.Authorization.prototype)).toBe(true)
  })

  it('PRF-10 a key that is not a point of the curve is named as the reason [attack 59]', async () => {
    const { serviceOf } = await calling(web)
    const container = web.encodeContainer([(await offCurve()) as never])
    const decisions = [
      await serviceOf(web).authorize(container),
      await serviceOf(web, synchronous).authorize(container),
      serviceOf(web, synchronous).authorizeSync(container),
    ]
    for (const decision of decisions) {
      expect(decision.allowed || decision.denial).toMatchObject({ code: 'key_unresolved', requirement: 'PRF-10' })
      expect(decision.allowed || decision.denial.message).toMatch(/not a point on the curve$/)
    }
  })

  it('a key of P-256 signs, and its signatures verify on both platforms', async () => {
    const owner = await web.generateSigner({ algorithm: 'ES256' })
    const audience = 'did:web:shop.example'
    const call = await web.invoke({ issuer: owner, audience, command: '/pay', args: {} })
    const { serviceOf } = await calling(web)
    for (const library of [web, node]) {
      expect((await serviceOf(library).authorize(web.encodeContainer([call]))).allowed).toBe(true)
    }
  })
})
