import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { redactOutput } from '../../../src/gateway/upstream/redact-output.ts'

const key = 'sk-live-"7f3a/9c5e'

function outputOf(...parts: readonly string[]): PassThrough {
  const stream = new PassThrough()
  for (const part of parts) stream.write(part)
  stream.end()
  return stream
}

/** The environment of a program with these keys. */
const keys = (...values: readonly string[]): Record<string, string> =>
  Object.fromEntries(values.map((value, at) => [`API_KEY_${at}`, value]))

describe('the output of a program with secrets', () => {
  it('shows none of them, as it is or encoded, in whatever parts it arrives [GTW-73] [attack 77]', async () => {
    const said = [
      key,
      JSON.stringify({ error: `invalid key ${key}` }),
      Buffer.from(key).toString('base64'),
      encodeURI(key),
    ]
    const line = said.join(' ')
    const redacted = '[redacted] {"error":"invalid key [redacted]"} [redacted] [redacted]'
    expect(await text(redactOutput(outputOf(line), keys('other-secret-of-16', `${key}\n`)))).toBe(redacted)
    expect(await text(redactOutput(outputOf(...line), keys(key)))).toBe(redacted)
    expect(await text(redactOutput(outputOf('token abcdefghijkl1234'), keys('Bearer abcdefghijkl1234')))).toBe(
      'token [redacted]',
    )
  })

  it('is the same beside them, and keeps what a short secret has in common with it [GTW-73]', async () => {
    const stream = outputOf('{"id":1,"result":"postgres sk-live"}')
    expect(redactOutput(stream, keys())).toBe(stream)
    expect(redactOutput(stream, keys('postgres', 'true', '15-characters-1'))).toBe(stream)
    expect(await text(redactOutput(stream, keys('postgres', '16-characters-12')))).toBe(
      '{"id":1,"result":"postgres sk-live"}',
    )
    expect(await text(redactOutput(outputOf('a 16-characters-12'), keys('16-characters-12')))).toBe('a [redacted]')
    expect(await text(redactOutput(outputOf('ends like 16-char'), keys('16-characters-12')))).toBe('ends like 16-char')
    expect(await text(redactOutput(outputOf('a 16 bytes: ééé'), keys('16 bytes: ééé')))).toBe('a [redacted]')
    expect(redactOutput(stream, keys(' '.repeat(16)))).toBe(stream)
  })

  it('keeps a value that is no key by the name of its variable [GTW-73]', async () => {
    const account = 'ann.smith@example.com'
    for (const name of ['JIRA_EMAIL', 'WORKSPACE_ID', 'USERNAME'])
      expect(await text(redactOutput(outputOf(account), { [name]: account, OTHER_TOKEN: key })), name).toBe(account)
    for (const name of ['JIRA_API_TOKEN', 'DB_PASSWORD', 'githubPat', 'AUTH'])
      expect(await text(redactOutput(outputOf(account), { [name]: account })), name).toBe('[redacted]')
  })

  it('keeps what a short part of a secret has in common with it [GTW-73]', async () => {
    const line = '{"isError":true,"type":"text","text":"see name@example.com"}'
    const fields = JSON.stringify({ type: 'text', account: 'name@example.com', key: 'sk-live-7f3a-9c5e' })
    const basic = `Basic ${Buffer.from('service-account:true').toString('base64')}`
    expect(await text(redactOutput(outputOf(line), keys(fields, basic, 'Bearer example.com')))).toBe(
      line.replace('name@example.com', '[redacted]'),
    )
    expect(await text(redactOutput(outputOf('sk-live-7f3a-9c5e'), keys(fields)))).toBe('[redacted]')
  })

  it('passes a message on before the next one [GTW-73]', async () => {
    const stream = new PassThrough()
    const redacted = redactOutput(stream, keys(key))
    stream.write('{"id":1}\n')
    expect(String((await once(redacted, 'data'))[0])).toBe('{"id":1}\n')
    stream.end()
  })

  it('ends with the program, however that ends, and the program learns of the end of its reader', async () => {
    const closed = (stream: PassThrough): Promise<void> => new Promise((resolve) => stream.once('close', resolve))
    for (const error of [undefined, new Error('reset')]) {
      const stream = new PassThrough()
      const redacted = redactOutput(stream, keys(key)) as PassThrough
      const failed = vi.fn()
      redacted.on('error', failed)
      stream.destroy(error)
      await closed(redacted)
      expect(failed).toHaveBeenCalledTimes(1)
    }
    // Nobody else listens for errors here.
    const [read, unread] = [new PassThrough(), new PassThrough()]
    redactOutput(read, keys(key)).destroy()
    await closed(read)
    const redacted = redactOutput(unread, keys(key)) as PassThrough
    unread.destroy(new Error('reset'))
    await closed(redacted)
  })

  it('SEC-02 overwrites what it searches for at the end', async () => {
    const fill = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, 'fill')
    const plain = 'sk-live-7f3a-9c5e'
    await text(redactOutput(outputOf('x'), keys(plain)))
    await vi.waitFor(() => {
      const filled = fill.mock.contexts as (Uint8Array | Int32Array)[]
      // The key, and the value that it was read from, with a space before it.
      for (const length of [plain.length, plain.length + 1])
        expect(filled.some((one) => one instanceof Uint8Array && one.length === length)).toBe(true)
      expect(filled.some((one) => one instanceof Int32Array)).toBe(true)
    })
    for (const one of fill.mock.contexts as Uint8Array[]) expect(one.every((byte) => byte === 0)).toBe(true)
    fill.mockRestore()
  })
})
