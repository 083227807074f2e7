// node only: reads files
import { open } from 'node:fs/promises'
import { quietly } from '#support/quietly.ts'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import {
  isPseudonym,
  maxName,
  namesOf,
  type PrincipalNames,
  parseNames,
} from '../../gateway/configuration/principal-names.ts'
import { readGatewayFile } from '../home/gateway-file.ts'
import type { Host } from '../host.ts'
import { principalOf } from '../terminal/did-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/** Most bytes of a file of names. */
const maxBytes = 1_048_576

/** The names of principals in a log. */
export interface LogNames {
  /** By DID or pseudonym: those of the home folder, and those of the file. */
  readonly all: PrincipalNames
  /** Those of the file alone. */
  readonly given: PrincipalNames
}

/**
 * The names for a log: of the agents, the owner and the gateway of the home folder, and those in the file of `--names`,
 * which replace no name of the home folder. LOG-18
 *
 * @throws UsageError when the file cannot be read, or is not an object of DIDs with names.
 */
export async function logNames(flags: Flags, host: Host): Promise<LogNames> {
  const file = textOf(flags, 'names')
  const given = file === undefined ? {} : await namesInFile(file)
  const home = quietly(() => gatewayHome(textOf(flags, 'home'), host.env))
  const gateway = home === undefined ? undefined : await readGatewayFile(home).catch(() => undefined)
  const known = gateway === undefined ? {} : await namesOf({ path: gateway.path, service: { key: gateway.serviceKey } })
  return { all: { ...given, ...known }, given }
}

/**
 * The DIDs of a principal in an option: a DID, a pseudonym, an agent of the home folder, or a name in the file.
 *
 * @throws UsageError when it is not one of them, or the home folder and the file have the name for different DIDs.
 */
export async function principalsNamed(
  option: string,
  text: string,
  { given }: LogNames,
  flags: Flags,
  host: Host,
): Promise<readonly string[]> {
  if (isPseudonym(text)) return [text]
  const inFile = Object.keys(given).filter((did) => given[did] === text)
  if (inFile.length === 0) return (await principalOf(option, text, flags, host)).dids
  const atHome = await principalOf(option, text, flags, host).catch(() => undefined)
  if (atHome !== undefined && inFile.some((did) => !atHome.dids.some((one) => one === did)))
    throw new UsageError(`--${option}: the file of --names and the home folder have this name for different DIDs`)
  return atHome?.dids ?? inFile
}

async function namesInFile(path: string): Promise<PrincipalNames> {
  const text = await contentOf(path)
  const names = parseNames(text)
  if (names === undefined)
    throw new UsageError(
      `--names: ${quote(path, 256)} must be a JSON object from DIDs to names of at most ${maxName} visible characters, such as {"did:key:z6Mk…": "ada"}`,
    )
  return names
}

async function contentOf(path: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      if ((await file.stat()).size > maxBytes) throw new UsageError('it has more than 1 MiB')
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(`--names: ${quote(path, 256)} cannot be read (${code ?? message}); pass a file of JSON`)
  }
}
