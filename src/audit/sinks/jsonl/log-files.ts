// node only: uses node:fs
/**
 * The file operations of a log. They are an interface so that tests can inject faults: a full disk, a short write, a
 * failing sync.
 *
 * @module
 */

import * as fs from 'node:fs'
import { makeFoldersNow } from '../../../support/make-folders.ts'

/** The state of a file. */
export interface FileState {
  readonly size: number
  /** Inode number. A file that replaced another one has another number. */
  readonly inode: number
  /** Whether it is a regular file, and not a directory, pipe or device. */
  readonly regular: boolean
  /** Permission bits. */
  readonly mode: number
  /** Number of the user who owns the file. */
  readonly owner: number
}

/** File operations. They throw the errors of `node:fs`, with `code`. */
export interface LogFiles {
  /** Creates a directory and its parents, readable for the owner alone. */
  makeDirectory(path: string): void
  /** Names in a directory. */
  list(directory: string): readonly string[]
  /** Opens for appending (`O_APPEND`) and reading. With `create`, creates the file with mode 0600. */
  open(path: string, options: { readonly create: boolean }): number
  close(file: number): void
  /** Appends, and returns the number of bytes written, which can be fewer than passed. */
  write(file: number, bytes: Uint8Array): number
  /** Reads `length` bytes from `position`; fewer at the end of the file. */
  read(file: number, position: number, length: number): Uint8Array
  truncate(file: number, size: number): void
  /** State of an open file. */
  stateOf(file: number): FileState
  /** State of the file with a name; undefined if it does not exist. */
  stateAt(path: string): FileState | undefined
  /** Waits until the content is on the disk. */
  sync(file: number): Promise<void>
  /** The same, blocking the process. */
  syncNow(file: number): void
  /** Waits until the names in a directory are on the disk. */
  syncDirectory(path: string): void
}

/** The files of this machine. */
export const machineFiles: LogFiles = Object.freeze({
  makeDirectory(path: string) {
    makeFoldersNow(path)
  },
  list: (directory: string) => fs.readdirSync(directory),
  open(path: string, { create }: { readonly create: boolean }) {
    const flags = fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK
    return fs.openSync(path, create ? flags | fs.constants.O_CREAT | fs.constants.O_EXCL : flags, 0o600)
  },
  close: (file: number) => fs.closeSync(file),
  write: (file: number, bytes: Uint8Array) => fs.writeSync(file, bytes),
  read(file: number, position: number, length: number) {
    const buffer = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const got = fs.readSync(file, buffer, filled, length - filled, position + filled)
      if (got === 0) break
      filled += got
    }
    return buffer.subarray(0, filled)
  },
  truncate: (file: number, size: number) => fs.ftruncateSync(file, size),
  stateOf: (file: number) => stateFrom(fs.fstatSync(file)),
  stateAt(path: string) {
    const found = fs.lstatSync(path, { throwIfNoEntry: false })
    return found === undefined ? undefined : stateFrom(found)
  },
  sync: (file: number) =>
    new Promise<void>((resolve, reject) => {
      fs.fdatasync(file, (error) => (error ? reject(error) : resolve()))
    }),
  syncNow: (file: number) => fs.fdatasyncSync(file),
  syncDirectory(path: string) {
    const directory = fs.openSync(path, fs.constants.O_RDONLY)
    try {
      fs.fsyncSync(directory)
    } finally {
      fs.closeSync(directory)
    }
  },
})

/** The state in a result of `node:fs`. */
export function stateFrom(stats: fs.Stats): FileState {
  const { size, ino, mode, uid } = stats
  return { size, inode: ino, regular: stats.isFile(), mode: mode & 0o777, owner: uid }
}
