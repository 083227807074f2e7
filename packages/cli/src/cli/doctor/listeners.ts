// node only: reads /proc
import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { endianness } from 'node:os'
import type { GatewayPlace } from '../gateway/ask-gateway.ts'

/**
 * The processes that have the listening socket of a place open. They are found by the number of the socket, so a
 * process is not taken for one because of its name. Empty where the system has no `/proc`.
 *
 * @param numbers - the processes that come into question.
 */
export async function listeners(
  { socket, address }: GatewayPlace,
  numbers: readonly number[],
): Promise<ReadonlySet<number>> {
  const found = new Set<number>()
  const inodes = socket === undefined ? await tcpInodes(address ?? '') : await unixInodes(socket)
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`))
  if (links.size === 0) return found
  for (const number of numbers) {
    const folder = `/proc/${number}/fd`
    // Those of other users cannot be read, and neither can their environments.
    for (const name of await readdir(folder).catch(() => []))
      if (links.has(await readlink(`${folder}/${name}`).catch(() => ''))) found.add(number)
  }
  return found
}

async function linesOf(path: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
}

/** The flag of a Unix socket that accepts connections. */
const accepting = 0x10000

async function unixInodes(socket: string): Promise<readonly string[]> {
  const real = await realpath(socket).catch(() => socket)
  const inodes: string[] = []
  for (const [, , , flags = '', , , inode = '', ...path] of await linesOf('/proc/net/unix')) {
    if ((Number.parseInt(flags, 16) & accepting) === 0 || path.length === 0) continue
    const bound = path.join(' ')
    if (bound === socket || (await realpath(bound).catch(() => bound)) === real) inodes.push(inode)
  }
  return inodes
}

/** The state of a TCP socket that listens. */
const listening = '0A'

async function tcpInodes(address: string): Promise<readonly string[]> {
  const colon = address.lastIndexOf(':')
  const port = Number(address.slice(colon + 1))
    .toString(16)
    .padStart(4, '0')
  const wanted = `${hexOf(address.slice(0, colon))}:${port}`.toUpperCase()
  const lines = (await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(linesOf))).flat()
  return lines
    .filter(([, local, , state]) => local === wanted && state === listening)
    .flatMap((fields) => fields[9] ?? [])
}

/** A loopback address as the system shows it: in words of the byte order of the machine. */
function hexOf(host: string): string {
  const isSix = host.includes(':')
  const bytes = isSix ? [0, 0, 0, 1] : host.split('.').map(Number)
  const word = endianness() === 'LE' ? bytes.toReversed() : bytes
  return `${'0'.repeat(isSix ? 24 : 0)}${Buffer.from(word).toString('hex')}`
}
