import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { redactMessages } from '../../../../src/gateway/serve/upstream/redact-secrets.ts'
import { startChild } from '../../../../src/gateway/serve/upstream/start-child.ts'
import { lineTransport } from '../../../../src/gateway/wire/transport/line-transport.ts'

const key = 'abcDEF-"1234567890'

/** Runs a program of Node with a key, and returns the messages that have arrived when its output has ended. */
async function messagesOf(program: string, take: () => Promise<void> = async () => undefined) {
  const config = { type: 'stdio', command: process.execPath, args: ['-e', program], cwd: process.cwd(), env: {} }
  const child = await startChild('mail', { ...config, secretEnv: {} } as never, { API_KEY: key })
  const transport = redactMessages(lineTransport(child.output, child.input), { API_KEY: key })
  const messages: unknown[] = []
  transport.onmessage = async (message) => {
    await take()
    messages.push(message)
  }
  await new Promise<void>((resolve) => {
    transport.onclose = resolve
    void transport.start()
  })
  await child.stop()
  return { messages, way: await child.ended }
}

describe('the output of a program with a key', () => {
  it('arrives to the last line, without its line feed, after the program has ended [GTW-73]', async () => {
    const lines = `Array.from({ length: 5000 }, (_, id) => JSON.stringify({ id, k: process.env.API_KEY })).join('\\n')`
    let taken = 0
    const take = async (): Promise<void> => {
      taken += 1
      if (taken % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const { messages, way } = await messagesOf(`process.stdout.write(${lines})`, take)
    expect(messages).toEqual(Array.from({ length: 5_000 }, (_, id) => ({ id, k: '[redacted]' })))
    expect(way).toBe('exit code 0')
  })

  it('arrives where it was written in single bytes, between other characters [GTW-73]', async () => {
    const program = `
      const key = process.env.API_KEY
      const line = JSON.stringify({ a: 'é' + key + '漢', b: '😀' + encodeURIComponent(key), c: key.slice(0, -1) + 'é' })
      for (const byte of Buffer.from(line + '\\n')) require('fs').writeSync(1, Buffer.of(byte))
      process.exit(3)`
    const { messages, way } = await messagesOf(program)
    expect(messages).toEqual([{ a: 'é[redacted]漢', b: '😀[redacted]', c: `${key.slice(0, -1)}é` }])
    expect(way).toBe('exit code 3')
  })

  it('ends where the program closes it and goes on, and the program is ended then', async () => {
    const program = `require('fs').writeSync(1, '{"id":1}'); require('fs').closeSync(1); setInterval(() => {}, 1000)`
    const { messages, way } = await messagesOf(program)
    expect([messages, way]).toEqual([[{ id: 1 }], 'signal SIGTERM'])
  })

  it('has a line that is too long, or no JSON without its key, in the way of no other [GTW-73]', async () => {
    const program = `
      const write = (text) => require('fs').writeSync(1, text)
      for (let part = 0; part < 80; part++) write(process.env.API_KEY.slice(0, -1).repeat(4096))
      write('\\n{"id":1,"key":' + process.env.API_KEY + '}\\n{"id":2}\\n')`
    const { messages } = await messagesOf(program)
    expect(messages).toEqual([{ id: 2 }])
  })
})
