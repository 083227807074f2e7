// node only: HMAC
import { createHmac } from 'node:crypto'
import { type Clock, never, systemClock, type Timestamp } from 'procura'

/** The part of a database that the notes use. */
export interface NotesDatabase {
  exec(statements: string): unknown
  run(statement: string, values: readonly unknown[]): unknown
  all(statement: string, values: readonly unknown[]): readonly Readonly<Record<string, unknown>>[]
}

/** Notes of a gateway about agents. They contain keyed hashes, and no DID. */
export interface AgentNotes {
  /** Notes that an owner has revoked a delegation to an agent. Resolves when the listeners have done their part. */
  noteRevoked(agent: string, command: string): Promise<void>
  wasRevoked(agent: string): boolean
  /** Calls a listener after each `noteRevoked`. */
  follow(listener: (agent: string, command: string) => Promise<void>): void
  /** The number of revocations that a branch has stored and that still apply. */
  countOf(branch: string): number
  /** Whether a branch has stored a revocation. */
  has(branch: string, revocation: string): boolean
  /** Notes a revocation of a branch, until its delegation has expired. */
  add(branch: string, revocation: string, expiration: Timestamp | typeof never): void
  /** Forgets the revocations that do not apply any more. */
  prune(): Promise<void>
}

/** Seconds for which a revocation applies after its delegation has expired, because clocks differ. */
const keepFor = 300

/** Opens the notes in the state of a gateway. Its tables are made if they do not exist. */
export function openAgentNotes(database: NotesDatabase, secret: Uint8Array, clock: Clock = systemClock): AgentNotes {
  database.exec(`CREATE TABLE IF NOT EXISTS gateway_revoked (agent BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gateway_branches (
  branch BLOB NOT NULL, revocation BLOB NOT NULL, until REAL NOT NULL, PRIMARY KEY (branch, revocation)
) WITHOUT ROWID`)
  const listeners = new Set<(agent: string, command: string) => Promise<void>>()
  const named = (kind: string, name: string): Uint8Array =>
    new Uint8Array(createHmac('sha256', secret).update(`gateway/${kind}\0${name}`).digest())
  return {
    async noteRevoked(agent, command) {
      database.run('INSERT OR IGNORE INTO gateway_revoked VALUES (?)', [named('agent', agent)])
      await Promise.all([...listeners].map((listener) => listener(agent, command)))
    },
    wasRevoked: (agent) =>
      database.all('SELECT 1 FROM gateway_revoked WHERE agent = ?', [named('agent', agent)]).length > 0,
    follow: (listener) => void listeners.add(listener),
    countOf(branch) {
      const counted = 'SELECT count(*) AS count FROM gateway_branches WHERE branch = ? AND until >= ?'
      return Number(database.all(counted, [named('branch', branch), clock.now()])[0]?.['count'])
    },
    has(branch, revocation) {
      const found = 'SELECT 1 FROM gateway_branches WHERE branch = ? AND revocation = ?'
      return database.all(found, [named('branch', branch), named('revocation', revocation)]).length > 0
    },
    add(branch, revocation, expiration) {
      const until = expiration === never ? Number.POSITIVE_INFINITY : expiration + keepFor
      const values = [named('branch', branch), named('revocation', revocation), until]
      database.run('INSERT OR IGNORE INTO gateway_branches VALUES (?, ?, ?)', values)
    },
    async prune() {
      database.run('DELETE FROM gateway_branches WHERE until < ?', [clock.now()])
    },
  }
}
