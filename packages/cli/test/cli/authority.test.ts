import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Delegation, delegate, invoke, never, parseDid, systemClock } from 'procura'
import { openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import { verifyRevocation } from 'procura/revocation'
import { openSignerFile } from 'procura/signer/file'
import { encodeContainer, encodeContainerBytes, openContainer } from 'procura/token'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../test/support/actors.ts'
import { containerOf } from '../../../../test/vectors/decide.ts'
import { run } from '../../src/cli/run.ts'
import { verbs } from '../../src/cli/verbs.ts'
import { runCli } from './run-cli.ts'
import { someVectors } from './some-vectors.ts'

let folder: string
let counter = 0
let fresh: () => string
const dids: Record<string, string> = {}
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-authority-'))
  for (const name of ['owner', 'agent', 'child']) {
    const { code, out } = await runCli(['key', 'new', at(name)])
    expect(code).toBe(0)
    dids[name] = out
  }
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(() => {
  fresh = () => at(`new-${counter++}`)
})

async function tokensOf(text: string): Promise<readonly Delegation[]> {
  return (await openContainer(text.trim())).delegations
}

/** A delegation from the owner to the agent, in a file. */
async function granted(...options: string[]): Promise<string> {
  const out = fresh()
  const words = ['delegate', '--from', at('owner'), '--to', dids['agent'] ?? '', '--command', '/mail']
  const { code, err } = await runCli([...words, '--out', out, ...options])
  expect(code, err).toBe(0)
  return out
}

describe('procura key', () => {
  it('makes a key file, and prints its DID alone on standard output', async () => {
    expect(dids['owner']).toMatch(/^did:key:z6Mk\w+$/)
    expect((await stat(at('owner'))).mode & 0o777).toBe(0o600)
    expect(await runCli(['key', 'show', at('owner')])).toMatchObject({ code: 0, out: dids['owner'], err: '' })
    const again = await runCli(['key', 'new', at('owner')])
    expect([again.code, again.out]).toEqual([2, ''])
    expect(again.err).toMatch(/exists already; choose another path/)
    const { out } = await runCli(['key', 'show', at('owner'), '--json'])
    expect(JSON.parse(out)).toMatchObject({ did: dids['owner'], algorithm: 'Ed25519', encrypted: false, previous: [] })
  })

  it('makes keys of every algorithm, and rotates them', async () => {
    const path = fresh()
    const first = await runCli(['key', 'new', path, '--algorithm', 'ES256'])
    expect(first.out).toMatch(/^did:key:zDn/)
    const { out, err } = await runCli(['key', 'rotate', path])
    expect(out).not.toBe(first.out)
    // A person who replaces a key that leaked has to revoke the former DID.
    expect(err).toContain(`the key of ${first.out} stays in the file, and \`key rotate --keep 0\` would remove it`)
    const shown = await runCli(['key', 'show', path])
    expect(shown.err).toContain(`previous key: ${first.out}, made `)
    // A script uses the output as the DID.
    expect(await runCli(['delegate', '--from', at('owner'), '--to', shown.out, '--command', '/a'])).toMatchObject({
      code: 0,
      err: expect.stringContaining(out),
    })
    expect(await runCli(['key', 'new', fresh(), '--algorithm', 'RS256'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--algorithm must be one of Ed25519, ES256, ES256K/),
    })
    expect(await runCli(['key', 'rotate', path, '--keep', 'all'])).toMatchObject({ code: 2 })
    const kept = JSON.parse((await runCli(['key', 'rotate', path, '--json'])).out)
    expect(kept).toMatchObject({ former: out, previous: [{ did: out, algorithm: 'ES256' }] })
    const last = await runCli(['key', 'rotate', path, '--keep', '0', '--json'])
    expect(JSON.parse(last.out)).toMatchObject({ former: kept.did, previous: [] })
    expect(last.err).toContain(`the key of ${kept.did} is not in the file any more`)
    const named = fresh()
    await runCli(['key', 'new', named, '--did', 'did:web:mail.example'])
    expect((await runCli(['key', 'rotate', named])).err).toMatch(
      /put it into the DID document of did:web:mail\.example/,
    )
  })

  it('CLI-04 takes the passphrase of an encrypted file from the environment, a file or the terminal alone', async () => {
    const path = fresh()
    const keyFile = fresh()
    await runCli(['vault', 'new-key', '--key-file', keyFile])
    const made = await runCli(['key', 'new', path, '--key-file', keyFile])
    expect(JSON.parse((await runCli(['key', 'show', path, '--json'])).out)).toMatchObject({ encrypted: true })
    const words = ['delegate', '--from', path, '--to', dids['agent'] ?? '', '--command', '/a']
    expect((await runCli([...words, '--key-file', keyFile])).code).toBe(0)
    expect(await runCli(words)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/pass --key-file, or PROCURA_KEY_PASSPHRASE/),
    })
    expect((await openSignerFile({ path, key: { keyFile } })).did).toBe(made.out)
    const other = fresh()
    const differ = await runCli(['key', 'new', other, '--encrypt'], '', {}, ['one passphrase', 'another one'])
    expect([differ.code, differ.out]).toEqual([2, ''])
    expect(differ.err).toMatch(/the two passphrases differ; nothing is written/)
    expect(await runCli(['key', 'new', other, '--encrypt'], '', {}, [null])).toMatchObject({ code: 2, out: '' })
    await expect(stat(other)).rejects.toThrow(/ENOENT/)
  })

  it('refuses a key file that others can read', async () => {
    const path = fresh()
    await runCli(['key', 'new', path])
    await chmod(path, 0o644)
    const { code, out, err } = await runCli([
      'delegate',
      '--from',
      path,
      '--to',
      dids['agent'] ?? '',
      '--command',
      '/a',
    ])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/other users have access to it; run chmod 600/)
  })
})

describe('procura delegate, attenuate and revoke', () => {
  it('lead from a key to a chain that a service accepts', async () => {
    const grant = await granted('--policy', '.to like *@example.com', '--expires-in', '8h')
    expect((await stat(grant)).mode & 0o777).toBe(0o600)
    const narrow = await runCli([
      ...['attenuate', grant, '--from', at('agent'), '--to', dids['child'] ?? '', '--command', '/mail/send'],
      ...['--policy', '.to == bob@example.com', '--expires-in', '10m'],
    ])
    expect(narrow.code).toBe(0)
    expect(narrow.err).toMatch(/delegated \/mail\/send to did:key:\S+; it expires \S+ \(in (?:10|9) minutes/)
    const tokens = await tokensOf(narrow.out)
    const [root, child] = [dids['agent'], dids['child']].map((did) => tokens.find(({ audience }) => audience === did))
    expect(root).toMatchObject({ issuer: dids['owner'], command: '/mail', policy: [['like', '.to', '*@example.com']] })
    expect(child).toMatchObject({
      issuer: dids['agent'],
      subject: dids['owner'],
      command: '/mail/send',
      policy: [['==', '.to', 'bob@example.com']],
    })
    expect(Number(child?.expiration) - systemClock.now()).toBeLessThanOrEqual(600)
    const { signer } = await openSignerFile({ path: at('child') })
    const service = await actor('service')
    const args = { to: 'bob@example.com' }
    const proofs = [root, child] as Delegation[]
    const call = await invoke({ issuer: signer, audience: service.did, command: '/mail/send', args, proofs })
    expect(encodeContainer([call, ...proofs])).toMatch(/^C/)
  })

  it('refuse more than the chain gives, and sign nothing then [attack 88]', async () => {
    const grant = await granted('--policy', '.cents <= 100')
    const words = ['attenuate', grant, '--from', at('agent'), '--to', dids['child'] ?? '']
    const wrong: [string[], RegExp][] = [
      [['--command', '/files'], /does not cover `\/files`/],
      [['--policy', '.cents <= 200'], /ERR_ATTENUATION/],
      [['--never-expires'], /ERR_ATTENUATION/],
      [['--any-command'], /does not cover/],
      [['--command', '/'], /write --any-command if that is meant/],
      [['--command', '/mail', '--any-command'], /not both/],
      [['--expires-in', '5m', '--never-expires'], /pass one of --expires-in/],
      [['--expires-in', '5 minutes'], /must be a duration such as 90s/],
      [['--expires', '2026-02-30'], /must be a time: 2026-12-01/],
      [['--expires', '3600'], /in the past \(1970-01-01T01:00:00Z\); .* a duration such as 8h is for --expires-in/],
      [['--policy', '.cents <='], /expected a value/],
      [['--polcy', '.cents <= 5'], /did you mean --policy\? see procura attenuate --help/],
      [['--expires-in', '5m', '--expires-in', '9d'], /--expires-in is given more than once/],
    ]
    for (const [options, message] of wrong) {
      const { code, out, err } = await runCli([...words, ...options])
      expect([code, out, err], options.join(' ')).toEqual([2, '', expect.stringMatching(message)])
    }
    const stranger = await runCli(['attenuate', grant, '--from', at('child'), '--to', dids['agent'] ?? ''])
    expect(stranger.err).toContain(
      `the input has no delegation to ${dids['child']}; it has one to ${dids['agent']}, so pass the key file of that principal`,
    )
  })

  it('CLI-21 sign nothing on an expired delegation', async () => {
    const issuer = (await openSignerFile({ path: at('owner') })).signer
    const now = systemClock.now()
    const audience = parseDid(dids['agent'] ?? '')
    const old = await delegate({ issuer, audience, command: '/mail', expiration: now - 3_600 })
    const file = fresh()
    await writeFile(file, encodeContainer([old]))
    const words = ['attenuate', file, '--from', at('agent'), '--to', dids['child'] ?? '']
    expect(await runCli(words)).toMatchObject({
      ...{ code: 2, out: '' },
      err: expect.stringMatching(/delegation 1 of 1 of the input expired at \S+Z \(.*ago\); ask its issuer for a new/),
    })
  })

  it('CLI-07 never guess: with two possible delegations, they ask for one', async () => {
    const files = await Promise.all([granted(), granted('--policy', '.to == a')])
    const tokens = (await Promise.all(files.map(async (file) => tokensOf(await readFile(file, 'utf8'))))).flat()
    const both = fresh()
    await writeFile(both, encodeContainer(tokens))
    const words = ['attenuate', both, '--from', at('agent'), '--to', dids['child'] ?? '']
    const { code, out, err } = await runCli(words)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/2 delegations are possible; choose one with --delegation/)
    const chosen = tokens[0]?.cid.toString() ?? ''
    const passed = await runCli([...words, '--delegation', chosen])
    expect((await tokensOf(passed.out)).map(({ cid }) => cid.toString())).toContain(chosen)
    expect((await runCli(['revoke', both, '--from', at('owner')])).err).toMatch(/the input has 2 chains; choose/)
    const revoked = await runCli(['revoke', both, '--from', at('owner'), '--delegation', chosen, '--json'])
    expect(JSON.parse(revoked.out)).toMatchObject({ revoked: chosen, revoker: dids['owner'] })
  })

  it('make revocations that verifyRevocation accepts, by any issuer of the chain', async () => {
    const grant = await granted()
    const narrow = fresh()
    await runCli(['attenuate', grant, '--from', at('agent'), '--to', dids['child'] ?? '', '--out', narrow])
    for (const revoker of ['owner', 'agent']) {
      const { code, out } = await runCli(['revoke', narrow, '--from', at(revoker)])
      expect(code).toBe(0)
      expect(await verifyRevocation(out)).toMatchObject({ accepted: true, entry: { revoker: dids[revoker] } })
    }
    const child = await runCli(['revoke', narrow, '--from', at('child')])
    expect([child.code, child.out]).toEqual([2, ''])
    expect(child.err).toMatch(/issued no delegation of this chain/)
  })

  it('write files that an agent can receive, and open as its store', async () => {
    const { signer } = await openSignerFile({ path: at('agent') })
    const path = await granted()
    const agent = await openAgent({ signer, store: fileDelegationStore({ path }) })
    expect((await agent.can('/mail')).ok).toBe(true)
    const reception = await agent.receive(await readFile(await granted('--expires-in', '2h'), 'utf8'))
    expect(reception.accepted).toBe(true)
  })

  it('CLI-08 warn when standard output is a file to which others have access, and no store would take it', async () => {
    const words = ['delegate', '--from', at('owner'), '--to', dids['agent'] ?? '', '--command', '/mail']
    const warning = /^warning: standard output is a file .*; run chmod 600 on it, or use --out FILE$/m
    for (const [mode, more, expected] of [
      [0o644, [], true],
      [0o640, ['--json'], true],
      [0o600, [], false],
      [undefined, [], false],
      [0o644, ['--out', fresh()], false],
    ] as const) {
      const err: string[] = []
      const code = await run([...words, ...more], {
        env: {},
        isTerminal: false,
        outputMode: () => mode,
        print: () => undefined,
        complain: (line) => void err.push(line),
        readInput: async () => undefined,
        askHidden: async () => undefined,
      })
      expect([code, warning.test(err.join('\n'))], `${mode} ${more}`).toEqual([0, expected])
    }
  })

  it('name options and verbs of the command line, and no function of the library', async () => {
    const [grant, text] = [await granted(), fresh()]
    await writeFile(text, 'hello', { mode: 0o600 })
    const to = ['--to', dids['child'] ?? '']
    const mistakes: readonly (readonly [words: readonly string[], message: RegExp])[] = [
      [
        ['attenuate', grant, '--from', at('agent'), ...to, '--expires-in', '9d'],
        /choose an earlier --expires, or a shorter --expires-in \(ERR_ATTENUATION\)$/,
      ],
      [['delegate', '--from', fresh(), ...to, '--command', '/a'], /; make it with `procura key new FILE` \(/],
      [['revoke', text, '--from', at('owner')], /; pass what `procura delegate` or `procura attenuate` wrote \(/],
      [['vault', 'list', '--file', fresh()], /does not exist; `procura vault put --help` shows how to make it \(/],
    ]
    for (const [words, message] of mistakes) {
      const { code, out, err } = await runCli(words, '', { PROCURA_VAULT_PASSPHRASE: 'a long passphrase' })
      expect([code, out, err]).toEqual([2, '', expect.stringMatching(message)])
    }
  })

  it('name the missing folder of a new file', async () => {
    const words = ['delegate', '--from', at('owner'), '--to', dids['agent'] ?? '', '--command', '/mail']
    expect(await runCli([...words, '--out', at('none/grant.ucan')])).toMatchObject({
      ...{ code: 2, out: '', err: expect.stringMatching(/cannot be written: its folder does not exist/) },
    })
  })

  it('CLI-08 write no file over another, and nothing but data to standard output', async () => {
    const out = fresh()
    const words = ['delegate', '--from', at('owner'), '--to', dids['agent'] ?? '', '--command', '/mail', '--out', out]
    expect(await runCli(words)).toMatchObject({ code: 0, out: '' })
    const before = await readFile(out, 'utf8')
    expect(await runCli(words)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/exists already/) })
    expect(await readFile(out, 'utf8')).toBe(before)
    const { out: json } = await runCli(words.slice(0, -2).concat('--json', '--never-expires'))
    expect(JSON.parse(json)).toMatchObject({ command: '/mail', expiration: null, issuer: dids['owner'] })
    expect(await tokensOf(JSON.parse(json).container)).toMatchObject([{ expiration: never }])
  })

  it('take a policy as JSON from a file, and warn of mistakes', async () => {
    const file = fresh()
    await writeFile(file, JSON.stringify([['==', '.to', { a: [1] }]]))
    const { out, err } = await runCli([
      ...['delegate', '--from', at('owner'), '--to', dids['agent'] ?? '', '--any-command'],
      ...['--policy-file', file, '--policy', '.path like /projects/apollo*'],
    ])
    expect(err).toMatch(/policy: `\.to` is `\{"a": \[1\]\}`/)
    expect(err).toMatch(/warning: /)
    expect(await tokensOf(out)).toMatchObject([
      {
        command: '/',
        policy: [
          ['like', '.path', '/projects/apollo*'],
          ['==', '.to', { a: [1] }],
        ],
      },
    ])
    await writeFile(file, '{"to":')
    const wrong = await runCli([
      'delegate',
      '--from',
      at('owner'),
      '--to',
      'did:web:a.example',
      '--any-command',
      '--policy-file',
      file,
    ])
    expect(wrong).toMatchObject({ code: 2, err: expect.stringMatching(/--policy-file must be a list of statements/) })
  })
})

describe('procura inspect', () => {
  it('shows tokens in words, with dates, the time that is left and the chain', async () => {
    const grant = await granted('--policy', '.to like *@example.com', '--expires-in', '2h')
    const narrow = fresh()
    const to = dids['child'] ?? ''
    await runCli(['attenuate', grant, '--from', at('agent'), '--to', to, '--expires-in', '90s', '--out', narrow])
    const { code, out } = await runCli(['inspect', narrow, '--at', 'now'])
    expect(code).toBe(0)
    expect(out).toMatch(/where `\.to` is a string that ends with `"@example\.com"`/)
    expect(out).toMatch(/expires {5}20\d\d-\d\d-\d\dT\S+Z \(in 1 hour 59 minutes\)|\(in 2 hours\)/)
    const lines = out.split('\n')
    const order = [dids['owner'], dids['agent'], dids['child']].map((did) => lines.indexOf(`  ${did}`))
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(order[0]).toBeGreaterThan(0)
    expect(out).toMatch(/\n {2}verified\n/)
    const later = await runCli(['inspect', narrow, '--at=+3h'])
    expect([later.code, later.out]).toEqual([1, expect.stringMatching(/not verified: .* \(expired\)/)])
    expect(later.out).toMatch(/expired {6}\S+ \(59 minutes \d+ seconds ago|1 hour ago/)
  })

  it('reads every form: bytes, a bare token in base64, a container on standard input', async () => {
    const alice = await actor('alice')
    const grant = await delegate({ issuer: alice, audience: dids['agent'] ?? '', command: '/a' })
    const forms: (string | Uint8Array)[] = [
      encodeContainer([grant]),
      `\n ${encodeContainer([grant])}\r\n`,
      encodeContainerBytes([grant]),
      grant.bytes,
      Buffer.from(grant.bytes).toString('base64'),
      Buffer.from(grant.bytes).toString('base64url'),
    ]
    for (const form of forms) {
      const { code, out } = await runCli(['inspect', '--json'], form)
      expect(code).toBe(0)
      expect(JSON.parse(out).tokens).toMatchObject([{ cid: grant.cid.toString(), issuer: alice.did, command: '/a' }])
    }
    expect(await runCli(['inspect', '/dev/zero'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/more than 1048576 bytes/),
    })
    expect(await runCli(['inspect'], '')).toMatchObject({ code: 2, err: expect.stringMatching(/is empty/) })
    expect(await runCli(['inspect'], '', {}, [])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/name its file/),
    })
    const key = await runCli(['inspect', at('owner')])
    expect([key.code, key.out]).toEqual([1, expect.stringMatching(/this is a key file, see `procura key show FILE`/)])
    expect(key.out).not.toContain(JSON.parse(await readFile(at('owner'), 'utf8')).jwks[0].d)
  })

  it('CLI-06 reads one container a line, and a token of several lines once', async () => {
    const [first, second] = [await granted(), await granted('--policy', '.to == bob')]
    const lines = [await readFile(first, 'utf8'), await readFile(second, 'utf8')] as const
    const both = fresh()
    await writeFile(both, `${lines[0]}\r\n${lines[1]}${lines[0]}`)
    const { code, out } = await runCli(['inspect', both, '--json'])
    const { tokens, chains } = JSON.parse(out)
    expect([code, tokens.length, chains.length]).toEqual([0, 2, 2])
    const bad = await runCli(['inspect'], `${lines[0]}no container\n${lines[1]}`)
    expect([bad.code, bad.out]).toEqual([1, expect.stringMatching(/^not readable: line 2 of 3: /)])
    const none = await runCli(['inspect'], `no container\n${lines[1]}`)
    expect([none.code, none.out]).toEqual([1, expect.not.stringMatching(/line/)])
    // The other verbs read the same file.
    const narrow = ['attenuate', both, '--from', at('agent'), '--to', dids['child'] ?? '']
    expect(await runCli(narrow)).toMatchObject({ code: 2, err: expect.stringMatching(/--delegation/) })
    const [{ cid }] = tokens
    expect((await runCli([...narrow, '--delegation', cid])).code).toBe(0)
    const asked = await runCli(['why', first])
    expect([asked.code, asked.err]).toEqual([
      1,
      expect.stringMatching(/^note: to ask about a call .* --from, and --command$/m),
    ])
    // A service gets the text as it is.
    const call = await openSignerFile({ path: at('agent') })
    const grant = (await tokensOf(lines[0]))[0] as Delegation
    const options = { command: '/mail', args: {}, proofs: [grant], audience: grant.issuer }
    const container = encodeContainer([await invoke({ issuer: call.signer, ...options } as never), grant])
    expect((await runCli(['why'], container)).code).toBe(0)
    expect(await runCli(['why'], `${container}\n${lines[1]}`)).toMatchObject({ code: 1 })
  })

  it('CLI-06 reports a forged delegation, and a chain without its beginning', async () => {
    const narrow = fresh()
    await runCli(['attenuate', await granted(), '--from', at('agent'), '--to', dids['child'] ?? '', '--out', narrow])
    const tokens = await tokensOf(await readFile(narrow, 'utf8'))
    const [first, last] = [dids['agent'], dids['child']].map((did) => tokens.find(({ audience }) => audience === did))
    const forged = Uint8Array.from(first?.bytes ?? [], (byte, place) => (place === 40 ? byte ^ 1 : byte))
    const wrong = await runCli(['inspect', '--json'], encodeContainer([{ bytes: forged }, last as Delegation]))
    expect([wrong.code, JSON.parse(wrong.out).chains]).toMatchObject([
      1,
      [{ verified: false, fault: { code: 'signature_invalid' } }],
    ])
    const partial = await runCli(['inspect'], encodeContainer([last as Delegation]))
    expect([partial.code, partial.out]).toEqual([1, expect.stringMatching(/not verified: .*\(root_not_subject\)/)])
  })

  it('CLI-06 answers every vector, valid or hostile, in text and in JSON', async () => {
    for (const file of ['valid.json', 'hostile.json', 'ucanto.json'] as const) {
      for (const { name, container } of someVectors(file)) {
        for (const json of [[], ['--json']]) {
          const input = containerOf(container)
          const { code, out, err } = await runCli(['inspect', '--at', '1800000000', ...json], input)
          if (input.length === 0) expect([code, out], name).toEqual([2, ''])
          else expect([code === 0 || code === 1, err], `${name}: ${err}`).toEqual([true, ''])
          expect(out, name).toMatch(/^[^\p{Cc}]*$/mu)
          if (json.length > 0 && input.length > 0) expect(JSON.parse(out), name).toHaveProperty('readable')
        }
      }
    }
  })
})

describe('the command line', () => {
  it('CLI-01 explains every verb with its options and an example, which the parser accepts', async () => {
    const { out: all } = await runCli(['--help'])
    for (const verb of verbs) {
      const [first, second] = verb.name.split(' ')
      expect(all).toMatch(new RegExp(`procura ${verb.name} |procura ${first} … .*\\b${second}\\b`))
      const { code, out } = await runCli(['help', ...verb.name.split(' ')])
      expect([code, out], verb.name).toEqual([0, expect.stringContaining(`Example: ${verb.example}`)])
      expect((await runCli([...verb.name.split(' '), '--help'])).out).toBe(out)
      for (const { name } of verb.options) expect(out).toContain(`--${name}`)
      const taken = new Set(verb.options.map(({ name }) => name))
      // The words after `--` are those of another program.
      const [own = ''] = verb.example.split(' -- ')
      const used = [...own.matchAll(/ --([\w-]+)/g)].map(([, name = '']) => name)
      expect(used.filter((name) => !taken.has(name))).toEqual([])
      // Their output is in a form of its own: words of a shell, lines of MCP, the answer of a hook, that of a program.
      const hasOwnForm = ['completion', 'connect', 'hook', 'hook install', 'run'].includes(verb.name)
      if (!hasOwnForm) expect(taken).toContain('json')
      expect(verb.example).toMatch(new RegExp(`procura ${verb.name}`))
    }
    expect(all).toMatch(/Keys out of an agent\n {2}procura wrap .*\n[\s\S]*\n\nThe gateway\n/)
    expect((await runCli(['help', 'key'])).out).toMatch(/procura key new FILE/)
    expect((await runCli(['key', 'sing'])).err).toMatch(/key needs a verb: new, show, rotate; see procura --help/)
    expect((await runCli(['inspct'])).err).toMatch(/did you mean inspect\?/)
  })

  it('CLI-02 refuses a key or a token among its words, and shows nothing of it [attack 77]', async () => {
    const file = JSON.parse(await readFile(at('owner'), 'utf8'))
    const grant = await readFile(await granted(), 'utf8')
    const secrets = [
      file.jwks[0].d,
      '-hMKMd7JUDZVTuYyR1qzTSsbdf4y2bRQ-U0VmXP9yqA',
      'Li9+3u1JUDZVTuYyR1qzTSsbdf4y2bRQ/U0VmXP9yqA=',
      Buffer.from(file.jwks[0].d, 'base64url').toString('hex'),
      // The key in PKCS #8 without the lines of PEM, and with its public key, as libsodium has it.
      Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]).toString('base64'),
      Buffer.concat([Buffer.alloc(32, 252), Buffer.alloc(32, 7)]).toString('base64'),
      Buffer.concat([Buffer.alloc(32, 252), Buffer.alloc(32, 7)]).toString('base64url'),
      '/i9+3u1JUDZVTuYyR1qzTSsbdf4y2bRQ/U0VmXP9yqA=',
      `0x${'ab'.repeat(32)}`,
      JSON.stringify(file.jwks[0]),
      '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ',
      grant.trim(),
      `Bearer ${grant.trim()}`,
      'sk-proj-0123456789abcdefghij',
      'ghp_0123456789abcdefghijABCDEFGHIJ012345',
      'AKIAIOSFODNN7EXAMPLE',
      '.token == "sk-proj-0123456789abcdefghij"',
      'https://api.example.com/?key=sk-proj-0123456789abcdefghij',
      'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln',
    ]
    for (const secret of secrets) {
      for (const words of [
        ['inspect', secret],
        ['delegate', '--from', secret, '--to', 'x'],
        ['delegate', `--from=${secret}`],
        [`--${secret}`],
        ['vault', 'put', 'mail', '--header', secret],
      ]) {
        const { code, out, err } = await runCli(words)
        expect([code, out, err], secret.slice(0, 6)).toEqual([
          2,
          '',
          expect.stringMatching(/^procura: word \d of the command line looks like/),
        ])
        expect(err).not.toContain(secret.slice(8, 24))
      }
    }
    const harmless = [
      ...['did:key:z6MkpUodfgonUtrVMCp92D71VZhW1wKUPr2kS267NLVh5Weo', '/var/log/Procura/2026', './agent.key'],
      // Without its slash, it has as many characters as a key.
      '/Users/Ada/procura/copies/of2026/november/bk',
      ...['bafyreie6axe5cvdbykvavwbesrqtrxxjgz42eyy3wfpn32qmmdyo6xhadq', '.to like *@example.com', '/mail/send'],
    ]
    for (const word of harmless) expect((await runCli(['inspect', word])).err, word).not.toMatch(/looks like/)
    const hash = ['audit', 'verify', folder, '--sequence', '3', '--hash', 'ab'.repeat(32)]
    expect((await runCli(hash)).err).not.toMatch(/looks like/)
  })

  it('CLI-03 exits with 0 for yes, 1 for no and 2 for a command line that is wrong', async () => {
    const grant = await granted()
    expect((await runCli(['inspect', grant])).code).toBe(0)
    expect((await runCli(['inspect'], 'no token')).code).toBe(1)
    expect((await runCli(['inspect', at('none')])).code).toBe(2)
    expect((await runCli([])).code).toBe(2)
  })
})
