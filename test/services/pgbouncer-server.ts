// node only: starts a program

import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { service } from './pgbouncer.service.ts'
import { accountOf, isReady } from './postgres.service.ts'
import { launch } from './service.ts'

/** A pooler that runs. */
export interface Pgbouncer {
  readonly port: number
  stop(): Promise<void>
}

/**
 * Starts a pooler in front of a server. It has two connections, which it gives to a transaction at a time.
 *
 * @param settings - further lines of its configuration.
 */
export async function startPgbouncer(serverPort: number, settings: readonly string[] = []): Promise<Pgbouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-pgbouncer-'))
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
* = host=127.0.0.1 port=${serverPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
${settings.join('\n')}
`,
  )
  const user = process.getuid?.() === 0 ? accountOf('postgres') : undefined
  if (user !== undefined) {
    chmodSync(folder, 0o755)
    for (const path of [folder, file]) chownSync(path, user.uid, user.gid)
  }
  const program = service.find() ?? ''
  const { stop } = await launch(program, { arguments: [file], ...(user && { user }), isReady: () => isReady(port) })
  return {
    port,
    async stop() {
      await stop()
      rmSync(folder, { recursive: true })
    },
  }
}
