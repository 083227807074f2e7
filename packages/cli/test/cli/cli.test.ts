import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileDelegationStore } from 'procura/agent/file'
import { newEventId } from 'procura/audit'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { openFileVault } from 'procura/vault/file'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { beginning, formatRecord, makeRecord } from '../../../../src/audit/events/record.ts'
import { root } from '../../../../test/setup/entries.ts'
import { now } from '../../../../test/support/actors.ts'
import { bundleProgram } from '../../../../test/support/bundle-program.ts'
import { permission } from '../../../../test/vault/support.ts'
import { inOwnWords } from '../../src/cli/terminal/own-words.ts'
import { runCli } from './run-cli.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-cli-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** Runs the program. A person types the same answer to each question; null breaks off. */
function cli(
  words: readonly string[],
  input: string | Uint8Array = '',
  env: Record<string, string> = {},
  typed?: string | null,
): ReturnType<typeof runCli> {
  return runCli(words, input, env, typed === undefined ? undefined : [typed, typed])
}

const secret = 'canary-5b1f0c77d2'

describe('procura vault', () => {
  const at = (...words: string[]) => [...words, '--file', join(folder, 'vault'), '--key-file', join(folder, 'key')]

  it('puts, rotates, lists without the values, and removes', async () => {
    expect(await cli(['vault', 'new-key', '--key-file', join(folder, 'key')])).toMatchObject({ code: 0 })
    const put = [
      'vault',
      'put',
      'crm',
      '--origin',
      'https://crm.example.com',
      '--bearer',
      '--method',
      'POST',
      '--allow-header',
      'Accept',
    ]
    expect(await cli(at(...put), `${secret}\n`)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^stored version 1 of crm, which is new: https:\/\/crm\.example\.com$/),
    })
    expect(await cli(at('vault', 'rotate', 'crm'), `${secret}-2`)).toMatchObject({ code: 0 })
    const list = await cli(at('vault', 'list'))
    expect(list.out.split('\n')).toHaveLength(2)
    expect(list.out).toMatch(/crm\t\d+\tpresent\t\S+\thttps:\/\/crm\.example\.com/)
    const json = JSON.parse((await cli(at('vault', 'list', '--json'))).out) as unknown[]
    expect(json).toHaveLength(2)
    const rules = {
      origins: ['https://crm.example.com'],
      methods: ['POST'],
      headers: ['accept'],
      processor: { type: 'bearer' },
    }
    expect(json[1]).toMatchObject({ name: 'crm', state: 'present', rules })
    expect(await cli(at('vault', 'put', 'plain', '--leasable'), secret)).toMatchObject({
      out: expect.stringMatching(
        /^stored version 3 of plain, which is new \(versions are counted over the whole vault\): lease only$/,
      ),
    })
    expect(await cli(at('vault', 'remove', 'plain'))).toMatchObject({ code: 0 })
    expect(await cli(at(...put, '--leasable'), secret)).toMatchObject({
      out: expect.stringMatching(
        /^stored version 5 of crm, in the place of version 2: https:\/\/crm\.example\.com lease$/,
      ),
    })
    for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect(await readFile(join(file.parentPath, file.name), 'latin1')).not.toContain(secret)
    }
    const rotated = await cli(at('vault', 'rotate', 'crm', '--json'), secret)
    expect(JSON.parse(rotated.out)).toEqual({ name: 'crm', version: '6', replaced: '5' })
    expect(list.out + rotated.out + JSON.stringify(json)).not.toContain(secret)
    expect(await cli(at('vault', 'remove', 'crm'))).toMatchObject({ code: 0 })
    expect(await cli(at('vault', 'remove', 'crm'))).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^the file has no credential crm; /),
    })
  })

  it('puts one secret for several headers, with a value for each', async () => {
    await cli(['vault', 'new-key', '--key-file', join(folder, 'key')])
    const put = at(
      'vault',
      'put',
      'crm',
      '--origin',
      'https://crm.example.com',
      '--header',
      'X-Id',
      '--header',
      'X-Key',
    )
    for (const wrong of [secret, JSON.stringify({ 'X-Id': secret }), '{"X-Id":"a","X-Key":"b","X-More":"c"}']) {
      const refused = await cli(put, wrong)
      expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('one for each header: X-Id, X-Key') })
      expect(refused.err).not.toContain(secret)
    }
    expect(await cli(put, JSON.stringify({ 'X-Id': 'a', 'X-Key': secret }))).toMatchObject({ code: 0 })
    const [stored] = JSON.parse((await cli(at('vault', 'list', '--json'))).out)
    expect(stored.rules.processor).toEqual({ type: 'headers', fields: { 'x-id': 'X-Id', 'x-key': 'X-Key' } })
  })

  it('encrypts everything again under another key, from a file or a passphrase', async () => {
    const next = join(folder, 'next')
    for (const path of [join(folder, 'key'), next]) await cli(['vault', 'new-key', '--key-file', path])
    await cli(at('vault', 'put', 'crm', '--leasable'), secret)
    expect(await cli(at('vault', 'change-key'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('needs --new-key-file, or PROCURA_VAULT_NEW_PASSPHRASE'),
    })
    expect(await cli(at('vault', 'change-key', '--new-key-file', next))).toMatchObject({ code: 0 })
    expect(await cli(at('vault', 'list'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('ERR_VAULT_INTEGRITY'),
    })
    const under = ['--file', join(folder, 'vault'), '--key-file', next]
    expect((await cli(['vault', 'list', ...under])).out).toMatch(/^crm\t/)
    const passphrase = 'correct horse battery staple'
    const changed = await cli(['vault', 'change-key', ...under], '', { PROCURA_VAULT_NEW_PASSPHRASE: passphrase })
    expect(changed).toMatchObject({ code: 0, err: expect.stringMatching(/^no gateway was found that has this vault/) })
    expect(changed.out).not.toContain(passphrase)
    const env = { PROCURA_VAULT_PASSPHRASE: passphrase }
    expect((await cli(['vault', 'list', '--file', join(folder, 'vault')], '', env)).out).toMatch(/^crm\t/)
  })

  it('takes a passphrase from the environment', async () => {
    const words = ['--file', join(folder, 'vault')]
    const env = { PROCURA_VAULT_PASSPHRASE: 'correct horse battery staple' }
    expect(await cli(['vault', 'put', 'key', '--leasable', ...words], secret, env)).toMatchObject({ code: 0 })
    expect(await cli(['vault', 'list', ...words], '', env)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/lease only/),
    })
    // A short passphrase is a wrong one like any other: only that of a new vault has a least length.
    const wrong = {
      code: 2,
      err: expect.stringMatching(
        /is not the one of the credential file `.*vault`, or .*restore the file from a backup/,
      ),
    }
    for (const PROCURA_VAULT_PASSPHRASE of ['wrong', 'wrong horse battery staple']) {
      expect(await cli(['vault', 'list', ...words], '', { PROCURA_VAULT_PASSPHRASE })).toMatchObject(wrong)
      const put = ['vault', 'put', 'other', '--leasable', ...words]
      expect(await cli(put, secret, { PROCURA_VAULT_PASSPHRASE })).toMatchObject(wrong)
    }
    const fresh = ['vault', 'put', 'key', '--leasable', '--file', join(folder, 'fresh')]
    expect(await cli(fresh, secret, { PROCURA_VAULT_PASSPHRASE: 'short' })).toMatchObject({
      code: 2,
      err: 'procura: the passphrase must have at least 8 bytes (ERR_INVALID_ARGUMENT)',
    })
  })

  it('VLT-45 stores exactly the given bytes, or nothing', async () => {
    await cli(['vault', 'new-key', '--key-file', join(folder, 'key')])
    const stored = async (name: string): Promise<string> => {
      const path = join(folder, 'vault')
      const vault = await openFileVault({ path, key: { keyFile: join(folder, 'key') } })
      const { secret, revoke } = await vault.lease(name, { authorization: permission() })
      const bytes = Buffer.from(secret.revealBytes()).toString('hex')
      await revoke()
      return bytes
    }
    const put = (input: Uint8Array, ...flags: string[]) => cli(at('vault', 'put', 'k', '--leasable', ...flags), input)
    const hex = (text: string): Buffer => Buffer.from(text, 'hex')
    const kept: [given: string, text: string][] = [
      ['c3bc', 'c3bc'],
      ['61200a', '6120'],
      ['610d0a', '61'],
      ['610a0a', '610a'],
      ['61090a620a', '61090a62'],
      ['0d0a61', '0d0a61'],
    ]
    for (const [given, text] of kept) {
      expect(await put(hex(given)), given).toMatchObject({ code: 0 })
      expect(await stored('k'), given).toBe(text)
      expect(await put(hex(given), '--bytes'), given).toMatchObject({ code: 0 })
      expect(await stored('k'), given).toBe(given)
    }
    const refused: [given: string, why: RegExp][] = [
      ['fffe0001', /not text in UTF-8; with --bytes it is stored as it is/],
      ['61ff0a', /not text in UTF-8/],
      ['c0ae', /not text in UTF-8/],
      ['eda080', /not text in UTF-8/],
      ['efbbbf61', /byte order mark/],
      ['610062', /control characters/],
      ['1b5b41', /control characters/],
      ['c285', /control characters/],
      ['0a', /the secret is empty/],
    ]
    for (const [given, why] of refused) {
      const before = await stored('k')
      expect(await put(hex(given)), given).toMatchObject({ code: 2, err: expect.stringMatching(why) })
      expect(await cli(at('vault', 'rotate', 'k'), hex(given)), given).toMatchObject({ code: 2 })
      expect(await stored('k'), given).toBe(before)
      expect(await put(hex(given), '--bytes'), given).toMatchObject({ code: 0 })
      expect(await stored('k'), given).toBe(given)
    }
    const long = await put(new Uint8Array(1_048_577).fill(0x61))
    expect(long).toMatchObject({ code: 2, err: expect.stringMatching(/more than 1048576 bytes/) })
  })

  it('VLT-45 asks at a terminal, and does not show the typed characters', async () => {
    await cli(['vault', 'new-key', '--key-file', join(folder, 'key')])
    const put = (typed: string | null, ...flags: string[]) =>
      cli(at('vault', 'put', 'crm', '--leasable', ...flags), 'not this', {}, typed)
    const { code, out, err } = await put(secret)
    expect([code, err]).toEqual([0, 'secret of crm (it is not shown): '])
    expect(out).not.toContain(secret)
    for (const [typed, flags, why] of [
      [null, [], /interrupted; nothing is stored/],
      ['', [], /the secret is empty/],
      ['\u001b[D', [], /control characters/],
      [secret, ['--bytes'], /--bytes takes the secret from a file/],
    ] as const) {
      const answer = await put(typed, ...flags)
      expect([answer.code, answer.err]).toEqual([2, expect.stringMatching(why)])
      expect(answer.out + answer.err).not.toContain(secret)
    }
  })

  it('names the fault of a call, and shows no secret', async () => {
    await cli(['vault', 'new-key', '--key-file', join(folder, 'key')])
    const mistakes: [string[], string, RegExp][] = [
      [['vault', 'put'], secret, /needs the name of a credential/],
      [at('vault', 'put', 'x', '--bearer'), secret, /needs --origin/],
      [at('vault', 'put', 'x', '--bearer', '--leasable'), secret, /origins/],
      [at('vault', 'put', 'x', '--origin', 'http://elsewhere.example', '--bearer'), secret, /ERR_INVALID_ARGUMENT/],
      [
        at('vault', 'put', 'x', '--origin', 'https://a.example', '--bearer', '--query', 'k'),
        secret,
        /--origin needs exactly one of --bearer/,
      ],
      [at('vault', 'put', 'x', '--origin', 'https://a.example'), secret, /--origin needs exactly one of --bearer/],
      [at('vault', 'put', 'x', '--leasable'), '', /standard input/],
      [
        at('vault', 'put', 'x'),
        secret,
        /put needs --origin \(where the credential may be sent\) or --leasable \(handlers may read it\)/,
      ],
      [at('vault', 'rotate', 'x'), secret, /has no credential `x`/],
      [['vault', 'list', '--file', join(folder, 'vault')], '', /PROCURA_VAULT_PASSPHRASE/],
      [at('vault', 'list', '--loud'), '', /--loud/],
      [['vault', 'shout'], '', /vault needs a verb: put, rotate/],
      [['sing'], '', /unknown command; use .*audit, store, vault/],
      [['help', 'issue'], '', /unknown command; did you mean delegate\? see procura --help/],
      [['keygen'], '', /did you mean key new\?/],
      [['init'], '', /did you mean wrap\?/],
      [['logs'], '', /did you mean log\?/],
      [['toString'], '', /unknown command; use /],
      [
        ['delegate', '--from', 'a', '--to', 'bob', '--command', '/a'],
        '',
        /--to must be a DID, .*procura key show FILE/,
      ],
      [
        ['delegate', '--from', 'a', '--to', 'did:key:z6Mk', '--command', '/a'],
        '',
        /--to is not a valid DID; copy the whole DID; see procura delegate --help/,
      ],
      [
        ['delegate', '--from', 'a', '--to', 'did:web:A.Example:Bob', '--command', '/a'],
        '',
        /--to: the host of a did:web is in lower case; use did:web:a\.example:Bob;/,
      ],
      [['log', 'could', folder, '--agent', 'claude', '--at', 'now'], '', /--agent must be a DID, such as did:key:/],
      [
        ['delegate', '--from', 'a', '--to', 'did:web:a.example', '--command', '/a', '--expires', '2020-01-01'],
        ...['', /--expires is in the past/],
      ] as never,
      [['hook', 'install'], '', /the name of the client, claude or codex, is missing/],
      [['inspect', join(folder, 'absent.ucan')], '', /absent\.ucan` does not exist; check the path/],
      [at('vault', 'put', 'a', 'b'), secret, /too many words; pass one name/],
    ]
    for (const [words, input, message] of mistakes) {
      const { code, out, err } = await cli(words, input)
      expect([code, err], words.join(' ')).toEqual([2, expect.stringMatching(message)])
      expect(out + err).not.toContain(secret)
    }
  })

  it('refuses an option of another verb, before anything is read or stored', async () => {
    const verbs = [
      ['vault rotate crm', '--method', 'POST'],
      ['vault rotate crm', '--leasable'],
      ['vault remove crm', '--bytes'],
      ['vault list', '--origin', 'https://a.example'],
      ['vault change-key', '--command', '/mail'],
      ['vault new-key', '--file', 'x'],
      ['vault put crm', '--prefix', 'x'],
      ['audit verify logs', '--file', 'x'],
      ['audit open logs', '--product', 'x'],
    ] as const
    for (const [verb, option, ...value] of verbs) {
      const [noun = '', name = ''] = verb.split(' ')
      for (const words of [
        [...verb.split(' '), option, ...value],
        [option, ...value, ...verb.split(' ')],
      ]) {
        expect(await cli(words, secret), words.join(' ')).toEqual({
          code: 2,
          out: '',
          err: `procura: ${noun} ${name} does not take ${option}; see procura ${noun} ${name} --help`,
        })
      }
    }
    expect(await readdir(folder)).toEqual([])
  })
})

describe('procura audit', () => {
  async function writeLog(): Promise<void> {
    const sink = await openJsonlAuditSink({ directory: folder })
    const intent = newEventId()
    const facts = { invocation: 'bafy', command: '/mail/send', time: now }
    await sink.append({ kind: 'intent', id: intent, ...facts }, {})
    await sink.append({ kind: 'outcome', id: newEventId(), time: now, intent, status: 'ok' }, {})
    await sink.append({ kind: 'intent', id: newEventId(), ...facts }, {})
    await sink.close()
  }

  it('verifies a log, and names the first bad record of one that was changed', async () => {
    await writeLog()
    const good = await cli(['audit', 'verify', folder])
    expect(good).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^3 records, unchanged up to record 3 [0-9a-f]{64}$/),
    })
    const [, hash = ''] = /3 ([0-9a-f]{64})$/.exec(good.out) ?? []
    expect(good.err).toMatch(/^not checked: .*cut off.*record 3 elsewhere.*--sequence, --hash/)
    expect(await cli(['audit', 'verify', folder, '--sequence', '3', '--hash', hash])).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^the log has record 3, which was known; not checked: /),
    })
    const [file = ''] = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'))
    const text = await readFile(join(folder, file), 'utf8')
    await writeFile(join(folder, file), text.split('\n').slice(0, 2).join('\n').concat('\n'))
    expect(await cli(['audit', 'verify', folder, '--sequence', '3', '--hash', hash])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^truncated/),
    })
    await writeFile(join(folder, file), text.replace('/mail/send', '/mail/read'))
    expect(await cli(['audit', 'verify', folder])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^edited at line 1, record 1/),
    })
    expect(JSON.parse((await cli(['audit', 'verify', folder, '--json'])).out)).toMatchObject({ valid: false })
  })

  it('lists the intents without an outcome', async () => {
    await writeLog()
    expect(await cli(['audit', 'open', folder])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^3\t.*\/mail\/send[\s\S]*1 intents without an outcome$/),
    })
  })

  it('shows no character of a log that a terminal would obey', async () => {
    const event = { kind: 'intent', id: newEventId(), time: now, invocation: 'x\u202e', command: '/a\u001b[2J\u0007' }
    const record = makeRecord(beginning, event as never, (bytes) => createHash('sha256').update(bytes).digest())
    await writeFile(join(folder, 'audit-0000000000000001.jsonl'), `${formatRecord(record)}\n`)
    const { out } = await cli(['audit', 'open', folder])
    expect(out).toMatch(/^[\t\n -~]*$/)
    expect(out).toContain('/a\\u001b[2J\\u0007')
  })

  it('names the fault of a call', async () => {
    expect(await cli(['audit', 'verify'])).toMatchObject({ code: 2, err: expect.stringMatching(/directory/) })
    expect(await cli(['audit', 'verify', join(folder, 'none')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/: `.*none` does not exist; name the directory of the log/),
    })
    expect(await cli(['audit', 'verify', folder, '--hash', 'x'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/are required together/),
    })
  })

  it('takes a log that is not there for no good one', async () => {
    for (const verb of ['verify', 'open']) {
      expect(await cli(['audit', verb, folder])).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringMatching(/no record/),
      })
    }
    await writeLog()
    expect(await cli(['audit', 'verify', folder, '--prefix', 'other', '--json'])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/no record in .*, in files that begin with `other`; see/),
    })
  })
})

describe('procura', () => {
  let bundled: string
  let program: string
  beforeAll(async () => {
    bundled = await mkdtemp(join(tmpdir(), 'procura-program-'))
    program = await bundleProgram(`${root}packages/cli/src/procura.ts`, join(bundled, 'procura.mjs'))
  })
  afterAll(() => rm(bundled, { recursive: true }))

  it('takes the short names of other programs, and names the option that has no value', async () => {
    expect(await cli(['-h'])).toEqual(await cli(['--help']))
    expect(await cli(['delegate', '-h'])).toEqual(await cli(['delegate', '--help']))
    expect(await cli(['-v'])).toEqual(await cli(['--version']))
    // `--list` is an option of another verb.
    expect((await cli(['log', 'x', '--limit'])).err).toMatch(
      /^procura: unknown option --limit; see procura log --help$/,
    )
    expect((await cli(['log', 'x', '--sinc'])).err).toMatch(/did you mean --since\?/)
    expect((await cli(['version'])).err).toMatch(/did you mean --version\?/)
    expect((await cli(['log', 'x', '--since'])).err).toMatch(/^procura: --since needs a value; see procura log --help$/)
  })

  it('explains itself', async () => {
    expect(await cli(['--help'])).toMatchObject({ code: 0, out: expect.stringMatching(/procura vault … +put,/) })
    expect(await cli([])).toMatchObject({ code: 2 })
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
  })

  it('ends silently when its reader has gone', async () => {
    const command = `${JSON.stringify(process.execPath)} ${JSON.stringify(program)} --help`
    const done = await new Promise<string>((resolve) => {
      execFile('sh', ['-c', `(${command}; echo "ended with $?" >&2) | true`], (_error, _stdout, stderr) =>
        resolve(stderr),
      )
    })
    expect(done).toBe('ended with 2\n')
  })

  it('CLI-08 warns of a file that the shell made readable for others, which no store takes', async () => {
    const [owner, agent] = [join(folder, 'owner.key'), join(folder, 'agent.key')]
    await cli(['key', 'new', owner])
    const { out: did } = await cli(['key', 'new', agent])
    const words = `delegate --from ${owner} --to ${did} --command /mail`
    const shell = (script: string): Promise<string> =>
      new Promise((resolve) => {
        const start = `procura() { ${JSON.stringify(process.execPath)} ${JSON.stringify(program)} "$@"; }; cd ${folder}`
        execFile('sh', ['-c', `${start}; ${script}`], (_error, _stdout, stderr) => resolve(stderr))
      })
    const warning = /^warning: standard output is a file to which other users have access/m
    expect(await shell(`umask 022; procura ${words} > open.ucan`)).toMatch(warning)
    const load = async (name: string): Promise<unknown> => fileDelegationStore({ path: join(folder, name) }).load({})
    await expect(load('open.ucan')).rejects.toThrow('other users have access to it; run chmod 600')
    expect(await shell(`umask 077; procura ${words} > own.ucan`)).not.toMatch(warning)
    expect(await load('own.ucan')).toHaveLength(1)
    for (const rest of ['| cat > piped.ucan', '> /dev/null', '--out named.ucan > open.out'])
      expect(await shell(`umask 022; procura ${words} ${rest}`), rest).toMatch(/^delegated [^\n]*\n$/)
    expect(await load('named.ucan')).toHaveLength(1)
  })

  it('is a program', async () => {
    const done = await new Promise<string>((resolve) => {
      execFile(process.execPath, [program, 'sing'], (error, _stdout, stderr) => resolve(`${error?.code} ${stderr}`))
    })
    expect(done).toMatch(/^2 procura: unknown command; use .*audit, store, vault, .*completion; see procura --help\n$/)
  })
})

describe('CLI-21 a message at the command line', () => {
  it('of a library function names the option to change', () => {
    const busy =
      'cannot listen on `127.0.0.1:80`: the address is already in use (EADDRINUSE); stop the process that uses it'
    expect(inOwnWords(`${busy}, or change \`listen\``)).toBe(`${busy}, or pass another --listen`)
  })

  it('of an answer names the verb that writes a token, and not a function', async () => {
    const { code, out } = await cli(['inspect'], 'no token')
    expect([code, out]).toEqual([
      1,
      expect.stringContaining('pass what `procura delegate` or `procura attenuate` wrote'),
    ])
    expect(out).not.toContain('encodeContainer')
  })

  it('names the option of the command line, not the one of the library', async () => {
    const vault = ['vault', 'put', 'mail', '--file', join(folder, 'v'), '--key-file', join(folder, 'k')]
    const put = [...vault, '--origin', 'https://api.example', '--bearer']
    await cli(['vault', 'new-key', '--key-file', join(folder, 'k')])
    await cli(put, secret)
    const listening = ['connect', '--api', 'crm', '--agent', 'claude', '--home', folder]
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [[...vault, '--origin', 'x', '--bearer'], /credential `mail`: --origin must be an origin/],
      [[...vault, '--origin', 'https://api.example', '--header', '../x'], /: --header must be the name of a header/],
      [[...vault, '--origin', 'https://api.example', '--query', '/'], /: --query must be 1 to 64 of/],
      [[...put, '--method', 'post'], /credential `mail`: --method must be in upper case/],
      [[...put, '--path-prefix', 'x'], /credential `mail`: --path-prefix must begin with a slash/],
      [[...put, '--allow-header', '../x'], /credential `mail`: --allow-header contains a name/],
      [[...put, '--command', 'x'], /credential `mail`: --command is not a command/],
      [[...put, '--subject', 'x'], /credential `mail`: --subject is not a DID/],
      [['log', join(folder, 'none')], /: `.*none` does not exist; name the directory of the log/],
      [
        ['log', join(folder, 'k')],
        /: `.*` is not a directory; name the directory of the log, or pass --sqlite for one in SQLite \(/,
      ],
      [
        ['key', 'show', join(folder, 'none')],
        /: `.*none` cannot be used: it does not exist; make it with `procura key/,
      ],
      [
        ['key', 'show', 'did:key:z6MkA'],
        /: `did:key:z6MkA` cannot be used: it is a DID; pass the path of the key file \(/,
      ],
      // `gateway.json` and others resolve it as a path.
      [['key', 'show', join(folder, 'did:key:z6MkA')], /did:key:z6MkA` cannot be used: it is a DID; pass the path/],
      [
        ['vault', 'list', '--file', join(folder, 'v'), '--key-file', 'none'],
        /the key file does not exist; pass the key .* with `/,
      ],
      [[...listening, '--listen', '0.0.0.0:8080'], /: --listen must be a loopback address with a port/],
    ]
    for (const [words, message] of wrong) {
      const { code, err } = await cli(words, secret)
      expect([code, err], words.join(' ')).toEqual([2, expect.stringMatching(message)])
      expect(err, words.join(' ')).not.toMatch(/[a-z]+[A-Z][A-Za-z]*: |`(?:path|directory|keyFile)`/)
    }
  })

  it('refuses an empty value, as of a variable of a shell that is not set', async () => {
    for (const words of [
      ['vault', 'list', '--file', ''],
      ['log', folder, '--prefix='],
      ['delegate', '--from', ''],
      ['serve', '--home', ''],
    ]) {
      const { code, err } = await cli(words)
      expect([code, err], words.join(' ')).toEqual([2, expect.stringMatching(/--[a-z-]+ is empty; pass its value, or/)])
    }
  })

  it('names the next step where a folder cannot be made, and where a name is missing', async () => {
    await writeFile(join(folder, 'file'), '')
    const did = 'did:web:a.example'
    const gateway = ['--audience', did, '--subject', did, '--socket', join(folder, 's')]
    const made = await cli(['agent', 'new', 'bot', '--home', join(folder, 'file', 'home'), ...gateway])
    expect(made).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot be made \(ENOTDIR\); choose another one with --home/),
    })
    const connected = await cli(['connect'])
    expect(connected).toMatchObject({
      code: 2,
      err: expect.stringMatching(/the name of the server is missing: .*tools list/),
    })
  })

  it('distinguishes a folder from a file', async () => {
    await cli(['key', 'new', join(folder, 'agent.key')])
    for (const words of [
      ['key', 'show', folder],
      ['inspect', folder],
      ['wrap', folder, '--home', join(folder, 'home')],
      ['delegate', '--from', folder, '--to', 'did:web:a.example', '--command', '/a'],
    ]) {
      const { code, err } = await cli(words)
      expect([code, err], words.join(' ')).toEqual([
        2,
        expect.stringMatching(/is a folder; (?:name|pass the path of) a file/),
      ])
    }
  })
})
