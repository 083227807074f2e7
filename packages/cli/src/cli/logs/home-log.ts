// node only: reads files
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { readGatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { ledgerFolder } from '../home/home-ledger.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/**
 * The directories of logs that a command line names: those given, or the one of the gateway in the home folder; none
 * where the log is in a database. LOG-17
 *
 * @param withLedger - whether the ledger of the home folder belongs to it.
 * @throws UsageError when there is no gateway in the home folder, or it has written no log yet. A log that is followed
 *   may not exist yet.
 */
export async function logDirectories(
  words: readonly string[],
  flags: Flags,
  host: Host,
  withLedger: boolean = false,
): Promise<readonly string[]> {
  if (words.length > 0 || flags['postgres'] === true || textOf(flags, 'sqlite') !== undefined) return words
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(
      `the directory of the log is missing, and ${quote(home, 256)} has no gateway.json; pass --home with the folder of a gateway, the directory of a log, or --sqlite or --postgres`,
    )
  if (flags['follow'] === true) return [gateway.logFolder]
  const places = [gateway.logFolder, ...(withLedger ? [ledgerFolder(home)] : [])]
  const found: string[] = []
  for (const place of places) if (await exists(place)) found.push(place)
  if (found.length === 0)
    throw new UsageError(
      `the gateway has written no log yet: ${quote(gateway.logFolder, 256)} does not exist; start it with \`procura start\``,
    )
  return found
}
