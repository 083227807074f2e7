/**
 * Four processes of one service share its stores: a file of SQLite, or the Redis server in `REDIS_URL`. One of them accepts
 * a call, and the others refuse its copies. One of them stores a revocation, and all refuse the delegation.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import sqlite from 'node-sqlite3-wasm' // in a service better-sqlite3, node:sqlite or bun:sqlite, which survive a kill
import {
  createAuthorizer,
  type Did,
  defineCommand,
  delegate,
  encodeContainer,
  generateSigner,
  invoke,
  parseDid,
} from 'procura'
import { revoke, verifyRevocation } from 'procura/revocation'
import { prepareRedisStores, redisStores } from 'procura/store/redis'
import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'

const send = defineCommand({ command: '/mail/send', args: {} })
const redisUrl = process.env['REDIS_URL']

/** The settings of a process. */
interface Settings {
  readonly service: string
  readonly owner: string
  /** The file of SQLite. */
  readonly file: string
  /** The same in all processes; keep it as you keep other credentials. */
  readonly secret: string
  readonly prefix: string
}

/** A step of the deployment: makes empty stores. `epoch: 0` declares that no call was accepted before. */
async function prepare({ file, secret, prefix }: Settings): Promise<void> {
  const common = { secret: Buffer.from(secret, 'base64'), prefix, epoch: 0 }
  if (redisUrl === undefined) {
    const database = new sqlite.Database(file)
    prepareSqliteStores({ ...common, database })
    database.close()
  } else {
    const client = new Redis(redisUrl)
    await prepareRedisStores({ ...common, client })
    client.disconnect()
  }
}

/** A process of the service. It answers a call with `allowed` or a code, and a revocation with `stored` or a code. */
function serve({ service, owner, file, secret, prefix }: Settings): void {
  const common = { secret: Buffer.from(secret, 'base64'), prefix }
  const stores =
    redisUrl === undefined
      ? sqliteStores({ ...common, database: new sqlite.Database(file), busyTimeoutMs: 5000 })
      : redisStores({ ...common, client: new Redis(redisUrl) })
  const authorizer = createAuthorizer({
    audience: parseDid(service),
    subjects: [parseDid(owner)],
    commands: [send],
    ...stores,
  })
  process.on('message', async ({ call, revocation }: { readonly call?: string; readonly revocation?: string }) => {
    if (call !== undefined) {
      const decision = await authorizer.authorize(call)
      process.send?.(decision.allowed ? 'allowed' : decision.denial.code)
    } else if (revocation !== undefined) {
      const verdict = await verifyRevocation(revocation)
      if (verdict.accepted) await stores.revocations.add(verdict.entry)
      process.send?.(verdict.accepted ? 'stored' : verdict.denial.code)
    }
  })
  process.send?.('ready')
}

async function main(): Promise<void> {
  const [owner, agent, service] = [await generateSigner(), await generateSigner(), await generateSigner()]
  const folder = mkdtempSync(join(tmpdir(), 'procura-example-'))
  const settings: Settings = {
    service: service.did,
    owner: owner.did,
    file: join(folder, 'state.db'),
    secret: randomBytes(32).toString('base64'),
    prefix: `example_${randomBytes(4).toString('hex')}`,
  }
  await prepare(settings)
  const processes = await Promise.all([1, 2, 3, 4].map(() => start(settings)))
  const grant = await delegate({ issuer: owner, audience: agent.did, command: send })
  const newCall = (): Promise<string> => makeCall(agent, service.did, grant)

  const copy = await newCall()
  const answers = await Promise.all(processes.map((one) => one.ask({ call: copy })))
  console.log('four copies of one call:', answers.sort().join(', '))
  console.log('a call to each:', await askEach())
  const revocation = encodeContainer([await revoke({ issuer: owner, delegation: grant }), grant])
  console.log('the revocation, sent to the first:', await processes[0]?.ask({ revocation }))
  console.log('a call to each:', await askEach())

  await Promise.all(processes.map((one) => one.end()))
  rmSync(folder, { recursive: true })

  async function askEach(): Promise<string> {
    const each = await Promise.all(processes.map(async (one) => one.ask({ call: await newCall() })))
    return each.join(', ')
  }
}

type Signer = Awaited<ReturnType<typeof generateSigner>>
type Delegation = Awaited<ReturnType<typeof delegate>>

async function makeCall(agent: Signer, service: Did, grant: Delegation): Promise<string> {
  const call = await invoke({ issuer: agent, audience: service, command: send, args: {}, proofs: [grant] })
  return encodeContainer([call, grant])
}

/** Starts a process of the service: this program, with an argument. */
async function start(settings: Settings) {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  child.once('exit', (code) => code !== 0 && code !== null && process.exit(code))
  const next = async (): Promise<string> => (await once(child, 'message'))[0]
  child.send(settings)
  await next()
  return {
    ask(request: { readonly call?: string; readonly revocation?: string }): Promise<string> {
      child.send(request)
      return next()
    },
    async end(): Promise<void> {
      child.kill()
      await once(child, 'exit')
    },
  }
}

if (process.argv[2] === 'serve') process.once('message', (settings: Settings) => serve(settings))
else await main()

// four copies of one call: allowed, replayed, replayed, replayed
// a call to each: allowed, allowed, allowed, allowed
// the revocation, sent to the first: stored
// a call to each: revoked, revoked, revoked, revoked
