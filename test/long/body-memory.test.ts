import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const connections = 20
const chunks = 349_000
let service: ChildProcessByStdio<null, Readable, null>
let port: number

beforeAll(async () => {
  service = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('../http/reading-process.ts', import.meta.url))],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = (await once(service.stdout, 'data')) as [Buffer]
  port = Number(String(line))
})
afterAll(() => service.kill())

/** The state of the service in bytes: its resident memory, and how much it has read. */
async function state(): Promise<{ readonly resident: number; readonly read: number }> {
  return (await fetch(`http://127.0.0.1:${port}/`)).json() as Promise<{ resident: number; read: number }>
}

describe('a service that reads bodies', () => {
  it('HTP-07 gives twenty connections that send one byte a chunk less than 100 MB [attack 84]', async () => {
    await state()
    const before = await state()
    const head =
      'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-type: application/x-ucan-container\r\n\r\n'
    const body = Buffer.from('1\r\nC\r\n'.repeat(chunks))
    const sockets = Array.from({ length: connections }, (): Socket => {
      const socket = connect(port, '127.0.0.1')
      socket.write(head)
      socket.write(body)
      return socket
    })
    let { resident, read } = before
    while (read < connections * body.length) {
      const present = await state()
      resident = Math.max(resident, present.resident)
      read = present.read
    }
    const grown = resident - before.resident
    process.stdout.write(`${Math.round(grown / 1e6)} MB more for ${connections} bodies that are not ended\n`)
    const answers = sockets.map(async (socket) => {
      socket.end('0\r\n\r\n')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      return String(answer).slice(0, 12)
    })
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['HTTP/1.1 200']))
    expect(grown).toBeLessThan(100_000_000)
  })
})
