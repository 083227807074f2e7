import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { delegate, encodeContainer, invoke } from 'procura'
import { like } from 'procura/policy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { actor, clock, now } from '../../../../../test/support/actors.ts'
import { containerOf } from '../../../../../test/vectors/decide.ts'
import { runCli } from '../run-cli.ts'
import { someVectors } from '../some-vectors.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-why-'))
})
afterAll(() => rm(folder, { recursive: true }))

const owner = await actor('owner')
const agent = await actor('agent')
const service = await actor('service')
const grant = await delegate({
  ...{ issuer: owner, audience: agent.did, command: '/mail', expiration: now + 600, clock },
  policy: [like('.to', '*@example.com')],
})
const asking = { issuer: agent, audience: service.did, command: '/mail/send', proofs: [grant], clock }
const call = await invoke({ ...asking, args: { to: 'bob@example.com' } })
const refused = await invoke({ ...asking, args: { to: 'canary@elsewhere.test' } })
const container = encodeContainer([call, grant])
const at = ['--at', String(now)]

describe('procura why', () => {
  it.each(['valid.json', 'hostile.json', 'ucanto.json'] as const)(
    'CLI-09 gives the verdict of the authorizer for every vector of %s',
    async (vectors) => {
      const file = join(folder, 'context')
      for (const { name, container, context, expected } of someVectors(vectors)) {
        const given = containerOf(container)
        // A text file ends with a line end, which is not a part of the container.
        const input = typeof given === 'string' ? `${given}\n` : given
        if (input.length === 0) continue
        await writeFile(file, JSON.stringify(context))
        const { code, out, err } = await runCli(['why', '--context', file, '--json'], input)
        expect(
          err.replaceAll(/^note: (?:every subject|to ask about a call with these delegations).*$/gm, ''),
          name,
        ).toBe('')
        expect(JSON.parse(out), name).toMatchObject(expected)
        expect(code, name).toBe(expected.allowed ? 0 : 1)
      }
    },
  )

  it('tells who would be allowed what, and until when', async () => {
    const { code, out, err } = await runCli(['why', '--subject', owner.did, ...at], container)
    expect([code, err]).toEqual([0, ''])
    expect(out.split('\n')).toEqual([
      'allowed: /mail/send',
      `  by      ${agent.did}`,
      `  for     ${owner.did}`,
      `  chain   ${grant.cid.toString()}`,
      expect.stringMatching(/^ {2}until {3}2027-01-15T08:0\d:00Z \(in \d+ minutes?\)$/),
    ])
  })

  it('tells why not: the rule, the statement, and the delegation that would cure it, without the value', async () => {
    const { code, out, err } = await runCli(['why', ...at], encodeContainer([refused, grant]))
    expect(code).toBe(1)
    expect(out).toMatch(/^refused: delegation 1 of 1: policy statement 1/)
    expect(out).toContain('policy_unsatisfied (PRF-11)')
    expect(out).toContain('fails   `.to` is a string that ends with `"@example.com"`')
    expect(out).toContain(
      `cure    other arguments; or a delegation of /mail/send, for these arguments, to ${agent.did} by ${owner.did}`,
    )
    expect(out + err).not.toContain('canary')
    expect(err).toMatch(/note: every subject is accepted/)
  })

  it('answers for another time, another service, and with revocations', async () => {
    const codeOf = async (...words: string[]): Promise<unknown> =>
      JSON.parse((await runCli(['why', '--json', ...words], container)).out).code ?? 'allowed'
    expect(await codeOf(...at)).toBe('allowed')
    expect(await codeOf('--at', '2027-01-16')).toBe('expired')
    expect(await codeOf(...at, '--audience', owner.did)).toBe('audience_mismatch')
    expect(await codeOf(...at, '--subject', agent.did)).toBe('subject_not_accepted')
    expect(await codeOf(...at, '--revoked', grant.cid.toString())).toBe('revoked')
    expect(await codeOf(...at, '--revoked', agent.did)).toBe('revoked')
    expect(await codeOf(...at)).toBe('allowed')
  })

  it('signs the call of a key holder, for delegations without a call', async () => {
    const path = (name: string): string => join(folder, name)
    const did = (await runCli(['key', 'new', path('agent')])).out
    await runCli(['key', 'new', path('owner')])
    const given = ['delegate', '--from', path('owner'), '--to', did, '--command', '/mail', '--policy', '.to like *@a.b']
    await runCli([...given, '--out', path('grant')])
    await writeFile(path('args'), JSON.stringify({ to: 'x@a.b' }))
    const words = [
      'why',
      path('grant'),
      '--from',
      path('agent'),
      '--command',
      '/mail/send',
      '--args-file',
      path('args'),
    ]
    expect((await runCli(words)).out).toMatch(/^allowed: \/mail\/send\n/)
    await writeFile(path('args'), JSON.stringify({ to: 'x@c.d' }))
    expect((await runCli(words)).out).toMatch(
      /policy_unsatisfied[\s\S]*fails {3}`\.to` is a string that ends with `"@a\.b"`/,
    )
    expect(await runCli(words.slice(0, 2))).toMatchObject({ code: 1, out: expect.stringMatching(/invocation_missing/) })
    const wrong: [string[], RegExp][] = [
      [words.slice(0, 4), /--command is missing/],
      [['why', path('grant'), '--command', '/a'], /--from names its key/],
      [[...words.slice(0, 6), '--args-file', path('grant')], /--args-file must be a JSON object/],
    ]
    for (const [line, message] of wrong)
      expect(await runCli(line)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) })
  })

  it('refuses a context that it does not understand', async () => {
    const file = join(folder, 'wrong')
    const wrong: [unknown, RegExp][] = [
      [{ subject: [owner.did] }, /--context has no option `subject`; did you mean `subjects`\?/],
      [{ subjects: owner.did }, /`subjects` must be "any" or a list of DIDs/],
      [{ time: 'now' }, /`time` must be seconds since 1970/],
      [{ commands: [{ command: '/mail', args: { to: 'email' } }] }, /the type of the argument `to` must be text/],
      [{ commands: [{ command: '/mail', arg: {} }] }, /has no option `arg`/],
      [{ revoked: [{ id: 'x', by: 'y' }] }, /has no option `by`/],
      [{ options: { clockTolerence: 5 } }, /clockTolerence/],
      [[], /must be an object/],
    ]
    for (const [context, message] of wrong) {
      await writeFile(file, JSON.stringify(context))
      const { code, out, err } = await runCli(
        ['why', '--context', file, ...(message.source.includes('time') ? [] : at)],
        container,
      )
      expect([code, out, err]).toEqual([2, '', expect.stringMatching(message)])
    }
  })
})
