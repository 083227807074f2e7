import { type LogFiles, machineFiles } from '../../../src/audit/sinks/jsonl/log-files.ts'

/** Faults of the next operations; undefined for operations that work. */
export interface Faults {
  /** How many bytes a write accepts before the disk is full. It throws only if it accepts 0 bytes. */
  room?: number
  /** The error code of a write. */
  write?: string
  /** The error code of a sync. */
  sync?: string
  /** The error code of a truncation. */
  truncate?: string
  /** The error code of creating a file. */
  create?: string
  /** The error code of opening any file. */
  open?: string
  /** The error code of listing a directory. */
  list?: string
  /** The error code of syncing a directory. */
  syncDirectory?: string
  /** The duration of a sync. */
  syncMs?: number
}

/** The files of this machine, with these faults. */
export function faultyFiles(faults: Faults): LogFiles {
  return {
    ...machineFiles,
    list(path) {
      fail(faults.list)
      return machineFiles.list(path)
    },
    syncDirectory(path) {
      fail(faults.syncDirectory)
      machineFiles.syncDirectory(path)
    },
    open(path, options) {
      fail(faults.open)
      if (options.create) fail(faults.create)
      return machineFiles.open(path, options)
    },
    write(file, bytes) {
      fail(faults.write)
      if (faults.room === undefined) return machineFiles.write(file, bytes)
      if (faults.room === 0) fail('ENOSPC')
      const taken = machineFiles.write(file, bytes.subarray(0, faults.room))
      faults.room -= taken
      return taken
    },
    truncate(file, size) {
      fail(faults.truncate)
      machineFiles.truncate(file, size)
    },
    async sync(file) {
      if (faults.syncMs !== undefined) await new Promise((resolve) => setTimeout(resolve, faults.syncMs))
      fail(faults.sync)
      await machineFiles.sync(file)
    },
    syncNow(file) {
      fail(faults.sync)
      machineFiles.syncNow(file)
    },
  }
}

function fail(code: string | undefined): void {
  if (code !== undefined) throw Object.assign(new Error(code), { code })
}
