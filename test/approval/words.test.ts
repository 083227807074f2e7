import { describe, expect, it } from 'vitest'
import { describeApprovalRequest } from '../../src/approval/describe-request.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { clock } from '../support/actors.ts'
import { service } from '../support/service.ts'
import { agent, narrow, owner, receivedRequest, sentRequest } from './cast.ts'

const words = async (args: IpldMap, options: object = {}, reason?: string): Promise<readonly string[]> => {
  const request = await receivedRequest(await sentRequest({ args, ...(reason !== undefined && { reason }) }))
  return describeApprovalRequest(request, { clock, width: 100, ...options }).lines
}
/** The lines about the arguments and the reason. */
const foreign = async (args: IpldMap, options: object = {}, reason?: string): Promise<readonly string[]> =>
  (await words(args, options, reason)).filter((line) => line.startsWith('  '))

describe('describeApprovalRequest', () => {
  it('shows the request in words, each argument on its own line', async () => {
    const lines = await words(
      { to: 'bob@example.com', copies: 2, urgent: true, note: null, 'x-y z': 1 },
      { names: { [agent.did]: 'my mail agent' } },
      'Bob asked for it',
    )
    expect(lines).toEqual([
      `Agent: ${agent.did} ("my mail agent")`,
      'requests: /mail/send and the commands below it',
      `at service: ${service.did} (unknown)`,
      `on behalf of: ${owner.did} (unknown)`,
      'until: 2027-01-15T08:10:00Z, in 600 s',
      'with 5 arguments:',
      '  - copies = 2',
      '  - note = null',
      '  - to = "bob@example.com"',
      '  - urgent = true',
      '  - "x-y z" = 1',
      'reason in the words of the agent, not verified:',
      '  - "Bob asked for it"',
    ])
  })

  it('shows nested values, bytes and links on one line', async () => {
    await expect(
      foreign({ list: ['a', 1, [true]], map: { b: 'c', a: null }, bytes: Uint8Array.of(1, 255), link: narrow.cid }),
    ).resolves.toEqual([
      '  - bytes = 0x01ff',
      `  - link = link ${narrow.cid}`,
      '  - list = ["a", 1, [true]]',
      '  - map = {"a": null, "b": "c"}',
    ])
  })

  it('APR-10 shows characters that move the cursor, turn the text, end a line or are not seen', async () => {
    const hostile: readonly (readonly [string, string])[] = [
      ['a\nAgent: me', '"a\\nAgent: me"'],
      ['a\r\n\tb', '"a\\r\\n\\tb"'],
      ['\u001b[2J\u0007\u0000', '"\\u{001b}[2J\\u{0007}\\u{0000}"'],
      ['moc.\u202eevil\u2066', '"moc.\\u{202e}evil\\u{2066}"'],
      ['a\u200bb\u00adc\ufeff\u2060', '"a\\u{200b}b\\u{00ad}c\\u{feff}\\u{2060}"'],
      ['a\u2028b\u2029c\u0085', '"a\\u{2028}b\\u{2029}c\\u{0085}"'],
      ['a\u00a0b\u3000c\u2800d\u3164', '"a\\u{00a0}b\\u{3000}c\\u{2800}d\\u{3164}"'],
      ['x\ufe0f\u{e0041}', '"x\\u{fe0f}\\u{e0041}"'],
      ['say "yes" \\', '"say \\"yes\\" \\\\"'],
    ]
    for (const [text, shown] of hostile) {
      expect.soft(await foreign({ to: text }), text).toEqual([`  - to = ${shown}`])
      expect.soft(await foreign({ [text]: 1 }), text).toEqual([`  - ${shown} = 1`])
      expect.soft((await foreign({}, {}, text))[0], text).toBe(`  - ${shown}`)
    }
  })

  it('APR-10 names the characters that are not ASCII: a letter of another script looks like one of Latin', async () => {
    await expect(foreign({ to: 'bоb@example.com' })).resolves.toEqual([
      '  - to = "bоb@example.com" (not only ASCII: U+043E)',
    ])
    await expect(foreign({ to: 'äöüßé' })).resolves.toEqual([
      '  - to = "äöüßé" (not only ASCII: U+00E4, U+00F6, U+00FC and 2 more)',
    ])
    await expect(foreign({ to: 'אבא' })).resolves.toEqual([
      '  - to = "אבא" (not only ASCII: U+05D0, U+05D1; from right to left: the order shown may be wrong)',
    ])
    const stacked = `e${'\u0301'.repeat(200)}`
    expect((await foreign({ to: stacked }))[0]).toContain('\u0301\u0301\\u{0301}\\u{0301}')
  })

  it('APR-11 breaks lines itself, so that padding cannot put words of an agent at the beginning of a line', async () => {
    const width = 60
    const padded = (before: string): string => `x${' '.repeat(width - before.length - 2)}until: tomorrow - to = 1`
    const lines = await words({ a: padded('  - a = "'), z: '漢'.repeat(90) }, { width }, padded('  - "'))
    for (const line of lines) {
      const columns = [...line].reduce((sum, character) => sum + (character > '\u007f' ? 2 : 1), 0)
      expect.soft(columns, line).toBeLessThanOrEqual(width)
      expect.soft(line).toMatch(/^(Agent|requests|at service|on behalf of|until|with|reason|and|NOT| {2}- | {4}\| )/)
    }
    expect(lines.filter((line) => line.startsWith('until'))).toHaveLength(1)
    expect(lines.filter((line) => line.startsWith('  - '))).toHaveLength(3)
  })

  it('APR-11 breaks a line after a space, and a word that is longer than a line', async () => {
    const lines = await words({ to: `${'word '.repeat(20)}${'x'.repeat(70)} end` }, { width: 60 }, 'because')
    const shown = lines.slice(
      lines.findIndex((line) => line.startsWith('  - to')),
      -2,
    )
    expect(shown).toEqual([
      '  - to = "word word word word word word word word word word ',
      `    | word word word word word word word word word word xxxx`,
      `    | ${'x'.repeat(54)}`,
      `    | ${'x'.repeat(12)} end"`,
    ])
    const named = await words({}, { width: 80, names: { [service.did]: 'our gateway' } })
    expect(named.filter((line) => line.includes('gateway'))).toEqual(['    | gateway")'])
  })

  it('APR-11 begins each line with its own words or with a sign, and keeps the narrowest width with everything in it', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 70 }, (_, at) => [`a${at}`, at === 0 ? 'x'.repeat(1_100) : at]),
    )
    const bound = { method: 'POST', path: '/', digest: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:' }
    const without = await words({ ...bound, ...many }, { width: 40 }, 'because')
    const body = new TextEncoder().encode('x'.repeat(2_000))
    const withBody = await words(bound, { width: 40, body }, 'because')
    for (const line of [...without, ...withBody]) {
      expect.soft(line.length, line).toBeLessThanOrEqual(40)
      expect.soft(line).toMatch(/^([A-Za-z]| {2}- | {4}\| )/)
    }
    expect(without.join('').replaceAll('    | ', '')).toContain(
      'THE BODY OF THE REQUEST IS NOT SHOWN: its digest alone is known',
    )
    expect(withBody.join('').replaceAll('    | ', '')).toContain('NOT EVERYTHING IS SHOWN: a value was too long')
  })

  it('APR-12 cuts huge arguments and counts the rest, and warns that not everything is shown', async () => {
    const request = await receivedRequest(
      await sentRequest({
        args: { text: 'x'.repeat(9_000), bytes: new Uint8Array(5_000), list: Array(2_000).fill(7), to: 'bob' },
      }),
    )
    const { lines, complete } = describeApprovalRequest(request, { clock, width: 2_000 })
    const text = lines.join('\n')
    expect(complete).toBe(false)
    expect(text).toContain('and 8000 more characters')
    expect(text).toContain('and 4500 more bytes')
    expect(text).toMatch(/and 1\d\d\d more values/)
    expect(text).toContain('  - to = "bob"')
    expect(lines.at(-1)).toContain('NOT EVERYTHING IS SHOWN')
    expect(text.length).toBeLessThan(6_000)
  })

  it('APR-12 counts the arguments that are not shown', async () => {
    const args = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`a${at}`, at]))
    const request = await receivedRequest(await sentRequest({ args }))
    const { lines, complete } = describeApprovalRequest(request, { clock })
    expect(lines).toContain('with 70 arguments:')
    expect(lines).toContain('and 6 more arguments that are not shown')
    expect(complete).toBe(false)
  })

  it('APR-13 shows of a hidden argument its kind and size', async () => {
    const args = { pin: '1234', map: { a: 1 }, raw: new Uint8Array(3), list: [1], n: 5, link: narrow.cid }
    const lines = await foreign(args, { hide: ['pin', 'map', 'raw', 'list', 'n', 'link'] })
    expect(lines).toEqual([
      '  - link = hidden: a link',
      '  - list = hidden: a list of 1 values',
      '  - map = hidden: a map of 1 keys',
      '  - n = hidden: a number',
      '  - pin = hidden: a string of 4 characters',
      '  - raw = hidden: 3 bytes',
    ])
  })

  it('knows a principal only by its exact DID', async () => {
    const near = owner.did.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
    const lines = await words({}, { names: { [near]: 'Alice', [owner.did.toUpperCase()]: 'Alice' } })
    expect(lines.join('\n')).not.toContain('Alice')
    expect(lines).toContain('with 0 arguments')
  })
})

describe('the body of an HTTP request', () => {
  const unbound = { method: 'POST', scheme: 'https', host: 'api.example', path: '/v1/a' }
  const bound = { ...unbound, digest: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:' }

  it('APR-14 is shown as an argument is, and its absence is shown', async () => {
    const received = async (args: IpldMap): ReturnType<typeof receivedRequest> =>
      receivedRequest(await sentRequest({ args }))
    const [withBody, withoutBody] = [await received(bound), await received(unbound)]
    const describe_ = (body?: Uint8Array): ReturnType<typeof describeApprovalRequest> =>
      describeApprovalRequest(withBody, { clock, width: 100, ...(body !== undefined && { body }) })
    const { lines, complete } = describe_(new TextEncoder().encode('{"a":1}\n\u001b[2JAgent: me'))
    const at = lines.indexOf('body of the request, whose digest is an argument:')
    expect(lines[at + 1]).toMatch(/^ {2}- "\{\\"a\\":1\}\\n/)
    expect([complete, lines.join('').includes('\u001b')]).toEqual([true, false])
    expect(describe_(Uint8Array.of(0xff, 0)).lines).toContain('  - 0xff00')
    const long = describe_(new Uint8Array(5_000).fill(0x61))
    expect([long.complete, long.lines.at(-1)]).toEqual([false, 'NOT EVERYTHING IS SHOWN: a value was too long'])
    const hidden = describe_()
    expect([
      hidden.complete,
      hidden.lines.some((line) => line.startsWith('THE BODY OF THE REQUEST IS NOT SHOWN')),
    ]).toEqual([false, true])
    expect(describeApprovalRequest(withoutBody, { clock }).complete).toBe(true)
  })
})
