// node only: reads and writes files
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RevocationRegistry } from 'procura/revocation'
import { atHome } from '../../configuration/at-home.ts'
import { namesOf } from '../../configuration/principal-names.ts'
import type { GatewayConfig } from '../../configuration/read-gateway-config.ts'
import type { Snapshots } from '../snapshots.ts'
import { canHaveScope } from './approval-need.ts'
import type { ApprovalQueue } from './approval-queue.ts'
import { type PageFiles, pageFiles } from './page-files.ts'
import { beginPageRun, type PageRun } from './page-run.ts'
import { serveApprovalPage } from './serve-page.ts'

/** The page of a gateway that runs. */
export interface OpenPage {
  readonly url: string
  readonly run: PageRun
}

/** The parts of {@link openPage}. */
export interface OpenPageParts {
  readonly queue: ApprovalQueue
  readonly revocations: RevocationRegistry
  readonly snapshots: Pick<Snapshots, 'current'>
  /** Receives the functions that close it. */
  readonly closers: (() => Promise<unknown> | unknown)[]
  /** The lowest port at which every process of the machine can listen. Default: what Linux says; elsewhere 0. */
  readonly firstOpenPort?: () => Promise<number>
}

/** Begins a run of the page, and serves it where the configuration has one. */
export async function openPage(config: GatewayConfig, parts: OpenPageParts): Promise<OpenPage | undefined> {
  const { queue, revocations, snapshots, closers, firstOpenPort = readFirstOpenPort } = parts
  // The keys of earlier runs end also where the configuration has no page any more.
  const files = pageFiles(config.approvalsFolder)
  const { page } = config.approvals ?? {}
  const isLasting = page !== undefined && page.port > 0 && page.port < (await firstOpenPort())
  const place = isLasting ? `${page.host}:${page.port}` : undefined
  const lasting = place === undefined ? undefined : await nameAt(place, files)
  // A name of other circumstances must not come back, also where this start fails or is killed. APR-37
  if (lasting === undefined) await files.removeLasting()
  const run = await beginPageRun(files, revocations, lasting)
  if (place !== undefined) await files.putLasting(`${run.name} ${place}`)
  if (page === undefined) {
    await files.removeRun()
    return undefined
  }
  const listener = await serveApprovalPage({
    ...{ ...page, queue, run },
    names: () => namesOf(config),
    longer({ ownerId, request }) {
      if (ownerId === undefined || !canHaveScope(snapshots.current(), request.command)) return undefined
      return atHome(`\`procura approve ${ownerId} --for 8h\``, { home: dirname(config.path) }).slice(1, -1)
    },
  })
  closers.push(
    () => listener.close(),
    () => files.removeRun(),
  )
  await files.putRun(`${run.name} ${listener.url}${isLasting ? ' lasting' : ''}`)
  return { url: listener.url, run }
}

/** The name of the page at its place, from an earlier run. */
async function nameAt(place: string, files: PageFiles): Promise<string | undefined> {
  const [, name, kept] = /^([a-z2-7]{16}) (\S{1,64})$/.exec((await files.lasting()) ?? '') ?? []
  return kept === place ? name : undefined
}

/** Linux lets only processes with a capability listen at lower ports. */
async function readFirstOpenPort(): Promise<number> {
  const text = await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '0')
  return Number(text.trim()) || 0
}
