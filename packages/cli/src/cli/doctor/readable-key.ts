import type { GatewayFile } from '../home/gateway-file.ts'

/** The key of a vault that each program of this user can read. Undefined: a person types it, or systemd gives it. */
export function readableKey({ keyFile, unlock }: GatewayFile['vault']): string | undefined {
  if (keyFile !== undefined || unlock === undefined || 'credential' in unlock) return keyFile
  return 'keyring' in unlock ? 'the keyring' : 'the command in `vault.unlock`'
}
