// node only: names the facts about clients
import type { HomeEnvironment } from '../../gateway/configuration/home.ts'
import type { Client } from '../clients/client.ts'
import type { ServerEntry } from '../clients/config-document.ts'
import type { GatewayServer } from '../home/gateway-server.ts'
import type { Expansion, ReferenceValues } from './references.ts'
import type { NamedValues, Sorting } from './sort-value.ts'

/** A value that goes into the vault. */
export interface PlannedSecret {
  /** The variable or the header. */
  readonly name: string
  readonly value: string
}

/** How a variable or a header was sorted. */
export interface SortedValue extends Sorting {
  readonly name: string
}

/** A server that goes behind the gateway. */
export interface ServerPlan {
  readonly entry: ServerEntry
  /** Without its secrets. */
  readonly definition: GatewayServer
  readonly secrets: readonly PlannedSecret[]
  readonly sorted: readonly SortedValue[]
  /** Facts that the user should know. */
  readonly notes: readonly string[]
}

/** A server that stays as it is. */
export interface Unplanned {
  readonly entry: ServerEntry
  readonly reason: string
  /** Whether the user has to do something. Otherwise there is nothing to do. */
  readonly refused: boolean
}

/** The answer about one server. */
export type Answer =
  | { readonly plan: Omit<ServerPlan, 'entry'> }
  | { readonly refusal: string }
  | { readonly left: string }

/** The parts of the question that are the same for all servers of a file. */
export interface PlanContext {
  readonly client: Client
  /** The path of the configuration. */
  readonly path: string
  /** The gateway behind which the servers go: its home folder, and the agent if one was chosen. */
  readonly gateway: { readonly home: string; readonly agent: string | undefined; readonly env: HomeEnvironment }
  /** The servers that were chosen by name; empty for all. */
  readonly only: ReadonlySet<string>
  readonly named: NamedValues
  /** Whether a secret may stay in the arguments or the URL. */
  readonly keepsArgs: boolean
  readonly values: Omit<ReferenceValues, 'workspaceFolder'>
  readonly logins: Logins
}

/** The servers that are reached without a key. */
export interface Logins {
  /** Their addresses, with the headers of requests; a plan adds them. */
  readonly open: Map<string, Readonly<Record<string, string>>>
  /** The addresses of those that take a login. */
  readonly found: ReadonlySet<string>
}

/** The parts of the question that belong to one server. */
export interface ServerContext extends PlanContext {
  /** The folder in which the gateway starts the server. */
  readonly folder: string
  /** Whether it is the folder of the project. The client starts other servers in the folder of its session. */
  readonly isProject: boolean
  expand(text: string): Expansion
}
