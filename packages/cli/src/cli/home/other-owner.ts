// node only: looks at files
import { lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { MovedError } from '../../gateway/configuration/moved.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { systemUser } from '../../support/system-user.ts'
import type { Host } from '../host.ts'
import { type Flags, textOf, type Verb } from '../verb.ts'

/**
 * The next step after an error where the home folder belongs to another user than this process has, or the gateway has
 * moved to one. CLI-37
 */
export async function ownerHint(error: unknown, verb: Verb, flags: Flags, { env }: Host): Promise<string | undefined> {
  if (error instanceof MovedError) {
    const { home, user } = error.moved
    return `run \`sudo -u ${shellQuoted(user)} procura ${wordsOf(verb, home)}\``
  }
  if (!verb.options.some(({ name }) => name === 'home')) return undefined
  const home = gatewayHome(textOf(flags, 'home'), env)
  const uid = await ownerOf(join(home, 'gateway.json'))
  // Files of root in the folder of a person are a mistake, and no gateway to work with.
  if (uid === undefined || uid === 0 || uid === process.geteuid?.()) return undefined
  const user = await userWords(uid)
  const command = `sudo -u ${user.word} procura ${wordsOf(verb, home)}`
  return `${quote(home, 256)} is the home folder of ${user.said}: \`${command}\``
}

function wordsOf({ name, operands }: Verb, home: string): string {
  return [name, ...(operands === '' ? [] : ['…']), '--home', shellQuoted(home)].join(' ')
}

/** The owner of a file, or of the folder that hides it from this process. Undefined: it does not exist. */
async function ownerOf(path: string): Promise<number | undefined> {
  const found = await lstat(path).catch(({ code }: NodeJS.ErrnoException) => code)
  if (typeof found === 'object') return found.uid
  return found === 'EACCES' && dirname(path) !== path ? ownerOf(dirname(path)) : undefined
}

/** A user for a message, and as a word behind `sudo -u`. */
export async function userWords(uid: number): Promise<{ readonly said: string; readonly word: string }> {
  const name = (await systemUser(uid))?.name
  return name === undefined
    ? { said: `the user ${uid}`, word: `'#${uid}'` }
    : { said: `the user ${name}`, word: shellQuoted(name) }
}
