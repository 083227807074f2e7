import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import type { CommandDefinition } from '../../src/core/capability/definition.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import type { GuardedCommand } from '../../src/guard/command.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { clock } from './actors.ts'
import { serviceOptions } from './service.ts'

/** Options of a guard of the service of the tests, with all stores in memory, for one owner and one command. */
export function guardOptionsFor<Args>(
  owner: Signer,
  command: GuardedCommand<Args>,
  change: Partial<GuardOptions> = {},
): GuardOptions {
  return {
    ...serviceOptions(),
    subjects: [owner.did],
    commands: [command] as GuardOptions['commands'],
    audit: { sink: memoryAuditSink() },
    ...change,
  }
}

/** The same command with the credential `mail`, and the vault that has it, for calls of an upstream. */
export function mailOptions<Args>(
  command: CommandDefinition<Args>,
  { origin }: { readonly origin: string },
  secret: string,
): Pick<GuardOptions, 'commands' | 'vault'> {
  return {
    commands: [{ ...command, credential: 'mail' }] as GuardOptions['commands'],
    vault: memoryVault({ mail: { secret, origins: [origin], processor: bearer() } }, { clock }),
  }
}
