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

/**
 * Makes a server that writes each change to its log before it answers. It is not started yet.
 *
 * It waits for the disk as well, unless `PROCURA_REDIS_SYNC` is `no`: then its files outlive its process, but not a
 * power failure.
 */
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
      const sync = process.env['PROCURA_REDIS_SYNC'] ?? 'always'
      const durable = ['--appendonly', 'yes', '--appendfsync', sync, '--save', '']
      const place = ['--dir', folder, '--port', String(port), '--bind', '127.0.0.1']
      child = spawn(program, [...place, ...durable, ...options], { stdio: 'ignore' })
      const started = child
      for (let attempt = 0; attempt < 3_000 && started.exitCode === null; attempt++) {
        if (await answers(port)) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      throw new Error(`redis-server did not start: exit code ${started.exitCode}`)
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
    // A server that ends may have accepted the connection.
    socket.once('close', () => resolve(false))
  })
}
