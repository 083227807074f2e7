// node only: reads links of the file system
import type { BigIntStats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import process from 'node:process'

/** Most links on the way to a file, as Linux has it. */
const mostLinks = 40

/** The file behind a link, or the reason why the link is not followed. */
export type LinkTarget = { readonly path: string } | { readonly fault: string }

/**
 * Follows a symbolic link whose way only root and the user of this process can change, such as those of a mounted
 * secret of Kubernetes: each folder and each link on the way belongs to one of them, and no other user can write into a
 * folder, unless it is sticky.
 *
 * @returns the path of the file, without links.
 * @throws errors of `node:fs`, such as `ENOENT`.
 */
export async function followTrustedLink(link: string): Promise<LinkTarget> {
  // A path may go up from the folder behind a link, so `..` is not removed from the text.
  const left = [...(isAbsolute(link) ? [] : process.cwd().split('/')), ...link.split('/')]
  let at = '/'
  for (let links = 0; left.length > 0; ) {
    const part = left.shift() as string
    if (part === '..') at = dirname(at)
    if (part === '' || part === '.' || part === '..') continue
    const folder = await lstat(at, { bigint: true })
    if (!isTrusted(folder)) return { fault: `another user can change ${at}` }
    const next = join(at, part)
    const status = await lstat(next, { bigint: true })
    if (!status.isSymbolicLink()) {
      at = next
      continue
    }
    if (!isOwn(status)) return { fault: `${next} belongs to another user` }
    links += 1
    if (links > mostLinks) return { fault: 'it has too many links' }
    const target = await readlink(next)
    if (isAbsolute(target)) at = '/'
    left.unshift(...target.split('/'))
  }
  return { path: at }
}

/** Whether no other user can replace an entry that belongs to root or to the user of this process. */
function isTrusted(folder: BigIntStats): boolean {
  const isWritable = (folder.mode & 0o022n) !== 0n
  const isSticky = (folder.mode & 0o1000n) !== 0n
  return isOwn(folder) && (!isWritable || isSticky)
}

function isOwn({ uid }: BigIntStats): boolean {
  return uid === 0n || Number(uid) === process.geteuid?.()
}
