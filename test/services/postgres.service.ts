// node only: starts a database server

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { findProgram, launch, type Running, type Service } from './service.ts'

/** The database server. Tests find it by the address in `PROCURA_POSTGRES`. */
export const service: Service = {
  name: 'postgres',
  apt: 'postgresql',
  tests: [
    'postgres-audit.test.ts',
    'postgres-store.test.ts',
    'postgres-processes.test.ts',
    'processes.test.ts',
    'call-store.test.ts',
    'revocation-push.test.ts',
    'failover.test.ts',
    'store-privacy.test.ts',
    'recovery-postgres.test.ts',
    'kubernetes.test.ts',
  ],
  find: () => findProgram('postgres', ...packaged()),
  async start(found: string, folder: string): Promise<Running> {
    const { program, data, user } = createDatabaseFiles(found, folder)
    const port = await freePort()
    // Tests end processes of it, and never the machine. A busy disk would take seconds for what they do.
    const settings = ['listen_addresses=127.0.0.1', 'fsync=off'].flatMap((setting) => ['-c', setting])
    const server = await launch(program, {
      arguments: ['-D', data, '-p', String(port), '-k', folder, ...settings],
      ...(user !== undefined && { user }),
      isReady: () => isReady(port),
    })
    return { environment: { PROCURA_POSTGRES: `postgres://postgres@127.0.0.1:${port}/postgres` }, stop: server.stop }
  },
}

/**
 * Makes the files of a database in a folder, for the account of the server.
 *
 * @param copyOf - the port of a server whose database is copied, for a standby of it. Default: an empty database.
 */
export function createDatabaseFiles(
  found: string,
  folder: string,
  copyOf?: number,
): { readonly program: string; readonly data: string; readonly user: Account | undefined } {
  const programs = dirname(realpathSync(found))
  const user = process.getuid?.() === 0 ? accountOf('postgres') : undefined
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  if (user !== undefined) {
    // The account of the server has to come through to its folder.
    for (const path of [dirname(folder), folder]) chmodSync(path, (statSync(path).mode & 0o7777) | 0o055)
    for (const path of [folder, data]) chownSync(path, user.uid, user.gid)
  }
  const [name, given] =
    copyOf === undefined
      ? ['initdb', ['-A', 'trust', '-E', 'UTF8', '--no-locale']]
      : ['pg_basebackup', ['-h', '127.0.0.1', '-p', String(copyOf), '-c', 'fast', '-R']]
  execFileSync(join(programs, name), ['-D', data, '-U', 'postgres', '--no-sync', ...given], { stdio: 'pipe', ...user })
  return { program: join(programs, 'postgres'), data, user }
}

/** Where Debian puts the server, newest first. */
function packaged(): string[] {
  try {
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
    return versions.map((version) => `/usr/lib/postgresql/${version}/bin/postgres`)
  } catch {
    return []
  }
}

/** An account of the machine. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Looks an account up. */
export function accountOf(name: string): Account {
  const id = (option: string): number => Number(execFileSync('id', [option, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Begins a session, and returns whether the server takes it. While the server starts, it answers with an error. */
export function isReady(port: number): Promise<boolean> {
  const fields = Buffer.from('user\0postgres\0database\0postgres\0\0')
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + fields.length, 0)
  // Version 3.0 of the protocol.
  head.writeInt32BE(196_608, 4)
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.write(Buffer.concat([head, fields])))
    socket.once('data', (answer) => {
      socket.destroy()
      // A request for authentication.
      resolve(String(answer).startsWith('R'))
    })
    socket.once('error', () => resolve(false))
    // A server that ends may have accepted the connection.
    socket.once('close', () => resolve(false))
    socket.setTimeout(1000, () => {
      socket.destroy()
      resolve(false)
    })
  })
}
