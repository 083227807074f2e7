// node only: works with parts that use files
import type { ObservedSink } from 'procura/audit'
import { probeStores } from 'procura/operations'
import type { FileVault } from 'procura/vault/file'
import type { GatewayHealth } from './admin/serve-admin.ts'
import type { Snapshots } from './snapshots.ts'
import type { GatewayStores } from './state/sync-state.ts'

/** The parts whose health is reported. */
export interface HealthParts {
  readonly sink: ObservedSink
  readonly stores: GatewayStores
  readonly vault: FileVault
  readonly snapshots: Pick<Snapshots, 'current' | 'servers'>
  readonly sessions: () => number
  readonly dryRun: boolean
}

/** Makes the question after the health of a gateway. Each reason is a word and a name, without text of a server. */
export function createHealth(parts: HealthParts): () => Promise<GatewayHealth> {
  const { sink, stores, vault, snapshots, sessions, dryRun } = parts
  return async () => {
    const probed = await probeStores(stores)
    const guard = snapshots.current().guard.health()
    const reasons = [
      ...(guard.status === 'open' ? [] : ['closing']),
      ...(['replay', 'revocations', 'limitStore'] as const)
        .filter((name) => probed[name]?.healthy !== true)
        .map((name) => `state: ${name}`),
      ...(sink.health().healthy ? [] : ['audit log']),
      ...((await isReadable(vault)) ? [] : ['vault']),
      ...snapshots.servers().flatMap(({ name, fault }) => (fault === undefined ? [] : [`server: ${name}`])),
    ]
    return { healthy: reasons.length === 0, reasons, dryRun, sessions: sessions(), calls: guard.calls }
  }
}

async function isReadable(vault: FileVault): Promise<boolean> {
  try {
    await vault.list()
    return true
  } catch {
    return false
  }
}
