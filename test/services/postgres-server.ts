// node only: starts a server

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { createDatabaseFiles, isReady, service } from './postgres.service.ts'

/** A server of its own, whose data survives its end. */
export interface PostgresServer {
  readonly port: number
  start(): Promise<void>
  /** Ends all its processes at once, as a failed machine does. */
  kill(): Promise<void>
  remove(): Promise<void>
}

/** How a server is made. */
export interface PostgresServerOptions {
  /** Settings in the form of the option `-c`. */
  readonly settings?: readonly string[]
  /** The port of a server that runs. The new one is a standby of it. Default: a server with an empty database. */
  readonly copyOf?: number
}

/** Makes a server. It is not started yet. Its files outlive its processes, but not a power failure. */
export async function postgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const found = service.find()
  if (found === undefined) throw new Error('PostgreSQL is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'procura-postgres-'))
  const { program, data, user } = createDatabaseFiles(found, folder, options.copyOf)
  const port = await freePort()
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    if (child?.pid === undefined) return
    const ended = once(child, 'exit')
    const backends = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
    child.kill('SIGKILL')
    for (const pid of backends) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It ended by itself.
      }
    }
    await ended
    child = undefined
  }
  return {
    port,
    async start() {
      const place = ['-D', data, '-p', String(port), '-k', folder]
      const all = ['listen_addresses=127.0.0.1', 'fsync=off', ...(options.settings ?? [])]
      const settings = all.flatMap((setting) => ['-c', setting])
      for (let attempt = 0; attempt < 3_000; attempt++) {
        // It refuses to start until all processes of the last one have ended.
        if (child === undefined || child.exitCode !== null) {
          child = spawn(program, [...place, ...settings], { stdio: 'ignore', ...user })
        }
        if (await isReady(port)) return
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      throw new Error('PostgreSQL did not start')
    },
    kill,
    async remove() {
      await kill()
      rmSync(folder, { recursive: true })
    },
  }
}
