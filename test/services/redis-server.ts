// node only: starts a server

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { findProgram } from './service.ts'

/** A server of its own, whose data survives its end. */
export interface RedisServer {
  readonly port: number
  /** Where its files are. */
  readonly folder: string
  start(): Promise<void>
  /** Ends it at once, as a failed machine does. */
  kill(): Promise<void>
  remove(): Promise<void>
}

/** Makes a server that writes each change to disk before it answers. It is not started yet. */
export async function redisServer(...options: readonly string[]): Promise<RedisServer> {
  const program = findProgram('redis-server')
  if (program === undefined) throw new Error('redis-server is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'procura-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    child = undefined
  }
  return {
    port,
    folder,
    async start() {
      const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
      const place = ['--dir', folder, '--port', String(port), '--bind', '127.0.0.1']
      child = spawn(program, [...place, ...durable, ...options], { stdio: 'ignore' })
      for (let attempt = 0; attempt < 200; attempt++) {
        if (await answers(port)) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      throw new Error('redis-server did not start')
    },
    kill,
    async remove() {
      await kill()
      rmSync(folder, { recursive: true })
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(String(data).startsWith('+PONG'))
    })
    socket.once('error', () => resolve(false))
  })
}
