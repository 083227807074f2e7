// node only: reads files
import { Secret } from 'procura/vault'
import type { Finding } from './finding.ts'
import { type Place, searchedFiles, searchedProcesses } from './search-places.ts'

/** Shorter secrets are in many files by chance. */
const leastLength = 6

/**
 * Searches the old places for the secrets of the vault, by their values. No value is shown. WRP-20
 *
 * @param secrets - by the names of their credentials.
 * @param gateway - the number of its process, whose programs have the secrets on purpose.
 */
export async function checkSecrets(
  secrets: ReadonlyMap<string, string>,
  home: string,
  configs: readonly string[],
  gateway: number | undefined,
): Promise<readonly Finding[]> {
  const wanted = [...secrets].flatMap(([name, value]) =>
    valuesOf(value)
      .flatMap(formsOf)
      .map((form) => [name, Buffer.from(form)] as const),
  )
  const findings: Finding[] = []
  for await (const place of placesOf(home, configs, gateway)) {
    const { content } = place
    if (typeof content === 'string') {
      findings.push(unsearched(place.name, content))
      continue
    }
    const found = new Set<string>()
    for (const [name, form] of wanted) {
      const at = content.indexOf(form)
      if (at < 0 || found.has(name)) continue
      found.add(name)
      findings.push(findingOf({ ...place, content }, name, at))
    }
  }
  return findings
}

async function* placesOf(
  home: string,
  configs: readonly string[],
  gateway: number | undefined,
): AsyncGenerator<Place, void> {
  yield* searchedFiles(home, configs)
  yield* searchedProcesses(gateway)
}

/** A secret, and its fields if it has several. */
function valuesOf(secret: string): readonly string[] {
  const whole = new Secret(secret)
  const values = [secret, ...whole.fieldNames().map((name) => whole.revealField(name))]
  whole.dispose()
  return values
}

/** A secret as it is, as JSON and shells write it, and without the scheme of a header. */
function formsOf(value: string): readonly string[] {
  const [, token] = /^[A-Za-z]{1,20} (.+)$/s.exec(value) ?? []
  const plain = [value, ...(token === undefined ? [] : [token])].filter((one) => one.length >= leastLength)
  return [...new Set(plain.flatMap((one) => [one, JSON.stringify(one).slice(1, -1), one.replaceAll("'", "'\\''")]))]
}

function unsearched(thing: string, reason: string): Finding {
  const remedy = 'search it by hand; its secrets are not known to be gone'
  return { check: 'secrets', thing, fault: `was not searched: ${reason}`, remedy, note: true }
}

type SearchedPlace = Place & { readonly content: Buffer }

function findingOf({ name, kind, content }: SearchedPlace, credential: string, at: number): Finding {
  const fault = `contains the secret ${credential} in the clear`
  if (kind === 'process')
    return {
      check: 'secrets',
      thing: name,
      fault: `has the secret ${credential} in its environment`,
      remedy: 'remove the variable where it is set, and start the process again',
    }
  const line = content.subarray(0, at).filter((byte) => byte === 0x0a).length + 1
  return { check: 'secrets', thing: `${name}:${line}`, fault, remedy: remedies[kind] }
}

const remedies: Readonly<Record<Exclude<Place['kind'], 'process'>, string>> = Object.freeze({
  configuration: 'remove it there, or wrap the file again: that moves what it can',
  backup: 'delete the backup',
  history: 'delete the line, and replace the secret if others could read the file',
  'environment file': 'remove it there',
})
