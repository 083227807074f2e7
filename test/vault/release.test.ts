import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { parseCommand } from '../../src/core/capability/command.ts'
import { VaultError } from '../../src/errors.ts'
import type { VaultOptions } from '../../src/vault/configuration.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import type { Processor } from '../../src/vault/processor.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import type { CredentialOptions } from '../../src/vault/rules/credential-rules.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading, SecretSource } from '../../src/vault/source.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import type { LeaseOptions, Release, Vault } from '../../src/vault/vault.ts'
import { invalidArgument, movableClock, NOON, OWNER, permission, STRANGER, serve, vaultError } from './support.ts'

/** A source whose one reading comes from a test. */
function sourceOf(
  answer: (reference: string) => Partial<SecretReading> | undefined | Promise<Partial<SecretReading> | undefined>,
): SecretSource {
  return {
    name: 'test',
    async read(reference) {
      const given = await answer(reference)
      if (given === undefined) return undefined
      return {
        reference,
        secret: new Secret('canary-1'),
        version: '3',
        kind: 'static',
        downscoped: false,
        readAt: NOON,
        ...given,
      }
    },
  }
}

function vaultOf(
  source: SecretSource,
  options: VaultOptions = {},
  rules: CredentialOptions = { leasable: true },
): Vault {
  return createVault({ clock: movableClock(), ...options, source, credentials: { db: rules } })
}

describe('Vault.lease', () => {
  it('returns a secret and its facts', async () => {
    const lease = await vaultOf(sourceOf(() => ({ expiresAt: NOON + 60 }))).lease('db', { authorization: permission() })
    expect(lease).toMatchObject({
      reference: 'db',
      adapter: 'test',
      kind: 'static',
      version: '3',
      downscoped: false,
      stale: false,
      ageSeconds: 0,
      expiresAt: NOON + 60,
    })
    expect(lease.secret.reveal()).toBe('canary-1')
    expect(JSON.stringify(lease)).not.toContain('canary-1')
    await lease.revoke()
    expect(() => lease.secret.reveal()).toThrow(expect.objectContaining(vaultError('ERR_VAULT_REVOKED')))
  })

  it('VLT-12 revokes a dynamic secret at its origin once, and again after a failure', async () => {
    let revoked = 0
    let failing = true
    const revoke = async (): Promise<void> => {
      revoked += 1
      if (failing) throw new Error('away')
    }
    const lease = await vaultOf(sourceOf(() => ({ kind: 'dynamic', revoke }))).lease('db', {
      authorization: permission(),
    })
    await expect(lease.revoke()).rejects.toThrow('away')
    failing = false
    await lease.revoke()
    await lease[Symbol.asyncDispose]()
    expect(revoked).toBe(2)
  })

  it('VLT-08 refuses a credential that Vault.use sends, unless its rules are leasable', async () => {
    const rules = { secret: 'canary-1', origins: ['https://a.example'], processor: bearer() }
    const vault = memoryVault({
      kept: rules,
      open: { ...rules, leasable: true },
      text: { secret: 'canary-2', leasable: true },
    })
    await expect(vault.lease('kept', { authorization: permission() })).rejects.toMatchObject(
      vaultError('ERR_VAULT_CONFIGURATION'),
    )
    expect((await vault.lease('open', { authorization: permission() })).secret.reveal()).toBe('canary-1')
    expect((await vault.lease('text', { authorization: permission() })).secret.reveal()).toBe('canary-2')
    const used = vault.use({ reference: 'text', authorization: permission(), url: 'https://a.example' })
    await expect(used).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
  })
})

describe('a release', () => {
  it('VLT-03 is refused when the authorization ends while the secret is read [attack 74]', async () => {
    const clock = movableClock()
    const source = sourceOf(() => {
      clock.add(20)
      return {}
    })
    const authorization = permission({ expiration: NOON + 10 })
    await expect(vaultOf(source, { clock }).lease('db', { authorization })).rejects.toMatchObject(
      vaultError('ERR_VAULT_EXPIRED'),
    )
  })

  it('VLT-03 is refused when the authorization ends while the release is recorded [attack 74]', async () => {
    const clock = movableClock()
    const options = (): LeaseOptions => ({
      authorization: permission({ expiration: clock.now() + 10 }),
      onRelease: () => clock.add(20),
    })
    await expect(
      vaultOf(
        sourceOf(() => ({})),
        { clock },
      ).lease('db', options()),
    ).rejects.toMatchObject(vaultError('ERR_VAULT_EXPIRED'))
    const fetch = vi.fn(async () => new Response('ok'))
    const rules = { secret: 'canary-1', origins: ['https://a.example'], processor: bearer() }
    const { authorization, onRelease } = options()
    const use = memoryVault({ a: rules }, { clock, fetch }).use(
      { reference: 'a', authorization, url: 'https://a.example' },
      onRelease && { onRelease },
    )
    await expect(use).rejects.toMatchObject(vaultError('ERR_VAULT_EXPIRED'))
    expect(fetch).not.toHaveBeenCalled()
  })

  it('VLT-03 is used to the end of the last second of the authorization', async () => {
    let time = NOON
    const source = sourceOf(() => {
      time = NOON + 10.9
      return {}
    })
    const authorization = permission({ expiration: NOON + 10 })
    const { version } = await vaultOf(source, { clock: { now: () => time } }).lease('db', { authorization })
    expect(version).toBe('3')
  })

  it('VLT-03 is refused when the clock no longer returns the time', async () => {
    let time = NOON
    const source = sourceOf(() => {
      time = Number.NaN
      return {}
    })
    const lease = vaultOf(source, { clock: { now: () => time } }).lease('db', {
      authorization: permission({ expiration: NOON + 10 }),
    })
    await expect(lease).rejects.toMatchObject(vaultError('ERR_VAULT_EXPIRED'))
  })

  it('VLT-03 uses the clock tolerance of the authorization', async () => {
    const authorization = permission({ expiration: NOON - 30 })
    expect((await vaultOf(sourceOf(() => ({}))).lease('db', { authorization })).version).toBe('3')
    await expect(
      vaultOf(sourceOf(() => ({}))).lease('db', { authorization: permission({ expiration: NOON - 61 }) }),
    ).rejects.toMatchObject({ code: 'ERR_AUTHORIZATION' })
  })

  it('VLT-04 is refused when a revocation arrives while the secret is read [attack 74]', async () => {
    let reads = 0
    const source = sourceOf(() => {
      reads += 1
      return {}
    })
    const vault = vaultOf(source)
    const ask = (recheck: () => unknown): Promise<unknown> =>
      vault.lease('db', { authorization: permission(), recheck: recheck as () => boolean })
    await expect(ask(() => false)).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    await expect(ask(() => undefined)).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    await expect(ask(() => 1)).rejects.toMatchObject(vaultError('ERR_VAULT_REVOKED'))
    await expect(ask(() => Promise.reject(new Error('down')))).rejects.toMatchObject(
      vaultError('ERR_VAULT_UNAVAILABLE'),
    )
    await expect(ask(async () => true)).resolves.toBeDefined()
    expect(reads).toBe(5)
  })

  it('VLT-09 is refused when the store returns another secret [attack 83]', async () => {
    const secret = new Secret('canary-1')
    const lease = vaultOf(sourceOf(() => ({ reference: 'other', secret }))).lease('db', { authorization: permission() })
    await expect(lease).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    expect(secret.disposed).toBe(true)
  })

  it('VLT-10 is refused when the secret has expired', async () => {
    for (const expiresAt of [NOON, NOON - 1]) {
      const lease = vaultOf(sourceOf(() => ({ expiresAt }))).lease('db', { authorization: permission() })
      await expect(lease).rejects.toMatchObject(vaultError('ERR_VAULT_EXPIRED'))
    }
  })

  it('is refused when the store has no secret, fails or hangs [attack 82]', async () => {
    const lease = (source: SecretSource, options: VaultOptions = {}): Promise<unknown> =>
      vaultOf(source, options).lease('db', { authorization: permission() })
    await expect(lease(sourceOf(() => undefined))).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    const broken = Object.assign(new Error('broken canary-1'), { code: 'EBROKEN' })
    const failed = await lease(sourceOf(() => Promise.reject(broken))).catch((error: unknown) => error)
    expect(failed).toMatchObject({
      ...vaultError('ERR_VAULT_UNAVAILABLE'),
      message: 'the credential `db` could not be read from its source (EBROKEN)',
    })
    expect(inspect(failed, { depth: 9, showHidden: true })).not.toContain('canary-1')
    await expect(
      lease(
        sourceOf(() => new Promise(() => undefined)),
        { readTimeoutMs: 20 },
      ),
    ).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
  })

  it('is refused when its announcement fails, and the secret is then given back', async () => {
    let revoked = 0
    const secret = new Secret('canary-1')
    const revoke = async (): Promise<void> => {
      revoked += 1
    }
    const source = sourceOf(() => ({ kind: 'dynamic', secret, revoke }))
    const heard: Release[] = []
    const onRelease = async (release: Release): Promise<void> => {
      heard.push(release)
      expect(secret.disposed).toBe(false)
      throw new Error('no space left')
    }
    await expect(vaultOf(source).lease('db', { authorization: permission(), onRelease })).rejects.toThrow(
      'no space left',
    )
    expect(heard).toMatchObject([{ reference: 'db', kind: 'dynamic' }])
    expect([revoked, secret.disposed]).toEqual([1, true])
  })

  it('SEC-02 is disposed of when the response begins, and when the announcement or the request fails', async () => {
    const server = await serve((received, response) => {
      if (received.url === '/broken') response.destroy()
      else response.write('a body without an end')
    })
    const owned: Secret[] = []
    const derived = new Secret('canary-of-an-issuer')
    const { copy } = Secret.prototype
    vi.spyOn(Secret.prototype, 'copy').mockImplementation(function (this: Secret) {
      const made = copy.call(this)
      owned.push(made)
      return made
    })
    try {
      const processor: Processor = {
        ...bearer(),
        derive: async () => ({ secret: derived, expiresAt: NOON + 600, downscoped: false }),
      }
      const source = sourceOf(() => {
        const secret = new Secret('canary-1')
        owned.push(secret)
        return { secret }
      })
      const vault = vaultOf(source, {}, { origins: [server.origin], processor })
      const use = (path: string, options = {}): Promise<Response> =>
        vault.use({ reference: 'db', authorization: permission(), url: `${server.origin}${path}` }, options)
      const response = await use('/open')
      expect(owned.length).toBeGreaterThanOrEqual(3)
      await response.body?.cancel()
      await expect(use('/broken')).rejects.toMatchObject(vaultError('ERR_VAULT_UPSTREAM'))
      const onRelease = (): Promise<never> => Promise.reject(new Error('no space left'))
      await expect(use('/open', { onRelease })).rejects.toThrow('no space left')
      expect(owned.filter(({ disposed }) => !disposed)).toEqual([])
      // The vault keeps the derived one until it expires.
      expect(derived.disposed).toBe(false)
    } finally {
      vi.restoreAllMocks()
      await server.close()
    }
  })

  it('VLT-12 is revoked at once when it arrives after its caller has left, or too late', async () => {
    for (const how of ['aborted', 'late'] as const) {
      const secret = new Secret('canary-1')
      let revoked = 0
      const revoke = async (): Promise<void> => {
        revoked += 1
      }
      let deliver: (reading: Partial<SecretReading>) => void = () => undefined
      const source = sourceOf(() => new Promise((resolve) => (deliver = resolve)))
      const agent = new AbortController()
      const options = how === 'late' ? { readTimeoutMs: 20 } : {}
      const lease = vaultOf(source, options).lease('db', { authorization: permission(), signal: agent.signal })
      if (how === 'aborted') setImmediate(() => agent.abort(new Error('left')))
      await expect(lease).rejects.toThrow(how === 'late' ? 'timed out after 20 ms' : 'left')
      expect([revoked, secret.disposed], how).toEqual([0, false])
      deliver({ kind: 'dynamic', secret, revoke })
      await new Promise(setImmediate)
      expect([revoked, secret.disposed], how).toEqual([1, true])
    }
  })

  it('VLT-12 revokes a dynamic secret after the response for which it was used', async () => {
    const server = await serve((_received, response) => void response.end('all of it'))
    const events: string[] = []
    const revoke = async (): Promise<void> => {
      events.push('revoked')
      throw new Error('away')
    }
    const vault = vaultOf(
      sourceOf(() => ({ kind: 'dynamic', revoke })),
      { onRevokeFailure: (release, error) => events.push(`${release.reference} ${(error as Error).message}`) },
      { origins: [server.origin], processor: bearer() },
    )
    const response = await vault.use({ reference: 'db', authorization: permission(), url: server.origin })
    expect(events).toEqual([])
    expect(await response.text()).toBe('all of it')
    await new Promise(setImmediate)
    expect(events).toEqual(['revoked', 'db away'])
    await server.close()
    await expect(vault.use({ reference: 'db', authorization: permission(), url: server.origin })).rejects.toMatchObject(
      vaultError('ERR_VAULT_UPSTREAM'),
    )
    expect(events.length).toBeGreaterThan(2)
  })
})

describe('a source of the service', () => {
  const vaultOver = (read: unknown): Vault =>
    createVault({
      source: { name: 'own', read: read as SecretSource['read'] },
      credentials: { a: { origins: ['https://api.example'], processor: bearer(), leasable: true } },
      fetch: async () => new Response('ok'),
      clock: movableClock(),
    })
  const answer = { reference: 'a', version: '1', kind: 'static', downscoped: false, readAt: NOON }
  const readings: readonly (readonly [string, () => unknown])[] = [
    [
      'throws the secret at once',
      () => {
        throw new Error('no canary-1')
      },
    ],
    ['answers without a secret', async () => answer],
    ['answers with a secret as text', async () => ({ ...answer, secret: 'canary-1' })],
    ['answers with an invalid expiration', async () => ({ ...answer, secret: new Secret('canary-1'), expiresAt: 'x' })],
    ['answers with null', async () => null],
  ]
  it('VLT-12 has its secrets revoked at their origin when they are late or have another name', async () => {
    for (const wrong of [{ reference: 'b' }, { expiresAt: NOON }]) {
      let ended = 0
      const revoke = async (): Promise<void> => {
        ended += 1
      }
      const reading = { ...answer, kind: 'dynamic', secret: new Secret('canary-1'), revoke, ...wrong }
      await expect(vaultOver(async () => reading).lease('a', { authorization: permission() })).rejects.toThrow(
        VaultError,
      )
      expect([ended, reading.secret.disposed]).toEqual([1, true])
    }
  })

  for (const [what, read] of readings) {
    it(`SEC-03 ${what}: no secret is released, and the error does not contain it [attack 77]`, async () => {
      const vault = vaultOver(read)
      for (const call of [
        vault.use({ reference: 'a', authorization: permission(), url: 'https://api.example/' }),
        vault.lease('a', { authorization: permission() }),
      ]) {
        const error = await call.then(
          () => undefined,
          (caught: unknown) => caught,
        )
        expect(error).toBeInstanceOf(VaultError)
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary-1')
      }
    })
  }
})

describe('a processor of the service', () => {
  const own = (change: Partial<Processor>): Processor => ({ ...bearer(), ...change })
  const using = (processor: Processor, options: VaultOptions = {}): Promise<Response> =>
    memoryVault(
      { a: { secret: 'canary-1', origins: ['https://api.example'], processor } },
      { clock: movableClock(), fetch: async () => new Response('ok'), ...options },
    ).use({ reference: 'a', authorization: permission(), url: 'https://api.example/' })

  it('SEC-03 throws the secret: the error of the vault does not contain it [attack 77]', async () => {
    const leak = (secret: Secret): never => {
      throw new Error(`no ${secret.reveal()}`)
    }
    for (const processor of [
      own({ apply: (_request, secret) => leak(secret) }),
      own({ apply: async (_request, secret) => leak(secret) }),
      own({ derive: async (secret) => leak(secret) }),
      own({ derive: (secret) => leak(secret) }),
    ]) {
      const error = await using(processor).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(VaultError)
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('canary-1')
    }
  })

  it('ORG-03 cannot send a request to another origin [attack 76]', async () => {
    const sent: string[] = []
    const fetch: typeof globalThis.fetch = async (target) => {
      sent.push(String(target))
      return new Response('ok')
    }
    for (const other of ['https://evil.example/', 'http://api.example/', 'https://api.example:8443/']) {
      const processor = own({ apply: (request) => ({ ...request, url: new URL(other) }) })
      await expect(using(processor, { fetch }), other).rejects.toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
    }
    expect(sent).toEqual([])
  })

  it('VLT-14 makes no token in time: the next call asks it again [attack 82]', async () => {
    let asked = 0
    const processor = own({
      derive: async (kept) => {
        asked += 1
        return asked === 1 ? new Promise(() => undefined) : { secret: kept.copy(), downscoped: false }
      },
    })
    const vault = memoryVault(
      { a: { secret: 'canary-1', origins: ['https://api.example'], processor } },
      { clock: movableClock(), fetch: async () => new Response('ok'), readTimeoutMs: 20 },
    )
    const use = (): Promise<Response> =>
      vault.use({ reference: 'a', authorization: permission(), url: 'https://api.example/' })
    await expect(use()).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_UNAVAILABLE'),
      message: expect.stringContaining('did not end within 20 ms'),
    })
    expect(await (await use()).text()).toBe('ok')
  })

  it('VLT-14 does not run when the lock comes too late, and its failure is handled', async () => {
    let begun = 0
    const processor = own({
      derive: async () => {
        begun += 1
        throw new Error('too late')
      },
    })
    const source: SecretSource = {
      ...sourceOf(() => ({})),
      exclusively: async (_reference, task) => {
        await new Promise((resolve) => setTimeout(resolve, 40))
        return task()
      },
    }
    const rules = { origins: ['https://api.example'], processor }
    const vault = vaultOf(source, { readTimeoutMs: 10, fetch: async () => new Response('ok') }, rules)
    const used = vault.use({ reference: 'db', authorization: permission(), url: 'https://api.example/' })
    await expect(used).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(begun).toBe(0)
  })
})

describe('a call that hangs after the release', () => {
  it('VLT-12 revokes its dynamic secret when an endless body is aborted [attack 82]', async () => {
    const server = await serve((_received, response) => void response.writeHead(200).write('a part'))
    let revoked = 0
    const revoke = async (): Promise<void> => {
      revoked += 1
    }
    const vault = vaultOf(
      sourceOf(() => ({ kind: 'dynamic', revoke })),
      {},
      { origins: [server.origin], processor: bearer() },
    )
    const controller = new AbortController()
    const request = { reference: 'db', authorization: permission(), url: server.origin }
    const response = await vault.use(request, { signal: controller.signal })
    const text = response.text()
    setTimeout(() => controller.abort(new Error('enough')), 20)
    await expect(text).rejects.toThrow()
    expect(revoked).toBe(1)
    await server.close()
  })

  it('VLT-50 ends its body when the signal fires, even if the host ignores the signal', async () => {
    const fetch = async (): Promise<Response> => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))
    const vault = memoryVault(
      { a: { secret: 'canary-1', origins: ['https://api.example'], processor: bearer() } },
      { fetch, clock: movableClock() },
    )
    const controller = new AbortController()
    const request = { reference: 'a', authorization: permission(), url: 'https://api.example/' }
    const text = (await vault.use(request, { signal: controller.signal })).text()
    controller.abort(new Error('enough'))
    await expect(text).rejects.toThrow('enough')
  })

  it('VLT-12 waits for the revocation of its secret no longer than `readTimeoutMs`', async () => {
    const revoke = (): Promise<never> => new Promise(() => undefined)
    const source = sourceOf(() => ({ kind: 'dynamic', revoke }))
    const lease = await vaultOf(source, { readTimeoutMs: 20 }).lease('db', { authorization: permission() })
    await expect(lease.revoke()).rejects.toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(() => lease.secret.reveal()).toThrow(/disposed of/)
  })
})

describe('referenceTable', () => {
  const rows = [
    { command: '/crm', reference: 'shared' },
    { command: '/crm/read', reference: 'reader' },
    { command: '/crm', subject: OWNER, reference: 'owner' },
  ]

  it('VLT-26 chooses by the signed facts: first the subject, then the longest command [attack 75]', () => {
    const table = referenceTable(rows)
    const choose = (subject: typeof OWNER, command: string): string =>
      table({ subject, command: parseCommand(command) })
    expect(choose(OWNER, '/crm/read')).toBe('owner')
    expect(choose(STRANGER, '/crm/read/x')).toBe('reader')
    expect(choose(STRANGER, '/crm/write')).toBe('shared')
    expect(() => choose(OWNER, '/crmx')).toThrow(expect.objectContaining(vaultError('ERR_VAULT_UNKNOWN_REFERENCE')))
  })

  it.each<readonly [fault: string, rows: unknown, message: RegExp]>([
    ['no list', 'crm', /^referenceTable: `rows`/],
    ['a row that is not an object', [null], /^referenceTable: `rows`/],
    [
      'an unknown name in a row',
      [{ command: '/crm', reference: 'a', subjects: [OWNER] }],
      /^referenceTable: row 1 has no option `subjects`/,
    ],
    ['a row without a credential', [rows[0], { command: '/crm' }], /^referenceTable: row 2: `reference`/],
    ['a malformed command', [rows[0], { command: 'crm', reference: 'a' }], /`command` of row 2 is not a command/],
    [
      'a malformed subject',
      [rows[0], { command: '/crm', subject: 'owner', reference: 'a' }],
      /`subject` of row 2 is not a DID/,
    ],
  ])('refuses rows with %s', (_fault, wrong, message) => {
    const make = (): unknown => referenceTable(wrong as typeof rows)
    expect(make).toThrow(expect.objectContaining(invalidArgument))
    expect(make).toThrow(message)
  })

  it('refuses two rows for the same calls', () => {
    expect(() => referenceTable([...rows, { command: '/crm', reference: 'x' }])).toThrow(/two rows/)
  })
})
