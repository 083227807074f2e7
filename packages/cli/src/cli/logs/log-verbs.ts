// node only: loads verbs that read files
import { gatewayHome, json } from '../common-options.ts'
import type { Verb, VerbOption } from '../verb.ts'

const logFiles: VerbOption = { name: 'prefix', value: 'NAME', about: 'the start of its file names; default audit' }

function audit(verb: string): Verb['run'] {
  return async (words, flags, host) => {
    const { auditCommand } = await import('./audit.ts')
    return auditCommand([verb, ...words], flags, host)
  }
}

const urlFile: VerbOption = { name: 'url-file', value: 'FILE', about: 'the file with that address' }

const logNames: VerbOption = {
  name: 'names',
  value: 'FILE',
  about: 'names of principals, beside the agents of the home folder: a JSON object from DID to name',
}

const logTable: VerbOption = { name: 'table', value: 'NAME', about: 'its table; default audit_log' }

const preparing: readonly VerbOption[] = [
  { name: 'role', value: 'NAME', about: 'the role of the service, which exists; it may read and write rows' },
  { name: 'sql', about: 'print the SQL of the tables, for a migration, and do nothing' },
  json,
]

const logPlace: readonly VerbOption[] = [
  logFiles,
  { name: 'sqlite', value: 'FILE', about: 'read a log in SQLite; needs Node 22.13 or the package better-sqlite3' },
  { name: 'postgres', about: 'read a log in PostgreSQL, whose address is in PROCURA_LOG_URL; needs the package pg' },
  urlFile,
  logTable,
]

const decisions = [
  ...['allowed', 'denied', 'released', 'ok', 'error', 'unknown', 'issued', 'seen', 'revoked'],
  ...['would allow', 'would deny'],
] as const

/** Verbs that show a log. */
export const logVerbs: readonly Verb[] = [
  {
    name: 'log could',
    operands: '[DIR…]',
    about: 'show the authority of an agent at a moment, by the delegations on record',
    options: [
      { name: 'agent', value: 'DID', about: 'the agent, or its name in the home folder' },
      gatewayHome,
      logNames,
      { name: 'at', value: 'TIME', about: 'the moment: a date, its first second in UTC; now; yesterday; or --at=-2h' },
      { name: 'archive', value: 'DIR', many: true, about: 'the delegations; default `delegations` in each log' },
      ...logPlace,
      json,
    ],
    example: 'procura log could --agent claude --at 2026-11-24T12:00:00Z',
    negative: 'nothing',
    run: async (...given) => (await import('./could.ts')).could(...given),
  },
  {
    name: 'log',
    operands: '[DIR…]',
    about: 'show who did what, by the log of the gateway in the home folder or by other logs',
    options: [
      { name: 'agent', value: 'DID', about: 'only the events of this agent, or of one by its name in the home folder' },
      {
        name: 'via',
        value: 'ID',
        about: 'only events on the path of this delegation (CID) or principal (DID), such as those of its sub-agents',
      },
      gatewayHome,
      logNames,
      { name: 'command', value: 'COMMAND', about: 'only this command and the commands below it' },
      { name: 'decision', value: 'NAME', choices: decisions, about: 'only these events' },
      { name: 'since', value: 'TIME', about: 'only from this time on; 2h is two hours ago' },
      { name: 'until', value: 'TIME', about: 'only up to this time; a date is its first second, in UTC' },
      {
        name: 'all',
        about: 'also the calls that the gateway makes itself, and what it has seen, as --json and --ocsf do',
      },
      { name: 'follow', short: 'f', about: 'go on with the records that are added, until Ctrl-C' },
      { name: 'ocsf', about: 'print OCSF events; outcomes name the agent of their call' },
      { name: 'product', value: 'NAME', about: 'with --ocsf: the product that writes the log' },
      { name: 'vendor', value: 'NAME', about: 'with --ocsf: its vendor' },
      ...logPlace,
      json,
    ],
    example: 'procura log --agent claude --since 24h --decision denied',
    negative: 'no record matches',
    run: async (...given) => (await import('./log.ts')).log(...given),
  },
]

/** Verbs that check a log, or prepare one. */
export const auditVerbs: readonly Verb[] = [
  {
    name: 'audit verify',
    operands: '[DIR]',
    about: 'check a log, in files or in a database, and report the first invalid record',
    options: [
      ...logPlace,
      { name: 'sequence', value: 'N', about: 'with --hash: the last record, if known from elsewhere' },
      { name: 'hash', value: 'HASH', about: 'its hash; the two detect a truncated log' },
      json,
    ],
    example: 'procura audit verify /var/log/procura',
    negative: 'the log was changed',
    run: audit('verify'),
  },
  {
    name: 'audit open',
    operands: '[DIR]',
    about: 'list the intents without an outcome',
    options: [...logPlace, json],
    example: 'procura audit open /var/log/procura',
    negative: 'there are such intents',
    run: audit('open'),
  },
  {
    name: 'audit prepare',
    operands: '',
    about: 'make or upgrade the table of a log in PostgreSQL, as its owner; other logs are made by their service',
    options: [
      { name: 'postgres', about: 'in the database whose address is in PROCURA_LOG_URL; needs the package pg' },
      urlFile,
      logTable,
      ...preparing,
    ],
    example: 'procura audit prepare --postgres --role mail_service',
    run: async (...given) => (await import('../stores/prepare.ts')).prepareLog(...given),
  },
]

const storePlace: readonly VerbOption[] = [
  { name: 'postgres', about: 'in the database whose address is in PROCURA_STORE_URL; needs the package pg' },
  { name: 'sqlite', value: 'FILE', about: 'in this file; needs Node 22.13 or the package better-sqlite3' },
  urlFile,
  {
    name: 'secret-file',
    value: 'FILE',
    about: 'the secret of the stores, 32 bytes or more; default: in base64 in PROCURA_STORE_SECRET',
  },
  { name: 'prefix', value: 'NAME', about: 'the start of the names of the tables; default procura' },
]

/** Verbs for the stores of services. */
export const storeVerbs: readonly Verb[] = [
  {
    name: 'store prepare',
    operands: '',
    about: 'make or upgrade the stores of services in PostgreSQL, as the owner of the tables, or in SQLite',
    options: [
      ...storePlace,
      { name: 'new-service', about: 'no call was accepted before, so none has to be refused at the beginning' },
      {
        name: 'epoch',
        value: 'TIME',
        about: 'after a loss of data, `now`: calls that may have been accepted before are refused',
      },
      ...preparing,
    ],
    example: 'procura store prepare --postgres --secret-file store.key --role mail_service --new-service',
    run: async (...given) => (await import('../stores/prepare.ts')).prepareStores(...given),
  },
  {
    name: 'store revoke',
    operands: 'ID…',
    about: 'revoke principals by their DID, and delegations by their CID, in the stores of services, as their operator',
    options: [
      ...storePlace,
      {
        name: 'ledger',
        value: 'DIR',
        about: 'record it in a log in this directory, which no service writes, for `procura log could`',
      },
      json,
    ],
    example: 'procura store revoke did:key:z6Mk… --postgres --secret-file store.key',
    run: async (...given) => (await import('../stores/store-revoke.ts')).revokeInStores(...given),
  },
  {
    name: 'store revocations',
    operands: '',
    about: 'list the revocations in the stores of services, in the order of their addition',
    options: [...storePlace, json],
    example: 'procura store revocations --postgres --secret-file store.key',
    run: async (...given) => (await import('../stores/store-revocations.ts')).listInStores(...given),
  },
]
